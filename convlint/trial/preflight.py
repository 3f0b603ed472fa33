"""A model of the user's, on every route, with all that can be seen of it: what ``convlint preflight`` runs."""

from __future__ import annotations

import inspect
import io
import itertools
import logging
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace as replaced
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace

from convlint.source.place import shown
from convlint.trial.compare import difference, named_leaves
from convlint.trial.execute import Measured, Subject, copies, measure, run_on
from convlint.trial.flat import Flat, are_tensors, tensors_of
from convlint.trial.guess import Guess, guess
from convlint.trial.job import Answer, Job, Kind, ModelSpec, Outcome, Reference, Running, Trial, opset_of
from convlint.trial.looking import Looking
from convlint.trial.model import load_model
from convlint.trial.outline import fingerprint
from convlint.trial.routes import MODEL_FILE, Args
from convlint.trial.samples import Sample
from convlint.trial.subject import Prepared, prepare
from convlint.trial.watch.guards import shapes_of
from convlint.trial.watch.lines import Lines, rows_beyond
from convlint.trial.watch.outputs import Cure, odd_ones, without_cache
from convlint.trial.watch.places import Place, Places, of_user
from convlint.trial.watch.tools import Watched, run_too


def perform(job: Job) -> Iterator[Answer]:
    """What eager makes of the model, then the outcome and the events of each route.

    Raises:
        UsageError: the model or its inputs cannot be used.
    """
    assert job.preflight
    yield Running("imported")
    model = load_model(job.preflight)
    yield from observed(model, job, job.preflight.inputs)


def trial_of(
    model: torch.nn.Module, inputs: str | Callable[[], Any], routes: Sequence[str], opset: int | None, files: str
) -> Trial:
    """The trial of a model that exists already, in this process: what ends the process ends it.

    Its ONNX files go into a folder. It is in evaluation mode meanwhile.

    Raises:
        UsageError: its inputs cannot be used.
    """
    name = type(model).__qualname__
    job = Job(path=name, preflight=ModelSpec(factory=name), routes=tuple(routes), opset=opset, files=files)
    with _silent(), _evaluated(model):
        answers = observed(model, job, inputs)
        told = (answer for answer in answers if not isinstance(answer, Running))
        reference, *outcomes = itertools.islice(told, 1 + len(routes))  # nobody could end a search for more
    assert isinstance(reference, Reference)
    return Trial(reference, {one.route: one for one in outcomes if isinstance(one, Outcome)})


@contextmanager
def _evaluated(model: torch.nn.Module) -> Iterator[None]:
    """While open, a model is in evaluation mode; then each of its modules is in its own again."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


@contextmanager
def _silent() -> Iterator[None]:
    """While open, nothing that exporters print and log is seen: pages of it."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


def observed(model: torch.nn.Module, job: Job, inputs: str | Callable[[], Any]) -> Iterator[Answer]:
    """The same of a model that is there, on inputs that a text describes or a function gives; guessed without.

    Raises:
        UsageError: the inputs cannot be used.
    """
    assert job.preflight
    yield Running("given its inputs")
    guessed = Guess("", "") if inputs else guess(model, job.preflight)
    prepared = prepare(model, job.preflight, inputs or guessed.text)
    subject, places = prepared.subject, of_user()
    given: list[Measured] = []
    skipped: dict[str, str] = {}
    as_given = subject._replace(made=partial(_as_given, subject))
    for i, sample in enumerate(subject.samples):
        yield Running(f"run in eager on {_numbered(i, subject.samples)}")
        counted, not_counted = measure(as_given._replace(samples=[sample]), only_steady=False)
        given += counted
        skipped |= not_counted
    measured = [replaced(one, subject=subject, want=tensors_of(one.want)) for one in given]
    traced = measured[0].sample
    called = _called_twice(prepared, traced, places, _function(model))
    if isinstance(subject.made, Flat):
        subject.made.assigns_buffers = called.assigns
    executed, gives = called.executed, given[0].want
    odd = "" if are_tensors(gives) else odd_ones(gives)
    cure = without_cache(as_given, traced, job.routes, places) if odd else Cure()
    yield Reference(
        tuple(sample.name for sample in subject.samples),
        skipped,
        {},
        executed=executed,
        inputs=prepared.text,
        guess=guessed.why,
        kinds={one.sample.name: _kind(one.sample, traced) for one in measured},
        unsteady=called.unsteady,
        forward=_forward(model),
        outputs=called.outputs,
        odd=odd,
        cure=cure.advice,
        cured=rows_beyond(cure.executed, executed),
        fingerprint=fingerprint(model, {one.sample.name: one.want for one in measured}, executed) if job.lock else None,
    )
    watched = Watched(subject, measured, places, given=given if odd else ())
    looking = Looking(subject, measured, places, job, called.returns, odd)
    for name in job.routes:
        yield from _through(name, watched, looking, job)
    if looking.asks:
        yield Running("looked through for all that depends on values")
        yield from looking.asked()


