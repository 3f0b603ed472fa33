"""The command line, run as a user runs it: arguments in, text and exit code out."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from conftest import Cli
from convlint_rules.examples import forward

from convlint.cli.app import COMMANDS, app

BROKEN = "def f(:\n    pass\n"
PATH = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def test_clean_is_0(cli: Cli) -> None:
    write({"a.py": "x = 1\n"})
    assert cli("a.py") == (0, "All checks passed!\n", "")
    assert cli("check", "a.py", "--quiet") == (0, "", "")


def test_a_file_that_does_not_parse_is_a_finding(cli: Cli) -> None:
    write({"src/a.py": BROKEN})
    ran = cli("src", "--output-format", "concise")
    assert ran.code == 1
    assert ran.out.startswith("src/a.py:1:7: error CVL0")
    assert ran.out.endswith("Found 1 error.\n")
    assert cli("src", "--exit-zero").code == 0


def test_no_path_means_here(cli: Cli) -> None:
    write({"src/a.py": BROKEN})
    assert cli("check", "--output-format=concise").out.startswith("src/a.py:1:7:")


def test_full_is_the_default_and_configuration_may_change_it(cli: Cli) -> None:
    write({"a.py": BROKEN})
    assert "  --> a.py:1:7\n" in cli("a.py").out
    write({"convlint.toml": "output-format = 'concise'\n"})
    assert cli("a.py").out.startswith("a.py:1:7:")


def test_json_is_a_list(cli: Cli) -> None:
    write({"a.py": BROKEN})
    (one,) = json.loads(cli("a.py", "--output-format", "json").out)
    assert one["filename"] == str(Path("a.py").absolute())
    assert one["severity"] == "error"
    write({"a.py": ""})
    assert json.loads(cli("a.py", "--output-format", "json").out) == []


def test_statistics_and_their_json(cli: Cli) -> None:
    write({"a.py": BROKEN, "b.py": BROKEN})
    assert cli("--statistics").out.startswith("2\tCVL0")
    assert json.loads(cli("--statistics", "--output-format", "json").out)[0]["count"] == 2


def test_the_report_may_go_to_a_file(cli: Cli) -> None:
    write({"a.py": BROKEN})
    assert cli("a.py", "--output-file", "report.txt", "--output-format", "concise").out == ""
    assert Path("report.txt").read_text().startswith("a.py:1:7:")
    assert cli("a.py", "-o", "missing/report.txt").code == 2


def test_stdin_has_the_given_name(cli: Cli) -> None:
    ran = cli("-", "--stdin-filename", "src/a.py", "--output-format", "concise", stdin=BROKEN)
    assert ran.code == 1
    assert ran.out.startswith("src/a.py:1:7:")
    assert cli("-", stdin=BROKEN).out.splitlines()[1] == "  --> -:1:7"


def test_a_name_for_stdin_is_enough_and_none_for_files(cli: Cli) -> None:
    Path("other.py").write_text(BROKEN)
    ran = cli("--stdin-filename", "a.py", "--output-format", "concise", stdin=BROKEN)
    assert ran.out.splitlines()[0].startswith("a.py:1:7: error CVL001")
    assert "other.py" not in ran.out
    ran = cli("other.py", "--stdin-filename", "a.py", stdin=BROKEN)
    assert (ran.code, ran.out) == (2, "")
    assert "write `-` for the paths" in ran.err
    assert cli("-", "a.py").code == 2


def test_a_folder_named_like_a_command(cli: Cli) -> None:
    write({"rule/a.py": BROKEN})
    assert cli("./rule", "--output-format", "concise").out.startswith("rule/a.py:1:7:")


def test_each_file_follows_its_nearest_configuration(cli: Cli) -> None:
    write({"a/a.py": BROKEN, "b/b.py": BROKEN, "b/convlint.toml": "ignore = ['CVL0']\n"})
    assert cli("--output-format", "concise").out.count(".py:") == 1
    assert cli("--output-format", "concise", "--isolated").out.count(".py:") == 2


def test_show_files(cli: Cli) -> None:
    write({"a.py": "", "build/b.py": "", "c.txt": ""})
    assert cli("--show-files").out == f"{Path('a.py').absolute()}\n"
    assert cli("--show-files", "--exclude", "a.py").out == f"{Path('build/b.py').absolute()}\n"
    assert cli("--show-files", "--extend-exclude", "*.py").out == ""


def test_the_settings_that_are_shown_are_a_configuration_that_makes_them(cli: Cli) -> None:
    write({"a.py": "", "net.py": "def score(x):\n    return x\n", "convlint.toml": SETTINGS})
    shown = cli("--show-settings", "--opset", "18").out
    assert shown.startswith(f"# Settings for {Path('a.py').absolute()}\n# from {Path('convlint.toml').absolute()}\n")
    assert 'target = ["coreml", "tensorrt==8.6"]\n' in shown
    assert 'select = ["ALL"]\n' in shown
    assert "opset = 18\n" in shown
    assert "# baseline is not set\n" in shown
    Path("convlint.toml").write_text(shown)
    assert cli("--show-settings").out == shown


SETTINGS = r"""
target = ["coreml", "tensorrt==8.6"]
per-file-ignores = {"!old/*.py" = ["CVL2", "CVL301"], 'a"b.py' = ["CVL1"]}
entry-points = ["net:score"]
ignore = ["CVL302"]

