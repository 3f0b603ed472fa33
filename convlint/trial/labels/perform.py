"""A case of a suite, done in this process: eager first, then each route with its tool watched."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from convlint.findings import Level
from convlint.trial.execute import Measured, Subject, exported, measure, outcome, run_on
from convlint.trial.job import Answer, Event, Job, Outcome, Reference
from convlint.trial.labels.failures import failure_watched
from convlint.trial.labels.places import Places
from convlint.trial.labels.shapes import Guard, note_broken, shapes_watched
from convlint.trial.labels.suite import read_suite, subject
from convlint.trial.labels.taken import Taken, judged
from convlint.trial.lines import Lines

ROUTES = ("jit_trace", "torch_export", "torch_export_auto", "onnx_torchscript", "onnx_dynamo")
_OF_TORCH_EXPORT = ("torch_export", "torch_export_auto")
_REACHING = ("jit_trace", *_OF_TORCH_EXPORT)
"""The exporters to ONNX begin with one of these; noting lines is slow."""


def perform(job: Job) -> Iterator[Answer]:
    """The lines that eager runs, then the outcome and the events of each route.

    Raises:
        UsageError: the suite or the model's inputs cannot be used.
    """
    suite = read_suite(Path(job.path))
    watched = _Watched(subject(Path(job.path), suite.cases[job.case]), Places(suite.source))
    yield watched.reference
    exports = False
    for route in job.routes:
        if route == "torch_export_auto" and exports:
            yield Outcome(route, Level.harmless, "not needed")
            continue
        done = watched.on(route)
        exports = route == "torch_export" and not failed(done)
        yield done


def failed(outcome: Outcome) -> bool:
    """Whether the tool did not come to the end."""
    return outcome.level is Level.breaks and not outcome.on


class _Watched:
    """A subject, and the tools watched on it."""

    def __init__(self, model: Subject, places: Places) -> None:
        self._subject = model
        self._places = places
        self._measured, skipped = measure(model)
        self.reference = Reference(("A", "B"), skipped, {}, self._eager_lines())

    def _eager_lines(self) -> dict[str, list[int]]:
        model = self._subject.build()
        with Lines(self._places) as lines:
            run_on(self._measured[0].sample, lambda args: model(*args))
        return lines.sorted()

    def on(self, route: str) -> Outcome:
        events: list[Event] = []
        guards: list[Guard] = []
        lines, taken = Lines(self._places), Taken(self._places)
        done = outcome(route, self._subject, self._measured, watch=self._watch(route, events, guards, taken, lines))
        if route == "jit_trace":
            events += judged(self._places, taken, self._taken_on_b())
        if "B" in done.failed:
            note_broken(guards, self._measured[1].sample.args, self._places, events)
        stopped = route in _REACHING and failed(done)
        unreached = lines.missing_from(self.reference.executed) if stopped else {}
        return replace(done, events=tuple(sorted(set(events))), unreached=unreached)

    @contextmanager
    def _watch(
        self, route: str, events: list[Event], guards: list[Guard], taken: Taken, lines: Lines
    ) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(failure_watched(route.removesuffix("_auto"), self._places, events))
            if route == "jit_trace":
                stack.enter_context(taken.watching())
            if route in _OF_TORCH_EXPORT:
                stack.enter_context(shapes_watched(self._places, events, guards))
            if route in _REACHING:
                stack.enter_context(lines)
            yield

    def _taken_on_b(self) -> Taken | None:
        on_b: list[Measured] = self._measured[1:]
        if not on_b:
            return None
        taken = Taken(self._places)
        with suppress(Exception), TemporaryDirectory(prefix="convlint-") as folder, taken.watching():
            exported("jit_trace", self._subject, on_b[0].sample, None, Path(folder))
        return taken
