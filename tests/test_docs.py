"""The documentation says what is so: its commands exist, its settings are read, its Python parses, its session runs."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from conftest import Cli
from convlint_rules.examples import forward
from markdown_it import MarkdownIt

from convlint.cli.app import app
from convlint.config import parse_options

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CHECKED = {
    "session.py --check tutorial.md": ("onnxruntime", "openvino"),
    "session.py --check matrix.md": ("onnxruntime",),
    "session.py --check sessions.md": ("pre_commit", "eglot"),
    "reference.py --check": (),
    "screen.py --check": (),
}
"""The scripts that say whether the pages they write are stale, and what each needs: modules of Python, or of Emacs."""


def blocks(language: str) -> list[str]:
    """The blocks of all pages in a language."""
    tokens = [token for page in PAGES for token in MarkdownIt().parse(page.read_text(encoding="utf-8"))]
    return [token.content for token in tokens if token.type == "fence" and token.info == language]


def test_each_command_is_one_that_convlint_takes() -> None:
    written = [re.sub(r"\\\n *", "", block) for block in blocks("console")]
    lines = re.findall(r"^\$ convlint (?!.*<)(.*)$", "\n".join(written), re.MULTILINE)
    assert len(lines) > 30
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for line in lines:
        words = shlex.split(re.split(r"[|;]|&&", line)[0], comments=True)
        command = commands[words.pop(0) if words[0] in commands else "check"]
        if hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        command.make_context("convlint", words)


def test_each_configuration_is_read() -> None:
    tables = [tomllib.loads(block) for block in blocks("toml")]
    assert len(tables) > 2
    for table in tables:
        parse_options(table.get("tool", {}).get("convlint", table), "docs")


def test_each_python_block_parses() -> None:
    assert len([ast.parse(block) for block in blocks("python")]) > 8


def emacs_has(name: str) -> bool:
    found = f'''(let ((default-directory "/usr/share/emacs/site-lisp/")) (normal-top-level-add-subdirs-to-load-path)
      (kill-emacs (if (locate-library "{name}") 0 1)))'''
    return bool(shutil.which("emacs")) and subprocess.run(["emacs", "--batch", "-Q", "--eval", found]).returncode == 0


@pytest.mark.parametrize("script", CHECKED)
def test_what_a_page_shows_is_what_is_printed_today(script: str) -> None:
    missing = [name for name in CHECKED[script] if not (importlib.util.find_spec(name) or emacs_has(name))]
    if missing:
        pytest.skip(f"needs {missing[0]}")
    ran = subprocess.run(
        [sys.executable, *script.split()], cwd=ROOT / "docs", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("page", ["README.md", "docs/preflight.md"])
def test_a_preflight_is_quoted_as_it_is_printed(preflight: str, page: str) -> None:
    """But for what ``...`` leaves out, and numbers: where values are equal, they depend on the processor."""
    command = "$ convlint preflight atss_detector/detector.py:Detector\n"
    (quoted,) = [
        token.content.removeprefix(command)
        for token in MarkdownIt().parse((ROOT / page).read_text(encoding="utf-8"))
        if token.type == "fence" and token.content.startswith(command)
    ]
    pattern = re.escape(words(quoted)).replace(re.escape("..."), ".*")
    assert re.match(pattern, words(preflight)), preflight


def words(text: str) -> str:
    return " ".join(re.sub(r"\d+", "0", text).split())


@pytest.fixture(scope="module")
def preflight(tmp_path_factory: pytest.TempPathFactory) -> str:
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("preflight")
    shutil.copytree(ROOT / "examples/atss_detector", folder / "atss_detector")
    command = [sys.executable, "-m", "convlint", "preflight", "atss_detector/detector.py:Detector", "--isolated"]
    wide = os.environ | {"COLUMNS": "300"}
    ran = subprocess.run(command, cwd=folder, env=wide, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "")
    return ran.stdout


def test_what_is_quoted_of_the_proof_is_on_the_page_that_is_made_by_it() -> None:
    quoted = next(block for block in blocks("console") if "--prove all\natss_detector" in block and "[" not in block)
    whole = words((ROOT / "docs/atss.md").read_text(encoding="utf-8"))
    assert words(quoted.partition("\n")[2]) in whole


def test_the_comments_of_the_configuration_silence(cli: Cli) -> None:
    (comments,) = [block for block in blocks("python") if "convlint: ignore-file" in block]
    Path("net.py").write_text(forward(f"{comments}return x * n"))
    told = cli("net.py", "--output-format", "concise").out
    assert "CVL002 [*] nothing to suppress here for CVL302" in told  # there is no loop for the file's own comment
    assert "Found 1 warning." in told


def test_the_line_for_a_test_runs() -> None:
    pytest.importorskip("onnxruntime")
    from torch import nn

    (line,) = [block for block in blocks("python") if block.startswith("from convlint.testing import")]
    exec(line, {"model": nn.Conv2d(3, 4, 3)})