[[models]]
name = "score"
factory = "net:score"
arguments = {a = [1, 2.5, {b = true}], "c d" = "\u202e\u007f"}
inputs = "x: float32[N=2, 3]"
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--selct", "CVL1"], ["--selct", "--select"]),
        (["nothere.py"], ["nothere.py", "does not exist"]),
        (["--select", "CVX"], ["CVX", "convlint rule --all"]),
        (["--target", "onnxrutime"], ["onnxrutime", "`onnxruntime`"]),
        (["--exporter", "onnx"], ["'--exporter': 'onnx' is", "dynamo", "`convlint check --help`"]),
        (["--opset", "3"], ["--opset", "7"]),
        (["--jobs", "0"], ["--jobs"]),
        (["--config", "slect = 1"], ["slect", "`select`"]),
        (["--config", "missing.toml"], ["missing.toml"]),
        (["--per-file-ignores", "CVL1"], ["--per-file-ignores", "CVL1"]),
        (["rule"], ["convlint rule --all"]),
        (["rule", "CVX"], ["CVX"]),
        (["dev", "new-rule"], ["CODE", "`convlint dev new-rule --help`"]),
    ],
)
def test_mistakes_end_with_2_and_one_line(cli: Cli, arguments: list[str], words: list[str]) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("convlint: error: ")
    assert ran.err.count("\n") == 1
    assert all(word in ran.err for word in words)


def test_a_broken_configuration_ends_with_2(cli: Cli) -> None:
    write({"a.py": "", "pyproject.toml": "[tool.convlint]\nexporte = 'any'\n"})
    ran = cli("a.py")
    assert ran.code == 2
    assert "`exporter`" in ran.err
    assert cli("a.py", "--isolated").code == 0


