"""A model of any inputs as one that takes and gives nothing but tensors: no exporter takes more."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch.utils import _pytree as pytree

from convlint.trial.compare import leaves

Inputs = tuple[Any, ...] | dict[str, Any]
"""Positional arguments, or those by keyword."""


class _Tensor:
    """Where a tensor stands among the inputs (a class, because a copy of it is still the same)."""


class FlatInputs(NamedTuple):
    """The tensors among some inputs, and what it takes to put them back."""

    tensors: tuple[torch.Tensor, ...]
    constants: list[Any]
    structure: pytree.TreeSpec

    def __deepcopy__(self, memo: Any) -> FlatInputs:
        """The same: they never change."""
        return self

    def call(self, model: Any, tensors: tuple[torch.Tensor, ...]) -> Any:
        """What a model makes of other tensors in the same places."""
        given = iter(tensors)
        values = [next(given) if constant is _Tensor else constant for constant in self.constants]
        args, keywords = pytree.tree_unflatten(values, self.structure)
        return model(*args, **keywords)


def flat(inputs: Inputs) -> FlatInputs:
    """The tensors of some inputs, in order."""
    values, structure = pytree.tree_flatten(((), inputs) if isinstance(inputs, dict) else (inputs, {}))
    tensors = tuple(value for value in values if isinstance(value, torch.Tensor))
    return FlatInputs(tensors, [_Tensor if isinstance(value, torch.Tensor) else value for value in values], structure)


def same_structure(one: FlatInputs, other: FlatInputs) -> bool:
    """Whether the tensors of one stand where those of the other do."""
    return one.structure == other.structure and len(one.tensors) == len(other.tensors)


def differing(a: tuple[torch.Tensor, ...], b: tuple[torch.Tensor, ...]) -> dict[int, dict[int, str]]:
    """The axes that have another size on the other inputs: input index to axis to name."""
    axes = {
        i: {axis: f"size{i}_{axis}" for axis, size in enumerate(one.shape) if size != other.shape[axis]}
        for i, (one, other) in enumerate(zip(a, b, strict=True))
    }
    return {i: named for i, named in axes.items() if named}


class Flat(torch.nn.Module):
    """A model as a function from tensors to tensors."""

    def __init__(self, model: torch.nn.Module, inputs: FlatInputs) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        """The tensors that the model gives, in order."""
        made = leaves(self.inputs.call(self.model, tensors))
        found = tuple(leaf for leaf in made if isinstance(leaf, torch.Tensor))
        return found[0] if len(found) == 1 else found
