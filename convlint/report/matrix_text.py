"""A matrix for people: troubles first, the rest folded, then what each target makes of the whole."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from convlint.backends.matrix import Matrix, MatrixResult
from convlint.report import matrix_rows as shown
from convlint.report.matrix_rows import Head, Row
from convlint.report.style import Painter
from convlint.report.summary import plural

STYLES = {"no": "bold red", "unknown": "magenta", "partial": "yellow", "yes": "green"}
_WIDEST = 120
_GAP = 2


def lines(result: MatrixResult, painter: Painter, *, every: bool) -> Iterator[str]:
    """The whole report; with ``every`` nothing is folded."""
    matrix = result.matrix
    width = min(painter.width, _WIDEST)
    yield painter(shown.subject(result), "bold")
    columns = shown.heads(matrix)
    rows = shown.rows(matrix, columns)
    in_the_way = [row for row in rows if every or {"no", "unknown"} & set(row.worst)]
    folded = [row for row in rows if row not in in_the_way]
    if in_the_way and columns:
        yield ""
        yield from _table(result, columns, in_the_way, painter, width, every=every)
    yield from _folded(result, columns, folded, bool(in_the_way), width)
    yield ""
    yield from _summary(result, painter, width)


def _table(
    result: MatrixResult, columns: Sequence[Head], rows: Sequence[Row], painter: Painter, width: int, *, every: bool
) -> Iterator[str]:
    titles = [shown.title(row.use) for row in rows]
    heads = [head.title for head in columns]
    sizes = [max(len(head), *(len(row.texts[i]) for row in rows)) for i, head in enumerate(heads)]
    first = max(map(len, ("operator", *titles)))
    room = width - sum(size + _GAP for size in sizes) - 8
    if room < min(first, 24):  # the names of the targets do not fit: numbers, and whose they are below
        heads = [str(i + 1) for i in range(len(columns))]
        sizes = [max(4, *(len(row.texts[i]) for row in rows)) for i in range(len(columns))]
        room = width - sum(size + _GAP for size in sizes) - 8
    first = min(first, max(room, 16))
    yield painter(_line("operator", first, "uses", heads, sizes), "bold")
    for row, title in zip(rows, titles, strict=True):
        cells = [
            painter(f"{text:<{size}}", STYLES[worst])
            for text, size, worst in zip(row.texts, sizes, row.worst, strict=True)
        ]
        yield _line(_cut(title, first), first, str(row.use.count), cells, [0] * len(cells)).rstrip()
        if origin := shown.origin(row.use, result.matrix):
            yield from _wrapped(origin, width, "    ")
        for reason in row.refusals + (row.restrictions if every else ()):
            yield from _wrapped(reason, width, "    ")
    if heads != [head.title for head in columns]:
        yield from _wrapped("; ".join(f"{i + 1}:{head.title}" for i, head in enumerate(columns)), width, "")


def _line(title: str, first: int, uses: str, cells: Sequence[str], sizes: Sequence[int]) -> str:
    filled = (f"{cell:<{size}}" for cell, size in zip(cells, sizes, strict=True))
    return f"{title:<{first}}{uses:>6}{' ' * _GAP}{(' ' * _GAP).join(filled)}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _wrapped(text: str, width: int, indent: str, more: str = "  ") -> list[str]:
    """Lines of at most this width; names are not broken."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + more,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _folded(
    result: MatrixResult, columns: Sequence[Head], rows: Sequence[Row], after: bool, width: int
) -> Iterator[str]:
    if not rows or not columns:
        return
    yield ""
    what = plural(len(rows), f"{'more ' if after else ''}{'operator' if result.subject.opset else 'call'}")
    by = "all" if len(columns) > 1 else columns[0].target.asked
    yield f"{what}: taken by {by} (`--all` shows them)"
    for line in shown.in_part(result.matrix, columns, rows):
        yield from _wrapped(line, width, "  ")


def in_short(result: MatrixResult, painter: Painter) -> Iterator[str]:
    """What becomes of the model on each target."""
    return _outcomes(result.matrix, painter, painter.width, with_evidence=False)


def _summary(result: MatrixResult, painter: Painter, width: int) -> Iterator[str]:
    yield from _outcomes(result.matrix, painter, width, with_evidence=True)
    yield from _wrapped(shown.not_run(result), width, "")
    if result.matrix.windows:
        yield ""
        yield from _windows(result, painter, width)


def _outcomes(matrix: Matrix, painter: Painter, width: int, *, with_evidence: bool) -> Iterator[str]:
    size = max(len(target.asked) for target in matrix.targets)
    for target in matrix.targets:
        supported, text = shown.outcome(matrix, target)
        said = shown.evidence(target) if with_evidence else ""
        margin = painter(f"{target.asked:<{size}}", STYLES[supported])
        for line in (*_wrapped(text, width - size - _GAP, "", ""), *_wrapped(said, width - size - _GAP, "", "")):
            yield f"{margin}{' ' * _GAP}{line}"
            margin = " " * size


def _windows(result: MatrixResult, painter: Painter, width: int) -> Iterator[str]:
    matrix = result.matrix
    named = [target.asked for target in matrix.targets if target.asked not in matrix.outside]
    whom = f"{', '.join(named)} all take it" if len(named) > 1 else f"{named[0]} takes it"
    yield from (painter(line, "bold") for line in _wrapped(f"Opsets at which {whom}", width, ""))
    for first, obstacles in shown.window_lines(matrix):
        yield from _wrapped(first, width, "  ")
        for one in obstacles:
            yield from _wrapped(one, width, "    ")
    for line in shown.fusion_lines(matrix):
        yield from _wrapped(line, width, "  ")
    if matrix.outside:
        yield from _wrapped(f"not asked: {', '.join(matrix.outside)}", width, "  ")
