"""The language of example inputs: ``images: float32[N=2, 3, H=64..512:32]; k: int64[N] in 0..9; masked = True``.

A named dimension is dynamic and is traced at its number; where a range is given, at a size in its middle. A name that
comes again means the same dimension. ``in`` gives the bounds of the values, also of a number of Python's own: ``k: int
in 1..8``. ``=`` gives a Python value that stays. Names with dots are parts: ``target.boxes: ...; target.labels: ...``
is a dict, ``levels.0: ...`` a list.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from convlint.errors import UsageError, nearest

FLOATS = ("float32", "float64", "float16", "bfloat16")
INTS = ("int64", "int32", "int16", "int8", "uint8")
DTYPES = (*FLOATS, *INTS, "bool")
EXAMPLE = "write for example `x: float32[N=2, 3]; k: int64[N] in 0..9`"

_INPUT = re.compile(r"\s*([A-Za-z_]\w*(?:\.\w+)*)\s*:\s*(\w+)\s*\[([^\]]*)\]\s*(?:in\s+(\S+))?\s*")
_INT = re.compile(r"\s*([A-Za-z_]\w*(?:\.\w+)*)\s*:\s*int\s*(?:in\s+(\S+))?\s*")
_CONSTANT = re.compile(r"\s*([A-Za-z_]\w*(?:\.\w+)*)\s*=\s*(.+)", re.DOTALL)
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


class Number(int):
    """An int of Python's own that may be another."""


@dataclass(frozen=True)
class Input:
    """One tensor: name, dtype, dimensions (a name is one of ``Spec.dims``) and the bounds of its values.

    Or a ``Number``, of the dtype ``int``.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    bounds: tuple[float, float] | None = None


@dataclass(frozen=True)
class Spec:
    """The inputs of a model."""

    inputs: tuple[Input, ...]
    dims: Mapping[str, Dim]
    constants: Mapping[str, Any] = field(default_factory=dict)
    """Name to value of what is no tensor."""

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
    constants: dict[str, Any] = {}
    for part in filter(str.strip, text.split(";")):
        constant = _CONSTANT.fullmatch(part)
        given = None if constant else _parse_input(part, dims)
        name = constant[1] if constant else given.name if given else ""
        if name in constants or any(name == other.name for other in inputs):
            raise UsageError(f"inputs `{text.strip()}`: `{name}` is there twice; give each input its own name")
        if constant:
            constants[name] = _parse_constant(name, constant[2].strip())
        elif given:
            inputs.append(given)
    if not inputs:
        raise UsageError(f"no inputs are described; {EXAMPLE}")
    return Spec(tuple(inputs), dims, constants)


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by name with their parts put together: names with dots become dicts, with numbers lists.

    Raises:
        UsageError: a name is both a value and the beginning of others.
    """
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *path, last = name.split(".")
        branch = tree
        for part in path:
            branch = branch.setdefault(part, _Branch())
            if not isinstance(branch, _Branch):
                raise UsageError(f"input `{name}`: `{part}` has a value of its own; give either it or its parts")
        if isinstance(branch.get(last), _Branch):
            raise UsageError(f"input `{name}`: it has parts; give either it or its parts")
        branch[last] = value
    return {name: _grown(value) for name, value in tree.items()}


class _Branch(dict[str, Any]):
    """The parts of an input."""


def _grown(value: Any) -> Any:
    if not isinstance(value, _Branch):
        return value
    if all(part.isdecimal() for part in value):
        return [_grown(value[part]) for part in sorted(value, key=int)]
    return {part: _grown(inner) for part, inner in value.items()}


def _parse_constant(name: str, text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise UsageError(
            f"input `{name}`: `{text}` is no Python value; write for example `{name} = True`, or for a tensor "
            f"`{name}: float32[N=2]`"
        ) from None


def _parse_input(text: str, dims: dict[str, Dim]) -> Input:
    if number := _INT.fullmatch(text):
        return Input(number[1], "int", (), _parse_bounds(number[1], "int", number[2] or ""))
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
        why = f"`in {text}` is no range of numbers" if text else f"an {dtype} needs a range of numbers"
        raise UsageError(f"input `{name}`: {why}; write for example `in 0..9`")
    low, high = float(match[1]), float(match[2])
    if low > high or (dtype in ("int", *INTS) and not (low.is_integer() and high.is_integer())):
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
