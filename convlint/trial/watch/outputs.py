"""What a model gives that is more than tensors, and whether exporters take it: asked of one that gives it at once.

The whole model says so only when it was traced to its end.
"""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from convlint.trial.compare import leaves
from convlint.trial.execute import Measured, exported, told

_ASKED = {"onnx_dynamo": "torch_export"}
"""The route that one begins with, which says the same in less time."""
_CONSTANT = "did not have observable data dependence"
"""What a trace says of outputs that are made of no input, as those of such a model are."""
_MOST = 3


class _Gives(torch.nn.Module):
    """Gives the same, whatever it takes."""

    def __init__(self, outputs: Any) -> None:
        super().__init__()
        self.outputs = outputs

    def forward(self, *_: torch.Tensor) -> Any:
        """What it gives."""
        return self.outputs


def refusal(route: str, traced: Measured) -> str:
    """Why an exporter does not take the outputs of a model, nothing where it does or only the model itself shows it.

    A number may be a size of an input, and so no number any more while a model is exported.
    """
    if any(isinstance(leaf, (int, float, complex)) for leaf in leaves(traced.want)):
        return ""
    subject = traced.subject._replace(made=_Gives(traced.want), dynamic={})
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exported(_ASKED.get(route, route), subject, traced.sample, None, Path(folder))
        except Exception as error:
            return "" if _CONSTANT in str(error) else told(error)
    return ""


def odd_ones(outputs: Any) -> str:
    """What among outputs is no tensor: ``output `kind` is a str``; or else what they are."""
    odd = [f"`{name}` is {_a(value)}" if name else f"it is {_a(value)}" for name, value in _odd(outputs, "")]
    more = f" and {len(odd) - _MOST} more are none either" if len(odd) > _MOST else ""
    return f"{', '.join(odd[:_MOST])}{more}" if odd else f"the outputs are {_a(outputs)}"


def _odd(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    parts: Any = ()
    if isinstance(value, Mapping):
        parts = value.items()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
    elif isinstance(value, (tuple, list)):
        parts = enumerate(value)
    elif not isinstance(value, torch.Tensor):
        yield name, value
    for key, part in parts:
        yield from _odd(part, f"{name}.{key}" if name else str(key))


def _a(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
