"""Branches that only pad: with an amount of zero the code inside would change nothing, so they could as well go."""

from __future__ import annotations

import ast
import re

_PAD = re.compile(r"(^|_)pad", re.IGNORECASE)
_PLAIN = (ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.Tuple, ast.List, ast.Subscript)


def only_pads(node: ast.If) -> bool:
    """Whether a branch without another arm pads tensors, or cuts padding off again behind, and does nothing else.

    ``x[:, :n]`` of a tensor with ``n`` columns is the tensor; ``x[:, :-pad]`` is empty for a padding of zero.
    """
    return not node.orelse and _pads(node.body) and all(_is_padding(one) or _prepares(one) for one in node.body)


def _pads(body: list[ast.stmt]) -> bool:
    return any(_is_padding(one) for one in body)


def _is_padding(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return only_pads(statement)
    value = _assigned(statement)
    return value is not None and (_is_pad(value) or _is_cut(value))


def _assigned(statement: ast.stmt) -> ast.expr | None:
    return statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None


def _is_pad(value: ast.expr) -> bool:
    if not isinstance(value, ast.Call) or not value.args:
        return False
    name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return _PAD.search(name) is not None


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
    from_start = isinstance(part, ast.Slice) and part.lower is None and part.step is None
    return from_start and not isinstance(part.upper, ast.UnaryOp)


def _prepares(statement: ast.stmt) -> bool:
    """Whether a statement computes an amount of padding, or reads the sizes again, of plain numbers."""
    value = _assigned(statement)
    return value is not None and all(isinstance(p, _PLAIN) for p in ast.walk(value) if isinstance(p, ast.expr))
