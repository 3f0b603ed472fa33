"""What convlint reports: findings, their harm for each route, and their fixes."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

ROUTES: tuple[str, ...] = ("jit_trace", "torch_export", "onnx_torchscript", "onnx_dynamo")
"""The four ways in which torch 2 turns a module into a graph."""

TRACERS: Mapping[str, str] = {"onnx_torchscript": "jit_trace", "onnx_dynamo": "torch_export"}
"""The route that an exporter to ONNX begins with: what that freezes is frozen in the file too."""

MADE_BY: Mapping[str, str] = {route: route for route in ROUTES} | {"core": "torch_export"}
"""A graph that a target reads to the route that makes it: ``core`` are ATen's core operators."""

EXPORTERS: Mapping[str, tuple[str, ...]] = {
    "torchscript": ("jit_trace", "onnx_torchscript"),
    "dynamo": ("torch_export", "onnx_dynamo"),
    "any": ROUTES,
}
"""``--exporter`` to the routes whose worst harm it means."""


class Level(enum.IntEnum):
    """What a line does to an export, in rising order."""

    harmless = 0
    frozen = 1
    """Right only for the traced shape, batch or branch on a shape."""
    wrong = 2
    """Silently wrong: on the traced data, or because a tensor's value was frozen."""
    breaks = 3
    """An error stops the user: the export fails or the runtime refuses the graph."""


Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error")
"""In rising order."""


@dataclass(frozen=True)
class Harm:
    """One level a route, and one a target where a target differs from ONNX Runtime."""

    jit_trace: Level = Level.harmless
    torch_export: Level = Level.harmless
    onnx_torchscript: Level = Level.harmless
    onnx_dynamo: Level = Level.harmless
    targets: tuple[tuple[str, Level], ...] = ()

    def on(self, route: str) -> Level:
        """The level on one route (a member of ``ROUTES``)."""
        level: Level = getattr(self, route)
        return level

    def worst(self, routes: Iterable[str], targets: Iterable[str] = ()) -> Level:
        """The worst level over the routes and targets that the user exports to."""
        wanted = set(targets)
        levels = [self.on(route) for route in routes]
        levels += [level for target, level in self.targets if target in wanted]
        return max(levels, default=Level.harmless)

    @classmethod
    def worst_of(cls, harms: Iterable[Harm]) -> Harm:
        """The worst that any of several do on each route; nothing is said of targets."""
        given = list(harms)
        return cls().with_levels({r: max((one.on(r) for one in given), default=Level.harmless) for r in ROUTES})

    def without(self, routes: Iterable[str]) -> Harm:
        """The same harm with the given routes harmless."""
        gone = set(routes)
        kept = {r: Level.harmless if r in gone else self.on(r) for r in ROUTES}
        return Harm(**kept, targets=self.targets)

    def with_levels(self, levels: Mapping[str, Level]) -> Harm:
        """The same harm with other levels on some routes."""
        return Harm(**({r: self.on(r) for r in ROUTES} | dict(levels)), targets=self.targets)

    def at_most(self, other: Harm) -> bool:
        """Whether no route and no target is worse here than in ``other``."""
        theirs = dict(other.targets)
        return all(self.on(r) <= other.on(r) for r in ROUTES) and all(
            level <= theirs.get(target, Level.harmless) for target, level in self.targets
        )

    def as_json(self) -> dict[str, str]:
        """Route or target to level name."""
        return {r: self.on(r).name for r in ROUTES} | {t: level.name for t, level in self.targets}


def severity(level: Level) -> Severity:
    """breaks and wrong are errors, frozen is a warning, harmless an info."""
    if level >= Level.wrong:
        return "error"
    return "warning" if level is Level.frozen else "info"


class Span(NamedTuple):
    """A range of source text: rows and columns 1-based, columns in code points, end exclusive."""

    row: int
    column: int
    end_row: int
    end_column: int


@dataclass(frozen=True)
class Edit:
    """Replace the text of ``span`` by ``content`` (an insertion where the span is empty)."""

    span: Span
    content: str


class Applicability(enum.Enum):
    """Whether a fix keeps eager's behaviour (safe), may change it (unsafe), or is only a hint."""

    safe = "safe"
    unsafe = "unsafe"
    display = "display"


@dataclass(frozen=True)
class Fix:
    """One repair: edits of one file, applied together or not at all."""

    message: str
    edits: tuple[Edit, ...]
    applicability: Applicability = Applicability.unsafe


Place = tuple[str, Span, str]
"""Another place that takes part in a finding: its file and range, and what happens there."""


@dataclass(frozen=True)
class Finding:
    """One line that an exporter will break on, change or freeze."""

    code: str
    name: str
    message: str
    path: str
    span: Span
    severity: Severity
    harm: Harm | None = None
    fix: Fix | None = None
    fixable: Applicability | None = None
    """Whether a fix exists, known before its edits are computed."""
    seen: Literal["static", "trial", "both"] = "static"
    """By reading the source, by running the model, or by both."""
    evidence: str = ""
    """What a trial of the model showed of it, in words."""
    statement: Span | None = None
    """The statement the finding stands in: where a suppression comment may be."""
    cell: int | None = None
    """In which cell of a notebook the span is, counted from 1, once a report counts by cells."""
    related: tuple[Place, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)
