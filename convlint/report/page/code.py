"""Lines of code for a page: in parts that are coloured and marked."""

from __future__ import annotations

import io
import itertools
import keyword
import tokenize
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from convlint.findings import Span
from convlint.report.frame import marked
from convlint.source.document import Document

_NAMES = frozenset({"self", "True", "False", "None"})


class Part(NamedTuple):
    """A piece of a line."""

    text: str
    kind: str = ""
    """``k`` (keyword), ``s`` (string), ``c`` (comment), ``n`` (number), ``b`` (a name of Python's), or nothing."""
    marked: bool = False


class Line(NamedTuple):
    """A line of a file; row 0 stands for lines that are left out."""

    row: int
    parts: tuple[Part, ...] = ()


@lru_cache(maxsize=64)
def _kinds(document: Document) -> dict[int, list[tuple[int, int, str]]]:
    """By row the ranges of columns that have a colour, as far as the text can be read."""
    found: dict[int, list[tuple[int, int, str]]] = {}
    text = "".join(line.rstrip("\r\n") + "\n" for line in document.lines)
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    try:
        for token in tokens:
            if kind := _kind(token):
                _add(found, token, kind)
    except (tokenize.TokenError, SyntaxError):  # a cell with magics, or no Python: what is left stays plain
        pass
    return found


def _kind(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        return "b" if token.string in _NAMES else "k" if keyword.iskeyword(token.string) else ""
    if token.type == tokenize.COMMENT:
        return "c"
    if token.type == tokenize.NUMBER:
        return "n"
    return "s" if tokenize.tok_name[token.type] in ("STRING", "FSTRING_START", "FSTRING_MIDDLE", "FSTRING_END") else ""


def _add(found: dict[int, list[tuple[int, int, str]]], token: tokenize.TokenInfo, kind: str) -> None:
    (row, column), (end_row, end_column) = token.start, token.end
    for at in range(row, end_row + 1):
        start = column if at == row else 0
        found.setdefault(at, []).append((start, end_column if at == end_row else 1 << 30, kind))


def line(document: Document, row: int, span: Span | None = None) -> Line:
    """A line of a document with the part of it marked that a range covers."""
    text = document.lines[row - 1].rstrip("\r\n")
    ranges = [(start, min(end, len(text)), kind) for start, end, kind in _kinds(document).get(row, ())]
    first, last = marked(text, row, span) if span else (0, 0)
    places = {0, len(text), first, last}.union(*((start, end) for start, end, _ in ranges))
    parts = []
    for start, end in itertools.pairwise(sorted(place for place in places if place <= len(text))):
        kind = next((kind for a, b, kind in ranges if a <= start and end <= b), "")
        parts.append(Part(text[start:end].replace("\t", "    "), kind, first <= start and end <= last))
    return Line(row, tuple(parts))


def excerpt(document: Document, rows: Sequence[int], span: Span | None = None) -> Iterator[Line]:
    """Some rows of a document in order; where some are left out, a line that says so."""
    before = 0
    for row in sorted(set(rows)):
        if 1 <= row <= len(document.lines):
            if before and row > before + 1:
                yield Line(0)
            yield line(document, row, span)
            before = row
