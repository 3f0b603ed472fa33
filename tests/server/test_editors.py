"""``docs/editors.md`` and ``editors/vscode``: what editors are told to do, done by those that are installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from convlint_rules.examples import forward
from markdown_it import MarkdownIt

from convlint import __version__
from convlint.server.actions import FIX_ALL

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
MODEL = forward("return x * int(x.shape[0])")
MENDED = "        return x * x.shape[0]"
NVIM = """
vim.wait(60000, function() return #vim.diagnostic.get(0) > 0 end, 50)
for _, found in ipairs(vim.diagnostic.get(0)) do
  io.write(found.lnum, ":", found.col, "-", found.end_col, " ", found.source, " ", found.code, "\\n")
end
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action) return vim.startswith(action.title, "Repair CVL202") end,
  range = { ["start"] = { 7, 22 }, ["end"] = { 7, 22 } },
})
vim.wait(60000, function() return #vim.diagnostic.get(0) == 0 end, 50)
io.write(vim.api.nvim_buf_get_lines(0, 6, 7, false)[1], "\\n")
"""
EMACS = """
(find-file "net.py")
(setq eglot-sync-connect 60 eglot-confirm-server-initiated-edits nil)
(run-hooks 'post-command-hook)
(with-timeout (60) (while (not (flymake-diagnostics)) (accept-process-output nil 0.1) (sit-for 0.05)))
(let ((found (car (flymake-diagnostics))))
  (goto-char (flymake-diagnostic-beg found))
  (princ (format "%d:%d %s\\n" (1- (line-number-at-pos)) (current-column) (flymake-diagnostic-text found))))
(let ((action (aref (vconcat (eglot-code-actions (point) (point) "quickfix")) 0)))
  (eglot--apply-workspace-edit (plist-get action :edit)))
(princ (format "%s\\n" (buffer-substring (line-beginning-position) (line-end-position))))
(set-buffer-modified-p nil)
(eglot-shutdown (eglot-current-server))
"""


def blocks() -> dict[str, str]:
    """The files that the page shows, by the name in their first line."""
    page = (ROOT / "docs/editors.md").read_text(encoding="utf-8")
    fences = [token.content for token in MarkdownIt().parse(page) if token.type == "fence"]
    return {text.partition("\n")[0].lstrip("#/;- "): text.partition("\n")[2] for text in fences}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Where ``convlint`` is a command, a project is here, and nothing of the user's configuration."""
    program = tmp_path / "bin/convlint"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m convlint "$@"\n')
    program.chmod(0o755)
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "net.py").write_text(MODEL)
    folders = {name: str(tmp_path / "home") for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME")}
    return dict(os.environ) | folders | {"PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}"}


def output(command: list[str], folder: Path, environment: dict[str, str]) -> list[str]:
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False)
    return ran.stdout.splitlines()


def version(command: list[str], pattern: str) -> tuple[int, ...]:
    if shutil.which(command[0]) is None:
        return (0,)
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, ran.stdout)
    return tuple(map(int, found[1].split("."))) if found else (0,)


def test_neovim_shows_and_repairs(tmp_path: Path, environment: dict[str, str]) -> None:
    if version(["nvim", "--version"], r"NVIM v(\d+\.\d+)") < (0, 11):
        pytest.skip("there is no Neovim 0.11")
    (tmp_path / "init.lua").write_text(blocks()["~/.config/nvim/init.lua"])
    (tmp_path / "check.lua").write_text(NVIM)
    command = ["nvim", "--headless", "--clean", "-u", "init.lua", "-c", "filetype on", "net.py"]
    told = output([*command, "-c", "set ft=python", "-c", "luafile check.lua", "-c", "qa!"], tmp_path, environment)
    assert told == ["6:19-34 convlint CVL202", MENDED]


def test_emacs_shows_and_repairs(tmp_path: Path, environment: dict[str, str]) -> None:
    packages = '(let ((default-directory "/usr/share/emacs/site-lisp/")) (normal-top-level-add-subdirs-to-load-path))'
    start = ["emacs", "--batch", "-Q", "--eval", packages]
    if not version([*start, "--eval", '(princ (if (locate-library "eglot") 1 0))'], r"(\d)$") > (0,):
        pytest.skip("there is no Emacs with Eglot")
    (tmp_path / "init.el").write_text(blocks()["~/.emacs.d/init.el"])
    (tmp_path / "check.el").write_text(EMACS)
    told = output([*start, "-l", "init.el", "-l", "check.el"], tmp_path, environment)
    assert told[0].startswith("6:19 convlint [CVL202]: `int(x.shape[0])`")
    assert told[-1] == MENDED


def test_the_other_snippets_can_be_read() -> None:
    helix = tomllib.loads(blocks()["~/.config/helix/languages.toml"])
    sublime = json.loads(blocks()["LSP.sublime-settings"])["clients"]["convlint"]
    server = helix["language-server"]["convlint"]
    assert [server["command"], *server["args"]] == sublime["command"] == ["convlint", "server"]
    on_save = json.loads(blocks()["settings.json"])["[python]"]["editor.codeActionsOnSave"]
    assert list(on_save) == [FIX_ALL]


def test_the_extension_is_of_this_version_and_has_what_it_promises() -> None:
    folder = ROOT / "editors/vscode"
    package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    source = (folder / "src/extension.ts").read_text(encoding="utf-8")
    assert package["version"] == __version__
    assert list(package["dependencies"]) == ["vscode-languageclient"]
    for command in package["contributes"]["commands"]:
        assert f'registerCommand("{command["command"]}"' in source
    for setting in package["contributes"]["configuration"]["properties"]:
        assert setting == "convlint.trace.server" or f'"{setting}"' in source
