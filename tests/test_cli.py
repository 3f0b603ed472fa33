"""The command line, run as a user runs it: arguments in, text and exit code out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import Cli
from convlint_rules.examples import forward

BROKEN = "def f(:\n    pass\n"


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


def test_show_settings(cli: Cli) -> None:
    write({"a.py": "", "convlint.toml": "target = 'coreml'\n"})
    out = cli("--show-settings", "--opset", "18").out
    assert "opset = 18\n" in out
    assert "('coreml', None)" in out
    assert str(Path("convlint.toml").absolute()) in out


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


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_what_the_script_that_is_shown_sets_up() -> None:
    script = (
        'eval "$(convlint --show-completion)"\n'
        "COMP_WORDS=(convlint check --output-format gi) COMP_CWORD=3\n"
        '_convlint_completion convlint gi --output-format && echo "${COMPREPLY[@]}"\n'
    )
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    ran = subprocess.run(["bash"], input=script, env=environment, capture_output=True, text=True, check=False)
    assert ran.stdout.split() == ["github", "gitlab"], ran
