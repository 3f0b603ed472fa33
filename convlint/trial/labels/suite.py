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

from convlint.errors import UsageError
from convlint.trial.execute import Subject, load
from convlint.trial.flat import Flat, Inputs, differing, flat, same_structure
from convlint.trial.samples import Sample


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
    a, b = flat(case.a()), flat(case.b())
    if not same_structure(a, b):
        raise UsageError(f"{path}: the inputs of `{case.name}` have another structure on B than on A")
    return Subject(
        str(path),
        lambda: Flat(case.model(), a),
        [Sample("A", "traced", a.tensors, made=False), Sample("B", "shapes", b.tensors, made=False)],
        tuple(f"input{i}" for i in range(len(a.tensors))),
        differing(a.tensors, b.tensors),
        {},
    )
