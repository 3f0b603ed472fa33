"""The code around a finding, its range underlined: tabs, wide characters and long lines as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from convlint.findings import Span
from convlint.report.style import Painter

CONTEXT = 2
"""Lines shown before and after."""
MOST_ROWS = 8
"""A longer range shows its first and last lines only."""
_TAB = 4
_CUT = "…"


class _Cells(NamedTuple):
    """A line as shown, and for each of its characters (and its end) the screen column where it starts."""

    text: str
    columns: list[int]


def frame(lines: list[str], span: Span, painter: Painter, style: str) -> list[str]:
    """The lines of the code frame (``lines`` are the file's, endings included)."""
    rows = list(_rows(span, len(lines)))
    gutter = len(str(rows[-1] or 0)) if rows else 1
    room = painter.width - gutter - 3
    bar = painter("|", "blue")
    shown = [f"{' ' * gutter} {bar}"]
    for row in rows:
        if row is None:
            shown.append(painter("." * 3, "blue"))
            continue
        start, end = marked(lines[row - 1], row, span)
        text, first, last = _fit(_cells(lines[row - 1]), start, end, room)
        shown.append(f"{painter(f'{row:>{gutter}}', 'blue')} {bar} {text}".rstrip())
        if last > first:
            shown.append(f"{' ' * gutter} {bar} {' ' * first}{painter('^' * (last - first), style)}")
    return [*shown, f"{' ' * gutter} {bar}"]


def _rows(span: Span, count: int) -> Iterator[int | None]:
    """The rows to show, None where some are left out."""
    first, last = max(1, span.row - CONTEXT), min(count, span.end_row + CONTEXT)
    if span.end_row - span.row < MOST_ROWS:
        yield from range(first, last + 1)
        return
    yield from range(first, span.row + MOST_ROWS // 2)
    yield None
    yield from range(span.end_row - 1, last + 1)


def marked(line: str, row: int, span: Span) -> tuple[int, int]:
    """The 0-based characters of a line that the range covers, without its indentation and trailing blanks."""
    if not span.row <= row <= span.end_row:
        return 0, 0
    code = line.rstrip()
    start = span.column - 1 if row == span.row else len(line) - len(line.lstrip())
    end = span.end_column - 1 if row == span.end_row else len(code)
    if span[:2] == span[2:]:
        end = start + 1  # an empty range points at a place
    return start, end


def _cells(line: str) -> _Cells:
    from rich.cells import get_character_cell_size

    text: list[str] = []
    columns: list[int] = []
    column = 0
    for char in line.rstrip("\r\n"):
        columns.append(column)
        if char == "\t":
            text.append(" " * (_TAB - column % _TAB))
            column += len(text[-1])
        else:
            text.append(char if char.isprintable() else "�")
            column += get_character_cell_size(text[-1])
    return _Cells("".join(text), [*columns, column])


def _fit(cells: _Cells, start: int, end: int, room: int) -> tuple[str, int, int]:
    """The part of a line that fits, with the screen columns of the marked characters in it."""
    length = len(cells.columns) - 1
    first = cells.columns[min(start, length)]
    last = cells.columns[end] if end <= length else cells.columns[length] + end - length
    if cells.columns[length] <= room:
        return cells.text, first, last
    # Keep a little of what comes before the mark, unless the mark is near the beginning anyway.
    left = 0 if last < room else max(0, min(first - room // 4, cells.columns[length] - room + 1))
    head = _CUT if left else ""
    text = head + _slice(cells.text, left + len(head), left + room - 1)
    if left + room - 1 < cells.columns[length]:
        text += _CUT
    return text, max(0, first - left), min(last - left, room)


def _slice(text: str, start: int, stop: int) -> str:
    """The characters between two screen columns; half of a wide character is a blank."""
    from rich.cells import get_character_cell_size

    kept, column = [], 0
    for char in text:
        size = get_character_cell_size(char)
        if column >= start and column + size <= stop:
            kept.append(char)
        elif column < stop and column + size > start:
            kept.append(" " * (min(column + size, stop) - max(column, start)))
        column += size
    return "".join(kept)
