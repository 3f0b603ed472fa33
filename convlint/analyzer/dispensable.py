"""Branches that could as well go: where their test is false, the code inside would change nothing."""

from __future__ import annotations

import ast
import re

from convlint.source.walk import walk

_PAD = re.compile(r"(^|_)pad", re.IGNORECASE)
_PLAIN = (ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Tuple, ast.List, ast.Subscript)


def is_dispensable(node: ast.If) -> bool:
    """Whether a branch without another arm only pads tensors, cuts padding off behind, expands or copies them.

    ``x[:, :n]`` of a tensor with ``n`` columns is the tensor; ``x[:, :-pad]`` is empty for a padding of zero.
    """
    changes = [one for one in node.body if _changes_nothing_more(one)]
    return not node.orelse and bool(changes) and all(one in changes or _prepares(one) for one in node.body)


def _changes_nothing_more(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return is_dispensable(statement)
    value = _assigned(statement)
    return value is not None and (_is_pad(value) or _is_cut(value) or _is_same(value))


def _assigned(statement: ast.stmt) -> ast.expr | None:
    return statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None


def _is_pad(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call) or not value.args:
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return _PAD.search(name) is not None


def _is_same(value: ast.expr) -> bool:
    named = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr
    return named in ("contiguous", "clone", "expand", "expand_as", "broadcast_to")


def _is_cut(value: ast.expr) -> bool:
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "contiguous":
        value = value.func.value
    if not isinstance(value, ast.Subscript):
        return False
    parts = value.slice.elts if isinstance(value.slice, ast.Tuple) else [value.slice]
    return any(isinstance(part, ast.Slice) and part.upper is not None for part in parts) and all(map(_keeps, parts))


def _keeps(part: ast.expr) -> bool:
    """Whether an index takes the first so many elements, or all."""
    if isinstance(part, ast.Constant):
        return part.value is Ellipsis
    if not isinstance(part, ast.Slice) or part.lower is not None or part.step is not None:
        return False
    return not isinstance(part.upper, ast.UnaryOp)


def _prepares(statement: ast.stmt) -> bool:
    """Whether a statement computes an amount of padding, or reads the sizes again, of plain numbers."""
    value = _assigned(statement)
    return value is not None and all(isinstance(p, _PLAIN) for p in walk(value) if isinstance(p, ast.expr))
