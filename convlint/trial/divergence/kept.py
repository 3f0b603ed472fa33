"""Values of tensors, kept to be compared later: large ones in part."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch

from convlint.trial.compare import Difference, difference, near
from convlint.trial.divergence.told import ENDLESS, Tensor

_MOST_VALUES = 1 << 16
"""Of larger tensors only so many are kept."""
_SKETCHED = 16
_NEAR = 0.05
"""The tolerance of a sketch: looser than any of the comparison, which decides."""


class Kept(NamedTuple):
    """A tensor as it was when it was kept."""

    dtype: torch.dtype
    shape: tuple[int, ...]
    values: torch.Tensor
    """All of its values in a row, or every n-th, where n divides no usual size."""

    @classmethod
    def of(cls, tensor: torch.Tensor) -> Kept:
        """The value that a tensor has now."""
        flat = tensor.detach().reshape(-1)
        step = _step(flat.numel())
        return cls(tensor.dtype, tuple(tensor.shape), flat[::step].clone())

    @property
    def size(self) -> int:
        """How much memory it takes."""
        return self.values.numel() * self.values.element_size()

    @property
    def trivial(self) -> bool:
        """Whether other tensors are likely to have the same value by chance."""
        if self.values.numel() < 2 and self.dtype.is_floating_point:
            return not self.values.numel() or float(self.values[0]).is_integer()
        return bool((self.values == self.values[:1]).all())

    @property
    def told(self) -> Tensor:
        """What to tell of it."""
        value = f"{self.values[0].item():.6g}" if self.values.numel() == 1 else ""
        return Tensor(dtype=str(self.dtype).removeprefix("torch."), shape=self.shape, value=value)

    @property
    def form(self) -> tuple[Any, ...]:
        """What tensors of equal value have in common: a single number is often one of another rank."""
        kind = "complex" if self.dtype.is_complex else "float" if self.dtype.is_floating_point else "int"
        return kind, *(self.shape if math.prod(self.shape) != 1 else ())


def gap(got: Kept, want: Kept) -> Difference | None:
    """In what values differ, where mere width of numbers counts as nothing."""
    if math.prod(got.shape) == math.prod(want.shape) == 1:
        got = got._replace(shape=want.shape)
    if got.shape != want.shape:
        return Difference(f"shape {got.shape} instead of {want.shape}")
    if got.dtype == want.dtype and _surely_equal(got.values, want.values):
        return None
    wider = torch.promote_types(got.values.dtype, want.values.dtype)
    return difference(got.values.to(wider), want.values.to(wider))


def error(got: Kept, want: Kept) -> float | None:
    """The largest difference relative to the largest value, as ``gap`` sees it; None of other shapes."""
    if got.values.numel() != want.values.numel():
        return None
    if not want.values.numel():
        return 0.0
    wide = torch.complex128 if got.dtype.is_complex or want.dtype.is_complex else torch.float64
    a, b = got.values.to(wide), want.values.to(wide)
    apart = torch.where((a == b) | (a.isnan() & b.isnan()), 0.0, (a - b).abs())
    most = float(apart.nan_to_num(nan=math.inf, posinf=math.inf).max())
    return min(ENDLESS, most / (1 + _largest(want._replace(values=b))))


def _surely_equal(got: torch.Tensor, want: torch.Tensor) -> bool:
    if want.is_floating_point() and want.numel():
        return near(got, want)
    return torch.equal(got, want)


def _step(count: int) -> int:
    if count <= _MOST_VALUES:
        return 1
    step = count // _MOST_VALUES + 1
    while any(step % prime == 0 for prime in (2, 3, 5, 7, 11, 13)):
        step += 1
    return step


class Index:
    """Finds the kept values that are equal to another one."""

    def __init__(self, values: Iterable[tuple[int, Kept]]) -> None:
        self._values = dict(values)
        by_form: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for key, value in self._values.items():
            by_form[value.form].append(key)
        self._sketches = {
            form: (keys, torch.stack([_sketch(self._values[key]) for key in keys])) for form, keys in by_form.items()
        }

    def equal(self, other: Kept) -> Iterator[int]:
        """The keys of all values that are equal."""
        if other.form not in self._sketches:
            return
        keys, sketches = self._sketches[other.form]
        sketch = _sketch(other)
        near = (sketches - sketch).abs() <= (_NEAR * (1 + _largest(other)) if other.form[0] != "int" else 0)
        near |= (sketches == sketch) | (sketches.isnan() & sketch.isnan())
        for row in near.all(1).nonzero().flatten().tolist():
            if gap(other, self._values[keys[row]]) is None:
                yield keys[row]


def _sketch(value: Kept) -> torch.Tensor:
    """A few numbers of a value."""
    places = torch.linspace(0, max(value.values.numel() - 1, 0), min(_SKETCHED, value.values.numel())).long()
    picked = value.values[places]
    return (torch.view_as_real(picked).flatten() if picked.is_complex() else picked).double()


def _largest(value: Kept) -> float:
    sizes = value.values.abs()
    finite = sizes[sizes.isfinite()]
    return float(finite.max()) if finite.numel() else 0.0
