"""Whether two results of a model are the same: leaf by leaf, shape, dtype, values."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy
import torch
from torch.utils import _pytree as pytree

_TOLERANCE = {torch.float16: 1e-2, torch.bfloat16: 5e-2, torch.float64: 1e-7, torch.complex128: 1e-7}
"""Runtimes sum in another order. Relative to the largest value of a tensor; 1e-4 for other floats, integers exact."""


_NUMBERS = (torch.Tensor, numpy.ndarray, numpy.generic, int, float, complex, str)
"""What can be compared."""
_MOST_NAMES = 3


class Difference(NamedTuple):
    """The first thing in which two results differ; ``worst`` is the largest gap where the numbers do."""

    message: str
    worst: float | None = None
    share: float = 1.0
    """How many of the numbers of the tensor differ."""


def difference(got: Any, want: Any) -> Difference | None:
    """In what ``got`` differs from ``want``, None where it does not."""
    ours, theirs = list(_compared(got)), list(_compared(want))
    if len(ours) != len(theirs):
        return Difference(f"{len(ours)} outputs instead of {len(theirs)}")
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        found = _leaf_difference(a, b)
        if found:
            where = f"output {i}: " if len(theirs) > 1 else ""
            return found._replace(message=where + found.message)
    return None


def _compared(value: Any) -> Iterator[Any]:
    """The leaves that can be compared, those too of a class of which torch was told what it holds."""
    for leaf in leaves(value):
        parts = [leaf] if isinstance(leaf, _NUMBERS) else pytree.tree_leaves(leaf)
        yield from (part for part in parts if isinstance(part, _NUMBERS))


def departure(got: Any, want: Any, what: str) -> tuple[Difference | None, float]:
    """In what a repaired model's eager result departs from what it was, and the largest gap that is mere rounding.

    Stricter than ``difference``: names and types count too, and rounding is a tenth of what runtimes are granted.
    """
    ours, theirs = dict(named_leaves(got, deep=True)), dict(named_leaves(want, deep=True))
    if list(ours) != list(theirs):
        told = [f"`{name}` is gone" for name in theirs if name not in ours]
        told += [f"`{name}` is new" for name in ours if name not in theirs]
        more = f" and {len(told) - _MOST_NAMES} more" if len(told) > _MOST_NAMES else ""
        return Difference(f"{what}: {', '.join(told[:_MOST_NAMES]) or 'in another order'}{more}"), 0.0
    gap = 0.0
    for name, after in ours.items():
        before = theirs[name]
        if isinstance(after, torch.Tensor) is not isinstance(before, torch.Tensor):
            found: Difference | None = Difference(f"a {type(after).__name__} instead of a {type(before).__name__}")
        elif not isinstance(before, _NUMBERS):
            found = None if type(after) is type(before) else Difference(f"a {type(after).__name__}")
        else:
            found = _leaf_difference(after, before, rounding=0.1)
        if found:
            return found._replace(
                message=f"{what} `{name}`: {found.message}" if name else f"{what}: {found.message}"
            ), gap
        gap = max(gap, _gap(after, before))
    return None, gap


def leaves(value: Any) -> Iterator[Any]:
    """Tensors and numbers in order. None is no output to any exporter."""
    return (leaf for _, leaf in named_leaves(value))


def named_leaves(value: Any, name: str = "", *, deep: bool = False) -> Iterator[tuple[str, Any]]:
    """Tensors and numbers in order, each with its place: ``0.boxes``; with ``deep`` those in any object."""
    return _named_leaves(value, name, deep, ())


def _named_leaves(value: Any, name: str, deep: bool, around: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    parts: Iterable[tuple[Any, Any]]
    if isinstance(value, Mapping):
        parts = list(value.items())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    elif isinstance(value, (list, tuple)):
        parts = enumerate(value)
    elif deep and hasattr(value, "__dict__") and not isinstance(value, (torch.Tensor, torch.nn.Module, type)):
        parts = list(vars(value).items())
    else:
        if value is not None:
            yield name, value
        return
    if id(value) in around:
        return
    for key, part in parts:
        yield from _named_leaves(part, f"{name}.{key}" if name else str(key), deep, (*around, id(value)))


def _leaf_difference(got: Any, want: Any, rounding: float = 1.0) -> Difference | None:
    if isinstance(want, str) or isinstance(got, str):
        return None if got == want else Difference(f"{got!r} instead of {want!r}")
    plain = not isinstance(want, torch.Tensor)  # Python numbers become tensors in a graph, of a dtype of its choice
    a, b = torch.as_tensor(got).detach(), torch.as_tensor(want).detach()
    if a.shape != b.shape and not (plain and a.numel() == 1):
        return Difference(f"shape {tuple(a.shape)} instead of {tuple(b.shape)}")
    if a.dtype != b.dtype and not plain:
        return Difference(f"dtype {_name(a.dtype)} instead of {_name(b.dtype)}")
    return _value_difference(a.reshape(b.shape), b, rounding)


def near(got: torch.Tensor, want: torch.Tensor) -> bool:
    """Whether floats of one shape and dtype are surely equal but for rounding: quick, and false where in doubt."""
    gap, size = (got - want).abs().max(), want.abs().max()
    return bool(gap <= _TOLERANCE.get(want.dtype, 1e-4) * (1 + size) / 2) and bool(size.isfinite())


def _value_difference(got: torch.Tensor, want: torch.Tensor, rounding: float) -> Difference | None:
    if not want.numel():
        return None
    if not (want.is_floating_point() or want.is_complex()):
        unequal = int((got != want).sum())
        if not unequal:
            return None
        worst = float((got.double() - want.double()).abs().max())
        return Difference(f"{unequal} of {want.numel()} values differ", worst, unequal / want.numel())
    wide = torch.complex128 if want.is_complex() else torch.float64
    a, b = got.to(wide), want.to(wide)
    gap = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs())
    size = b.abs()
    largest = float(size[size.isfinite()].max()) if size.isfinite().any() else 0.0
    allowed = rounding * _TOLERANCE.get(want.dtype, 1e-4) * (1 + largest)
    wrong = ~(gap <= allowed)
    if not wrong.any():
        return None
    worst, unequal = float(gap.nan_to_num(nan=math.inf).max()), int(wrong.sum())
    message = f"{unequal} of {want.numel()} values differ, by up to {worst:.3g}"
    return Difference(message, worst, unequal / want.numel())


def _gap(got: Any, want: Any) -> float:
    """The largest difference of two values that are equal but for rounding."""
    if not (isinstance(want, torch.Tensor) and want.is_floating_point() and want.numel()):
        return 0.0
    return float((got.double() - want.double()).abs().nan_to_num(nan=0.0, posinf=0.0).max())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
