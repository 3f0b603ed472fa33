"""Places in a text as an editor counts them: lines from 0, and in a line units of UTF-16 (or what was agreed on)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lsprotocol import types as lsp

from convlint.findings import Span

_UNITS: dict[str, Callable[[str], int]] = {
    "utf-8": lambda char: len(char.encode("utf-8", "surrogatepass")),
    "utf-16": lambda char: 2 if ord(char) > 0xFFFF else 1,
    "utf-32": len,
}


class Positions:
    """Positions of the protocol to columns of characters, and back."""

    def __init__(self, encoding: str) -> None:
        self._units = _UNITS[encoding]

    def offset(self, lines: Sequence[str], position: lsp.Position) -> int:
        """The index into a text, given by its lines; a place behind the end of a line or text is its end."""
        if position.line >= len(lines):
            return sum(map(len, lines))
        return sum(map(len, lines[: position.line])) + self._column(lines[position.line], position.character)

    def place(self, lines: Sequence[str], position: lsp.Position) -> tuple[int, int]:
        """Row and column, from 1, as spans have them."""
        line = lines[position.line] if position.line < len(lines) else ""
        return position.line + 1, self._column(line, position.character) + 1

    def range(self, lines: Sequence[str], span: Span) -> lsp.Range:
        """The range of a span."""
        return lsp.Range(
            self.position(lines, span.row, span.column), self.position(lines, span.end_row, span.end_column)
        )

    def position(self, lines: Sequence[str], row: int, column: int) -> lsp.Position:
        """The position of a row and a column from 1; one that is not there is the nearest that is."""
        if row > len(lines):
            last = lines[-1] if lines else ""
            if last.endswith(("\r", "\n")) or not lines:
                return lsp.Position(len(lines), 0)
            row, column = len(lines), len(last) + 1
        before = lines[row - 1].rstrip("\r\n")[: max(column, 1) - 1]
        return lsp.Position(row - 1, len(before) if before.isascii() else sum(map(self._units, before)))

    def _column(self, line: str, units: int) -> int:
        line = line.rstrip("\r\n")
        if line.isascii():
            return min(units, len(line))
        seen = 0
        for column, char in enumerate(line):
            seen += self._units(char)
            if seen > units:
                return column
        return len(line)
