"""What an exported graph shows besides its results: where it parts from eager, which sizes it should not take."""

from __future__ import annotations

import re
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from msgspec.structs import replace

from convlint.findings import TRACERS, Level
from convlint.trial.compare import leaves
from convlint.trial.divergence.along import errors_along
from convlint.trial.divergence.computed import GraphValues, OnnxValues, ProgramValues, TraceValues
from convlint.trial.divergence.exporting import parted_by_asking
from convlint.trial.divergence.search import MEMORY, SECONDS, first_divergence
from convlint.trial.divergence.tape import Budget
from convlint.trial.divergence.told import Divergence, Errors, described
from convlint.trial.execute import Measured, Subject, run_on
from convlint.trial.job import A_TUPLE, Event, Job, Outcome
from convlint.trial.outline import outline_of
from convlint.trial.routes import Export, Graph
from convlint.trial.samples import Sample
from convlint.trial.watch.drafted import asked
from convlint.trial.watch.guards import excluded, tried
from convlint.trial.watch.places import Place, Places
from convlint.trial.watch.tools import Seen
from convlint.trial.wording import OF_NO_INPUT, readable

_PROGRAM = "torch_export"
_LEAST_SECONDS = 5.0
"""CPU seconds that the search for all that depends on values may always take; else as many as the routes took."""
_SIZE = re.compile(r"\b(?:(?:L|inputs)\['tensors'\]\[|tensors_)(\d+)\]?\.(?:size\(\)|shape)\[(\d+)\]")
"""What torch calls a size of an input of a flat model."""


_NUMBER = re.compile(r"\b(?:(?:L|inputs)\['tensors'\]\[|tensors_)(\d+)\b\]?")
"""What it calls a number among these."""


