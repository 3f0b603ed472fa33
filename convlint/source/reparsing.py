"""The tree of a text that is being written in: what stands around the change is not parsed again."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from convlint.source.document import Document, SourceError

_TYPE_COMMENT = re.compile(r"#[ \t]*type:(?![ \t]*ignore\b)")


class Parsed(NamedTuple):
    """A text and its statements."""

    document: Document
    body: list[ast.stmt]


def parsed(document: Document, before: Parsed | None = None) -> Parsed:
    """The statements of a text; those that it shares, on the same lines, with the one before are the same nodes.

    Raises:
        SourceError: it does not parse.
    """
    body = None if before is None else _changed(document, before)
    return Parsed(document, document.parse().body if body is None else body)


def _changed(document: Document, before: Parsed) -> list[ast.stmt] | None:
    """The statements of a text, None where it is not sure what a change does to those around it."""
    old, new = before.document.lines, document.lines
    if len(old) != len(new) or before.document.broken or document.broken:
        return None
    if has_type_comments(before.document) or has_type_comments(document):
        return None
    rows = [row for row, lines in enumerate(zip(old, new, strict=True), 1) if lines[0] != lines[1]]
    if not rows:
        return before.body
    firsts = [*map(first_row, before.body)]
    above = bisect_left([one.end_lineno or one.lineno for one in before.body], rows[0])
    below = bisect_left(firsts, rows[-1] + 1)
    while above and not _ends(before.body, firsts, above, old):
        above -= 1
    while below < len(firsts) and below and not _ends(before.body, firsts, below, old):
        below += 1
    start = before.body[above - 1].end_lineno or 0 if above else 0
    end = firsts[below] - 1 if below < len(firsts) else len(new)
    between = None if end and _goes_on(new[end - 1]) else _statements("\n" * start + "".join(new[start:end]))
    return None if between is None else [*before.body[:above], *between, *before.body[below:]]


def has_type_comments(document: Document) -> bool:
    """Whether a part may parse otherwise than the whole text: where one comment is malformed, all are left out."""
    return _TYPE_COMMENT.search(document.text) is not None


def function_at(document: Document, row: int, start: int, end: int) -> ast.FunctionDef | ast.AsyncFunctionDef:
    """A function of a text that was parsed before; its first line is a ``row``, and the part of the text is given.

    Raises:
        SourceError: it does not parse by itself.
    """
    text = document.sound[start:end]
    blank = text[: len(text) - len(text.lstrip(" \t\f"))]
    inner = blank.rpartition("\f")[2] != ""  # a form feed begins a row anew
    body = Document("", "\n" * (row - 1 - inner) + "if 1:\n" * inner + text + "\n").parse().body
    function = body[0].body[0] if isinstance(body[0], ast.If) else body[0]
    assert isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef))  # it was one
    return function


def _ends(body: Sequence[ast.stmt], firsts: Sequence[int], count: int, lines: Sequence[str]) -> bool:
    """Whether a line ends with the so many first statements, and the next one begins on another."""
    end = body[count - 1].end_lineno or 0
    return not _goes_on(lines[end - 1]) and (count == len(body) or firsts[count] > end)


def _goes_on(line: str) -> bool:
    return line.rstrip("\r\n").endswith("\\")


def _statements(text: str) -> list[ast.stmt] | None:
    try:
        return Document("", text).parse().body
    except SourceError:
        return None


def first_row(node: ast.stmt) -> int:
    """Where a statement begins, its decorators included."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min((node.lineno, *(one.lineno for one in decorators)))
