"""One run: files that do not parse, rules of others, selections, and the order of what is found."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from convlint_rules.examples import forward

from convlint import api
from convlint.analyzer.run import Frame, Run, qualified
from convlint.config import Configuration, Layer, Options, Settings
from convlint.events import Event, LeavesGraph
from convlint.findings import Applicability, Finding, Harm, Level
from convlint.linter import LintResult, lint
from convlint.rule import Context, Rule, registry
from convlint.source.document import Document

LINE = "return x * int(x.shape[0])"


def linted(path: Path, **options: object) -> list[Finding]:
    layer = Layer(Options(**options), "test", path.parent)  # type: ignore[arg-type]
    return api.check([path], Configuration([layer], isolated=True)).findings


def codes(path: Path, text: str, **options: object) -> list[str]:
    path.write_text(text)
    return [finding.code for finding in linted(path, **options)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tmp_path / "model.py"


# --- files that do not parse ---------------------------------------------------------------------------------------

NEWER = [
    ("def f[T](x: T) -> T:\n    return x\n", "3.12"),
    ("class A[T]:\n    pass\n", "3.12"),
    ("type X = int\n", "3.12"),
    ("x = f'{a['b']}'\n", "3.12"),
    ("x = f'{chr(10) + '\\n'}'\n", "3.12"),
    ("x = f'{\n    a  # note\n}'\n", "3.12"),
    ("class A[T = int]:\n    pass\n", "3.13"),
    ("x = t'{a}'\n", "3.14"),
    ("try:\n    pass\nexcept A, B:\n    pass\n", "3.14"),
]


@pytest.mark.parametrize(("text", "version"), NEWER)
def test_syntax_of_a_newer_python_is_an_info_that_names_it(model: Path, text: str, version: str) -> None:
    if sys.version_info[:2] >= tuple(map(int, version.split("."))):
        pytest.skip("this Python knows it")
    model.write_text(text)
    (one,) = linted(model)
    assert (one.code, one.severity) == ("CVL001", "info")
    assert f"needs Python {version} or newer, run convlint with it" in one.message


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n",
        "x = b'é'\n",
        "x = '\\N{no such name}'\n",
        "x = '\\x'\n",
        "f(a=1, 2)\n",
        "f() = 1\n",
        "x = f'{'\n",
        "x = f'{a b}'\n",
        "print 'python 2'\n",
        "x = 012\n",
        "if x:\n\ta\n        b\n",
        "x = $a\n",
        "x = " + "(" * 150 + "\n",
        "y = f'{x}'\nx = b'é'\n",
        "x = " + "lambda: " * 3000 + "1\n",
        "x = " + "(" * 3000 + "1" + ")" * 3000 + "\n",
    ],
    ids=lambda text: text[:20],
)
def test_what_no_python_can_parse_is_an_error(model: Path, text: str) -> None:
    model.write_text(text)
    (one,) = linted(model)
    assert (one.code, one.severity) == ("CVL001", "error")
    assert "needs Python" not in one.message


def test_a_syntax_error_is_placed(model: Path) -> None:
    model.write_text("x = 1\ny = f(1 2)\n")
    assert linted(model)[0].span[:2] == (2, 7)


def test_nothing_else_is_said_of_a_file_that_does_not_parse(model: Path) -> None:
    assert codes(model, forward(LINE) + "def f(:\n") == ["CVL001"]
    assert codes(model, forward(LINE) + "def f(:\n", ignore=["CVL001"]) == []


def test_other_files_are_linted_beside_it(tmp_path: Path, model: Path) -> None:
    model.write_text(forward(LINE))
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "bytes.py").write_bytes(b"\xff")
    found = [(Path(f.path).name, f.code) for f in linted(tmp_path)]
    assert found == [("broken.py", "CVL001"), ("bytes.py", "CVL001"), ("model.py", "CVL202")]


# --- what is found -------------------------------------------------------------------------------------------------


def test_findings_are_in_the_order_of_files_and_lines(tmp_path: Path) -> None:
    for name in ("b.py", "a.py"):
        (tmp_path / name).write_text(forward(f"y = x / x.max().item()\n{LINE} * len(x.abs())"))
    found = [(Path(f.path).name, f.span.row, f.code) for f in linted(tmp_path)]
    assert found == [(n, r, c) for n in ("a.py", "b.py") for r, c in ((7, "CVL202"), (8, "CVL202"), (8, "CVL205"))]


def test_the_same_run_twice_finds_the_same(tmp_path: Path) -> None:
    for number, rule in enumerate(registry().values()):
        for place, example in enumerate(rule.examples):
            (tmp_path / f"m{number}_{place}.py").write_text(example.source)
    assert linted(tmp_path) == linted(tmp_path) != []


def test_a_file_is_judged_the_same_alone_and_among_others(tmp_path: Path) -> None:
    examples = [example.source for rule in registry().values() for example in rule.examples]
    for number, text in enumerate(examples):
        (tmp_path / f"m{number}.py").write_text(text)
    together = linted(tmp_path)
    alone = [finding for path in sorted(tmp_path.glob("*.py")) for finding in linted(path)]
    assert together == alone


def test_a_helper_that_was_not_named_is_read_but_not_reported(tmp_path: Path, model: Path) -> None:
    (tmp_path / "ops.py").write_text("def size(t):\n    return int(t.shape[0]), t.shape[1]\n")
    model.write_text("from ops import size\n" + forward("return x * int(size(x)[1])"))
    assert [(Path(f.path).name, f.span.row) for f in linted(model)] == [("model.py", 8)]


def test_selections_and_per_file_ignores_leave_findings_out(model: Path) -> None:
    source = forward(f"y = x / len(x.abs())\n{LINE} * y")
    assert codes(model, source) == ["CVL205", "CVL202"]
    assert codes(model, source, select=["CVL205"]) == ["CVL205"]
    assert codes(model, source, ignore=["CVL205"]) == ["CVL202"]
    assert codes(model, source, per_file_ignores={"model.py": ["CVL205"]}) == ["CVL202"]
    assert codes(model, source, per_file_ignores={"!model.py": ["CVL205"]}) == ["CVL205", "CVL202"]


def test_what_is_harmless_is_shown_only_when_asked_for(model: Path) -> None:
    source = forward("y = x.clone()\ny[0] = 1.0\nreturn y")
    assert codes(model, source) == []
    assert codes(model, source, show_harmless=True) == ["CVL101"]


def test_the_severity_is_the_worst_on_the_chosen_exporter_and_target(model: Path) -> None:
    model.write_text(forward(LINE))
    levels = [linted(model, exporter=exporter)[0].severity for exporter in ("any", "dynamo", "torchscript")]
    assert levels == ["error", "error", "warning"]
    assert codes(model, forward("return x[x > 0]")) == []
    assert [f.severity for f in linted(model, target="litert")] == ["error"]
    assert [f.severity for f in linted(model, target="tensorrt")] == ["warning"]
    assert linted(model, target="tensorrt==11.0") == []


def test_fixes_are_computed_when_wanted(model: Path) -> None:
    model.write_text(forward(LINE))
    (without,) = api.check([model], Configuration(isolated=True)).findings
    (one,) = api.check([model], Configuration(isolated=True), want_fixes=True).findings
    assert (without.fix, without.fixable) == (None, Applicability.safe)
    assert one.fix is not None
    assert [edit.content for edit in one.fix.edits] == ["x.shape[0]"]


def test_a_document_that_is_not_on_disk_is_linted_as_if_it_were(tmp_path: Path, model: Path) -> None:
    (tmp_path / "ops.py").write_text("def half(n):\n    return n // 2\n")
    document = Document(str(model), "from ops import half\n" + forward("return x * int(half(x.shape[0]))"))
    found = api.check(configuration=Configuration(isolated=True), stdin=document).findings
    assert [(f.code, f.span.row) for f in found] == [("CVL202", 8)]


# --- rules of others -----------------------------------------------------------------------------------------------


class Broken(Rule):
    """Fails on every event."""

    code, name = "ABC001", "broken"
    events = (Event,)

    def check(self, event: Event, context: Context) -> Finding | None:
        raise KeyError("missing")


class Quiet(Rule):
    """Finds conversions, and cannot say how to repair them."""

    code, name = "ABC002", "quiet"
    events = (LeavesGraph,)

    def check(self, event: Event, context: Context) -> Finding | None:
        return self.finding(event, "found", Harm(Level.wrong), context, fixable=Applicability.safe)

    def fix(self, event: Event, context: Context) -> None:
        raise KeyError("missing")


class Preview(Quiet):
    """Finds the same, in preview."""

    code, name, status = "ABC003", "preview", "preview"


def with_rules(monkeypatch: pytest.MonkeyPatch, model: Path, *rules: type[Rule], **settings: object) -> LintResult:
    model.write_text(forward(LINE))
    monkeypatch.setattr("convlint.linter.registry", lambda: {rule.code: rule for rule in rules})
    return lint([model], Settings(root=model.parent, select=("",), **settings), want_fixes=True)  # type: ignore[arg-type]


def test_a_rule_that_fails_is_named_and_the_run_goes_on(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    result = with_rules(monkeypatch, model, Broken, Quiet)
    assert [f.code for f in result.findings] == ["ABC002", "CVL005"]
    assert "rule ABC001 failed here (KeyError: 'missing' at test_linter.py:" in result.findings[1].message
    assert f"`{__name__}`" in result.findings[1].message


def test_a_fault_in_one_function_does_not_hide_what_is_wrong_in_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    execute = Run.execute

    def broken(run: Run, frame: Frame, body: list[ast.stmt]) -> None:
        if qualified(frame).endswith("Bad.forward"):
            raise KeyError("x")
        execute(run, frame, body)

    monkeypatch.setattr(Run, "execute", broken)
    (tmp_path / "bad.py").write_text(forward(LINE).replace("Model", "Bad"))
    (tmp_path / "model.py").write_text(forward(LINE))
    bad, good = lint([tmp_path / "bad.py", tmp_path / "model.py"], Settings(root=tmp_path)).findings
    assert (bad.code, bad.severity, bad.span.row, good.code) == ("CVL005", "error", 6, "CVL202")
    assert bad.message.startswith("convlint itself failed in `Bad.forward` (KeyError: 'x' at test_linter.py:")


def test_a_repair_that_fails_leaves_its_finding(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    (one,) = with_rules(monkeypatch, model, Quiet).findings
    assert (one.message, one.fix) == ("found", None)


def test_a_rule_in_preview_runs_only_when_asked_for(monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    assert with_rules(monkeypatch, model, Preview).findings == []
    assert len(with_rules(monkeypatch, model, Preview, preview=True).findings) == 1


def test_a_message_shows_code_without_its_comments(model: Path) -> None:
    body = "if (\n    x.sum() > 0  # type: ignore\n    and x.max() != '#'\n):\n    return x\nreturn x * 2"
    model.write_text(forward(body))
    assert [finding.message.partition(" decides")[0] for finding in linted(model)] == [
        "`x.sum() > 0 and x.max() != '#'`"
    ]
