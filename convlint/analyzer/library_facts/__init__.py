"""What the analyzer knows of NumPy, torchvision and torch's distributions: tables made from what is installed."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convlint.analyzer.torch_facts import Operator


@dataclass(frozen=True)
class Member:
    """A function or layer of ``torchvision.ops``, by trial calls."""

    given: tuple[str, ...]
    """The parameters of a call."""
    made: tuple[str, ...] | None
    """The parameters that a layer is made with, None for a function."""
    operator: Operator
    """What it returns (D: a dictionary of tensors), with its usual options."""
    itself: bool
    """Whether it gives its first argument back where it is not training."""
    sizes: tuple[str, ...] | None
    """The axes of its result: ``boxes.0`` (as those boxes), ``output_size``, ``4``, * (by values), ? (by what else)."""
    shaping: frozenset[str]
    """Optional parameters that may change the sizes."""
    asking: bool
    """Whether its own code asks for sizes when it is traced."""
    refused: dict[str, str]
    """The ONNX exporters that refuse it, and the operator that they lack."""


@functools.cache
def torchvision_ops() -> dict[str, Member]:
    """The shipped table of ``torchvision.ops`` by name."""
    return {name: _member(row) for name, row in _read("torchvision")["members"].items()}


def _read(name: str) -> dict[str, Any]:
    table: dict[str, Any] = json.loads(Path(__file__).with_name(f"{name}.json").read_text(encoding="utf-8"))
    return table


def _member(row: dict[str, Any]) -> Member:
    flags = row["flags"]
    return Member(
        tuple(row["given"]),
        tuple(row["made"]) if "made" in row else None,
        Operator(
            row["returns"], row["dtypes"], "v" in flags, "w" in flags, dynamic_shape="d" in flags, random="r" in flags
        ),
        "i" in flags,
        None if row["sizes"] is None else tuple(row["sizes"]),
        frozenset(row["shaping"]),
        "warns" in row["frozen"],
        row["refused"],
    )


@dataclass(frozen=True)
class NumpyFunction:
    """A function of NumPy or a method of its arrays, by trial calls."""

    returns: str
    """A array (or scalar of NumPy), i f b s Python values, L many arrays, l many values, - nothing, a letter a part."""
    on_tensors: str
    """values (of tensors are read), graph (it follows), asks (for their shapes), fails, '' (takes no arrays)."""


@dataclass(frozen=True)
class Numpy:
    """NumPy's functions, the methods and attributes of arrays, its constants."""

    functions: dict[str, NumpyFunction]
    methods: dict[str, NumpyFunction]
    attributes: dict[str, str]
    """The letter (see ``NumpyFunction``) of each; k an int that is the same for all sizes."""
    constants: dict[str, str]
    """The name of the type of each."""


@functools.cache
def numpy() -> Numpy:
    """The shipped table of NumPy."""
    raw = _read("numpy")
    functions = {name: NumpyFunction(returns, tensors) for name, (returns, _, tensors) in raw["functions"].items()}
    methods = {name: NumpyFunction(returns, "") for name, (returns, _) in raw["methods"].items()}
    return Numpy(functions, methods, raw["attributes"], raw["constants"])


@functools.cache
def distributions() -> dict[str, bool]:
    """The classes of ``torch.distributions`` that stop an export where they are made, and whether for the checks alone
    that ``validate_args=False`` leaves out.
    """
    return {name: how == "validates" for name, how in _read("distributions")["made"].items()}


@functools.cache
def distributions_asked() -> dict[str, frozenset[str]]:
    """By class of ``torch.distributions`` the methods that check the value that they are given, for which an export
    stops unless the distribution was made with ``validate_args=False``.
    """
    return {name: frozenset(methods.split()) for name, methods in _read("distributions")["asked"].items()}
