"""What every call of a function must agree on for an event to have a safe repair, and the event where they do not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from convlint.events import (
    BitwiseWrite,
    BoolAsNumber,
    Clamp,
    DataRead,
    DynamicShape,
    Event,
    FloorDivision,
    InplaceWrite,
    LeavesGraph,
    MaskWrite,
    Operand,
    PythonMath,
    RefusedDtypes,
    SqueezesBatch,
    SqueezesNothing,
)

OF_ALL_CALLS = (BoolAsNumber, Clamp, RefusedDtypes, SqueezesBatch, SqueezesNothing)
"""Events of calls whose repair holds only where every call of the function gives the same."""


def rests_on(event: Event) -> object:
    """What the repair of an event rests on, where it is another for other values."""
    given = _RESTS_ON.get(type(event))
    return None if given is None else given(event)


def doubted(event: Event) -> Event:
    """An event that says nothing sure of its operands, as another call gives something else."""
    without = _DOUBTED.get(type(event))
    return event if without is None else without(event)


def _of_dividend(event: FloorDivision) -> object:
    dividend = event.dividend
    return dividend.kind if dividend.kind == "tensor" else (dividend.kind, dividend.dtype)


def _of_chain(event: InplaceWrite) -> object:
    if not event.chained:
        return None
    parts = (event.target, event.index, event.value)
    return event.alike, [(part.kind, part.dtype, part.rank) for part in parts if part is not None]


_RESTS_ON: dict[type[Event], Callable[[Any], object]] = {
    BitwiseWrite: lambda one: (one.target.dtype, one.value.kind, one.value.dtype),
    BoolAsNumber: lambda one: (one.same, one.made),
    DynamicShape: lambda one: (one.how, one.one_axis),
    FloorDivision: _of_dividend,
    InplaceWrite: _of_chain,
    MaskWrite: lambda one: (one.target.dtype, one.value.kind, one.value.dtype, one.missing, one.replaceable),
    RefusedDtypes: lambda one: one.dtypes,
    SqueezesBatch: lambda one: (one.ones, one.certain),
}


def _unsure(operand: Operand) -> Operand:
    return replace(operand, sure=False)


def _of_operand(event: Any) -> Event:
    changed: Event = replace(event, operand=_unsure(event.operand))
    return changed


def _of_target(event: Any) -> Event:
    changed: Event = replace(event, target=_unsure(event.target))
    return changed


_DOUBTED: dict[type[Event], Callable[[Any], Event]] = {
    **dict.fromkeys((Clamp, DataRead, LeavesGraph, SqueezesBatch, SqueezesNothing), _of_operand),
    **dict.fromkeys((BitwiseWrite, InplaceWrite, MaskWrite), _of_target),
    BoolAsNumber: lambda one: replace(one, same=False, made=False),
    DynamicShape: lambda one: replace(one, one_axis=False),
    FloorDivision: lambda one: replace(one, dividend=_unsure(one.dividend)),
    PythonMath: lambda one: replace(one, operands=tuple(map(_unsure, one.operands)), dividend=None),
    RefusedDtypes: lambda one: replace(one, repair=""),
}
