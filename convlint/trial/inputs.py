"""The language of example inputs: ``images: float32[N=2, 3, H=64..512:32]; k: int64[N] in 0..9``.

A named dimension is dynamic and is traced at its number; where a range is given, at a size in its middle. A name that
comes again means the same dimension. ``in`` gives the bounds of the values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from convlint.errors import UsageError, nearest

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*FLOATS, *INTS, "bool")
EXAMPLE = "write for example `x: float32[N=2, 3]; k: int64[N] in 0..9`"

_INPUT = re.compile(r"\s*([A-Za-z_]\w*)\s*:\s*(\w+)\s*\[([^\]]*)\]\s*(?:in\s+(\S+))?\s*")
_NUMBER = r"[-+]?\d+(?:\.\d+)?"
_BOUNDS = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_NAMED = re.compile(r"([A-Za-z_]\w*)\s*(?:=\s*(?:(\d+)\s*\.\.\s*(\d+)(?:\s*:\s*(\d+))?|(\d+)))?")


@dataclass(frozen=True)
class Dim:
    """A dynamic dimension: its traced size, and the sizes that may come (``high`` None: any)."""

    name: str
    size: int
    low: int = 1
    high: int | None = None
    step: int = 1

    @property
    def bounded(self) -> bool:
        """Whether the user gave a range."""
        return self.high is not None

    def allows(self, size: int) -> bool:
        """Whether the dimension may have this size."""
        return size >= self.low and (self.high is None or size <= self.high) and (size - self.low) % self.step == 0


@dataclass(frozen=True)
class Input:
    """One tensor: name, dtype, dimensions (a name is one of ``Spec.dims``) and the bounds of its values."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Spec:
    """The inputs of a model."""

    inputs: tuple[Input, ...]
    dims: Mapping[str, Dim]

    @property
    def dynamic(self) -> dict[int, dict[int, str]]:
        """Input index to axis to name, for the dynamic axes."""
        axes = {
            i: {axis: size for axis, size in enumerate(given.shape) if isinstance(size, str)}
            for i, given in enumerate(self.inputs)
        }
        return {i: named for i, named in axes.items() if named}


def parse_inputs(text: str) -> Spec:
    """The inputs that a text describes.

    Raises:
        UsageError: the text is not of the language.
    """
    dims: dict[str, Dim] = {}
    inputs: list[Input] = []
    for part in filter(str.strip, text.split(";")):
        given = _parse_input(part, dims)
        if any(given.name == other.name for other in inputs):
            raise UsageError(f"inputs `{text.strip()}`: `{given.name}` is there twice; give each input its own name")
        inputs.append(given)
    if not inputs:
        raise UsageError(f"no inputs are described; {EXAMPLE}")
    return Spec(tuple(inputs), dims)


def _parse_input(text: str, dims: dict[str, Dim]) -> Input:
    match = _INPUT.fullmatch(text)
    if not match:
        raise UsageError(f"input `{text.strip()}` is not `name: dtype[sizes]`; {EXAMPLE}")
    name, dtype, sizes, bounds = match.groups()
    if dtype not in DTYPES:
        hint = nearest(dtype, DTYPES) or f"; known are {', '.join(DTYPES)}"
        raise UsageError(f"input `{name}`: unknown dtype `{dtype}`{hint}")
    shape = tuple(_parse_size(name, size.strip(), dims) for size in sizes.split(",")) if sizes.strip() else ()
    return Input(name, dtype, shape, _parse_bounds(name, dtype, bounds) if bounds else None)


def _parse_bounds(name: str, dtype: str, text: str) -> tuple[float, float]:
    match = _BOUNDS.fullmatch(text)
    if not match or dtype == "bool":
        raise UsageError(f"input `{name}`: `in {text}` is no range of numbers; write for example `in 0..9`")
    low, high = float(match[1]), float(match[2])
    if low > high or (dtype in INTS and not (low.is_integer() and high.is_integer())):
        raise UsageError(f"input `{name}`: `in {text}` holds no {dtype}; write the lower bound first, `in 0..9`")
    return low, high


def _parse_size(owner: str, text: str, dims: dict[str, Dim]) -> int | str:
    if text.isdecimal():
        return int(text)
    match = _NAMED.fullmatch(text)
    if not match:
        raise UsageError(f"input `{owner}`: `{text}` is no size; write `3`, `N=2`, `N=1..8` or `N=64..512:32`")
    dim = _dim(owner, *match.groups())
    if dim is None:
        if match[1] not in dims:
            raise UsageError(f"input `{owner}`: dimension `{match[1]}` has no size; write `{match[1]}=2` here")
    elif dims.setdefault(dim.name, dim) != dim:
        raise UsageError(f"input `{owner}`: dimension `{dim.name}` has another size before; give its size once")
    return match[1]


def _dim(owner: str, name: str, low: str | None, high: str | None, step: str | None, size: str | None) -> Dim | None:
    """The dimension of a definition, None where the text is only the name of one."""
    if size is not None:
        if size == "0":
            raise UsageError(f"input `{owner}`: dimension `{name}` is traced at size 0; give it a size above")
        return Dim(name, int(size))
    if low is None or high is None:
        return None
    first, last, every = int(low), int(high), int(step or 1)
    if not 0 < first < last or every < 1:
        raise UsageError(
            f"input `{owner}`: `{name}={low}..{high}` is no range of sizes; write for example `{name}=1..8`"
        )
    middle = first + (last - first + every) // (2 * every) * every
    return Dim(name, middle, first, last, every)
