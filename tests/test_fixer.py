"""Repairs: what they write, what they leave as it was, and when they refuse."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest
from conftest import Cli, body_after, repaired
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration, Settings
from convlint.errors import UsageError
from convlint.events import LeavesGraph
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.fixer import fix_paths, replace_file
from convlint.rule import Context, Rule
from convlint.source.document import Document

LINE = "return x * int(x.shape[0])"
FIXED = "return x * x.shape[0]"


# --- the file around the repair ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("\n", "\r\n"),
        ("\n", "\r"),
        ("    ", "\t"),
        ("import torch\n", "\ufeffimport torch\n"),
        ("import torch\n", "import torch\n\x0c\n"),
        ("        return", "\x0c        return"),
        ("import torch\n", "# é 日本 😀\nimport torch\n"),
        ("return x *", "return '日本é😀', x *"),
        ("[0])\n", "[0])"),
        ("[0])\n", "[0])   \n\n\n"),
        ("[0])\n", "[0]) # why  \n# end"),
    ],
    ids=[
        "CRLF",
        "CR",
        "tabs",
        "BOM",
        "form feed",
        "indented form feed",
        "comment",
        "wide",
        "no newline",
        "blank",
        "end",
    ],
)
def test_everything_but_the_repair_stays_to_the_byte(tmp_path: Path, before: str, after: str) -> None:
    source = forward(LINE).replace(before, after)
    after = source.replace("int(x.shape[0])", "x.shape[0]")
    assert repaired(tmp_path / "model.py", source.encode()) == after.encode()


def test_mixed_line_endings_stay_mixed(tmp_path: Path) -> None:
    source = forward(f"y = x\n{LINE}").replace("import torch\n", "import torch\r\n").replace("y = x\n", "y = x\r")
    assert repaired(tmp_path / "model.py", source.encode()) == source.replace(LINE, FIXED).encode()


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "shift_jis", "gb18030"])
def test_the_encoding_of_the_coding_line_is_kept(tmp_path: Path, encoding: str) -> None:
    word = "é" if encoding in ("latin-1", "cp1252") else "日本"
    source = f"# -*- coding: {encoding} -*-\n" + forward(f"print('{word}'); {LINE}  # {word}")
    after = repaired(tmp_path / "model.py", source.encode(encoding))
    assert after == source.replace(LINE, FIXED).encode(encoding)


def test_an_added_line_has_the_files_line_ending_and_indentation(tmp_path: Path) -> None:
    source = forward("y = x.clone()\nv = y[1]\nv += 2\nreturn y").replace("\n", "\r\n").replace("    ", "\t")
    after = repaired(tmp_path / "model.py", source.encode(), unsafe_fixes=True)
    assert after == source.replace("v += 2\r\n", "v += 2\r\n\t\ty[1] = v\r\n").encode()


def test_the_mode_of_the_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.touch()
    path.chmod(0o754)
    repaired(path, forward(LINE).encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o754


def test_a_link_stays_a_link_and_its_target_is_repaired(tmp_path: Path) -> None:
    target, link = tmp_path / "real" / "model.py", tmp_path / "model.py"
    target.parent.mkdir()
    target.write_text(forward(LINE))
    link.symlink_to(Path("real/model.py"))
    repaired(link, forward(LINE).encode())
    assert link.is_symlink()
    assert target.read_text() == forward(FIXED)


def test_nothing_is_left_beside_the_file(tmp_path: Path) -> None:
    repaired(tmp_path / "model.py", forward(LINE).encode())
    assert [path.name for path in tmp_path.iterdir()] == ["model.py"]


def test_a_clean_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(forward(FIXED))
    os.utime(path, (1, 1))
    api.fix([path], Configuration(isolated=True))
    assert path.stat().st_mtime == 1


def test_a_read_only_file_is_one_error_and_nothing_is_written(cli: Cli) -> None:
    for name in ("a.py", "b.py", "c.py"):
        Path(name).write_text(forward(LINE))
    Path("b.py").chmod(0o444)
    ran = cli(".", "--fix")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "b.py: cannot be written: it is read-only" in ran.err
    assert {path.read_text() for path in Path().glob("*.py")} == {forward(LINE)}
    assert len(list(Path().iterdir())) == 3


def test_add_ignores_does_not_write_a_read_only_file_either(cli: Cli) -> None:
    for name in ("a.py", "b.py", "c.py"):
        Path(name).write_text(forward(LINE))
    Path("b.py").chmod(0o444)
    assert cli(".", "--add-ignores").code == 2
    assert {path.read_text() for path in Path().glob("*.py")} == {forward(LINE)}


def test_a_file_that_changed_since_it_was_read_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text("x = 1\n")
    document = Document.read(path)
    path.write_text("x = 2\n")
    with pytest.raises(UsageError, match=r"changed while it was checked"):
        replace_file(document, "x = 3\n")
    assert path.read_text() == "x = 2\n"


# --- --diff --------------------------------------------------------------------------------------------------------


NAMES = ["m.py", "a b/c d.py", "größe/日本.py", "deep/er/m.py", 'q"uote\\.py', "tab\there.py"]
TEXTS = {
    "plain": forward(f"y = x / x.max().item()\n{LINE} + y").encode(),
    "crlf": forward(f"y = x / x.max().item()\n{LINE} + y").replace("\n", "\r\n").encode(),
    "mixed": forward(f"y = x / x.max().item()\n{LINE} + y").replace("\n", "\r\n", 3).encode(),
    "no newline at the end": forward(LINE).rstrip("\n").encode(),
    "bom": "\ufeff".encode() + f"import torch  # é\n{forward(LINE)}".encode(),
    "bom at the change": "\ufeff".encode()
    + b"from torch import tensor, nn\n"
    + b"\n".join(
        [b"class Model(nn.Module):", b"    def forward(self, x):", b"        return tensor([x.sum(), x.mean()])", b""]
    ),
    "latin-1": f"# coding: latin-1\n# é\n{forward(LINE)}".encode("latin-1"),
    "form feed": forward(f"y = x\n\x0c\n{LINE} + y").encode(),
    "cr": forward(f"y = x\n{LINE} + y").replace("\n", "\r").encode(),
    "tabs": forward(f"y = x\n{LINE} + y").replace("    ", "\t").encode(),
}


def git(*arguments: str, given: bytes = b"") -> None:
    subprocess.run(["git", *arguments], input=given, check=True, capture_output=True)


@pytest.mark.parametrize(
    ("name", "text"), [*((name, "plain") for name in NAMES), *(("größe a.py", text) for text in TEXTS)]
)
@pytest.mark.parametrize("folder", [".", "sub"])
def test_git_applies_the_diff_to_what_fix_writes(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, text: str, folder: str
) -> None:
    git("init", "-q")
    path, patch, before = Path(name), tmp_path / "fix.patch", TEXTS[text]
    (tmp_path / folder).mkdir(exist_ok=True)
    monkeypatch.chdir(tmp_path / folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(before)
    assert cli(".", "--unsafe-fixes", "--diff", "--isolated", "--output-file", str(patch)).code == 1
    assert path.read_bytes() == before
    cli(".", "--unsafe-fixes", "--fix", "--isolated")
    after = path.read_bytes()
    assert after != before
    path.write_bytes(before)
    git("apply", "--whitespace=nowarn", str(patch))
    assert path.read_bytes() == after
    assert cli(".", "--unsafe-fixes", "--diff", "--isolated") == (0, "", "No problems would be fixed.\n")


def test_one_diff_changes_several_files(cli: Cli) -> None:
    source = forward(f"y = x.clone()\nv = y[1]\nv += 2\nx = x / x.max().item() + y\n{LINE}")
    for name, text in {"a.py": source, "b.py": source.removesuffix("\n"), "c.py": forward("return x")}.items():
        Path(name).write_text(text)
    diff = cli(".", "--unsafe-fixes", "--diff").out
    git("apply", given=diff.encode())
    changed = {name: Path(name).read_text() for name in ("a.py", "b.py", "c.py")}
    Path("a.py").write_text(source)
    Path("b.py").write_text(source.removesuffix("\n"))
    cli(".", "--unsafe-fixes", "--fix")
    assert {name: Path(name).read_text() for name in changed} == changed
    assert "y[1] = v" in changed["a.py"]


def test_a_diff_of_nothing_is_empty_and_exits_with_0(cli: Cli) -> None:
    Path("a.py").write_text(forward("return x"))
    assert cli("a.py", "--diff") == (0, "", "No problems would be fixed.\n")


def test_stdin_is_repaired_to_stdout_and_reported_beside_it(cli: Cli) -> None:
    ran = cli("-", "--fix", "--stdin-filename", "m.py", stdin=forward(f"y = x / x.max().item()\n{LINE}"))
    assert ran.out == forward(f"y = x / x.max().item()\n{FIXED}")
    assert "m.py:7:17" in ran.err
    assert "(1 fixed, 1 error remaining)" in ran.err


def test_what_is_left_on_stdin_is_shown_in_its_new_place(cli: Cli) -> None:
    source = forward("y = x.clone()\nv = y[1]\nv += 2\nif y.sum() > 0:\n    return y\nreturn x")
    ran = cli("-", "--fix", "--unsafe-fixes", stdin=source)
    (row,) = [line for line in ran.err.splitlines() if "^" in line]
    before = ran.err.splitlines()[ran.err.splitlines().index(row) - 1]
    assert before.endswith("|         if y.sum() > 0:")


# --- repairs of every place ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("y = int(x.shape[0]); z = 2; return x * y", "y = x.shape[0]; z = 2; return x * y"),
        (
            "if self.on: y = int(x.shape[0])\nelse: y = 2\nreturn x * y",
            "if self.on: y = x.shape[0]\nelse: y = 2\nreturn x * y",
        ),
        ("y = x + \\\n    int(x.shape[0]) + \\\n    2\nreturn y", "y = x + \\\n    x.shape[0] + \\\n    2\nreturn y"),
        ("y = f'{int(x.shape[0])} {x}'\nreturn x", "y = f'{x.shape[0]} {x}'\nreturn x"),
        (
            "y = f'é {x}' 'ü' f'é{int(x.shape[0])!r:>{9}}'\nreturn x",
            "y = f'é {x}' 'ü' f'é{x.shape[0]!r:>{9}}'\nreturn x",
        ),
        ('y = f"""é\n  {x} {int(x.shape[0])}\n"""\nreturn x', 'y = f"""é\n  {x} {x.shape[0]}\n"""\nreturn x'),
        ("y = (f'a'\n     f'{int(x.shape[0])=}')\nreturn x", "y = (f'a'\n     f'{x.shape[0]=}')\nreturn x"),
        ("if (n := int(x.shape[0])):\n    return x * n\nreturn x", "if (n := x.shape[0]):\n    return x * n\nreturn x"),
        ("f = lambda t: t * int(t.shape[0])\nreturn f(x)", "f = lambda t: t * t.shape[0]\nreturn f(x)"),
        ("y = x[: int(x.shape[0])]\nreturn y", "y = x[: x.shape[0]]\nreturn y"),
        ("return x * int(  # a size\n    x.shape[0])  # why", "return x * int(  # a size\n    x.shape[0])  # why"),
        ("return x if int(x.shape[0])else x * 2", "return x if x.shape[0]else x * 2"),
        ("n = x.shape[0]\nreturn x if int(n)else x * 2", "n = x.shape[0]\nreturn x if int(n)else x * 2"),
        ("return x * int(int(x.shape[0]))", "return x * x.shape[0]"),
        ("return x * int(len(x.abs()))", "return x * x.abs().shape[0]"),
        ("y = [int(x.shape[0]), int(x.shape[1])]\nreturn y", "y = [x.shape[0], x.shape[1]]\nreturn y"),
    ],
)
def test_a_safe_repair_is_exact_wherever_it_stands(tmp_path: Path, body: str, after: str) -> None:
    assert body_after(tmp_path, body) == after


@pytest.mark.parametrize(
    ("body", "after"),
    [
        (
            "y = x.clone()\nv = y[1]\nif self.on: v += 2\nreturn y",
            "y = x.clone()\nv = y[1]\nif self.on: v += 2; y[1] = v\nreturn y",
        ),
        (
            "y = x.clone()\nv = y[1]\nz = 1; v += 2; z = 2\nreturn y",
            "y = x.clone()\nv = y[1]\nz = 1; v += 2; y[1] = v; z = 2\nreturn y",
        ),
        ("y = x * 2 if x.sum() > 0 else x - 3\nreturn y", "y = torch.where(x.sum() > 0, x * 2, x - 3)\nreturn y"),
        (
            "if x.sum() > 0:\n    y = x * 2\nelse:\n    y = x - 3\nreturn y",
            "y = torch.where(x.sum() > 0, x * 2, x - 3)\nreturn y",
        ),
        ("return x / x.sum().item()", "return x / x.sum()"),
    ],
)
def test_an_unsafe_repair_is_exact_wherever_it_stands(tmp_path: Path, body: str, after: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == after
    assert body_after(tmp_path, body) == body


@pytest.mark.parametrize(
    "body",
    [
        "y = (x * 2  # one\n     if x.sum() > 0 else x - 3)\nreturn y",
        "if x.sum() > 0:\n    return x * 2  # one\nreturn x - 3",
        "p = math.ceil(  # up\n    x.shape[1] / 4)\nreturn x[:, :p]",
        "y = x.clone()\ny[:, 0][  # a column\n    y[:, 0] > 0] = 9.0\nreturn y",
        "w = torch.from_numpy(np.exp(  # there and back\n    x.detach().numpy()))\nreturn x * w",
        "return x / torch.as_tensor(\n    x.shape[x / torch.as_tensor(\n        x.shape[1]  # why\n    )]  # why\n)",
    ],
)
def test_a_repair_that_would_lose_a_comment_is_not_made(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, f"import math\nimport numpy as np\n{body}", unsafe_fixes=True).endswith(body)


def test_decorated_and_nested_functions_are_repaired_in_place(tmp_path: Path) -> None:
    source = forward(f"@torch.no_grad()\ndef f(t):\n    return t * int(t.shape[0])\n\n{LINE} + f(x)")
    source = source.replace("    def forward", "    @torch.no_grad()\n    @other(1)\n    def forward")
    after = repaired(tmp_path / "model.py", source.encode()).decode()
    assert after == source.replace("int(t.shape[0])", "t.shape[0]").replace("int(x.shape[0])", "x.shape[0]")


def test_the_repair_of_an_elif_stays_behind_its_if(tmp_path: Path) -> None:
    body = "if self.on:\n    y = x + 1\nelif x.sum() > 0:\n    y = x * 2\nelse:\n    y = x - 3\nreturn y"
    after = body_after(tmp_path, body, unsafe_fixes=True)
    assert after in (
        body,
        body.partition("elif")[0] + "else:\n    y = torch.where(x.sum() > 0, x * 2, x - 3)\nreturn y",
    )


# --- which repairs are made ----------------------------------------------------------------------------------------


def test_only_fixable_codes_are_repaired(tmp_path: Path) -> None:
    body = f"y = x / len(x.abs())\n{LINE} + y"
    assert body_after(tmp_path, body, unfixable=["CVL205"]) == body.replace("int(x.shape[0])", "x.shape[0]")
    assert body_after(tmp_path, body, fixable=["CVL205"]) == body.replace("len(x.abs())", "x.abs().shape[0]")


def test_what_is_suppressed_is_not_repaired(tmp_path: Path) -> None:
    body = f"{LINE}  # convlint: ignore[CVL202] wanted"
    assert body_after(tmp_path, body) == body


def test_the_result_tells_what_was_fixed_and_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text(forward(f"y = x / x.max().item()\n{LINE} + y"))
    (tmp_path / "b.py").write_text("def f(:\n")
    result = api.fix([tmp_path], Configuration(isolated=True), write=False)
    assert [finding.code for finding in result.fixed] == ["CVL202"]
    assert [(Path(f.path).name, f.code) for f in result.left.findings] == [("a.py", "CVL202"), ("b.py", "CVL001")]
    assert [(Path(old.path).name, new) for old, new in result.changed] == [
        ("a.py", forward(f"y = x / x.max().item()\n{FIXED} + y"))
    ]


@pytest.mark.parametrize("line", [LINE, FIXED])
def test_an_unreadable_file_beside_another_is_reported_once(tmp_path: Path, line: str) -> None:
    (tmp_path / "a.py").write_text(forward(line))
    (tmp_path / "b.py").write_bytes(b"\xff")
    result = api.fix([tmp_path], Configuration(isolated=True))
    assert [(Path(f.path).name, f.code) for f in result.left.findings] == [("b.py", "CVL001")]
    assert (tmp_path / "a.py").read_text() == forward(FIXED)


# --- rules that misbehave ------------------------------------------------------------------------------------------


def with_rules(monkeypatch: pytest.MonkeyPatch, path: Path, **replacements: str | Exception) -> str:
    """The last line of a file after ``--fix`` by one rule each, which replaces ``int(...)`` by a text or raises."""

    def rule(code: str, new: str | Exception) -> type[Rule]:
        def check(self: Rule, event: LeavesGraph, context: Context) -> Finding:
            return self.finding(event, code, Harm(Level.wrong), context, fixable=Applicability.safe)

        def fix(self: Rule, event: LeavesGraph, context: Context) -> Fix:
            if isinstance(new, Exception):
                raise new
            return Fix("", (Edit(event.span, new.format(event.document.segment(event.operand.span))),))

        return type(code, (Rule,), {"code": code, "name": code, "events": (LeavesGraph,), "check": check, "fix": fix})

    rules = {code: rule(code, new) for code, new in replacements.items()}
    monkeypatch.setattr("convlint.linter.registry", lambda: rules)
    settings = Settings(root=path.parent, select=("",), fixable=("",))
    result = fix_paths([path], settings, write=True)
    endless = [new for new in replacements.values() if isinstance(new, str) and new.startswith("int(1")]
    assert result.unstable == [str(path)] * len(endless)
    return path.read_text().splitlines()[-1].strip()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.py"
    path.write_text(forward(LINE))
    return path


def test_of_two_repairs_of_one_place_the_first_is_made(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    assert with_rules(monkeypatch, model, A1="{}", B1="len(x)") == FIXED


def test_a_repair_inside_another_is_made_in_the_next_round(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    model.write_text(forward("return x * int(int(x.shape[0]))"))
    assert with_rules(monkeypatch, model, A1="({})") == "return x * (x.shape[0])"


def test_a_repair_that_is_no_python_is_not_made(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    assert with_rules(monkeypatch, model, A1="({}", B1="{}") == FIXED


def test_a_repair_that_the_encoding_cannot_hold_is_not_made(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    model.write_text("# coding: latin-1\n" + forward(LINE))
    assert with_rules(monkeypatch, model, A1="'日本'") == LINE


def test_a_repair_that_raises_is_not_made(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    assert with_rules(monkeypatch, model, A1=ZeroDivisionError(), B1="{}") == FIXED


def test_what_a_repair_raised_is_said(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    with_rules(monkeypatch, model, A1=ZeroDivisionError("by nothing"))
    result = fix_paths([model], Settings(root=model.parent, select=("",), fixable=("",)), write=False)
    [(found, reason)] = result.refused
    assert (found.code, reason[:52]) == ("A1", "the rule failed (ZeroDivisionError: by nothing at te")


@pytest.mark.parametrize("endless", ["int({})", "int(1 + {})", "int(1 + int({0}) + int({0}))"])
def test_repairs_that_find_no_end_are_not_made_at_all(
    monkeypatch: pytest.MonkeyPatch, model: Path, endless: str
) -> None:
    with_rules(monkeypatch, model, A1=endless)
    assert model.read_text() == forward(LINE)


# --- what is said of them ------------------------------------------------------------------------------------------


def test_what_was_not_repaired_is_said_with_the_reason(cli: Cli) -> None:
    lost = "if x.sum() > 0:  # one\n    y = x * 2\nelse:\n    y = x * 3"
    Path("a.py").write_text(
        forward(f"{lost}\np = math.ceil(  # up\n    x.shape[1] / 4)\nn = len(x.abs())\nreturn x[:, :p] * n")
    )
    Path("a.py").write_text("import math\n" + Path("a.py").read_text())
    out = cli("a.py", "--fix", "--unfixable", "CVL205").out.splitlines()
    assert [line for line in out if line.startswith("Not repaired")] == [
        "Not repaired: a.py:12: CVL204: the repair would lose or double a comment.",
        "Not repaired: a.py:14: CVL205: the settings do not let it be repaired.",
    ]


def test_a_diff_says_what_unsafe_repairs_would_add(cli: Cli) -> None:
    Path("a.py").write_text(forward(f"y = x / x.max().item()\n{LINE} + y"))
    assert cli("a.py", "--diff").err == "Would fix 1 problem (1 more with `--unsafe-fixes`).\n"
    assert cli("a.py", "--diff", "--unsafe-fixes").err == "Would fix 2 problems.\n"
    Path("a.py").write_text(forward("return x / x.max().item()"))
    assert cli("a.py", "--diff").err == "No problems would be fixed (1 with `--unsafe-fixes`).\n"
