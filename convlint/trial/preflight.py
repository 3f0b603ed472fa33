"""A model of the user's, on every route, with all that can be seen of it: what ``convlint preflight`` runs."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence

import torch

from convlint.trial.compare import difference
from convlint.trial.execute import Measured, Subject, measure, run_on
from convlint.trial.guess import Guess, guess
from convlint.trial.job import Answer, Job, Kind, Reference, Running
from convlint.trial.model import load_model
from convlint.trial.place import shown
from convlint.trial.samples import Sample
from convlint.trial.subject import prepare
from convlint.trial.watch.places import of_user
from convlint.trial.watch.tools import Watched, lines_of


def perform(job: Job) -> Iterator[Answer]:
    """What eager makes of the model, then the outcome and the events of each route.

    Raises:
        UsageError: the model or its inputs cannot be used.
    """
    assert job.preflight
    spec = job.preflight
    yield Running("imported")
    model = load_model(spec)
    yield Running("given its inputs")
    guessed = Guess(spec.inputs, "") if spec.inputs else guess(model, spec)
    prepared = prepare(model, spec, guessed.text)
    subject, places = prepared.subject, of_user()
    measured: list[Measured] = []
    skipped: dict[str, str] = {}
    for i, sample in enumerate(subject.samples):
        yield Running(f"run in eager on {sample.name} ({i + 1} of {len(subject.samples)})")
        counted, not_counted = measure(subject._replace(samples=[sample]))
        measured += counted
        skipped |= not_counted
    traced = measured[0].sample
    yield Reference(
        tuple(sample.name for sample in subject.samples),
        skipped,
        {},
        executed=lines_of(subject, traced, places),
        inputs=prepared.text,
        guess=guessed.why,
        kinds={sample.name: _kind(sample, traced) for sample, _ in measured},
        unsteady=_unsteady(subject, traced),
        forward=_forward(model),
    )
    watched = Watched(subject, measured, places, _others(measured))
    for route in job.routes:
        yield Running(f"exported by {route}")
        yield watched.on(route, job.opset)


def _kind(sample: Sample, traced: Sample) -> Kind:
    if sample.kind == "traced":
        return "traced"
    if sample.kind == "values":
        return "calls" if sample.before else "values"
    changed = {
        axis
        for one, other in zip(sample.args, traced.args, strict=True)
        for axis, (size, before) in enumerate(zip(one.shape, other.shape, strict=True))
        if size != before
    }
    return "batch" if changed == {0} else "sizes"


def _unsteady(subject: Subject, traced: Sample) -> str:
    """Why a second call of the same model gives another result."""
    model = subject.build()
    first = run_on(traced, lambda args: model(*args))
    again = difference(run_on(traced, lambda args: model(*args)), first)
    if again:
        return (
            f"it keeps something between calls: a second call on the same inputs gives another result ({again.message})"
        )
    with torch.no_grad():
        drawn = difference(model(*(value.clone() for value in traced.args)), first)
    return "it draws random numbers: a second call on the same inputs gives another result" if drawn else ""


def _forward(model: torch.nn.Module) -> str:
    function = inspect.unwrap(type(model).forward)
    code = getattr(function, "__code__", None)
    return f"{shown(code.co_filename)}:{code.co_firstlineno}" if code else ""


def _others(measured: Sequence[Measured]) -> list[Measured]:
    """What is traced besides: other values, and the sizes that differ most from the traced ones."""
    values = [one for one in measured if one.sample.kind == "values" and not one.sample.before]
    shapes = [one for one in measured if one.sample.kind == "shapes"]
    return values[:1] + shapes[-1:]
