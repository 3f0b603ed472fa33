"""Which statement a line belongs to. Light: imports nothing of torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

Span = tuple[int, int]
"""The first and last row."""


@cache
def statements(path: Path) -> dict[int, Span]:
    """Each line's innermost statement; a compound statement is its header. Nothing where the file is no Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return {}
    return {line: span for span in _spans(tree) for line in range(span[0], span[1] + 1)}


def statement_at(path: Path, line: int) -> Span:
    """The statement of a line, the line itself where it has none."""
    return statements(path).get(line, (line, line))


def _spans(node: ast.AST) -> Iterator[Span]:
    """All statements, the outer ones first."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child.lineno, _last_row(child)
        yield from _spans(child)


def _last_row(statement: ast.stmt) -> int:
    body = getattr(statement, "body", None)
    return max(statement.lineno, body[0].lineno - 1) if body else statement.end_lineno or statement.lineno
