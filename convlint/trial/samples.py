"""Tensors for a spec: those it is traced on, the same shapes with other values, and other shapes.

Each sample is made to catch one way in which a graph is right only for what it was traced on: a threshold nothing
passes, a count that is smaller, a batch of one, something kept from the call before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch

from convlint.trial.inputs import FLOATS, Dim, Input, Number, Spec

VALUES = ("other values", "shifted up", "all negative", "zeros", "ones", "large", "few positive")
"""How the values of a sample are drawn."""
_LOWEST, _HIGHEST = ("all negative", "zeros"), ("ones", "large")


@dataclass(frozen=True)
class Sample:
    """Inputs under a name. ``kind`` says what differs from the traced ones."""

    name: str
    kind: Literal["traced", "values", "shapes"]
    args: tuple[Any, ...]
    made: bool = True
    """Whether convlint invented the values (the user's own always count)."""
    before: tuple[tuple[Any, ...], ...] = ()
    """What the model is called with before."""


def samples(spec: Spec) -> list[Sample]:
    """The traced sample first, then all others; the same at every call."""
    draw = _Draw(torch.Generator().manual_seed(1))
    sizes = {dim.name: dim.size for dim in spec.dims.values()}
    traced = Sample("traced", "traced", draw.all(spec, sizes, "traced"))
    values = [Sample(how, "values", draw.all(spec, sizes, how)) for how in VALUES]
    second = replace(values[0], name="a second call", before=(traced.args,))
    made = [traced, *values, second]
    if any(given.dtype == "bool" for given in spec.inputs):
        made += [Sample(f"all {value}", "values", draw.with_bools(spec, sizes, value)) for value in (True, False)]
    made += [
        Sample(", ".join(f"{name}={size}" for name, size in changed.items()), "shapes", args)
        for changed in _other_sizes(spec.dims)
        for args in [draw.all(spec, sizes | changed, "sizes")]
    ]
    return made


def given_samples(named: Mapping[str, tuple[Any, ...]]) -> list[Sample]:
    """Samples from the user's own inputs, of which the first are traced."""
    (first, traced), *others = named.items()
    shapes = [_shape(value) for value in traced]
    made = [Sample(first, "traced", tuple(traced), made=False)]
    for name, args in others:
        same = [_shape(value) for value in args] == shapes
        made.append(Sample(name, "values" if same else "shapes", tuple(args), made=False))
    return made


def varied(sample: Sample) -> list[Sample]:
    """Other values for inputs of the user's: floats moved, the rest in another order, and so still valid."""
    generator = torch.Generator().manual_seed(3)
    return [
        Sample(how, "values", tuple(_varied(value, how, generator) for value in sample.args))
        for how in ("shuffled", "negated", "zeros", "large")
    ]


def _varied(value: Any, how: str, generator: torch.Generator) -> Any:
    if not isinstance(value, torch.Tensor) or not value.numel():
        return value
    if how == "shuffled" or not value.is_floating_point():
        return value.reshape(-1)[torch.randperm(value.numel(), generator=generator)].reshape(value.shape)
    return value * {"negated": -1, "zeros": 0, "large": 100}[how]


def jittered(sample: Sample, number: int = 2) -> Sample:
    """The sample with its floats moved by about a rounding error, each time by the one of a number."""
    generator = torch.Generator().manual_seed(number)
    return replace(sample, args=tuple(jitter(value, generator) for value in sample.args))


def jitter(value: Any, generator: torch.Generator, least: float = 1.0) -> Any:
    """A tensor of floats moved by about a rounding error of its largest, or of ``least``; anything else as it is."""
    if not (isinstance(value, torch.Tensor) and value.is_floating_point() and value.numel()):
        return value
    noise = torch.randn(value.shape, generator=generator).to(value.dtype)
    return value + noise * torch.finfo(value.dtype).eps * 8 * value.abs().max().clamp(min=least)


def _shape(value: Any) -> Any:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else value


def _other_sizes(dims: Mapping[str, Dim]) -> Iterator[dict[str, int]]:
    """One dimension at a time to each other size, then all of them at once."""
    for dim in dims.values():
        for size in _sizes(dim):
            yield {dim.name: size}
    if len(dims) > 1:
        grown = {dim.name: max(_sizes(dim), default=dim.size) for dim in dims.values()}
        if any(grown[name] != dim.size for name, dim in dims.items()):
            yield grown


def _sizes(dim: Dim) -> list[int]:
    candidates = {1, dim.size // 2, dim.size + dim.step, 2 * dim.size, dim.low, dim.high or 1}
    return sorted(size for size in candidates if size != dim.size and dim.allows(size))


class _Draw:
    """Draws tensors, one after another, from one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def all(self, spec: Spec, sizes: Mapping[str, int], how: str) -> tuple[Any, ...]:
        return tuple(self.one(given, sizes, how) for given in spec.inputs)

    def with_bools(self, spec: Spec, sizes: Mapping[str, int], value: bool) -> tuple[Any, ...]:
        return tuple(
            torch.full_like(tensor, value) if getattr(tensor, "dtype", None) is torch.bool else tensor
            for tensor in self.all(spec, sizes, "other values")
        )

    def one(self, given: Input, sizes: Mapping[str, int], how: str) -> Any:
        if given.dtype == "int":
            return self.number(given, how)
        shape = tuple(sizes[size] if isinstance(size, str) else size for size in given.shape)
        dtype: torch.dtype = getattr(torch, given.dtype)
        if given.bounds is not None:
            return self.bounded(shape, given.bounds, given.dtype in FLOATS, how).to(dtype)
        if given.dtype == "bool":
            return self.bools(shape, how)
        if given.dtype in FLOATS:
            return self.floats(shape, how).to(dtype)
        return self.ints(shape, how, signed=dtype.is_signed).to(dtype)

    def number(self, given: Input, how: str) -> Number:
        """One in the middle is traced, and 0 and 1 only if the bounds allow no other: ``torch.export`` fixes them."""
        assert given.bounds
        if how in ("traced", "sizes"):
            return Number(min(max(2, sum(given.bounds) // 2), given.bounds[1]))
        return Number(int(self.bounded((), given.bounds, is_float=False, how=how)))

    def bounded(self, shape: tuple[int, ...], bounds: tuple[float, float], is_float: bool, how: str) -> torch.Tensor:
        low, high = bounds
        middle = (low + high) / 2
        if how == "few positive":
            return _few(torch.full(shape, low), torch.full(shape, high))
        low = {"shifted up": middle, "ones": high, "large": high}.get(how, low)
        high = {"all negative": middle, "zeros": low}.get(how, high)
        drawn = low + (high - low) * torch.rand(shape, generator=self.generator, dtype=torch.float64)
        return drawn if is_float else drawn.round()

    def bools(self, shape: tuple[int, ...], how: str) -> torch.Tensor:
        if how in (*_LOWEST, *_HIGHEST):
            return torch.full(shape, how in _HIGHEST)
        drawn = torch.rand(shape, generator=self.generator) < 0.5
        return _few(torch.zeros_like(drawn), torch.ones_like(drawn)) if how == "few positive" else drawn

    def floats(self, shape: tuple[int, ...], how: str) -> torch.Tensor:
        drawn = torch.randn(shape, generator=self.generator)
        match how:
            case "shifted up":
                return drawn + 3
            case "all negative":
                return -drawn.abs() - 0.1
            case "zeros":
                return torch.zeros(shape)
            case "ones":
                return torch.ones(shape)
            case "large":
                return drawn * 100
            case "few positive":
                return _few(-drawn.abs(), drawn.abs() + 1)
        return drawn

    def ints(self, shape: tuple[int, ...], how: str, signed: bool) -> torch.Tensor:
        if how == "few positive":
            return _few(torch.zeros(shape), torch.ones(shape))
        low, high = {"shifted up": (4, 12), "zeros": (0, 1), "ones": (1, 2), "large": (50, 100)}.get(how, (0, 8))
        if how == "all negative" and signed:
            low, high = -8, 0
        return torch.randint(low, high, shape, generator=self.generator)


def _few(most: torch.Tensor, few: torch.Tensor) -> torch.Tensor:
    """``most``, but ``few`` in two places."""
    places = torch.zeros(most.numel(), dtype=torch.bool)
    places[: most.numel() : max(most.numel() // 2, 1)] = True
    return torch.where(places.reshape(most.shape), few, most)
