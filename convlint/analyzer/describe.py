"""Abstract values in the words of events."""

from __future__ import annotations

from convlint.analyzer.values import (
    Array,
    Const,
    Dict,
    List,
    Number,
    Shape,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    number_kind,
    taint_of,
)
from convlint.events import Taint

_KINDS: dict[type[Value], str] = {Tensor: "tensor", Array: "ndarray", Shape: "shape", Tuple: "list", List: "list"}
_KINDS |= {Dict: "dict"}


def describe(value: Value) -> tuple[str, Taint, str | None, int | None]:
    """(kind, taint, dtype, rank) of a value; of a union, its tensor's."""
    if isinstance(value, Union):
        value = next((m for m in value.members if isinstance(m, Tensor)), value.members[0])
    if isinstance(value, Tensor):
        return "tensor", value.taint, value.dtype, value.rank
    if isinstance(value, Number):
        return ("dim" if value.dim else "number"), value.taint, value.kind, None
    if isinstance(value, Const):
        return "number", Taint.none, number_kind(value), None
    if isinstance(value, Unknown):
        return ("tensor" if value.module else "unknown"), value.taint, None, None
    return _KINDS.get(type(value), "unknown"), taint_of(value), None, _common_rank(value)


def _common_rank(value: Value) -> int | None:
    """The rank of a list's elements where all are tensors of one rank."""
    items = value.items if isinstance(value, (Tuple, List)) else None
    ranks = {item.rank if isinstance(item, Tensor) else None for item in items or ()}
    return ranks.pop() if len(ranks) == 1 else None
