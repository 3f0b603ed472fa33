"""``torch.cdist``: by a product of matrices, or pair by pair."""

from __future__ import annotations

import ast

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.values import Const, Tensor, Value, taint_of
from convlint.events import Distances, Taint

_FEW = 25
"""Up to so many rows on both sides torch takes no product."""


def cdist(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``torch.cdist(tensor, other)``."""
    other, norm, mode = arguments.get(0, "x2"), arguments.get(1, "p"), arguments.get(2, "compute_mode")
    if not arguments.more:
        _note(run, frame, node, (tensor, other), norm, mode)
    taint = max(tensor.taint, taint_of(other) if other is not None else Taint.none)
    shape = None
    if tensor.shape and isinstance(other, Tensor) and other.shape and len(tensor.shape) == len(other.shape) > 1:
        shape = (*tensor.shape[:-1], other.shape[-2])
    return run.tensor("float", shape, taint)


def _note(
    run: Run,
    frame: Frame,
    node: ast.expr,
    tensors: tuple[Tensor, Value | None],
    norm: Value | None,
    mode: Value | None,
) -> None:
    power = 2 if norm is None else norm.value if isinstance(norm, Const) else None
    if not isinstance(power, (int, float)):
        return
    if power != 2:
        run.emit(frame, Distances, node, "", (), norm=f"{power:g}", wrong=power % 2 != 0 or power == 0)
        return
    way = mode.value if isinstance(mode, Const) else "" if mode is not None else None
    if way == "donot_use_mm_for_euclid_dist":
        run.emit(frame, Distances, node, "", ())
    elif way in (None, "use_mm_for_euclid_dist_if_necessary") and all(map(_may_be_few, tensors)):
        certain = all(isinstance(one, Tensor) and integer(_rows(one)) is not None for one in tensors)
        run.emit(frame, Distances, node, "", (), certain=certain)


def _rows(tensor: Tensor) -> Value | None:
    return tensor.shape[-2] if tensor.shape and len(tensor.shape) > 1 else None


def _may_be_few(value: Value | None) -> bool:
    """Whether a tensor has few rows, or as many as an input has."""
    if not isinstance(value, Tensor) or not value.sure:
        return False
    rows = _rows(value)
    number = integer(rows)
    if number is not None:
        return number <= _FEW
    return taint_of(rows) >= Taint.shape if rows is not None else value.shape is None and value.taint >= Taint.shape