def _as_given(subject: Subject) -> torch.nn.Module:
    """A new model that gives what the user's gives."""
    model = subject.build()
    assert isinstance(model, Flat)
    model.as_given = True
    return model


def _numbered(i: int, samples: Sequence[Sample]) -> str:
    return f"{samples[i].name} ({i + 1} of {len(samples)})"


def _through(name: str, watched: Watched, looking: Looking, job: Job) -> Iterator[Answer]:
    """What is known of a route after each step, then its outcome."""
    route, opset = opset_of(name)
    yield Running(f"exported by {name}")
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        seen = watched.exported(route, Path(folder), opset or job.opset)
        samples = [one.sample for one in seen.measured] if seen.graph else []
        for i, sample in enumerate(samples):
            known = looking.ended(replace(seen.outcome, route=name))
            yield Running(f"run as {name} has it on {_numbered(i, samples)}", known, sample.name)
            seen = run_too(seen, seen.measured[i])
        yield Running(f"looked at as {name} has it", looking.ended(replace(seen.outcome, route=name)))
        seen = watched.explained(seen)
        done = looking.at(seen, Path(folder, MODEL_FILE)) if opset is None else replace(seen.outcome, route=name)
    yield looking.ended(done)


def _kind(sample: Sample, traced: Sample) -> Kind:
    if sample.kind == "traced":
        return "traced"
    if sample.kind == "values":
        return "calls" if sample.before else "values"
    changed = {
        axis
        for one, other in zip(shapes_of(sample.args), shapes_of(traced.args), strict=True)
        for axis, (size, before) in enumerate(zip(one, other, strict=True))
        if size != before
    }
    return "batch" if changed == {0} else "sizes"


class _Called(NamedTuple):
    """What two calls of the model show."""

    executed: dict[str, list[int]]
    """The lines that the first runs, by file."""
    outputs: tuple[str, ...]
    """What it calls its outputs, nothing where it only counts them."""
    unsteady: str
    """Why the second gives another result on the same inputs."""
    returns: Place | None
    """Where the model's own function returns what it gives."""
    assigns: bool
    """Whether the model assigns to buffers of its own."""


def _called_twice(prepared: Prepared, traced: Sample, places: Places, function: Any) -> _Called:
    model = _users(prepared)
    call, own = _named(prepared, model), {**model._buffers}
    with Lines(places) as lines:
        first = run_on(traced, call)
    assigns = any(model._buffers.get(name) is not buffer for name, buffer in own.items())
    names = tuple(first) if any(re.search(r"[^\d.]", name) for name in first) else ()
    with torch.no_grad():
        second = call(copies(traced.args))  # draws other numbers than the first
    code = getattr(function, "__code__", None)
    returns = Place(code.co_filename, lines.ends[code]) if code in lines.ends else None
    unsteady = _unsteady(prepared, traced) if difference(second, first) else ""
    return _Called(lines.sorted(), names, unsteady, returns, assigns)


def _unsteady(prepared: Prepared, traced: Sample) -> str:
    """Why a second call of a model gives another result: with the same random numbers it may give the same."""
    call = _named(prepared, _users(prepared))
    first = run_on(traced, call)
    again = difference(run_on(traced, call), first)
    if not again:
        return "it draws random numbers: a second call on the same inputs gives another result"
    return f"it keeps something between calls: a second call on the same inputs gives another result ({again.message})"


def _users(prepared: Prepared) -> torch.nn.Module:
    """The user's model, a new one."""
    model = prepared.subject.build()
    assert isinstance(model, Flat)
    return model.model


def _named(prepared: Prepared, model: torch.nn.Module) -> Callable[[Args], dict[str, torch.Tensor]]:
    """A model that gives its tensors by name, copied: a later call may write into what it keeps."""

    def call(args: Args) -> dict[str, torch.Tensor]:
        made = named_leaves(prepared.inputs.call(model, args))
        return {name: leaf.clone() for name, leaf in made if isinstance(leaf, torch.Tensor)}

    return call


def _function(model: torch.nn.Module) -> Any:
    return inspect.unwrap(type(model).forward)


def _forward(model: torch.nn.Module) -> str:
    code = getattr(_function(model), "__code__", None)
    return f"{shown(code.co_filename)}:{code.co_firstlineno}" if code else ""
