"""Where numbers part: the error of a graph's tensors along it, as a plot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from convlint.report.page.sources import Link, Sources
from convlint.trial.divergence.told import ENDLESS, Along, Errors
from convlint.trial.job import Outcome

WIDTH, HEIGHT = 860.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 16.0, 16.0, 34.0
_LOW, _HIGH = -9, 3
"""The powers of ten of the axis; what is outside is drawn at its ends."""
_UNLIKE = 8.0
"""How far below the axis what has nothing like it in eager is drawn."""
_MOST = 700
"""Dots that are drawn of tensors that are right: more would lie on each other."""
_LISTED = 12


class Dot(NamedTuple):
    """A tensor."""

    x: float
    y: float
    kind: str
    """``right``, ``wrong`` or ``unlike``."""
    told: str


class Wrong(NamedTuple):
    """A tensor that is not eager's."""

    node: str
    error: str
    place: Link | None


class Cause(NamedTuple):
    """The operator of eager from which on they part, as far as it was found."""

    place: Link
    message: str


class Tick(NamedTuple):
    """A line of an axis."""

    at: float
    text: str


class Plot(NamedTuple):
    """The plot of a route."""

    route: str
    on: str
    dots: Sequence[Dot]
    first: Dot | None
    """The first that is wrong."""
    ticks: Sequence[Tick]
    across: Sequence[Tick]
    floor: float
    listed: Sequence[Wrong]
    told: str
    unlike: int
    causes: Sequence[Cause]


def plots(outcomes: Sequence[Outcome], sources: Sources) -> list[Plot]:
    """A plot for each route whose tensors were measured."""
    return [_plot(one, one.errors, sources) for one in outcomes if one.errors]


def _plot(outcome: Outcome, errors: Errors, sources: Sources) -> Plot:
    causes = [event for event in outcome.events if event.kind == "diverges"]
    tensors = errors.tensors
    count = len(tensors)
    dots = list(_dots(tensors))
    wrong = [one for one in tensors if one.wrong]
    unlike = sum(one.error is None and not one.wrong for one in tensors)
    told = f"{count - len(wrong) - unlike} of {count} tensors are eager's, {len(wrong)} differ"
    if unlike:
        told += f", {unlike} have nothing like them in eager"
    if not wrong:
        told += "; run one operator after the other it is right, and only as a whole it is not"
    return Plot(
        outcome.route,
        "the traced inputs" if errors.on == "traced" else errors.on,
        dots,
        next((dot for dot in dots if dot.kind == "wrong"), None),
        [Tick(_y(10.0**power), f"1e{power}" if power else "1") for power in range(_LOW, _HIGH + 1, 3)],
        [Tick(_x(at, count), str(at + 1)) for at in sorted({0, count // 4, count // 2, 3 * count // 4, count - 1})],
        HEIGHT - _BOTTOM,
        [_listed(one, sources) for one in wrong[:_LISTED]],
        told,
        unlike,
        [Cause(sources.link(one.file, one.line), one.message) for one in causes],
    )


def _listed(one: Along, sources: Sources) -> Wrong:
    return Wrong(f"{one.node} {one.name}", _number(one), sources.at(one.place) if one.place else None)


def _dots(tensors: Sequence[Along]) -> Iterator[Dot]:
    step = max(1, math.ceil(len(tensors) / _MOST))
    for at, one in enumerate(tensors):
        if one.wrong or at % step == 0 or at == len(tensors) - 1:
            kind = "wrong" if one.wrong else "unlike" if one.error is None else "right"
            place = f", {one.place}" if one.place else ""
            y = HEIGHT - _BOTTOM + _UNLIKE if kind == "unlike" else _y(ENDLESS if one.error is None else one.error)
            yield Dot(_x(at, len(tensors)), y, kind, f"{at + 1}: {one.node} {one.name}{place}: {_number(one)}")


def _number(one: Along) -> str:
    if one.error is None:
        return "another shape" if one.wrong else "nothing in eager is like it"
    return "infinite, or no number" if one.error >= ENDLESS else f"error {one.error:.2g}"


def _x(at: int, count: int) -> float:
    return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * at / max(1, count - 1), 1)


def _y(error: float) -> float:
    power = min(_HIGH, max(_LOW, math.log10(error))) if error > 0 else _LOW
    return round(_TOP + (HEIGHT - _TOP - _BOTTOM) * (_HIGH - power) / (_HIGH - _LOW), 1)