def test_an_unforeseen_error_is_one_line_and_a_file_to_report(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from convlint import api

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("boom")

    monkeypatch.setattr(api, "check", fail)
    ran = cli(".")
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "ZeroDivisionError: boom" in ran.err
    details = Path(ran.err.split()[-1])
    assert "Traceback" in details.read_text()
    details.unlink()


def test_how_a_repairing_run_ends(cli: Cli) -> None:
    fixable, fixed = forward("return x * int(x.shape[0])"), forward("return x * x.shape[0]")
    write({"a.py": fixable})
    assert cli("a.py").out.endswith("Found 1 error.\n[*] 1 fixable with `--fix`.\n")
    assert cli("a.py", "--diff").code == 1
    assert cli("a.py", "--diff", "--exit-zero").code == 0
    said = "Repaired: 1 x CVL202 (python-scalar).\nFound 1 problem (1 fixed, 0 remaining).\n"
    assert cli("a.py", "--fix") == (0, said, "")
    assert Path("a.py").read_text() == fixed
    write({"a.py": fixable})
    assert cli("a.py", "--fix", "--exit-non-zero-on-fix").code == 1
    assert cli("a.py", "--fix", "--exit-non-zero-on-fix").code == 0
    write({"a.py": fixable, "b.py": BROKEN})
    assert cli(".", "--fix-only") == (0, "Fixed 1 problem.\n", "")
    assert cli(".", "--fix").code == 1


def test_show_fixes_lists_what_was_repaired(cli: Cli) -> None:
    write({"a.py": forward("return x * int(x.shape[0]) * int(x.shape[1]) * len(x.abs())")})
    out = cli("a.py", "--fix", "--show-fixes").out
    assert "Fixed 3 problems:\n- a.py:\n    2 x CVL202 (python-scalar)\n    1 x CVL205 (len-of-tensor)\n" in out


def test_what_only_unsafe_repairs_can_mend_is_told(cli: Cli) -> None:
    write({"a.py": forward("return x / x.sum().item()")})
    assert cli("a.py", "--fix").out.endswith("With `--unsafe-fixes`: 1 x CVL202 (python-scalar).\nFound 1 error.\n")
    assert cli("a.py", "--fix", "--unsafe-fixes").code == 0


def test_a_repairing_run_tells_by_rule_what_it_did_and_left(cli: Cli) -> None:
    body = """
        out = []
        for i in range(x.shape[0]):
            out.append(self.head(x[i]))
        y = x / x.sum().item()
        return torch.stack(out) * y * int(x.shape[0]) * int(x.shape[1]), x.tolist()
    """
    write({"a.py": forward(body, init="self.head = nn.Linear(4, 4)")})
    told = cli("a.py", "--fix").out.partition("Repaired: ")[2].splitlines()
    assert told == [
        "2 x CVL202 (python-scalar).",
        "With `--unsafe-fixes`: 1 x CVL202 (python-scalar).",
        "Repair shown, not written: 1 x CVL303 (loop-over-dimension).",
        "Without a repair: 1 x CVL202 (python-scalar); `convlint rule CVL202` says why, and what to write.",
        "Found 5 problems (2 fixed, 3 errors remaining).",
    ]


def test_add_ignores_says_how_many(cli: Cli) -> None:
    write({"a.py": forward("return x / x.sum().item()")})
    assert cli("a.py", "--add-ignores") == (0, "Added 1 suppression.\n", "")
    assert cli("a.py", "--add-ignores").out == "Added 0 suppressions.\n"
    assert cli("a.py").code == 0


def test_no_python_files_is_a_warning(cli: Cli) -> None:
    ran = cli(".")
    assert ran.code == 0
    assert "no Python file" in ran.err


def test_without_arguments_and_with_help_the_commands_are_shown(cli: Cli) -> None:
    assert cli() == cli("--help")
    assert "Usage: convlint" in cli().out
    assert "--unsafe-fixes" in cli("check", "--help").out


PAGES = [
    *([name] for name in COMMANDS if name != "dev"),
    *(["dev", name] for name in ("new-rule", "measure", "refresh")),
]


@pytest.mark.parametrize("command", [[], ["dev"], *PAGES], ids=" ".join)
def test_help_fits_a_terminal_of_80_columns_and_shows_no_types_of_python(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = cli(*command, "--help").out
    assert [line for line in page.splitlines() if len(line) > 80] == []
    assert not re.search(r"<\w+>|\bint\b|\bbool\b|list\[|\.{4}", page)
    assert f"Usage: {' '.join(['convlint', *command])} " in page
    assert re.search(r"\n  -h, --help  ", page)


def test_the_examples_of_the_help_are_command_lines(cli: Cli) -> None:
    commands = typer.main.get_command(app)
    tried = 0
    for name, *_ in PAGES:
        examples = cli(name, "--help").out.partition("Examples:")[2].replace("\\\n", "")
        for line in examples.strip().splitlines():
            words = shlex.split(re.split(r" [|<>] ", line)[0], comments=True)[1:]
            command = commands.commands.get(words[0], commands.commands["check"])  # type: ignore[attr-defined]
            command.make_context(line, words[1:] if words[0] == command.name else words)
            tried += 1
    assert tried > 25


def test_help_has_colours_where_they_show(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from convlint.cli.app import run; run(['--help'])"]
    plain = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"NO_COLOR": "1"}, check=True)
    assert "\x1b" not in plain.stdout
    page, terminal = pty.openpty()
    shown = os.environ | {"TERM": "xterm-256color", "NO_COLOR": ""}
    subprocess.run(command, stdout=terminal, env=shown, check=True)
    assert "\x1b[1;32mUsage:" in read_until(page, "Usage:")
    os.close(terminal)
    os.close(page)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_version_is_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['convlint', '--version']; from convlint.cli import main; main(); print(*sys.modules)"
    )
    version, modules = python("-c", code).stdout.splitlines()
    assert version.startswith("convlint ")
    assert not {"libcst", "typer", "rich", "convlint.rule", "convlint_rules"} & set(modules.split())
    started = time.perf_counter()
    python("-m", "convlint", "--version")
    assert time.perf_counter() - started < 0.5  # 0.03 s at leisure; machines that run tests are busy


