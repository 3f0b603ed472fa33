"""Whether installed converters take masks: ``python -m convlint.backends.try_masks``.

What the facts of CVL105 and CVL401 say of Core ML (coremltools) and LiteRT (litert-torch) is what this prints. Neither
is among what convlint needs.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

import torch


def assign(x: torch.Tensor) -> torch.Tensor:
    """A number under a mask of the same rank."""
    y = x.clone()
    y[y < 0] = 0.5
    return y


def assign_rows(x: torch.Tensor) -> torch.Tensor:
    """A number under a mask of rows."""
    y = x.clone()
    y[y[:, 1] > 0] = 9.0
    return y


TRIED: dict[str, Callable[[torch.Tensor], Any]] = {
    "assignment under a mask": assign,
    "assignment under a mask of rows": assign_rows,
    "x[mask]": lambda x: x[x > 0.5] * 2,
    "nonzero": lambda x: (x > 0).nonzero(),
    "where": lambda x: torch.where(x > 0)[0],
    "masked_select": lambda x: torch.masked_select(x, x > 0),
    "unique": torch.unique,
    "bincount": lambda x: torch.bincount(x.long().abs()[0]),
    "repeat_interleave": lambda x: torch.repeat_interleave(x[:, 0], (x[:, 1] > 0).long() + 1),
    "topk of a count": lambda x: torch.topk(x[0], (x[0] > 0).sum())[0],  # type: ignore[arg-type]
    "a slice up to a count": lambda x: x[: (x[0] > 0).sum()],
}


class Tried(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[[torch.Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> Any:
        """What the function returns."""
        return self.function(x)


def with_coremltools(package: Any, module: Tried, x: torch.Tensor) -> None:
    """Converts what was traced."""
    traced = torch.jit.trace(module, x, check_trace=False)  # type: ignore[no-untyped-call]
    inputs = [package.TensorType(name="x", shape=x.shape)]
    package.convert(traced, inputs=inputs, convert_to="mlprogram", skip_model_load=True)


def with_litert_torch(package: Any, module: Tried, x: torch.Tensor) -> None:
    """Converts by way of `torch.export`."""
    package.convert(module, (x,))


CONVERTERS = {"coremltools": with_coremltools, "litert_torch": with_litert_torch}


def main() -> None:
    """Prints, for each converter that is installed, what it makes of each."""
    for name, convert in CONVERTERS.items():
        try:
            package = importlib.import_module(name)
        except ImportError:
            sys.stdout.write(f"{name} is not installed\n")
            continue
        for what, function in TRIED.items():
            try:
                convert(package, Tried(function).eval(), torch.randn(4, 4))
                said = "converted"
            except Exception as error:
                said = f"{type(error).__name__}: {error}".replace("\n", " ")[:120]
            sys.stdout.write(f"{name}: {what}: {said}\n")


if __name__ == "__main__":
    main()
