"""Sums into a tensor by index, of which exporters write another operation where an index comes more than once."""

from __future__ import annotations

import ast
from typing import Literal

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.values import FALSE, TRUE, Const, Tensor, Tuple, Value
from convlint.events import SumsByIndex, Taint

How = Literal["", "index", "axis", "scaled", "whole", "mean", "without", "scatter"]
_NAMES = frozenset({"index_add", "index_put", "scatter", "scatter_reduce"})


def note(
    run: Run, frame: Frame, node: ast.expr, name: str, target: Value | None, arguments: Arguments, first: int
) -> None:
    """Notes ``index_add``, ``index_put`` that accumulates, and reductions by ``scatter``.

    ``first`` is where the arguments behind the tensor begin.
    """
    function = name.removesuffix("_")
    how = _how(function, target, arguments, first) if function in _NAMES else ""
    if how:
        run.emit(frame, SumsByIndex, node, "", (), callee=name, how=how)


def _how(function: str, target: Value | None, arguments: Arguments, first: int) -> How:
    if function == "index_add":
        return _added(target, arguments, first)
    if function == "index_put":
        adds = arguments.get(first + 2, "accumulate") == TRUE
        return "index" if adds and _may_repeat(arguments, first, "indices") else ""
    reduce = arguments.get(first + 3, "reduce")
    if not isinstance(reduce, Const):
        return ""
    if function == "scatter" or reduce.value == "mean":
        return "scatter" if function == "scatter" else "mean"
    return "without" if arguments.keywords.get("include_self") == FALSE else ""


def _added(target: Value | None, arguments: Arguments, first: int) -> How:
    axis, alpha = integer(arguments.get(first, "dim")), arguments.keywords.get("alpha")
    if alpha is not None and alpha != Const(1):
        return "scaled"
    if axis is not None and axis < 0:
        return "axis"
    if _may_repeat(arguments, first + 1, "index"):
        return "index"
    return "whole" if _counts_all(target, axis, arguments.node(first + 1, "index")) else ""


def _counts_all(target: Value | None, axis: int | None, index: ast.expr | None) -> bool:
    """Whether ``torch.arange(4)`` names each place of an axis of four, of a tensor that is computed from inputs."""
    if not isinstance(target, Tensor) or target.taint is not Taint.data or target.shape is None or axis is None:
        return False
    size = integer(target.shape[axis]) if axis < len(target.shape) else None
    counted = index.args if isinstance(index, ast.Call) else []
    return len(counted) == 1 and isinstance(counted[0], ast.Constant) and counted[0].value == size is not None


def _may_repeat(arguments: Arguments, place: int, name: str) -> bool:
    """Whether the same index may come twice: not where it counts, or where it says where a mask holds."""
    node = arguments.node(place, name)
    nodes = node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node] if node is not None else []
    counts = [isinstance(one, ast.Call) and ast.unparse(one.func).endswith(".arange") for one in nodes]
    return not any(counts) and not any(map(_is_of_mask, _values(arguments.get(place, name))))


def _values(value: Value | None) -> tuple[Value, ...]:
    return value.items if isinstance(value, Tuple) else (value,) if value is not None else ()


def _is_of_mask(value: Value) -> bool:
    return isinstance(value, Tensor) and value.mask_index != ""
