"""What a model gives that is more than tensors, and whether exporters take it: asked of one that gives it at once.

The whole model says so only when it was traced to its end.
"""

from __future__ import annotations

import dataclasses
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch

from convlint.trial.compare import leaves
from convlint.trial.execute import Measured, Subject, exported, run_on, told
from convlint.trial.flat import are_tensors
from convlint.trial.job import LOOSE, opset_of
from convlint.trial.samples import Sample
from convlint.trial.watch.lines import Lines
from convlint.trial.watch.places import Places

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


class Cure(NamedTuple):
    """What makes a model give outputs that exporters take."""

    advice: str = ""
    """Nothing where there is none."""
    executed: Mapping[str, list[int]] = MappingProxyType({})
    """The lines that the model runs then, by file."""


def without_cache(subject: Subject, traced: Sample, routes: Sequence[str], places: Places) -> Cure:
    """To switch off the cache of a model of transformers, if then no exporter refuses what it gives."""
    model = subject.build()
    known: list[Any] = [getattr(one, "config", None) for one in model.modules()]
    configs = [config for config in known if getattr(config, "use_cache", None) is True]
    if not configs:
        return Cure()
    with suppress(Exception), ExitStack() as stack:  # what cannot be set, or does not run then, cures nothing
        for config in configs:
            stack.callback(setattr, config, "use_cache", True)  # another copy of the model may have the same
            config.use_cache = False
        with Lines(places) as lines:
            given = Measured(subject, traced, run_on(traced, lambda args: model(*args)))
        if all(_takes(opset_of(route)[0], given) for route in routes):
            return Cure("set `config.use_cache = False`, and no exporter refuses the outputs", lines.sorted())
    return Cure()


def _takes(route: str, given: Measured) -> bool:
    refused = refusal(route, given)
    return not (refusal(f"{route}_loosely", given) if LOOSE in refused else refused)


def odd_ones(outputs: Any) -> str:
    """What among outputs is no tensor: ``output `kind` is a str``; or else what they are."""
    odd = [f"`{name}` is {_a(value)}" if name else f"it is {_a(value)}" for name, value in _odd(outputs, "")]
    more = f" and {len(odd) - _MOST} more are none either" if len(odd) > _MOST else ""
    return f"{', '.join(odd[:_MOST])}{more}" if odd else f"the outputs are {_made_of(outputs)}"


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


def _made_of(outputs: Any) -> str:
    """What outputs are, and of a list or tuple what in it is neither tensor, list nor tuple."""
    inner = outputs
    while isinstance(inner, (list, tuple)):
        inner = next(one for one in inner if not are_tensors(one))
    return f"{_a(outputs)} with {_a(inner)}" if inner is not outputs else _a(outputs)


def _a(value: Any) -> str:
    kind = type(value).__name__
    return "None" if value is None else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
