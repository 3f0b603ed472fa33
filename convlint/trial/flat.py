"""A model of any inputs as one that takes and gives nothing but tensors: every exporter takes these."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.utils import _pytree as pytree

from convlint.trial.compare import leaves, named_leaves
from convlint.trial.inputs import Number

_GIVEN = (torch.Tensor, Number)
Inputs = tuple[Any, ...] | dict[str, Any]
"""Positional arguments, or those by keyword."""


class _Tensor:
    """Where a tensor, or a number that may be another, stands among the inputs.

    A class, because a copy of it is still the same.
    """


class FlatInputs(NamedTuple):
    """The tensors among some inputs, and what it takes to put them back."""

    tensors: tuple[Any, ...]
    """And the numbers that may be others."""
    constants: list[Any]
    structure: pytree.TreeSpec

    def __deepcopy__(self, memo: Any) -> FlatInputs:
        """The same: they never change."""
        return self

    def call(self, model: Any, tensors: tuple[Any, ...]) -> Any:
        """What a model makes of other tensors in the same places."""
        given = iter(tensors)
        values = [next(given) if constant is _Tensor else constant for constant in self.constants]
        args, keywords = pytree.tree_unflatten(values, self.structure)
        return model(*args, **keywords)


def flat(inputs: Inputs) -> FlatInputs:
    """The tensors of some inputs, in order."""
    values, structure = pytree.tree_flatten(((), inputs) if isinstance(inputs, dict) else (inputs, {}))
    tensors = tuple(int(value) if isinstance(value, Number) else value for value in values if isinstance(value, _GIVEN))
    return FlatInputs(tensors, [_Tensor if isinstance(value, _GIVEN) else value for value in values], structure)


def same_structure(one: FlatInputs, other: FlatInputs) -> bool:
    """Whether the tensors of one stand where those of the other do."""
    return one.structure == other.structure and len(one.tensors) == len(other.tensors)


def names_of(model: torch.nn.Module, inputs: FlatInputs) -> tuple[str, ...]:
    """What the tensors among some inputs are called, by the parameters of the model's ``forward``."""
    args, keywords = pytree.tree_unflatten(list(range(len(inputs.constants))), inputs.structure)
    places = {place: name for name, place in named_leaves(by_parameter(model, args) | keywords)}
    return tuple(places[place] for place, constant in enumerate(inputs.constants) if constant is _Tensor)


def by_parameter(model: torch.nn.Module, args: Sequence[Any]) -> dict[str, Any]:
    """Positional arguments by the names of the parameters of the model's ``forward``."""
    parameters = inspect.signature(model.forward).parameters.values()
    names = [one.name for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return {names[i] if i < len(names) else f"input{i}": value for i, value in enumerate(args)}


def differing(a: tuple[Any, ...], b: tuple[Any, ...], names: Sequence[str] = ()) -> dict[int, dict[int, str]]:
    """The axes that have another size on the other inputs: input index to axis to name."""

    def name(i: int, axis: int) -> str:
        return f"{names[i]}.shape[{axis}]" if names else f"size{i}_{axis}"

    axes = {
        i: {axis: name(i, axis) for axis, size in enumerate(one.shape) if size != other.shape[axis]}
        for i, (one, other) in enumerate(zip(a, b, strict=True))
    }
    return {i: named for i, named in axes.items() if named}


class Flat(torch.nn.Module):
    """A model as a function from tensors to tensors."""

    def __init__(self, model: torch.nn.Module, inputs: FlatInputs) -> None:
        super().__init__()
        self.model: torch.nn.Module = model
        self.inputs = inputs
        self.as_given = False
        """Whether it gives what the model gives, whatever that is."""
        self.assigns_buffers = False
        """Whether the model assigns to buffers of its own, not of a layer's."""

    def at_root(self) -> Flat:
        """The same with these buffers as its own: ``torch.export`` keeps what is assigned to the root's."""
        self._buffers = self.model._buffers
        return self

    def forward(self, *tensors: Any) -> Any:
        """The tensors that the model gives, in order."""
        made = self.inputs.call(self.model, tensors)
        return made if self.as_given else tensors_of(made)


def tensors_of(outputs: Any) -> torch.Tensor | tuple[torch.Tensor, ...]:
    """The tensors among what a model gives, in order."""
    found = tuple(leaf for leaf in leaves(outputs) if isinstance(leaf, torch.Tensor))
    return found[0] if len(found) == 1 else found


def are_tensors(outputs: Any) -> bool:
    """Whether a model gives nothing but tensors, in tuples and lists: every exporter takes these."""
    if isinstance(outputs, (tuple, list)):
        return all(map(are_tensors, outputs))
    return isinstance(outputs, torch.Tensor)
