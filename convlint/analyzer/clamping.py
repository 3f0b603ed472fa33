"""``clamp`` to plain numbers."""

from __future__ import annotations

import ast

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Const, Tensor, Value, number_kind, taint_of
from convlint.events import Clamp, Taint

FUNCTIONS = frozenset({"clamp", "clip", "clamp_", "clip_", "clamp_min", "clamp_max"})


def _is_fraction(value: Value) -> bool:
    """Whether it is a float that an integer cannot stand for: 1.0 clamps integers as 1 does."""
    whole = isinstance(value, Const) and isinstance(value.value, float) and value.value.is_integer()
    return number_kind(value) == "float" and not whole


def note(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> None:
    """Notes a ``clamp`` of integers to a fraction, or of anything to an integer and a float."""
    places = [(0, "max")] if name == "clamp_max" else [(0, "min"), (1, "max")]
    given = [(arguments.node(*place), arguments.get(*place)) for place in places]
    bounds = [(where, value) for where, value in given if where is not None and value is not None]
    plain = [value for _, value in bounds if taint_of(value) < Taint.shape]
    kinds = {number_kind(value) for value in plain}
    if kinds == {"int", "float"} or (tensor.dtype == "int" and any(map(_is_fraction, plain))):
        operand = run.operand(frame, arguments.receiver or node, tensor)
        found = tuple(run.operand(frame, where, value) for where, value in bounds if number_kind(value) is not None)
        run.emit(frame, Clamp, node, "", (), operand=operand, bounds=found)
