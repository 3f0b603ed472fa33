"""Sizes that an exported program excludes: the guards of ``torch.export``, which an ONNX file does not keep.

``guards_noted`` is open while a program is exported and notes each condition on sizes with the line that asked for it.
``broken`` says which one other inputs do not meet, ``excluded`` which of the sizes that the user declared do not, and
``tried`` what a graph answers there.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import sympy
import torch
from msgspec.structs import replace as changed
from torch.fx.experimental.symbolic_shapes import ShapeEnv
from torch.utils._sympy.printers import PythonPrinter

from convlint.source.place import shown
from convlint.trial.compare import difference
from convlint.trial.divergence.told import Excluded
from convlint.trial.execute import run_on, told
from convlint.trial.hooks import replaced
from convlint.trial.inputs import Dim
from convlint.trial.samples import Sample
from convlint.trial.watch.places import Place, Places

_SIZE = re.compile(r"^L((?:\[[^\]]+\])+)\.size\(\)\[(\d+)\]$")
_KEY = re.compile(r"\['([^']*)'\]|\[(\d+)\]")
_KEPT = ("eval", "runtime_assert")
_MOST_SIZES = 256
"""Sizes of a dimension that are looked at."""


class Guard(NamedTuple):
    """A condition on sizes that a program depends on, and so all that its graph is good for."""

    condition: Any
    names: Mapping[str, Any]
    """The inputs' sizes, in torch's words, to the condition's symbols."""
    place: Place | None
    """The line that asked for it."""
    decided: bool
    """Whether the line went one of two ways by it; else it is only checked when the program runs."""


@contextmanager
def guards_noted(guards: list[Guard], places: Places) -> Iterator[None]:
    """While open, notes the conditions that an exported program depends on."""
    log = ShapeEnv._log_guard

    def noted(self: ShapeEnv, prefix: str, condition: Any, *args: Any, **keywords: Any) -> None:
        if prefix in _KEPT:
            guards.append(Guard(condition, self.source_to_var, places.of_caller(), prefix == "eval"))
        return log(self, prefix, condition, *args, **keywords)

    with replaced(ShapeEnv, "_log_guard", noted):
        yield


class Sizes:
    """The sizes of the inputs of a model, or what they are called, by torch's words for them."""

    def __init__(self, model: torch.nn.Module, sizes: Sequence[Sequence[Any]]) -> None:
        self._bound = inspect.signature(model.forward).bind(*sizes).arguments

    def of(self, source: str) -> Any:
        """The size that a source names, None for what is none."""
        found = _SIZE.match(source)
        if not found:
            return None
        value: Any = self._bound
        try:
            for name, number in _KEY.findall(found[1]):
                value = value[int(number) if number else name]
            return value[int(found[2])]
        except (KeyError, IndexError, TypeError):
            return None

    def holds(self, guard: Guard) -> bool:
        """Whether the sizes meet a condition."""
        sizes = {symbol: size for source, symbol in guard.names.items() if (size := self.of(source)) is not None}
        return str(guard.condition.subs(sizes)) != "False"

    def told(self, guard: Guard) -> str:
        """A condition in the user's words for the dimensions."""
        symbols = {
            symbol: sympy.Symbol(name, integer=True, positive=True)
            for source, symbol in guard.names.items()
            if (name := self.of(source))
        }
        return _plain(str(PythonPrinter().doprint(guard.condition.subs(symbols))))


def _plain(condition: str) -> str:
    """A condition without the brackets that it does not need: sympy puts one around each step."""
    try:
        return ast.unparse(ast.parse(condition, mode="eval"))
    except SyntaxError:
        return condition


def shapes_of(args: Sequence[Any]) -> list[list[int]]:
    """The sizes of inputs."""
    return [list(value.shape) if isinstance(value, torch.Tensor) else [] for value in args]


def names_of(args: Sequence[Any], dynamic: Mapping[int, Mapping[int, str]]) -> list[list[str | None]]:
    """What the user calls the sizes of inputs, None where they are not dynamic."""
    return [[dynamic.get(i, {}).get(axis) for axis in range(len(shape))] for i, shape in enumerate(shapes_of(args))]


