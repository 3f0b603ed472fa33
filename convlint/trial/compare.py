"""Whether two results of a model are the same: leaf by leaf, shape, dtype, values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch

_TOLERANCE = {torch.float16: 1e-2, torch.bfloat16: 5e-2, torch.float64: 1e-7, torch.complex128: 1e-7}
"""Runtimes sum in another order. Relative to the largest value of a tensor; 1e-4 for other floats, integers exact."""


class Difference(NamedTuple):
    """The first thing in which two results differ; ``worst`` is the largest gap where the numbers do."""

    message: str
    worst: float | None = None


def difference(got: Any, want: Any) -> Difference | None:
    """In what ``got`` differs from ``want``, None where it does not."""
    ours, theirs = list(leaves(got)), list(leaves(want))
    if len(ours) != len(theirs):
        return Difference(f"{len(ours)} outputs instead of {len(theirs)}")
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        found = _leaf_difference(a, b)
        if found:
            where = f"output {i}: " if len(theirs) > 1 else ""
            return found._replace(message=where + found.message)
    return None


def leaves(value: Any) -> Iterator[Any]:
    """Tensors and numbers in order. None is no output to any exporter."""
    if isinstance(value, Mapping):
        value = list(value.values())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif value is not None:
        yield value


def _leaf_difference(got: Any, want: Any) -> Difference | None:
    if isinstance(want, str) or isinstance(got, str):
        return None if got == want else Difference(f"{got!r} instead of {want!r}")
    plain = not isinstance(want, torch.Tensor)  # Python numbers become tensors in a graph, of a dtype of its choice
    a, b = torch.as_tensor(got).detach(), torch.as_tensor(want).detach()
    if a.shape != b.shape and not (plain and a.numel() == 1):
        return Difference(f"shape {tuple(a.shape)} instead of {tuple(b.shape)}")
    if a.dtype != b.dtype and not plain:
        return Difference(f"dtype {_name(a.dtype)} instead of {_name(b.dtype)}")
    return _value_difference(a.reshape(b.shape), b)


def _value_difference(got: torch.Tensor, want: torch.Tensor) -> Difference | None:
    if not want.numel():
        return None
    if not (want.is_floating_point() or want.is_complex()):
        unequal = int((got != want).sum())
        if not unequal:
            return None
        return Difference(
            f"{unequal} of {want.numel()} values differ", float((got.double() - want.double()).abs().max())
        )
    wide = torch.complex128 if want.is_complex() else torch.float64
    a, b = got.to(wide), want.to(wide)
    gap = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs())
    size = b.abs()
    largest = float(size[size.isfinite()].max()) if size.isfinite().any() else 0.0
    allowed = _TOLERANCE.get(want.dtype, 1e-4) * (1 + largest)
    wrong = ~(gap <= allowed)
    if not wrong.any():
        return None
    worst = float(gap.nan_to_num(nan=math.inf).max())
    return Difference(f"{int(wrong.sum())} of {want.numel()} values differ, by up to {worst:.3g}", worst)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
