from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level, Span
from convlint.prover import Verdict
from convlint.report import proof, summary
from convlint.report.diff import diff
from convlint.report.formats import FORMATS, Report, Sources
from convlint.report.style import Painter
from convlint.report.text import concise, full
from convlint.source.document import Document

HARM = Harm(jit_trace=Level.frozen, onnx_dynamo=Level.breaks, targets=(("coreml", Level.breaks),))


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return Painter(io.StringIO())


def finding(span: Span, **changes: object) -> Finding:
    values: dict[str, object] = {
        "code": "CVL201",
        "name": "item",
        "message": "`x.item()` leaves the graph",
        "path": str(Path("m.py").absolute()),
        "span": span,
        "severity": "error",
        "harm": HARM,
    }
    return Finding(**(values | changes))  # type: ignore[arg-type]


def given(
    findings: list[Finding], painter: Painter, unsafe_fixes: bool = False, sources: Sources = lambda _: None
) -> Report:
    return Report(findings, sources, painter, unsafe_fixes, Path.cwd())


def as_json(findings: list[Finding], painter: Painter) -> str:
    return "\n".join(FORMATS["json"].write(given(findings, painter)))


def framed(text: str, span: Span, painter: Painter) -> list[str]:
    document = Document("m.py", text)
    lines = list(full(given([finding(span, harm=None)], painter, sources=lambda _: document)))
    return lines[3:-2]


def under_carets(shown: list[str]) -> list[str]:
    """What stands above the carets on screen (for text of single-width characters)."""
    pairs = [(shown[i - 1], line) for i, line in enumerate(shown) if "^" in line]
    return [code[line.index("^") : line.rindex("^") + 1] for code, line in pairs]


def test_concise_names_place_severity_code_and_repair(painter: Painter) -> None:
    both = [finding(Span(3, 5, 3, 9)), finding(Span(4, 1, 4, 2), fixable=Applicability.unsafe, severity="warning")]
    assert list(concise(given(both, painter))) == [
        "m.py:3:5: error CVL201 `x.item()` leaves the graph",
        "m.py:4:1: warning CVL201 `x.item()` leaves the graph",
    ]
    assert "warning CVL201 [*] `x" in list(concise(given(both, painter, True)))[1]


def test_full_shows_code_harm_and_repair(painter: Painter) -> None:
    one = finding(Span(1, 5, 1, 13), fixable=Applicability.safe, fix=Fix("Keep the tensor", ()))
    shown = list(full(given([one], painter, sources=lambda _: Document("m.py", "y = x.item()\n"))))
    assert shown[:2] == ["CVL201 [*] error: `x.item()` leaves the graph", "  --> m.py:1:5"]
    assert "harm: breaks onnx_dynamo, coreml; frozen jit_trace" in shown
    assert "help: Keep the tensor (`--fix` repairs it)" in shown


@pytest.mark.parametrize(
    "line",
    ["y = x.item()", "\ty = x.item()", "y\t=\tx.item()", "y = (1,\tx.item())", "é = x.item()"],
)
def test_carets_stand_below_the_expression(painter: Painter, line: str) -> None:
    column = line.index("x.item()") + 1
    assert under_carets(framed(f"a\n{line}\nb\n", Span(2, column, 2, column + 8), painter)) == ["x.item()"]


def test_wide_characters_take_two_columns(painter: Painter) -> None:
    shown = framed('y = f("日本", x)\n', Span(1, 13, 1, 14), painter)
    assert shown[0] == '1 | y = f("日本", x)'
    assert shown[1].index("^") == len('1 | y = f("') + 4 + len('", ')


@pytest.mark.parametrize("before", [0, 3, 20, 200])
@pytest.mark.parametrize("after", [0, 3, 200])
def test_long_lines_are_cut_around_the_expression(painter: Painter, before: int, after: int) -> None:
    line = "a + " * before + "x.item()" + " + b" * after
    shown = framed(f"{line}\n", Span(1, before * 4 + 1, 1, before * 4 + 9), painter)
    assert under_carets(shown) == ["x.item()"]
    assert all(len(row) <= 60 for row in shown)


def test_an_expression_longer_than_the_screen_is_cut(painter: Painter) -> None:
    shown = framed("x" * 500 + "\n", Span(1, 1, 1, 501), painter)
    assert all(len(row) <= 60 for row in shown)


def test_a_range_over_lines_is_underlined_without_its_indentation(painter: Painter) -> None:
    text = "y = f(\n    x,\n\n    z,\n)\n"
    assert under_carets(framed(text, Span(1, 5, 5, 2), painter)) == ["f(", "x,", "z,", ")"]


