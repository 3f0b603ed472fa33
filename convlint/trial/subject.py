"""A user's model and inputs, made ready for the routes: other inputs are invented, and all are flat tensors."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from types import GeneratorType
from typing import Any, NamedTuple

import torch

from convlint.errors import UsageError, nearest
from convlint.source.place import of_error
from convlint.trial.execute import Subject, seed, told
from convlint.trial.flat import Flat, FlatInputs, Inputs, differing, flat, names_of, same_structure
from convlint.trial.inputs import Spec, nested, parse_inputs
from convlint.trial.job import ModelSpec
from convlint.trial.model import find, load_model
from convlint.trial.samples import Sample, samples, varied

_FUNCTION = re.compile(r"[^\s\[\];=]+:[\w.]+")
_SEEDS = range(1, 5)


class Prepared(NamedTuple):
    """A model with its inputs."""

    subject: Subject
    """The model as one of tensors alone."""
    inputs: FlatInputs
    text: str
    """The inputs in words."""


def prepare(model: torch.nn.Module, spec: ModelSpec, text: str | Callable[[], Any]) -> Prepared:
    """A model with inputs: as described by a text, or given by a function or the one that a text names.

    Raises:
        UsageError: the inputs cannot be understood or are not those of the model.
    """
    if not isinstance(text, str):
        return _from_function(model, spec, getattr(text, "__name__", "the inputs"), text)
    if _FUNCTION.fullmatch(text):
        return _from_function(model, spec, text, find(text, spec.folders))
    described = parse_inputs(text)
    made = samples(described)
    calls = [flat(arranged(model, described, sample.args)) for sample in made]
    before = [tuple(flat(arranged(model, described, args)).tensors for args in sample.before) for sample in made]
    order = [
        int(place) for place in flat(arranged(model, described, torch.arange(len(described.inputs)).unbind())).tensors
    ]
    subject = Subject(
        spec.factory,
        _copied(Flat(model, calls[0]), spec),
        [
            Sample(one.name, one.kind, call.tensors, before=earlier)
            for one, call, earlier in zip(made, calls, before, strict=True)
        ],
        tuple(described.inputs[i].name.replace(".", "_") for i in order),
        {new: described.dynamic[old] for new, old in enumerate(order) if old in described.dynamic},
        dict(described.dims),
        spec.training,
    )
    return Prepared(subject, calls[0], text.strip())


def arranged(model: torch.nn.Module, described: Spec, tensors: Sequence[Any]) -> Inputs:
    """Tensors and constants as the arguments of a model: by keyword where it knows their names.

    Raises:
        UsageError: it knows some of the names and not others.
    """
    by_name = {given.name: tensor for given, tensor in zip(described.inputs, tensors, strict=True)}
    values = nested(by_name | dict(described.constants))
    parameters = inspect.signature(model.forward).parameters
    known = [name for name in values if name in parameters]
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    if len(known) == len(values) or (known and open_ended):
        return values
    if not known and not described.constants:
        return tuple(values.values())
    unknown = next(name for name in values if name not in parameters)
    raise UsageError(f"input `{unknown}`: `forward` has no such parameter{nearest(unknown, parameters)}")


def _from_function(model: torch.nn.Module, spec: ModelSpec, name: str, function: Any) -> Prepared:
    first, *others = _given(name, function)
    made = [Sample("traced", "traced", first.tensors, made=False)]
    for i, other in enumerate(others, 2):
        kind = "shapes" if differing(first.tensors, other.tensors) else "values"
        made.append(Sample(f"input {i}", kind, other.tensors, made=False))  # type: ignore[arg-type]
    for number in _SEEDS:
        again = _given(name, function, number)[0]
        if not differing(first.tensors, again.tensors) and not _equal(first, again):
            made.append(Sample(f"seed {number}", "values", again.tensors, made=False))
    called = names_of(model, first)
    axes: dict[int, dict[int, str]] = {}
    for other in others:
        for i, named in differing(first.tensors, other.tensors, called).items():
            axes.setdefault(i, {}).update(named)
    names = tuple(one.replace(".", "_") for one in called)
    subject = Subject(
        spec.factory, _copied(Flat(model, first), spec), made + varied(made[0]), names, axes, {}, spec.training
    )
    shapes = ", ".join(f"{str(one.dtype).removeprefix('torch.')}{list(one.shape)}" for one in first.tensors)
    return Prepared(subject, first, f"{name} ({shapes})")


def _given(name: str, function: Any, number: int = 0) -> list[FlatInputs]:
    """What a function of the user gives: one input, or several where it yields them."""
    seed(number)
    try:
        given = function()
        several = list(given) if isinstance(given, GeneratorType) else [given]
    except Exception as error:
        place = of_error(error)
        raise UsageError(f"`{name}` gives no inputs: {told(error)}{f' ({place})' if place else ''}") from error
    made = [flat(_as_inputs(one)) for one in several]
    if not made or not made[0].tensors:
        raise UsageError(f"`{name}` gives no tensors; return the model's inputs as a tuple, or as a dict by name")
    if not all(same_structure(made[0], one) and _same_ranks(made[0], one) for one in made):
        raise UsageError(f"`{name}` yields inputs of several structures; yield other values and sizes of one")
    values = [_plain(one) for one in made]
    if several := [same[0] for same in zip(*values, strict=True) if len({*same}) > 1]:
        raise UsageError(
            f"`{name}` yields several values of what is no tensor, {several[0]!r} and others; yield one, and describe "
            f"a whole number that may be another with `--input 'k: int in 1..8'`"
        )
    return made


def _plain(inputs: FlatInputs) -> list[Any]:
    return [one for one in inputs.constants if isinstance(one, (int, float, str))]


def _as_inputs(value: Any) -> Inputs:
    if isinstance(value, Mapping):
        return dict(value)
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _same_ranks(one: FlatInputs, other: FlatInputs) -> bool:
    return all(a.dim() == b.dim() for a, b in zip(one.tensors, other.tensors, strict=True))


def _equal(one: FlatInputs, other: FlatInputs) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.tensors, other.tensors, strict=True))


def _copied(model: Flat, spec: ModelSpec) -> Any:
    """What gives a new model each time: copies are cheap, but not every model can be copied."""
    try:
        copy.deepcopy(model)
    except Exception as error:
        if ":" not in spec.factory:
            raise UsageError(
                f"the {spec.factory} cannot be copied ({told(error)}), and each exporter needs one of its own; give "
                f"the name of a function that makes it, `package.module:function`"
            ) from error
        return lambda: Flat(load_model(spec), model.inputs)
    return model
