"""Sums into a tensor by index, of which exporters write another operation where an index comes more than once."""

from __future__ import annotations

import ast
from typing import Literal

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import FALSE, TRUE, Const, Tensor, Tuple, Value
from convlint.events import SumsByIndex

How = Literal["", "index", "mean", "without", "scatter"]
_NAMES = frozenset({"index_add", "index_put", "scatter", "scatter_reduce"})


def note(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments, first: int) -> None:
    """Notes ``index_add``, ``index_put`` that accumulates, and reductions by ``scatter``.

    ``first`` is where the arguments behind the tensor begin.
    """
    function = name.removesuffix("_")
    how = _how(function, arguments, first) if function in _NAMES else ""
    if how:
        run.emit(frame, SumsByIndex, node, "", (), callee=name, how=how)


def _how(function: str, arguments: Arguments, first: int) -> How:
    if function == "index_add":
        return "index" if _may_repeat(arguments, first + 1, "index") else ""
    if function == "index_put":
        adds = arguments.get(first + 2, "accumulate") == TRUE
        return "index" if adds and _may_repeat(arguments, first, "indices") else ""
    reduce = arguments.get(first + 3, "reduce")
    if not isinstance(reduce, Const):
        return ""
    if function == "scatter" or reduce.value == "mean":
        return "scatter" if function == "scatter" else "mean"
    return "without" if arguments.keywords.get("include_self") == FALSE else ""


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
