"""A model on each route, with the tool watched that makes the graph."""

from __future__ import annotations

import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import torch
from msgspec.structs import replace

from convlint.findings import Level
from convlint.trial.divergence.computed import OnnxValues
from convlint.trial.divergence.search import first_divergence
from convlint.trial.divergence.told import described
from convlint.trial.execute import Measured, Subject, outcome, run_on
from convlint.trial.job import Event, Outcome
from convlint.trial.outline import outline_of
from convlint.trial.routes import Graph
from convlint.trial.samples import Sample
from convlint.trial.watch.failures import failure_watched
from convlint.trial.watch.guards import Guard as Condition
from convlint.trial.watch.guards import excluded, guards_noted, tried
from convlint.trial.watch.lines import Lines
from convlint.trial.watch.places import Place, Places
from convlint.trial.watch.shapes import Guard, note_broken, shapes_watched
from convlint.trial.watch.taken import Taken, judged

_OF_TORCH_EXPORT = ("torch_export", "torch_export_auto")
_REACHING = ("jit_trace", *_OF_TORCH_EXPORT)
"""The exporters to ONNX begin with one of these; noting lines is slow."""
_MADE_OF = {"onnx_torchscript": "jit_trace", "onnx_dynamo": "torch_export"}
"""The route that an exporter to ONNX begins with."""
_SIZE = re.compile(r"\b(?:L\['tensors'\]\[|tensors_)(\d+)\]?\.size\(\)\[(\d+)\]")
"""What torch calls a size of an input of a flat model."""
_STEP = re.compile(r"^\w+: Failed to .* step \d/\d of exporting the model to ONNX\. <class '(?:[\w.]+\.)?(\w+)'>: ")


def failed(outcome: Outcome) -> bool:
    """Whether the tool did not come to the end."""
    return outcome.level is Level.breaks and not outcome.on


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
        files: str = "",
        lock: bool = False,
    ) -> None:
        self._subject = subject
        self._measured = list(measured)
        self._places = places
        self._others = others
        """What is traced besides, to see which values change; None for what a trace gets wrong."""
        self._executed = executed
        """The lines that eager runs, to see which a tool does not come to; None where nobody asks."""
        self._files = files
        """Where ONNX files are kept, nothing where they are not."""
        self._lock = lock
        """Whether the outlines of graphs are kept."""
        self._done: dict[str, Outcome] = {}
        self._sizes = {(i, axis): name for i, named in subject.dynamic.items() for axis, name in named.items()}

    def on(self, route: str, opset: int | None = None) -> Outcome:
        """What a route makes of the model, and its events."""
        events: list[Event] = []
        guards: list[Guard] = []
        lines, taken = Lines(self._places), Taken(self._places, self._measured[0].sample.name)
        watch = self._watch(route, events, guards, taken, lines)
        conditions: list[Condition] = []
        with guards_noted(conditions):
            look = partial(self._looked_at, conditions) if self._executed is None else None
            done = outcome(route, self._subject, self._measured, opset, watch, look)
        if route == "jit_trace":
            others = self._others if self._others is not None else self._gone_wrong(done)
            events += judged(self._places, taken, [self._taken_on(other.sample) for other in others])
        for sample, _ in self._measured:
            if sample.name in done.failed and sample.kind == "shapes":
                note_broken(guards, sample.args, self._sizes, self._places, events)
        unreached = {}
        if self._executed is not None and route in _REACHING and failed(done):
            unreached = lines.missing_from(self._executed)
        events += done.events
        self._done[route] = done = replace(
            done,
            message=self._readable(done.message),
            failed={name: self._readable(message) for name, message in done.failed.items()},
            events=tuple(sorted({replace(event, message=self._readable(event.message)) for event in events})),
            unreached=unreached,
        )
        return done

    def _readable(self, message: str) -> str:
        """A message of torch without what stands around its cause, and with the user's names of sizes."""
        message = _STEP.sub(r"\1: ", message)
        return _SIZE.sub(lambda found: self._sizes.get((int(found[1]), int(found[2])), found[0]), message)

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
            if self._executed is not None and route in _REACHING:
                stack.enter_context(lines)
            yield

    def _looked_at(self, conditions: Sequence[Condition], done: Outcome, graph: Graph | None, path: Path) -> Outcome:
        """What an ONNX file that is wrong shows of where: the sizes that it should not take, the first operator."""
        if self._files and path.is_file():
            shutil.copy(path, Path(self._files, f"{done.route}.onnx"))
        if self._lock and graph is not None:
            done = replace(done, outline=outline_of(graph.exported))
        if graph is None or not (done.route.startswith("onnx") and done.failed):
            return done
        events = []
        traced = self._measured[0].sample
        for one in excluded(conditions, self._subject.build(), traced, self._subject.dynamic, self._subject.dims):
            shown = tried(one, self._subject.build, traced, self._subject.dynamic, graph.run)
            if shown.accepted and shown.message and shown.place:
                told = f"the program is good only for {one.condition}; the file takes {one.dimension}={one.size} too"
                events.append(self._event(done.route, "excluded", one.place, f"{told}: {shown.message}"))
        failing = self._unexplained(done)
        found = None
        if failing and not events:
            values = OnnxValues(path, self._subject.input_names)
            with suppress(Exception):  # a model whose operators cannot be recorded is no reason to end the trial
                found = first_divergence(self._subject.build, traced, failing, values)
        if found and found.place:
            event = self._event(done.route, "diverges", found.cause or found.place, described(found))
            events.append(replace(event, on=failing.name if failing else ""))
        return replace(done, events=tuple(events))

    def _unexplained(self, done: Outcome) -> Sample | None:
        """The first input that is wrong in the file, and not in the trace or program that it was made of."""
        before = self._done.get(_MADE_OF[done.route])
        known = set(before.failed) if before and any(event.level == "harm" for event in before.events) else set()
        return next((s for s, _ in self._measured if s.name in done.failed and s.name not in known), None)

    def _event(self, route: str, kind: str, place: str, message: str) -> Event:
        path, _, row = place.rpartition(":")
        return self._places.event(Place(str(Path(path).absolute()), int(row)), route, kind, "harm", message)

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
            run_on(sample, lambda args: torch.jit.trace(model, args, check_trace=False))  # type: ignore[no-untyped-call]
        return taken
