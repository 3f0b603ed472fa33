"""What files show one by one, put together: which functions an exporter enters, and what is met from there on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from convlint.analyzer.importers import importers
from convlint.analyzer.interpreter import entries_of, inference_of, possible_of
from convlint.analyzer.named import place_of
from convlint.analyzer.parts import ClassOutline, Outline, Part, Step, Trace
from convlint.analyzer.project import Project
from convlint.analyzer.registrations import cured
from convlint.events import Event, PlainOutput, ReshapedInput, ReturnedInput, UnusedInput
from convlint.source.document import SourceError


class Parts(Protocol):
    """Where the parts of a project come from: read here, by other processes, or at another time."""

    def part(self, path: Path) -> Part:
        """All that a file shows by itself."""

    def trace(self, path: Path, step: Step) -> Trace:
        """What is met on the way from one entry of a file, where its part does not say."""


class Assembly:
    """The events of the files ``given``, in order.

    What the configuration names was entered first (``named``); then come models that nobody else uses, then every
    ``forward`` not yet reached; for what is still not reached, the models around the files that import them. Functions
    of tensors that then are still not reached may be called by a model that nobody has shown.
    """

    def __init__(
        self,
        project: Project,
        parts: Parts,
        given: Sequence[Path],
        named: Sequence[tuple[str, Trace]],
        alone: bool = False,
    ) -> None:
        self._project = project
        self._parts = parts
        self._given = given
        self._alone = alone
        """Whether no other file calls what is given."""
        self._known = {of for of, _ in named}
        """The classes whose ``forward`` was named."""
        self.met = Trace()
        for _, trace in named:
            self.met.merge(trace)
        self._outlines: dict[str, Outline] = {}
        self._traces: dict[str, dict[Step, Trace]] = {}
        self.plain: list[Event] = []
        """The plain code that rules want to know of."""
        self.errors: dict[Path, SourceError] = {}
        """Why files cannot be read or parsed."""

    def events(self) -> list[Event]:
        """What all entries together show."""
        outlines = [outline for path in self._given if (outline := self._outline(path)) is not None]
        of_data = {outline.transforms for outline in outlines if outline.of_data}
        """The packages of transforms that read or change data before it comes to a model."""
        exported = [one for one in outlines if not one.around and not (one.transforms and one.transforms in of_data)]
        used = frozenset[str]().union(*(outline.mentioned for outline in outlines))
        for outline in exported:
            for step, cls in self._entries(outline):
                if cls.name not in used:
                    self._enter(outline, step)
        for outline in exported:
            self._enter_models(outline)
        for outline in exported:
            for step, _, key in inference_of(outline, list(self._entries(outline))):
                if key not in self.met.visited:
                    self._enter(outline, step)
        if not self._alone:
            self._enter_importers(exported)
        self._enter_possible(exported, used)
        met = _of_models(list(self.met.events()), outlines, used)
        return cured(self._project.files, self._given, met)

    def _outline(self, path: Path) -> Outline | None:
        part = self._parts.part(path)
        if part.error is not None:
            self.errors[path] = part.error
        self.plain += part.plain
        if part.outline is not None:
            self._traces[part.outline.path] = part.traces
            self._outlines[part.outline.path] = part.outline
        return part.outline

    def _entries(self, outline: Outline) -> Iterator[tuple[Step, ClassOutline]]:
        return ((step, cls) for step, cls in entries_of(outline) if place_of(outline.path, step.at) not in self._known)

    def _enter(self, outline: Outline, step: Step) -> None:
        trace = self._traces[outline.path].get(step)
        self.met.merge(trace if trace is not None else self._parts.trace(Path(outline.path), step))

    def _enter_models(self, outline: Outline) -> None:
        """Each ``forward`` of a file not yet reached, outer models first: they show what the inner ones are given."""
        for step, cls in sorted(self._entries(outline), key=lambda entry: entry[1].name in outline.mentioned):
            if cls.forward is not None and cls.forward not in self.met.visited:
                self._enter(outline, step)

    def _enter_importers(self, exported: Sequence[Outline]) -> None:
        modules = [outline for outline in exported if self._unmet(outline.path)]
        if not modules:
            return
        given = [(outline.name, outline.path) for outline in modules]
        around = self._project.files.around(set(self._given))
        for path in importers(self._project, given, around, self._unmet):
            outline = self._outline(path)
            if outline is not None and not outline.around:
                self._enter_models(outline)
            if not any(self._unmet(outline.path) for outline in modules):
                return

    def _unmet(self, path: str) -> set[str]:
        """Names of the functions and plain classes of which nothing was met on the way from any model."""
        outline, visited = self._outlines[path], self.met.visited
        functions = {f.name for f in outline.functions if f.key not in visited and not f.name.startswith("__")}
        plain = [cls for cls in outline.classes if cls.methods and cls.plain]
        return functions | {c.name for c in plain if not any(method.key in visited for method in c.methods)}

    def _enter_possible(self, exported: Sequence[Outline], used: frozenset[str]) -> None:
        possible = [(outline, *one) for outline in exported for one in possible_of(outline, self.met.visited)]
        called = used.union(*(outline.called for outline in exported))
        first = [one for one in possible if one[2] not in called]
        for outline, step, _, key in (*first, *possible):
            if key not in self.met.visited:
                self._enter(outline, step)


_OF_MODELS = (PlainOutput, ReshapedInput, ReturnedInput, UnusedInput)


def _of_models(events: list[Event], outlines: Sequence[Outline], used: frozenset[str]) -> list[Event]:
    """The events without those of inputs and outputs of parts of models: a class uses it, or what a class calls."""
    if not any(isinstance(event, _OF_MODELS) for event in events):
        return events
    helpers = (one for one in outlines if not used.isdisjoint(function.name for function in one.functions))
    parts = used.union(*(outline.called for outline in helpers))
    return [event for event in events if not (isinstance(event, _OF_MODELS) and event.model in parts)]
