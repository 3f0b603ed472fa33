"""Where a function uses what one of its statements assigns."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

Rows = tuple[int, int]
"""The first and the last row."""


def is_used(text: str, assigned: Rows, used: Rows) -> bool:
    """Whether rows of a source use, as it is, what a statement of rows before them assigns to a name.

    Says no where it does not know: of sources that cannot be parsed, and of assignments to anything but names.
    """
    try:
        inner = _function_of(_parsed(text), assigned)
    except (SyntaxError, ValueError):
        return False
    if inner is None or not inner.lineno <= used[0] <= (inner.end_lineno or 0) or used[0] <= assigned[1]:
        return False
    names = list(_names(inner))
    made = {one.id for one in names if isinstance(one.ctx, ast.Store) and _within(one, assigned)}
    read = {one.id for one in names if isinstance(one.ctx, ast.Load) and _within(one, used)}
    again = {one.id for one in names if isinstance(one.ctx, ast.Store) and assigned[1] < one.lineno < used[0]}
    return bool(made & read - again)


@lru_cache(maxsize=4)
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


def _function_of(tree: ast.Module, rows: Rows) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost function around some rows."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.lineno <= rows[0] <= (node.end_lineno or 0)
    ]
    return max(around, key=lambda node: node.lineno, default=None)


def _names(node: ast.AST) -> Iterator[ast.Name]:
    return (one for one in ast.walk(node) if isinstance(one, ast.Name))


def _within(node: ast.Name, rows: Rows) -> bool:
    return rows[0] <= node.lineno <= rows[1]
