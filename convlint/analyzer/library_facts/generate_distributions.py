"""Makes ``distributions.json`` from torch: ``python -m convlint.analyzer.library_facts.generate_distributions``.

Each class of ``torch.distributions`` is made of tensors inside of a module and exported by `torch.export`, once as
users write it and once with ``validate_args=False``: making one checks the values that it is given, which stops the
export. So do methods that are given a value, also of a distribution that was made beforehand. Linting only reads the
table.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import torch
import torch.distributions
from torch import nn

from convlint.analyzer.torch_facts.generate import attempt, in_processes

SAMPLES = ([0.25, 0.75], [[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.0], [0.5, 2.0]], 5.0)
"""Values that one or another constraint allows: probabilities, a covariance, its root, a number of degrees."""


class Makes(nn.Module):
    """A module that makes a distribution of the tensors that it is called with."""

    def __init__(self, made: Any, names: tuple[str, ...], options: dict[str, bool]) -> None:
        super().__init__()
        self.made, self.names, self.options = made, names, options

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        """A parameter of the distribution, as it keeps it."""
        distribution = self.made(**dict(zip(self.names, tensors, strict=True)), **self.options)
        kept: torch.Tensor = getattr(distribution, self.names[0])
        return kept * 1


METHODS = ("log_prob", "cdf", "icdf")
"""What takes a value."""


class Asks(nn.Module):
    """A module that asks a distribution that it was made with."""

    def __init__(self, distribution: Any, method: str) -> None:
        super().__init__()
        self.distribution, self.method = distribution, method

    def forward(self, value: torch.Tensor) -> torch.Tensor:
        """What a method says of a value."""
        said: torch.Tensor = getattr(self.distribution, self.method)(value)
        return said


def asked(name: str) -> list[str]:
    """The methods that stop an export unless the distribution was made with ``validate_args=False``."""
    made = getattr(torch.distributions, name)
    for names, tensors in _calls(made):
        given = dict(zip(names, tensors, strict=True))
        distribution = attempt(lambda: made(**given))  # noqa: B023
        value = attempt(lambda: distribution.sample((3,)))  # noqa: B023
        if value is None:
            continue
        unchecked = made(**given, validate_args=False)
        works = [method for method in METHODS if attempt(lambda: Asks(distribution, method)(value)) is not None]  # noqa: B023
        stopped = [method for method in works if not _exports(Asks(distribution, method), (value,))]
        return [method for method in stopped if _exports(Asks(unchecked, method), (value,))]
    return []


def checks(name: str) -> str:
    """Whether a distribution of tensors "stops" an export, or "validates": does so unless it is told not to; or ''."""
    made = getattr(torch.distributions, name)
    for names, tensors in _calls(made):
        if attempt(lambda: Makes(made, names, {})(*tensors)) is None:  # noqa: B023
            continue
        if _exports(Makes(made, names, {}), tensors):
            return ""
        return "validates" if _exports(Makes(made, names, {"validate_args": False}), tensors) else "stops"
    return ""


def _calls(made: Any) -> Iterator[tuple[tuple[str, ...], tuple[torch.Tensor, ...]]]:
    """The parameters that a distribution must be given, one more of those that it may be, and values for them."""
    parameters = list(inspect.signature(made.__init__).parameters.values())[1:]
    needed = tuple(one.name for one in parameters if one.default is one.empty)
    optional = tuple(one.name for one in parameters if one.default is None and one.name != "validate_args")
    for more in ((), *((name,) for name in optional)):
        for values in product(SAMPLES, repeat=len(needed + more)):
            yield needed + more, tuple(torch.tensor(value) for value in values)


def _exports(module: nn.Module, tensors: tuple[torch.Tensor, ...]) -> bool:
    return attempt(lambda: torch.export.export(module, tensors)) is not None


def main() -> None:
    """Writes the table beside this file."""
    names = [name for name in torch.distributions.__all__ if _is_distribution(getattr(torch.distributions, name))]
    found = dict(in_processes(checks, sorted(names)))
    table = {
        "torch": torch.__version__.split("+")[0],
        "made": {name: how for name, how in found.items() if how},
        "asked": {name: " ".join(methods) for name, methods in in_processes(asked, sorted(names)) if methods},
    }
    Path(__file__).with_name("distributions.json").write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def _is_distribution(value: Any) -> bool:
    return inspect.isclass(value) and issubclass(value, torch.distributions.Distribution)


if __name__ == "__main__":
    main()