def test_linting_imports_neither_torch_nor_the_users_code_nor_what_other_commands_need(tmp_path: Path) -> None:
    (tmp_path / "user_module.py").write_text("import torch\nraise SystemExit('imported')\n")
    code = f"import sys; from convlint.cli.app import run; run([{str(tmp_path)!r}]); print(*sys.modules)"
    modules = set(python("-c", code).stdout.splitlines()[-1].split())
    assert not {"torch", "onnx", "numpy", "user_module", "rich"} & modules
    assert not {"convlint.graph", "convlint.report.matrix_rows", "convlint.source.notebook"} & modules


def test_a_closed_pipe_is_no_error(tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / f"{number}.py").write_text(BROKEN)
    command = f"{sys.executable} -m convlint {tmp_path} | head -1"
    ran = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert ran.stderr == ""


COMPLETED = {
    "convlint pre": ["preflight"],
    "convlint --unsafe-f": ["--unsafe-fixes"],  # `check` may be left out
    "convlint net.py --unsafe-f": ["--unsafe-fixes"],
    "convlint check --output-format gi": ["github", "gitlab"],
    "convlint check --select CVL101,CVL10": [f"CVL101,CVL10{n}" for n in range(1, 10)],
    "convlint matrix --target openc": ["opencv"],
    "convlint rule CVL90": [f"CVL90{n}" for n in range(1, 10)],
    "convlint check net": [],  # the shell's own names of files
}


def in_shell(shell: str, script: str, home: Path) -> str:
    environment = os.environ | {
        "PATH": PATH,
        "HOME": str(home),
        "SHELL": shell,
        "TERM": "dumb",
    }
    ran = subprocess.run([shell], input=script, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran
    return ran.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("line", COMPLETED)
def test_bash_completes_what_the_script_that_is_shown_sets_up(tmp_path: Path, line: str) -> None:
    *before, last = line.split()
    script = (
        'eval "$(convlint --show-completion)"\n'
        f"COMP_WORDS=({line}) COMP_CWORD={len(before)}\n"
        f'_convlint_completion convlint {last} {before[-1]} && echo "${{COMPREPLY[@]}}"\n'
    )
    assert in_shell("bash", script, tmp_path).split() == COMPLETED[line]


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
@pytest.mark.parametrize("line", COMPLETED)
def test_fish_completes_once_it_is_installed(tmp_path: Path, line: str) -> None:
    said = in_shell("fish", "convlint --install-completion", tmp_path)
    assert "fish completion installed" in said
    shown = in_shell("fish", f"complete -C '{line}'", tmp_path).splitlines()
    assert [one.partition("\t")[0] for one in shown] == COMPLETED[line]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_completes_at_the_first_tab(tmp_path: Path) -> None:
    """Typed into a terminal; the line that it becomes is printed instead of run."""
    (tmp_path / ".zshrc").write_text("PS1='READY> '\nunsetopt zle_bracketed_paste\n")
    assert "zsh completion installed" in in_shell("zsh", "convlint --install-completion\ntrue\n", tmp_path)
    for line, wanted in (("convlint pre", "preflight"), ("convlint --unsafe-f", "--unsafe-fixes")):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe("zsh", ["zsh", "-i"], os.environ | {"HOME": str(tmp_path), "TERM": "dumb", "PATH": PATH})
        try:
            read_until(terminal, "READY> ")
            os.write(terminal, f"{line}\t".encode())
            read_until(terminal, wanted)
            os.write(terminal, b"\x01print -r -- \n")
            assert f"\nconvlint {wanted}" in read_until(terminal, f"\nconvlint {wanted}")
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(terminal)


def read_until(terminal: int, wanted: str) -> str:
    """What a terminal shows until it has shown something."""
    shown = ""
    while wanted not in shown:
        ready, _, _ = select.select([terminal], [], [], 30)
        assert ready, f"{wanted!r} is not in {shown!r}"
        shown += os.read(terminal, 4096).decode().replace("\r", "")
    return shown