def test_a_very_long_range_shows_both_ends(painter: Painter) -> None:
    text = "y = f(\n" + "    x,\n" * 50 + ")\n"
    shown = framed(text, Span(1, 5, 52, 2), painter)
    assert len(shown) < 20
    assert "..." in shown
    assert shown[-1] == "   | ^"


def test_a_place_at_the_end_of_a_line_is_pointed_at(painter: Painter) -> None:
    shown = framed("x = (\n", Span(1, 6, 1, 6), painter)
    assert shown[1].index("^") == shown[0].index("(") + 1


def test_control_characters_do_not_reach_the_terminal(painter: Painter) -> None:
    shown = framed("x = '\x1b[31m\x0c'\n", Span(1, 1, 1, 2), painter)
    assert "\x1b" not in "".join(shown)


def test_a_file_that_is_gone_has_no_frame(painter: Painter) -> None:
    assert list(full(given([finding(Span(1, 1, 1, 2))], painter)))[1] == "  --> m.py:1:1"


def test_color_only_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in Painter(io.StringIO())("x", "bold red")
    monkeypatch.setenv("NO_COLOR", "1")
    assert Painter(io.StringIO())("x", "bold red") == "x"


def test_json_has_ruffs_fields_and_ours(painter: Painter) -> None:
    fix = Fix("Keep it", (Edit(Span(1, 5, 1, 9), "z"),), Applicability.safe)
    (one,) = json.loads(as_json([finding(Span(1, 5, 2, 3), fix=fix)], painter))
    assert one == {
        "cell": None,
        "code": "CVL201",
        "name": "item",
        "severity": "error",
        "message": "`x.item()` leaves the graph",
        "filename": str(Path("m.py").absolute()),
        "location": {"row": 1, "column": 5},
        "end_location": {"row": 2, "column": 3},
        "fix": {
            "applicability": "safe",
            "message": "Keep it",
            "edits": [{"content": "z", "location": {"row": 1, "column": 5}, "end_location": {"row": 1, "column": 9}}],
        },
        "harm": {
            "jit_trace": "frozen",
            "torch_export": "harmless",
            "onnx_torchscript": "harmless",
            "onnx_dynamo": "breaks",
            "coreml": "breaks",
        },
        "seen": "static",
        "evidence": None,
        "noqa_row": 1,
        "url": None,
    }
    assert json.loads(as_json([], painter)) == []


def test_summary_counts_by_severity_and_repair() -> None:
    at = Span(1, 1, 1, 2)
    three = [
        finding(at, fixable=Applicability.safe),
        finding(at, severity="warning", fixable=Applicability.unsafe),
        finding(at, severity="info"),
    ]
    assert list(summary.summary(three, False)) == [
        "Found 1 error, 1 warning, 1 info.",
        "[*] 1 fixable with `--fix`, 1 more with `--unsafe-fixes`.",
    ]
    assert list(summary.summary(three, True))[1] == "[*] 2 fixable with `--fix`."
    assert list(summary.summary([], False)) == ["All checks passed!"]
    assert list(summary.summary([], False, 2)) == ["Found 2 problems (2 fixed, 0 remaining)."]


def test_statistics_count_by_rule(painter: Painter) -> None:
    at = Span(1, 1, 1, 2)
    some = [finding(at), finding(at, fixable=Applicability.safe), finding(at, code="CVL301", name="branch")]
    assert list(summary.statistics(some, False, painter)) == ["2\tCVL201\t[-] item", "1\tCVL301\t[ ] branch"]


def test_diff_keeps_line_endings_and_says_where_one_is_missing(painter: Painter) -> None:
    assert b"".join(diff(Document("m.py", "a\r\nb\x0cc\r\nd"), "a\r\nB\x0cc\r\nd\r\n", painter)).decode() == (
        "--- a/m.py\n+++ b/m.py\n@@ -1,3 +1,3 @@\n a\r\n-b\x0cc\r\n-d\n\\ No newline at end of file\n+B\x0cc\r\n+d\r\n"
    )


def test_what_a_model_says_in_a_proof_acts_on_no_terminal(painter: Painter) -> None:
    dropped = Verdict(finding(Span(1, 1, 1, 2)), "dropped", "it raises \x1b[31m##vso[a]\u202e")
    shown = next(proof.lines([dropped], [], painter))
    assert shown == r"m.py:1:1: CVL201 dropped: it raises \x1b[31m\x23#vso[a]\u202e"
