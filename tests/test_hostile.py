"""Files that nobody would write, in folders that nobody would make: the run ends, says what it must, and no more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from conftest import Cli, Ran
from convlint_rules.examples import forward

from convlint import fixer
from convlint.config import Settings
from convlint.linter import lint
from convlint.source.discovery import discover

MODEL = forward("return x * int(x.shape[0])")
FINDING = ":7:20: error CVL202 "


def alone(folder: Path, *arguments: str) -> Ran:
    """convlint as a process of its own: a crash would show in its exit code."""
    command = [sys.executable, "-m", "convlint", "--output-format", "concise", *arguments]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    return Ran(ran.returncode, ran.stdout, ran.stderr)


def returning(expression: str) -> str:
    return forward(f"y = x.abs()\nz = y / y.max().item()\nreturn {expression}")


DEEP = {
    "parentheses": "x = " + "(" * 5000 + "1" + ")" * 5000 + "\n",
    "open parentheses": "x = " + "(" * 5000 + "\n",
    "lists": "x = " + "[" * 5000 + "]" * 5000 + "\n",
    "attributes": returning("x" + ".b" * 5000),
    "calls": returning("x" + ".b()" * 2000),  # Python 3.13 parses no 5,000
    "subscripts": returning("x" + "[0]" * 5000),
    "negations": returning("not " * 5000 + "x"),
    "signs": returning("-" * 5000 + "x"),
    "terms": returning(" + ".join(["x"] * 3000)),
    "powers": returning(" ** ".join(["x"] * 3000)),
    "comparisons": returning(" < ".join(["x"] * 3000)),
    "lambdas": returning("lambda: " * 3000 + "x"),
    "literals": returning("'a' " * 5000),
    "functions": "".join(" " * i + f"def f{i}():\n" for i in range(95)) + " " * 95 + "pass\n",
    "too deep functions": "".join(" " * i + f"def f{i}():\n" for i in range(500)) + " " * 500 + "pass\n",
    "branches": forward("".join(" " * i + f"if x.sum() > {i}:\n" for i in range(80)) + " " * 80 + "return x"),
    "elifs": "x = 1\nif x: pass\n" + "elif x: pass\n" * 3000,
    "format": forward(f"return f'{'{x:' * 100}{'}' * 100}'"),
}
NOT_PARSED = {"parentheses", "open parentheses", "lists", "powers", "lambdas", "too deep functions", "format"}
if sys.version_info[:2] == (3, 12):  # whose parser takes some 3,000 levels, whatever limit it is given
    NOT_PARSED |= {"attributes", "calls", "elifs", "negations", "signs", "subscripts", "terms"}


@pytest.mark.parametrize("name", sorted(DEEP))
def test_deep_nesting_neither_crashes_nor_hides_the_file_beside_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "deep.py").write_text(DEEP[name])
    (tmp_path / "model.py").write_text(MODEL)
    ran = alone(tmp_path, ".")
    assert (ran.code, ran.err) == (1, "")
    assert f"model.py{FINDING}" in ran.out
    assert ("deep.py:" in ran.out and "error CVL001" in ran.out) == (name in NOT_PARSED)


@pytest.mark.parametrize("name", sorted({*DEEP} - NOT_PARSED))
def test_deep_nesting_is_repaired_beside_and_left_as_it_is(tmp_path: Path, name: str) -> None:
    (tmp_path / "deep.py").write_text(DEEP[name] + "\n\n" + MODEL)
    ran = alone(tmp_path, ".", "--fix")
    assert ran.code in (0, 1)
    assert ran.err == ""
    assert (tmp_path / "deep.py").read_text() == DEEP[name] + "\n\n" + MODEL.replace("int(x.shape[0])", "x.shape[0]")


@pytest.mark.parametrize(
    "source",
    [
        "class A(a" + ".b" * 5000 + "):\n    def forward(self, x):\n        return x\n",
        MODEL.replace("self, x", "self, x: a" + ".b" * 5000),
        MODEL.replace("    def f", "    def __init__(self, a=b" + ".c" * 5000 + "):\n        pass\n\n    def f"),
        "class A(A.B):\n    def forward(self, x):\n        return x\n",
    ],
    ids=["base", "annotation", "default", "its own base"],
)
def test_deep_expressions_in_a_header_do_not_end_the_run(cli: Cli, source: str) -> None:
    Path("deep.py").write_text(source)
    Path("model.py").write_text(MODEL)
    assert "model.py" in cli(".", "--output-format", "concise").out


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"def f(:\n", "invalid syntax"),
        (b"x = '\xff'\n", "cannot be decoded"),
        (b"x = 1\0\n", "null byte"),
        (b"# coding: nothing\n", "unknown encoding"),
        (b"# coding: undefined\n", "cannot be decoded"),
        (b"\xff\xfex\x00", "cannot be decoded"),
        (b"x = 1\x1a\n", "invalid"),
    ],
)
def test_a_file_that_is_no_python_is_a_finding_beside_others(cli: Cli, data: bytes, message: str) -> None:
    Path("bad.py").write_bytes(data)
    Path("model.py").write_text(MODEL)
    ran = cli(".", "--output-format", "concise")
    assert (ran.code, ran.err) == (1, "")
    first, second, *_ = ran.out.splitlines()
    assert first.startswith("bad.py:1:")
    assert "error CVL001 " in first
    assert message in first
    assert second.startswith(f"model.py{FINDING}")


@pytest.mark.parametrize("data", [b"", b"\n", b"\r", b"\x0c", b"\xef\xbb\xbf", b"# only a comment", b"''"])
def test_a_file_with_next_to_nothing_is_clean(cli: Cli, data: bytes) -> None:
    Path("empty.py").write_bytes(data)
    assert cli("empty.py") == (0, "All checks passed!\n", "")
    assert cli("empty.py", "--fix")[0] == cli("empty.py", "--add-ignores")[0] == 0
    assert Path("empty.py").read_bytes() == data


@pytest.mark.parametrize(
    "name", ["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-32", "utf-7", "idna", "rot13", "hex", "zlib", "utf-8-sig"]
)
def test_any_declared_encoding_is_repaired_in_it_or_refused(cli: Cli, name: str) -> None:
    data = f"# coding: {name}\n".encode() + MODEL.encode()
    Path("m.py").write_bytes(data)
    ran = cli("m.py", "--fix", "--output-format", "concise")
    assert ran.err == ""
    if "CVL001" in ran.out:
        assert (ran.code, Path("m.py").read_bytes()) == (1, data)
    else:
        assert (ran.code, Path("m.py").read_bytes()) == (0, data.replace(b"int(x.shape[0])", b"x.shape[0]"))


@pytest.mark.parametrize("text", ["x = '\\ud800'\n", "x = '\\N{GREEK SMALL LETTER ALPHA}'\n", "x = b'\\xff'\n"])
def test_escapes_that_stand_for_no_text_are_plain_source(cli: Cli, text: str) -> None:
    Path("m.py").write_text(text + MODEL)
    ran = cli("m.py", "--fix", "--output-format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert Path("m.py").read_text() == text + MODEL.replace("int(x.shape[0])", "x.shape[0]")


def test_bytes_that_would_be_a_surrogate_are_no_text(cli: Cli) -> None:
    Path("m.py").write_bytes(b"x = '\xed\xa0\x80'\n" + MODEL.encode())
    assert "error CVL001 cannot be decoded" in cli("m.py", "--output-format", "concise").out


def test_a_file_that_nobody_wrote_by_hand_is_not_read_and_said_so(cli: Cli) -> None:
    Path("large.py").write_text("x = [\n" + "0,\n" * (100 << 20 >> 2) + "]\n")  # 75 MB
    Path("line.py").write_text(f"x = '{'x' * (10 << 20)}'\n")
    Path("model.py").write_text(MODEL)
    large, line, model, *_ = cli(".", "--output-format", "concise").out.splitlines()
    assert large == "large.py:1:1: info CVL001 has more than 64 MB and was not read"
    assert line.startswith("line.py:1:1: info CVL001 has more than 4 MB of source")
    assert model.startswith(f"model.py{FINDING}")
    Path("model.py").unlink()
    assert cli(".").code == 0


def test_the_pictures_of_a_notebook_are_no_source(cli: Cli) -> None:
    picture = {"output_type": "display_data", "data": {"image/png": "A" * (10 << 20)}, "metadata": {}}
    cell = {"cell_type": "code", "source": MODEL, "metadata": {}, "outputs": [picture]}
    Path("n.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4}))
    (told,) = [line for line in cli("n.ipynb", "--output-format", "concise").out.splitlines() if "CVL" in line]
    assert "error CVL202 " in told


def test_a_long_broken_line_is_not_looked_at_for_long(cli: Cli) -> None:
    Path("m.py").write_text(f"x = [{'1, ' * 100_000}\n")
    at = time.process_time()
    assert "CVL001" in cli("m.py", "--output-format", "concise").out
    assert time.process_time() - at < 2  # LibCST would take three


def test_newer_syntax_does_not_fail_the_run(cli: Cli) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("this Python knows it")
    Path("new.py").write_text("x = t'{a}'\n")
    ran = cli("new.py", "--output-format", "concise")
    assert ran.code == 0
    assert "info CVL001" in ran.out
    assert "needs Python 3.14 or newer" in ran.out


# --- folders and names ---------------------------------------------------------------------------------------------


def test_a_folder_may_be_named_like_a_file(cli: Cli) -> None:
    Path("x.py").mkdir()
    Path("x.py/model.py").write_text(MODEL)
    for path in (".", "x.py"):
        assert cli(path, "--output-format", "concise").out.startswith(f"x.py/model.py{FINDING}")


def test_links_that_lead_nowhere_are_passed_over(cli: Cli) -> None:
    Path("broken.py").symlink_to("missing.py")
    Path("loop.py").symlink_to("loop.py")
    Path("one").symlink_to("two")
    Path("two").symlink_to("one")
    Path("self").symlink_to(".")
    Path("model.py").write_text(MODEL)
    ran = cli(".", "--output-format", "concise")
    assert (ran.code, ran.err, ran.out.count("CVL202")) == (1, "", 1)


@pytest.mark.parametrize("name", ["broken.py", "loop.py", "a" * 300, "a/" * 3000])
def test_a_named_path_that_cannot_be_reached_is_one_line(cli: Cli, name: str) -> None:
    Path("broken.py").symlink_to("missing.py")
    Path("loop.py").symlink_to("loop.py")
    ran = cli(name)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "does not exist" in ran.err or "cannot be read" in ran.err
    assert "fault of convlint" not in ran.err


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_a_finding(cli: Cli) -> None:
    Path("model.py").write_text(MODEL)
    Path("model.py").chmod(0)
    assert "model.py:1:1: error CVL001 cannot be read: Permission denied" in cli(".", "--output-format=concise").out


def test_a_device_that_cannot_be_read_is_a_finding(cli: Cli) -> None:
    path = Path("/proc/self/mem")
    if not path.exists():
        pytest.skip("no such device")
    ran = cli(str(path), "--output-format", "concise")
    assert ran.code == 1
    assert "/proc/self/mem:1:1: error CVL001 cannot be read: Input/output error" in ran.out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Unix")
@pytest.mark.parametrize("arguments", [[], ["--fix"], ["--add-ignores"]])
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path, arguments: list[str]) -> None:
    """A pipe that nobody writes to has no end, and `/dev/zero` has none either."""
    (tmp_path / "package").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    os.mkfifo(tmp_path / "helper.py")
    os.mkfifo(tmp_path / ".gitignore")
    (tmp_path / ".git").mkdir()
    (tmp_path / "model.py").write_text("from helper import f\n" + MODEL)
    ran = alone(tmp_path, "model.py", "pipe.py", "/dev/zero", ".", "--isolated", *arguments)
    assert ran.code in (0, 1)
    if not arguments:
        assert "pipe.py:1:1: error CVL001 cannot be read: it is no regular file" in ran.out
        assert "/dev/zero:1:1: error CVL001 cannot be read: it is no regular file" in ran.out
        assert ran.out.count("CVL202") == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Unix")
@pytest.mark.parametrize("name", ["pyproject.toml", "convlint.toml", ".convlint.toml"])
def test_a_configuration_that_is_a_pipe_is_not_waited_for(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    (tmp_path / "model.py").write_text(MODEL)
    assert alone(tmp_path, ".").code in (1, 2)


def test_who_may_read_nothing_is_told_of_each_file(tmp_path: Path) -> None:
    """As another user than the superuser, who may read everything."""
    if not hasattr(os, "setuid") or os.geteuid() != 0:
        pytest.skip("only the superuser can become another")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "closed").mkdir(mode=0)
        (folder / "m.py").write_text(MODEL)
        (folder / "m.py").chmod(0)
        (folder / "n.py").write_text("from closed import f\nfrom m import g\n" + MODEL)
        (folder / "link.py").symlink_to(folder / "closed" / "m.py")
        settings = Settings(root=folder)
        lint([folder / "m.py"], settings)  # imports what the other user may not read
        child = os.fork()
        if not child:
            os.setuid(2345)
            found = lint([*discover([folder], lambda _: settings)], settings).findings
            os._exit(int([one.message[:15] for one in found] != ["cannot be read:", "`int(x.shape[0]"]))
        assert os.waitpid(child, 0)[1] == 0


def test_a_file_that_goes_while_it_is_checked_is_one_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.py").write_text(MODEL)
    Path("b.py").write_text(MODEL)
    linted = fixer.lint

    def lint_and_remove(*given: object, **named: object) -> object:
        result = linted(*given, **named)  # type: ignore[arg-type]
        Path("b.py").unlink()
        return result

    monkeypatch.setattr(fixer, "lint", lint_and_remove)
    ran = cli(".", "--fix")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "b.py: cannot be written: No such file or directory; this file is unchanged" in ran.err
    assert Path("a.py").read_text() == MODEL


NAMES = [
    b"a\nb.py",
    b"a b.py",
    "é日本😀.py".encode(),
    b"-x.py",
    b"--fix.py",
    b"\xff\xfe.py",
    b"\x1b[31m.py",
    b".py",
    b".hidden.py",
    b"a.b.c.py",
    b"class.py",
    b"'\".py",
    b"%s{0}.py",
    b"$(id).py",
    b"*.py",
    b"#.py",
    b"!.py",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
@pytest.mark.parametrize("output", ["concise", "full", "json"])
def test_any_file_name_is_linted_repaired_and_shown_on_one_line(cli: Cli, name: bytes, output: str) -> None:
    Path("d").mkdir()
    path = Path(os.fsdecode(b"d/" + name))
    path.write_text(MODEL)
    ran = cli("d", "--output-format", output)
    assert (ran.code, ran.err) == (1, "")
    assert "\x1b" not in ran.out
    if output == "json":
        assert len(json.loads(ran.out)) == 1
    else:
        assert len([line for line in ran.out.splitlines() if ":7:20" in line]) == 1
    assert cli(str(path), "--output-format", output).code == 1 if not name.startswith(b"-") else True
    assert cli("d", "--write-baseline", "base.json").code == 0
    assert cli("d", "--baseline", "base.json").code == 0
    assert cli("d", "--diff").code == 1
    assert cli("d", "--fix").code == 0
    assert path.read_text() == MODEL.replace("int(x.shape[0])", "x.shape[0]")


ESCAPE = "\x1b[31m\u202e"


@pytest.mark.parametrize(
    "arguments",
    [
        [f"{ESCAPE}.py"],
        ["d", "--show-files"],
        ["d", "--show-settings"],
        ["d", "--select", ESCAPE],
        ["d", "--target", ESCAPE],
        ["d", "--config", f"{ESCAPE} = 1"],
        ["d", "--config", f"{ESCAPE}.toml"],
        ["d", "--baseline", ESCAPE],
        ["d", "--write-baseline", f"{ESCAPE}/x"],
        ["d", "--per-file-ignores", ESCAPE],
        ["d", "--output-file", f"{ESCAPE}/x"],
        ["d", "--diff", "--prove", ESCAPE],
        ["d", f"--{ESCAPE}"],
        ["rule", ESCAPE],
        ["matrix", f"{ESCAPE}.py"],
        ["matrix", "d"],
        ["diagnose", ESCAPE],
        ["cut", ESCAPE, "--target", "tvm"],
        ["preflight", f"{ESCAPE}.py:Model", "--isolated"],
        ["dev", "new-rule", ESCAPE, "x"],
    ],
    ids=lambda one: " ".join(one).replace(ESCAPE, "ESC"),
)
def test_what_is_wrong_is_said_without_acting_on_the_terminal(cli: Cli, arguments: list[str]) -> None:
    Path("d").mkdir()
    Path(f"d/{ESCAPE}.py").write_text(MODEL)
    ran = cli(*arguments)
    assert "\x1b" not in ran.out + ran.err
    assert "\u202e" not in ran.out + ran.err
    assert ran.out + ran.err


def test_a_configuration_does_not_act_on_the_terminal(cli: Cli) -> None:
    Path("model.py").write_text(MODEL)
    for text in (f'"{ESCAPE[1:]}\\u001b[1m" = 1', 'target = ["x\\u001b[1m"]', 'select = ["\\u001b[1m"]', "\x1b"):
        Path("convlint.toml").write_text(text)
        ran = cli("model.py")
        assert ran.code == 2
        assert "\x1b" not in ran.out + ran.err


def test_a_name_with_a_leading_dash_is_given_behind_two_dashes(cli: Cli) -> None:
    Path("-x.py").write_text(MODEL)
    assert cli("--output-format", "concise", "--", "-x.py").out.startswith(f"-x.py{FINDING}")
    ran = cli("-x.py")
    assert (ran.code, ran.err.count("\n")) == (2, 1)


def test_a_very_long_line_and_a_very_long_file(cli: Cli) -> None:
    Path("long.py").write_text(f"x = [{'1, ' * 200_000}]\n" + MODEL)
    Path("tall.py").write_text("x = 1\n" * 100_000 + MODEL)
    out = cli(".", "--output-format", "full").out
    assert out.count("CVL202") == 2
    assert max(map(len, out.splitlines())) < 300


def test_an_output_that_knows_only_ascii_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "é.py").write_text(MODEL.replace("return", "é = '日本'; return"))
    command = [sys.executable, "-m", "convlint", ".", "--isolated"]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, check=False, env=os.environ | {"PYTHONIOENCODING": "ascii"}
    )
    assert (ran.returncode, ran.stderr) == (1, b"")
    assert ran.stdout.isascii()
    assert b"\\xe9.py:7:" in ran.stdout


def test_bytes_on_stdin_that_are_no_text_are_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "convlint", "-"]
    ran = subprocess.run(command, cwd=tmp_path, input=b"\xff\xfe", capture_output=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr.count(b"\n")) == (2, b"", 1)
    assert b"stdin cannot be decoded" in ran.stderr


def test_stdin_is_repaired_to_the_byte(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + MODEL.replace("\n", "\r\n").encode() + b"# \xc3\xa9"
    command = [sys.executable, "-m", "convlint", "-", "--fix"]
    ran = subprocess.run(command, cwd=tmp_path, input=data, capture_output=True, check=False)
    assert ran.stdout == data.replace(b"int(x.shape[0])", b"x.shape[0]")


def test_a_long_setting_on_the_command_line_is_understood(cli: Cli) -> None:
    Path("a.py").touch()
    assert cli("a.py", "--config", f"exclude = {['folder'] * 60}").code == 0


# --- nothing of the user's runs ------------------------------------------------------------------------------------


def test_the_users_code_is_not_run(tmp_path: Path) -> None:
    trap = f"import pathlib\npathlib.Path({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("model.py", "helper.py", "conftest.py", "setup.py", "sitecustomize.py", "torch.py", "ast.py"):
        (tmp_path / name).write_text(trap)
    (tmp_path / "model.py").write_text(f"{trap}import helper\n{MODEL}")
    command = [sys.executable, "-P" if sys.version_info >= (3, 11) else "-E", "-m", "convlint", str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert not (tmp_path / "ran").exists()


def traps(folder: Path, *names: str) -> Path:
    """Modules that leave a mark when they are imported; where the mark would be."""
    for name in names:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()\n")
    return folder / "ran"


def test_nothing_is_imported_from_the_working_folder(tmp_path: Path) -> None:
    """``python -m`` puts it first on the path; there could also be a rule pack, "installed"."""
    modules = {
        "typer",
        "rich",
        "msgspec",
        "pathspec",
        "libcst",
        "tomli",
        "convlint_rules",
        "decimal",
        "difflib",
        "json",
    }
    ran = traps(tmp_path, *modules, "sitecustomize", "usercustomize", "torch", "onnx", "pack")
    info = tmp_path / "pack-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pack\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[convlint.rules]\npack = pack:rules\n")
    (tmp_path / "model.txt").write_text(MODEL)
    for arguments in (["--output-format", "sarif"], ["--fix"]):
        done = alone(tmp_path, "model.txt", *arguments)
        assert done.code in (0, 1), done.err
        assert not ran.exists()


@pytest.mark.parametrize("command", ["diagnose", "matrix"])
def test_a_model_is_read_by_nothing_from_the_working_folder(tmp_path: Path, command: str) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) {y=Abs(x)}'
    )
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    ran = traps(tmp_path, "onnx", "numpy", "google", "onnxruntime", "pickle", "ml_dtypes", "msgspec", "typer")
    done = subprocess.run(
        [sys.executable, "-m", "convlint", command, "model.onnx"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert not ran.exists()


@pytest.mark.parametrize(
    "setting",
    [
        "select = __import__('os').system('touch ran')",
        "entry-points = ['model:Model']",
        "models = [{factory = 'model:M'}]",
    ],
)
def test_a_configuration_runs_nothing(cli: Cli, setting: str) -> None:
    ran = traps(Path().absolute(), "helper")
    Path("model.py").write_text("import helper\nopen('ran', 'w').close()\n" + MODEL)
    Path("convlint.toml").write_text(setting)
    assert cli(".").code in (1, 2)
    assert not ran.exists()


@pytest.mark.parametrize("arguments", [[], ["--fix", "--unsafe-fixes"], ["--add-ignores"], ["--output-format", "json"]])
def test_no_command_of_the_linter_imports_torch(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    code = "import sys; from convlint.cli.app import run; run(sys.argv[1:]); print(*sys.modules)"
    command = [sys.executable, "-c", code, str(tmp_path), *arguments]
    modules = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1].split()
    assert "convlint.analyzer" in modules
    assert not {"torch", "onnx", "onnxruntime", "numpy", "model"} & set(modules)
