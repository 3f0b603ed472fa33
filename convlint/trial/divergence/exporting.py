"""Whether a graph is another than eager because the model asks if it is being exported, and then does something else.

Eager is told that it is, as an exporter tells it, and gives what the graph gives if that is all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.onnx._internal.exporter import _flags

from convlint.trial.compare import difference
from convlint.trial.divergence.search import parting
from convlint.trial.divergence.tape import Budget, Tape, record
from convlint.trial.divergence.told import Divergence
from convlint.trial.execute import run_on
from convlint.trial.hooks import replaced
from convlint.trial.samples import Sample

_FLAGS: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "onnx_torchscript": ((_flags, "_is_onnx_exporting", True), (torch._C, "_is_tracing", lambda: True)),
    "onnx_dynamo": (
        (_flags, "_is_onnx_exporting", True),
        (torch.compiler, "_is_compiling_flag", True),
        (torch.compiler, "_is_exporting_flag", True),
    ),
}
"""By route what ``torch.onnx.is_in_onnx_export``, ``torch.jit.is_tracing`` and ``torch.compiler.is_exporting`` read."""


@contextmanager
def told_that_it_is_exported(route: str) -> Iterator[None]:
    """While open, eager finds what it finds while an exporter runs it."""
    with ExitStack() as stack:
        for owner, name, value in _FLAGS[route]:
            stack.enter_context(replaced(owner, name, value))
        yield


def parted_by_asking(
    build: Callable[[], torch.nn.Module], failing: Sample, got: Any, route: str, budget: Budget
) -> Divergence | None:
    """The line from which a model goes another way while it is exported; None where that is not what a graph gives.

    ``got`` is what the graph gives on a sample on which it is wrong.

    Raises:
        OverBudgetError: it takes too much.
    """
    model = build()
    with told_that_it_is_exported(route):
        made = run_on(failing, lambda args: model(*args))  # not recorded: what it asks may be imported first
    if difference(got, made):
        return None
    with told_that_it_is_exported(route):
        exported = _recorded(build, failing, budget)
    place = parting(_recorded(build, failing, budget).lines, exported.lines)
    return Divergence(kind="asked", place=place, operator="", proven=True) if place else None


def _recorded(build: Callable[[], torch.nn.Module], sample: Sample, budget: Budget) -> Tape:
    model = build()
    tape: Tape = run_on(sample, lambda args: record(model, args, budget)[0])
    return tape
