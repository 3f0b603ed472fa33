"""How far an exported graph is from eager, tensor by tensor: what a page draws along the graph."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch

from convlint.source.place import shown
from convlint.trial.divergence.computed import Computed, GraphValues
from convlint.trial.divergence.kept import error, gap
from convlint.trial.divergence.search import MEMORY, SECONDS, Aligned, Run, follow
from convlint.trial.divergence.tape import Budget, OverBudgetError
from convlint.trial.divergence.told import Along, Errors
from convlint.trial.samples import Sample


def errors_along(
    build: Callable[[], torch.nn.Module], traced: Sample, failing: Sample, graph: GraphValues
) -> Errors | None:
    """The error of each tensor of a graph on a sample; None where that takes too long.

    Which tensor stands for which of eager's is known from the traced data, where they are equal. Where the graph is
    wrong on these already, those that have no equal are not eager's.
    """
    budget = Budget(time.monotonic() + SECONDS, MEMORY)
    try:
        found = _along(build, traced, failing, graph, budget)
    except OverBudgetError:
        return None
    return Errors(on=failing.name, tensors=tuple(found)) if found else None


def _along(
    build: Callable[[], torch.nn.Module], traced: Sample, failing: Sample, graph: GraphValues, budget: Budget
) -> list[Along]:
    run = Run.of(build, traced, budget)
    pairs: dict[str, list[int]] = {}
    found: list[Along] = []

    def pair(one: Computed) -> None:
        pairs[one.name] = list(run.index.equal(one.value))
        if not _untold(one):
            found.append(_told(one, run, pairs[one.name]))

    ran = follow(graph, traced, budget, pair)
    if failing is not traced and not run.wrong(ran.outputs):
        other = Run.of(build, failing, budget)
        to_other = {i: j for j, i in Aligned(run.tape, other.tape).results.items()}
        found.clear()

        def see(one: Computed) -> None:
            if pairs.get(one.name) and not _untold(one):
                found.append(_told(one, other, (to_other[i] for i in pairs[one.name] if i in to_other)))

        ran = follow(graph, failing, budget, see)
        run = other
    for name, got, want in zip(graph.outputs, ran.outputs, run.outputs, strict=False):
        if got is not None:
            far, wrong = error(got, want), gap(got, want) is not None
            found.append(Along(node="output", name=name.removeprefix("output "), error=far, wrong=wrong))
    return found


def _untold(one: Computed) -> bool:
    """Whether a tensor is a constant, or one of the results, which come last."""
    return one.constant or one.node == one.name


def _told(one: Computed, run: Run, results: Iterable[int]) -> Along:
    """Of the results that a tensor may stand for, the nearest."""
    best: tuple[float, int] | None = None
    for result in results:
        far = error(one.value, run.tape.results[result].value)
        if far is not None and (best is None or far < best[0]):
            best = far, result
    if best is None:
        return Along(node=one.node, name=one.name)
    want = run.tape.results[best[1]]
    call = run.tape.calls[want.call]
    place = f"{shown(call.path)}:{call.row}" if call.path else ""
    return Along(node=one.node, name=one.name, place=place, error=best[0], wrong=gap(one.value, want.value) is not None)
