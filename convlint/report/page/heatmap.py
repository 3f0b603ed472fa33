"""The matrix of a page: a row an operator, a column a target, and the evidence of each cell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from convlint.backends.matrix import ORDER, Cell, Matrix, MatrixResult, Supported
from convlint.report import matrix_rows as rows
from convlint.report.matrix_rows import Head
from convlint.report.page.sources import Link, Sources

LETTERS: dict[Supported, str] = {"no": "n", "unknown": "u", "partial": "p", "yes": "y"}


SPOKEN: dict[Supported, str] = {**rows.WORDS, "unknown": "not known"}
"""What stands in a cell; a mark stands before it."""


class Evidence(NamedTuple):
    """Why a target takes an operator or not, at some opsets."""

    opsets: str
    """Empty where only one is asked."""
    supported: Supported
    told: str
    tests: str
    source: str


class Field(NamedTuple):
    """A cell."""

    text: str
    supported: Supported
    by_opset: str
    """A letter an opset of the column."""
    evidence: Sequence[Evidence]


class Row(NamedTuple):
    """An operator."""

    id: str
    title: str
    uses: int
    origin: str
    places: Sequence[Link]
    fields: Sequence[Field]


class TargetOutcome(NamedTuple):
    """What becomes of the whole on a target."""

    name: str
    supported: Supported
    told: str
    evidence: str


class Window(NamedTuple):
    """The opsets at which all targets take it."""

    told: str
    obstacles: Sequence[str]


class HeatMap(NamedTuple):
    """A matrix on a page."""

    subject: str
    heads: Sequence[Head]
    rows: Sequence[Row]
    opsets: Sequence[int]
    targets: Sequence[TargetOutcome]
    windows: Sequence[Window]
    fusions: Sequence[str]
    takes: bool


def heat_map(result: MatrixResult, sources: Sources) -> HeatMap:
    """All operators, those that most stands in the way of first."""
    matrix = result.matrix
    heads = rows.heads(matrix)
    found = [_row(matrix, heads, row, sources) for row in rows.rows(matrix, heads)]
    outcomes = [
        TargetOutcome(one.asked, *rows.outcome(matrix, one), evidence=rows.evidence(one)) for one in matrix.targets
    ]
    windows = [Window(told, obstacles) for told, obstacles in rows.window_lines(matrix)]
    fusions = list(rows.fusion_lines(matrix))
    return HeatMap(rows.subject(result), heads, found, matrix.opsets, outcomes, windows, fusions, takes=matrix.takes)


def _row(matrix: Matrix, heads: Sequence[Head], row: rows.Row, sources: Sources) -> Row:
    use = row.use
    fields = [
        _field(text, worst, [(opset, matrix.at(head.target, opset).cells[row.place]) for opset in head.opsets])
        for head, text, worst in zip(heads, row.texts, row.worst, strict=True)
    ]
    places = [sources.link(path, number) for path, number in sorted(use.places)]
    calls = f"from {rows.some(use.calls)}" if use.calls else ""
    origin = calls if matrix.is_whole else rows.becomes(use, matrix)
    return Row(anchor(row.place), rows.title(use), use.count, origin, places, fields)


def anchor(place: int) -> str:
    """What links to a row, by the place of its use among all."""
    return f"operator-{place + 1}"


def _field(text: str, worst: Supported, cells: Sequence[tuple[int, Cell]]) -> Field:
    letters = "".join(LETTERS[cell.supported] for _, cell in cells)
    words = {rows.word(cell) for _, cell in cells}
    shown = f"yes: {text}" if text not in words else text if cells[0][1].measured else SPOKEN[worst]
    return Field(shown, worst, letters, list(_evidence(cells)))


def _evidence(cells: Sequence[tuple[int, Cell]]) -> Iterator[Evidence]:
    """The same at several opsets once, the worst first."""
    groups: dict[Cell, list[int]] = {}
    for opset, cell in cells:
        groups.setdefault(cell, []).append(opset)
    for cell in sorted(groups, key=lambda one: ORDER.index(one.supported)):
        verdict = cell.verdict
        yield Evidence(
            rows.spans(groups[cell]) if len(cells) > 1 else "",
            cell.supported,
            rows.told(cell) or _taken(cell),
            f"{verdict.passed} of {verdict.tests} of ONNX's own tests pass" if verdict.tests else "",
            ", ".join(filter(None, (verdict.source, verdict.date))),
        )


def _taken(cell: Cell) -> str:
    verdict = cell.verdict
    if cell.measured:
        return f"{verdict.named} runs it"
    if not verdict.named:
        return "nothing stands in the way"
    of = f" of {', '.join(verdict.dtypes)}" if verdict.dtypes else ""
    return f"{verdict.named} takes {cell.operator}{of}"


def worst(letters: Iterable[str]) -> str:
    """Of some letters that of the worst verdict; empty where there is none."""
    order = [LETTERS[one] for one in ORDER]
    return min(letters, key=order.index, default="")
