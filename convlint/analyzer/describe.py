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
    taint_of,
)
from convlint.events import Taint

_KINDS: dict[type[Value], str] = {Tensor: "tensor", Array: "ndarray", Shape: "shape", Tuple: "list", List: "list"}
_KINDS |= {Dict: "dict", Const: "number"}


def describe(value: Value) -> tuple[str, Taint, str | None, int | None]:
    """(kind, taint, dtype, rank) of a value; of a union, its tensor's."""
    if isinstance(value, Union):
        value = next((m for m in value.members if isinstance(m, Tensor)), value.members[0])
    if isinstance(value, Tensor):
        return "tensor", value.taint, value.dtype, value.rank
    if isinstance(value, Number):
        return ("dim" if value.dim else "number"), value.taint, value.kind, None
    if isinstance(value, Unknown):
        return ("tensor" if value.module else "unknown"), value.taint, None, None
    return _KINDS.get(type(value), "unknown"), taint_of(value), None, None
