"""A model on each route, with the tool watched that makes the graph."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import torch
from msgspec.structs import replace

from convlint.findings import Level
from convlint.trial.execute import Measured, Subject, attempted, judged_on, run_on
from convlint.trial.job import A_TUPLE, LOOSE, Event, Outcome
from convlint.trial.routes import Graph, traced
from convlint.trial.samples import Sample
from convlint.trial.watch.failures import failure_watched
from convlint.trial.watch.guards import Guard, Sizes, broken, guards_noted, names_of, shapes_of
from convlint.trial.watch.lines import Lines
from convlint.trial.watch.outputs import refusal
from convlint.trial.watch.places import Places
from convlint.trial.watch.shapes import TOOL, shapes_watched
from convlint.trial.watch.taken import Taken, judged

_OF_TORCH_EXPORT = ("torch_export", "torch_export_auto")
_REACHING = ("jit_trace", *_OF_TORCH_EXPORT)
"""The exporters to ONNX begin with one of these; noting lines is slow."""


class Seen(NamedTuple):
    """What a route made of a model."""

    outcome: Outcome
    graph: Graph | None
    """Nothing where none runs."""
    guards: Sequence[Guard]
    """Of the export."""
    measured: Sequence[Measured]
    """What the graph is compared with."""
    taken: Taken
    """By a trace."""


def failed(outcome: Outcome) -> bool:
    """Whether the tool did not come to the end."""
    return outcome.level is Level.breaks and not outcome.on


def run_too(seen: Seen, one: Measured) -> Seen:
    """The same when the graph has run on an input more."""
    assert seen.graph
    return seen._replace(outcome=judged_on(one, seen.outcome, seen.graph))


def _with_events(done: Outcome, events: Sequence[Event]) -> Outcome:
    return replace(done, events=tuple(sorted(set(events))))


def lines_of(subject: Subject, sample: Sample, places: Places) -> dict[str, list[int]]:
    """The lines that eager runs, by file."""
    model = subject.build()
    with Lines(places) as lines:
        run_on(sample, lambda args: model(*args))
    return lines.sorted()


class Watched:
    """A subject, and the tools watched on it."""

    def __init__(
        self,
        subject: Subject,
        measured: Sequence[Measured],
        places: Places,
        others: Sequence[Measured] | None = None,
        executed: dict[str, list[int]] | None = None,
        given: Sequence[Measured] = (),
    ) -> None:
        self._subject = subject
        self._measured = list(measured)
        self._places = places
        self._others = others
        """What is traced besides, to see which values change; None for what a trace gets wrong."""
        self._executed = executed
        """The lines that eager runs, to see which a tool does not come to; None where nobody asks."""
        self._given = given
        """The same of a model that gives more than tensors, as it gives it; nothing where it does not."""

    def on(self, route: str) -> Outcome:
        """What a route makes of the model, and its events."""
        with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
            return self.seen(route, Path(folder)).outcome

    def seen(self, route: str, folder: Path, opset: int | None = None) -> Seen:
        """The same with its graph, whose files go into a folder."""
        seen = self.exported(route, folder, opset)
        for one in seen.measured if seen.graph else ():
            seen = run_too(seen, one)
        return self.explained(seen)

    def exported(self, route: str, folder: Path, opset: int | None = None) -> Seen:
        """What it is before the graph, if there is one, has run.

        Where an exporter does not take what the model gives, it is asked for the tensors alone: that says more.
        """
        if not self._given:
            return self._exported(route, route, self._measured, folder, opset)
        refused = refusal(route, self._given[0])
        if not refused:
            seen = self._exported(route, route, self._given, folder, opset)
            if seen.graph or seen.outcome.stage != "export" or seen.outcome.place or seen.outcome.ended:
                return seen
            refused = seen.outcome.message
        if LOOSE in refused:
            loose = self._exported(route, f"{route}_loosely", self._given, folder, opset)
            if loose.graph:
                return loose._replace(outcome=replace(loose.outcome, given=LOOSE, refused=refused))
        alone = self._exported(route, route, self._measured, folder, opset)
        if alone.graph is None:
            return alone
        return alone._replace(outcome=replace(alone.outcome, given=A_TUPLE, refused=refused))

    def explained(self, seen: Seen) -> Seen:
        """The same with what can be seen when it is known on which inputs a graph is wrong."""
        done, events = seen.outcome, [*seen.outcome.events]
        if done.route == "jit_trace":
            others = self._others if self._others is not None else self._gone_wrong(done)
            events += judged(self._places, seen.taken, [self._taken_on(other.sample) for other in others])
        if done.route in _OF_TORCH_EXPORT:
            self._note_broken(done, seen.guards, events)
        return seen._replace(outcome=_with_events(done, events))

    def _exported(self, route: str, how: str, measured: Sequence[Measured], folder: Path, opset: int | None) -> Seen:
        events: list[Event] = []
        guards: list[Guard] = []
        lines, taken = Lines(self._places), Taken(self._places, measured[0].sample.name)
        watch = self._watch(route, events, guards, taken, lines)
        done, graph = attempted(how, measured[0].subject, measured[0].sample, folder, opset, watch)
        done = _with_events(replace(done, route=route), events)
        if self._executed is not None and route in _REACHING and failed(done):
            done = replace(done, unreached=lines.missing_from(self._executed))
        return Seen(done, graph, guards, measured, taken)

    @contextmanager
    def _watch(
        self, route: str, events: list[Event], guards: list[Guard], taken: Taken, lines: Lines
    ) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(failure_watched(route.removesuffix("_auto"), self._places, events))
            stack.enter_context(guards_noted(guards, self._places))
            if route == "jit_trace":
                stack.enter_context(taken.watching())
            if route in _OF_TORCH_EXPORT:
                stack.enter_context(shapes_watched(self._places, events))
            if self._executed is not None and route in _REACHING:
                stack.enter_context(lines)
            yield

    def _note_broken(self, done: Outcome, guards: Sequence[Guard], events: list[Event]) -> None:
        """Notes for inputs of other sizes, on which the program fails, the line whose condition they do not meet."""
        for one in self._measured:
            sample = one.sample
            if sample.name not in done.failed or sample.kind != "shapes":
                continue
            guard = broken(guards, Sizes(self._model, shapes_of(sample.args)))
            if guard is None or guard.place is None:
                continue
            told = f"the graph is good only for {self._names.told(guard)}"
            event = self._places.event(guard.place, TOOL, "specialized", "harm", told)
            if all((known.file, known.line, known.kind) != (event.file, event.line, event.kind) for known in events):
                events.append(event)

    @cached_property
    def _model(self) -> torch.nn.Module:
        return self._subject.build()

    @cached_property
    def _names(self) -> Sizes:
        return Sizes(self._model, names_of(self._measured[0].sample.args, self._subject.dynamic))

    def _gone_wrong(self, outcome: Outcome) -> list[Measured]:
        """Of the inputs on which a trace fails one of other values, and the one whose sizes differ most."""
        failed = [one for one in self._measured[1:] if one.sample.name in outcome.failed]
        return [one for one in failed if one.sample.kind == "values"][:1] + [
            one for one in failed if one.sample.kind == "shapes"
        ][-1:]

    def _taken_on(self, sample: Sample) -> Taken:
        """What a trace of other inputs takes, as far as it comes."""
        taken = Taken(self._places, sample.name)
        model = self._subject.build()
        with suppress(Exception), warnings.catch_warnings(), taken.watching():
            run_on(sample, lambda args: traced(model, args, check_trace=False))
        return taken