class Looking:
    """Looks at the graphs of a subject, one route after the other."""

    def __init__(
        self,
        subject: Subject,
        measured: Sequence[Measured],
        places: Places,
        job: Job,
        returns: Place | None = None,
        odd: str = "",
    ) -> None:
        self._subject = subject
        self._returns = returns
        """Where the model returns what it gives, where that is known."""
        self._odd = odd
        """What of this is no tensor."""
        self._measured = measured
        self._places = places
        self._job = job
        self._done: dict[str, Outcome] = {}
        self._began = time.process_time()
        traced = zip(subject.input_names, measured[0].sample.args, strict=True)
        self._numbers = {i: name for i, (name, given) in enumerate(traced) if isinstance(given, int)}
        self._sizes = {(i, axis): name for i, named in subject.dynamic.items() for axis, name in named.items()}

    def at(self, seen: Seen, path: Path) -> Outcome:
        """An outcome with what its graph and its file, if there is one, show besides."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._looked(seen, path)

    def _looked(self, seen: Seen, path: Path) -> Outcome:
        done, graph = seen.outcome, seen.graph
        if self._job.files and path.is_file():
            shutil.copy(path, Path(self._job.files, f"{done.route}.onnx"))
        if graph is None:
            return done
        if self._job.lock:
            done = replace(done, outline=outline_of(graph.exported))
        if done.route in TRACERS and done.failed:
            events = [*self._excluded(seen, graph)] or [*self._divergence(done, graph, path)]
            done = replace(done, events=(*done.events, *events))
        if self._job.along and done.failed:
            done = replace(done, errors=self._errors(done, graph))
        return done

    def ended(self, done: Outcome) -> Outcome:
        """An outcome as it is told: its messages without what torch says around them, sizes with the user's names."""
        done = self._with_refusal(done)
        stops = next((f"{event.file}:{event.line}" for event in done.events if event.kind == "fail"), "")
        told = replace(
            done,
            place=done.place or stops,
            message=self._readable(done.message),
            failed={name: self._readable(message) for name, message in done.failed.items()},
            events=tuple(sorted({replace(event, message=self._readable(event.message)) for event in done.events})),
        )
        self._done[done.route] = told
        return told

    def _with_refusal(self, done: Outcome) -> Outcome:
        """An outcome that is no better than what an exporter makes of the outputs as they are."""
        if done.given != A_TUPLE:
            return done
        refused, events = self._readable(done.refused), done.events
        if self._returns:
            told = f"{self._odd} ({refused})"
            events = (*events, self._places.event(self._returns, done.route, "fail", "harm", told))
        return replace(done, level=Level.breaks, refused=refused, events=events)

    @property
    def asks(self) -> bool:
        """Whether ``torch.export`` stops at a number that depends on values: there may be more such lines."""
        done = self._done.get(_PROGRAM)
        return done is not None and done.stage == "export" and done.message.startswith("GuardOnDataDependent")

    def asked(self) -> Iterator[Outcome]:
        """The outcome of ``torch.export`` with all lines at which it would stop, if they can be found."""
        subject, traced, done = self._subject, self._measured[0].sample, self._done[_PROGRAM]
        export = Export(subject.build(), traced.args, subject.input_names, subject.dynamic, subject.dims, None, Path())
        stops = {(one.file, one.statement) for one in done.events if one.kind == "fail"}
        for one in asked(export, self._places, max(time.process_time() - self._began, _LEAST_SECONDS)):
            kind = "stops-too" if stops else "fail"  # the first, where torch.export did not say where it was
            message = readable(
                f"GuardOnDataDependentSymNode: Could not guard on data-dependent expression {one.condition}"
            )
            event = self._places.event(one.place, _PROGRAM, kind, "harm", message)
            if (event.file, event.statement) not in stops:
                stops.add((event.file, event.statement))
                place = done.place or f"{event.file}:{event.line}"
                done = replace(done, place=place, events=tuple(sorted({*done.events, event})))
        if done is not self._done[_PROGRAM]:
            yield done

    def _excluded(self, seen: Seen, graph: Graph) -> Iterator[Event]:
        """The sizes for which the program is not meant and that the file takes, with a wrong result."""
        subject, traced = seen.measured[0].subject, self._measured[0].sample
        for one in excluded(seen.guards, subject.build(), traced, subject.dynamic, subject.dims):
            shown = tried(one, subject.build, traced, subject.dynamic, graph.run)
            if shown.accepted and shown.message and shown.place:
                told = f"the program is good only for {one.condition}; the file takes {one.dimension}={one.size} too"
                yield self._event(seen.outcome.route, "excluded", one.place, f"{told}: {shown.message}")

    def _divergence(self, done: Outcome, graph: Graph, path: Path) -> Iterator[Event]:
        """The first operator that the file does not compute."""
        failing = self._unexplained(done)
        if failing is None:
            return
        found = None
        with suppress(Exception):  # a model whose operators cannot be recorded is no reason to end the trial
            found = self._asked_whether(done, graph, failing)
        if not found:
            with suppress(Exception):  # as above
                values = OnnxValues(path, self._subject.input_names)
                found = first_divergence(self._subject.build, self._measured[0].sample, failing, values)
        if found and found.place:
            event = self._event(done.route, "diverges", found.cause or found.place, described(found))
            yield replace(event, on=failing.name)

    def _asked_whether(self, done: Outcome, graph: Graph, failing: Sample) -> Divergence | None:
        """The line of the model that asks whether it is exported, where the file gives what eager gives then."""
        if failing.name in done.raised:
            return None
        graph.reset()
        got = run_on(failing, graph.run)
        budget = Budget(time.monotonic() + SECONDS, MEMORY)
        return parted_by_asking(self._subject.build, failing, got, done.route, budget)

    def _errors(self, done: Outcome, graph: Graph) -> Errors | None:
        """How far each tensor of the graph is from eager, on the first input on which the graph is wrong."""
        failing = next(one.sample for one in self._measured if one.sample.name in done.failed)
        with suppress(Exception):  # as above
            graph.reset()
            return errors_along(self._subject.build, self._measured[0].sample, failing, self._values(done.route, graph))
        return None

    def _values(self, route: str, graph: Graph) -> GraphValues:
        match route:
            case "jit_trace":
                return TraceValues(graph.exported)
            case "torch_export":
                return ProgramValues(graph.exported.module())
        return OnnxValues(graph.exported, self._subject.input_names)

    def _unexplained(self, done: Outcome) -> Sample | None:
        """The first input that is wrong in the file, and not in the trace or program that it was made of."""
        before = self._done.get(TRACERS[done.route])
        samples = (one.sample for one in self._measured)
        known = set(before.failed) if before and any(event.level == "harm" for event in before.events) else set()
        return next((s for s in samples if s.name in done.failed and s.name not in known), None)

    def _event(self, route: str, kind: str, place: str, message: str) -> Event:
        path, _, row = place.rpartition(":")
        return self._places.event(Place(str(Path(path).absolute()), int(row)), route, kind, "harm", message)

    def _readable(self, message: str) -> str:
        message = _SIZE.sub(lambda found: self._sizes.get((int(found[1]), int(found[2])), found[0]), message)
        message = readable(_NUMBER.sub(lambda found: self._numbers.get(int(found[1]), found[0]), message))
        return f"{message}{self._constants}" if message == OF_NO_INPUT else message

    @property
    def _constants(self) -> str:
        """The outputs that are the same on all inputs, in brackets."""
        first, *others = [list(leaves(one.want)) for one in self._measured]
        same = [
            f"output {i}"
            for i, one in enumerate(first)
            if all(len(other) == len(first) and torch.equal(other[i], one) for other in others)
        ]
        verb = "is" if len(same) == 1 else "are"
        return f" ({', '.join(same)} {verb} the same on all {len(self._measured)} inputs)" if same else ""