def broken(guards: Sequence[Guard], sizes: Sizes) -> Guard | None:
    """The first line's condition that other inputs do not meet: eager goes another way from there."""
    return next((one for one in guards if one.place and one.decided and not sizes.holds(one)), None)


def excluded(
    guards: Sequence[Guard],
    model: torch.nn.Module,
    traced: Sample,
    dynamic: Mapping[int, Mapping[int, str]],
    dims: Mapping[str, Dim],
) -> list[Excluded]:
    """The declared sizes that do not meet a guard: one for each dimension and guard."""
    shapes = shapes_of(traced.args)
    names = Sizes(model, names_of(traced.args, dynamic))
    different: dict[Any, Guard] = {}
    for guard in guards:
        different.setdefault(guard.condition, guard)
    found = []
    for name, dim in _dimensions(shapes, dynamic, dims).items():
        known: list[Guard] = []
        for size in _declared(dim):
            sizes = Sizes(model, _changed(shapes, dynamic, {name: size}))
            unmet = next((guard for guard in different.values() if not sizes.holds(guard)), None)
            if unmet is None or unmet in known:
                continue
            known.append(unmet)
            found.append(
                Excluded(
                    dimension=name,
                    condition=names.told(unmet),
                    size=size,
                    declared=f"{dim.low}..{dim.high or ''}",
                    place=f"{shown(unmet.place.path)}:{unmet.place.line}" if unmet.place else "",
                )
            )
    return found


def tried(
    one: Excluded,
    build: Callable[[], torch.nn.Module],
    traced: Sample,
    dynamic: Mapping[int, Mapping[int, str]],
    run: Callable[[tuple[Any, ...]], Any],
) -> Excluded:
    """What a graph answers at an excluded size; the same again where eager itself fails there."""
    sample = resized(traced, dynamic, {one.dimension: one.size})
    model = build()
    try:
        want = run_on(sample, lambda args: model(*args))
    except Exception:
        return one
    try:
        got = run_on(sample, run)
    except Exception as error:
        return changed(one, accepted=False, message=told(error))
    found = difference(got, want)
    return changed(one, accepted=True, message=found.message if found else "", worst=found.worst if found else None)


def resized(sample: Sample, dynamic: Mapping[int, Mapping[int, str]], sizes: Mapping[str, int]) -> Sample:
    """A sample of other sizes: its values repeated or cut, and so still valid."""
    args = list(sample.args)
    for i, axes in dynamic.items():
        for axis, name in axes.items():
            if name in sizes:
                rows = torch.arange(sizes[name]) % args[i].shape[axis]
                args[i] = args[i].index_select(axis, rows)
    return replace(sample, name=", ".join(f"{k}={v}" for k, v in sizes.items()), kind="shapes", args=tuple(args))


def _dimensions(
    shapes: list[list[int]], dynamic: Mapping[int, Mapping[int, str]], dims: Mapping[str, Dim]
) -> dict[str, Dim]:
    traced = {name: Dim(name, shapes[i][axis]) for i, axes in dynamic.items() for axis, name in axes.items()}
    return traced | {name: dims[name] for name in traced if name in dims}


def _declared(dim: Dim) -> list[int]:
    """The sizes that may come, those near to the traced one first."""
    high = dim.high or max(4 * dim.size, _MOST_SIZES)
    sizes = (size for size in range(dim.low, high + 1) if dim.allows(size) and size != dim.size)
    return sorted(sizes, key=lambda size: (abs(size - dim.size), size))[:_MOST_SIZES]


def _changed(
    shapes: list[list[int]], dynamic: Mapping[int, Mapping[int, str]], sizes: Mapping[str, int]
) -> list[list[int]]:
    return [
        [sizes.get(dynamic.get(i, {}).get(axis, ""), size) for axis, size in enumerate(shape)]
        for i, shape in enumerate(shapes)
    ]
