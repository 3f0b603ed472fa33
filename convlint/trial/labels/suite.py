"""A suite: an ordinary Python file with ``SOURCE``, the packages that are watched, and ``CASES``, models and inputs.

    SOURCE = ("torchvision",)
    CASES = [Case("ResNet", lambda: resnet18(), a=lambda: (torch.rand(2, 3, 64, 64),), b=lambda: ...)]

``a`` is what the tools trace, ``b`` other inputs of the same structure: another batch, other sizes where eager takes
them, other values. A tuple holds positional arguments, a dict those by keyword.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch.utils import _pytree as pytree

from convlint.errors import UsageError
from convlint.trial.compare import leaves
from convlint.trial.execute import Subject, load
from convlint.trial.samples import Sample

Inputs = tuple[Any, ...] | dict[str, Any]

_TENSOR = object()
"""Where a tensor stands among the inputs."""


@dataclass(frozen=True)
class Case:
    """A model, the inputs it is traced on, and others."""

    name: str
    model: Callable[[], torch.nn.Module]
    a: Callable[[], Inputs]
    b: Callable[[], Inputs]


@dataclass(frozen=True)
class Suite:
    """What a suite's file says."""

    source: tuple[str, ...]
    cases: dict[str, Case]


def read_suite(path: Path) -> Suite:
    """The suite of a file.

    Raises:
        UsageError: it is none.
    """
    module = load(path)
    return Suite(tuple(_named(module, "SOURCE")), {case.name: case for case in _named(module, "CASES")})


def _named(module: ModuleType, name: str) -> Any:
    if not hasattr(module, name):
        raise UsageError(f"{module.__file__}: a suite has SOURCE and CASES; there is no {name}")
    return getattr(module, name)


def subject(path: Path, case: Case) -> Subject:
    """The model of a case as one that takes and gives nothing but tensors: no exporter takes more.

    Raises:
        UsageError: the inputs have another structure on B than on A.
    """
    torch.manual_seed(0)
    (a, structure), (b, other) = _flat(case.a()), _flat(case.b())
    constants = [_TENSOR if isinstance(value, torch.Tensor) else value for value in a]
    if structure != other or len(_tensors(a)) != len(_tensors(b)):
        raise UsageError(f"{path}: the inputs of `{case.name}` have another structure on B than on A")
    traced, others = _tensors(a), _tensors(b)
    return Subject(
        str(path),
        lambda: _Flat(case.model(), constants, structure),
        [Sample("A", "traced", traced, made=False), Sample("B", "shapes", others, made=False)],
        tuple(f"input{i}" for i in range(len(traced))),
        _differing(traced, others),
        {},
    )


def _flat(inputs: Inputs) -> tuple[list[Any], pytree.TreeSpec]:
    return pytree.tree_flatten(((), inputs) if isinstance(inputs, dict) else (inputs, {}))


def _tensors(values: list[Any]) -> tuple[torch.Tensor, ...]:
    return tuple(value for value in values if isinstance(value, torch.Tensor))


def _differing(a: tuple[torch.Tensor, ...], b: tuple[torch.Tensor, ...]) -> dict[int, dict[int, str]]:
    """The axes that have another size on B: input index to axis to name."""
    axes = {
        i: {axis: f"size{i}_{axis}" for axis, size in enumerate(one.shape) if size != other.shape[axis]}
        for i, (one, other) in enumerate(zip(a, b, strict=True))
    }
    return {i: named for i, named in axes.items() if named}


class _Flat(torch.nn.Module):
    """A model as a function from tensors to tensors."""

    def __init__(self, model: torch.nn.Module, constants: list[Any], structure: pytree.TreeSpec) -> None:
        super().__init__()
        self.model = model
        self.constants = constants
        self.structure = structure

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, ...]:
        given = iter(tensors)
        values = [next(given) if constant is _TENSOR else constant for constant in self.constants]
        args, keywords = pytree.tree_unflatten(values, self.structure)
        made = tuple(leaf for leaf in leaves(self.model(*args, **keywords)) if isinstance(leaf, torch.Tensor))
        return made[0] if len(made) == 1 else made
