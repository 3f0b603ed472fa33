"""What is learnt of a project file by file, whatever other files make of it: outlines, and traces of entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec.structs import replace

from convlint.analyzer.agreement import doubted, rests_on
from convlint.analyzer.project import Questions
from convlint.events import DynamicShape, Event
from convlint.findings import Span
from convlint.source.document import SourceError

Key = tuple[str, str, int]
"""A function: its file, qualified name and line."""


class Step(NamedTuple):
    """What is entered: a class by its ``forward``, a method of it, or a function."""

    kind: str
    """class, inference or possible."""
    at: int
    """The place among the classes of the file, or among its functions."""
    method: str = ""
    """Empty for a class, or a function."""


class FunctionOutline(NamedTuple):
    """A function as far as it matters to the other files."""

    name: str
    key: Key
    possible: bool
    """Whether it says that it makes tensors of tensors."""


class ClassOutline(NamedTuple):
    """A class as far as it matters to the other files."""

    name: str
    entry: bool
    """Whether it is a model that an exporter may enter, by what the file alone shows."""
    forward: Key | None
    """Its own ``forward``."""
    inference: tuple[FunctionOutline, ...]
    methods: tuple[FunctionOutline, ...]
    plain: bool
    """Whether it is no module."""
    partly: bool
    """Whether its methods may be entered by themselves."""


class Outline(NamedTuple):
    """A file as far as it matters to the other files."""

    path: str
    name: str
    around: bool
    """Whether its folder or name says that it feeds, trains or tests a model."""
    transforms: str
    """The package of transforms that it is of, '' for none."""
    of_data: bool
    """Whether it imports what reads images, sounds or the like."""
    classes: tuple[ClassOutline, ...]
    functions: tuple[FunctionOutline, ...]
    mentioned: frozenset[str]
    """Names that its classes use."""
    called: frozenset[str]
    """Names that its functions use."""


Place = tuple[str, str, Span, str]
"""The kind of an event, its file and expression, and the key that tells it from others there."""


@dataclass
class Trace:
    """What was met on the way from one entry (or, merged, from several)."""

    found: dict[Place, tuple[Any, Event]] = field(default_factory=dict)
    """Events with their ranks: of several at one place the highest stays."""
    visited: set[Key] = field(default_factory=set)
    doubtful: set[tuple[str, Span]] = field(default_factory=set)
    """Expressions that were something else in another call of the same function."""
    decided: dict[tuple[str, Span], set[tuple[str, Span, str]]] = field(default_factory=dict)
    """Selections to where (and in which function) a plain number is made of their counts, or decided on."""
    scripted: set[tuple[str, str]] = field(default_factory=set)
    """The functions that TorchScript compiles, with those that they call: file and qualified name."""
    used: set[tuple[str, str]] = field(default_factory=set)
    """The functions and methods, by file and name, that were entered or looked at."""

    def note(self, event: Event, key: str, rank: Any) -> None:
        """Keep an event; of several at one place and key the highest ranked stays, for the routes of all."""
        place = (type(event).__name__, event.document.path, event.span, key)
        old = self.found.get(place)
        if old is None:
            self.found[place] = (rank, event)
        else:
            best_rank, best = max(old, (rank, event), key=lambda pair: pair[0])
            if rests_on(event) != rests_on(old[1]):
                self.doubt(event.document.path, event.span)
            routes = old[1].routes | event.routes
            self.found[place] = (best_rank, best if best.routes == routes else replace(best, routes=routes))

    def visit(self, *key: Any) -> None:
        """A function is entered."""
        self.visited.add(key)

    def use(self, *function: Any) -> None:
        """A function is entered, or looked at."""
        self.used.add(function)

    def doubt(self, path: str, span: Span) -> None:
        """An expression was something else in another call."""
        self.doubtful.add((path, span))

    def decide(self, place: tuple[str, Span], use: tuple[str, Span, str]) -> None:
        """A selection's count is made a plain number, or decided on."""
        self.decided.setdefault(place, set()).add(use)

    def script(self, path: str, function: str) -> None:
        """TorchScript compiles a function."""
        self.scripted.add((path, function))

    def merge(self, other: Trace) -> None:
        """Add what was met on the way from another entry."""
        for (_, _, _, key), (rank, event) in other.found.items():
            self.note(event, key, rank)
        self.visited |= other.visited
        self.doubtful |= other.doubtful
        self.scripted |= other.scripted
        for place, uses in other.decided.items():
            self.decided.setdefault(place, set()).update(uses)

    def events(self) -> Iterator[Event]:
        """The events, as all entries together have them."""
        for _, event in self.found.values():
            yield self._scripted(self._decided(self._doubted(event)))

    def _scripted(self, event: Event) -> Event:
        scripted = (event.document.path, event.function) in self.scripted
        return replace(event, scripted=True) if scripted else event

    def _decided(self, event: Event) -> Event:
        if not isinstance(event, DynamicShape):
            return event
        uses = self.decided.get((event.document.path, event.span), ())
        elsewhere = sorted((path, span) for path, span, function in uses if function != event.function)
        return replace(event, decided_on=tuple(elsewhere)) if elsewhere else event

    def _doubted(self, event: Event) -> Event:
        return doubted(event) if (event.document.path, event.span) in self.doubtful else event


@dataclass
class Part:
    """All that is learnt of one file, and what was asked of the others meanwhile."""

    outline: Outline | None
    """None where it cannot be read or parsed."""
    asked: Questions
    traces: dict[Step, Trace] = field(default_factory=dict)
    plain: list[Event] = field(default_factory=list)
    """The plain code that rules want to know of."""
    shared: set[tuple[str, str]] = field(default_factory=set)
    """What was used (see ``Trace``) for all traces, and is told in one."""
    error: SourceError | None = None
    """Why it cannot be read or parsed."""
