"""Where the boxes and lines of a graph go: in layers, from top to bottom, few lines crossing."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

_GAP, _DOWN = 22.0, 34.0
"""Between neighbours, and between layers."""
_THIN = 8.0
"""The width of a line where it passes a layer."""
_SWEEPS = 8


class Point(NamedTuple):
    """A place; of a box its middle."""

    x: float
    y: float


@dataclass(frozen=True)
class Layout:
    """Where everything is."""

    width: float
    height: float
    boxes: tuple[Point, ...]
    lines: Mapping[tuple[int, int], tuple[Point, ...]]
    """From box to box through the layers between."""


def layout(sizes: Sequence[tuple[float, float]], edges: Iterable[tuple[int, int]]) -> Layout:
    """A layout of boxes (width and height), which are numbered in an order in which nearly all edges go forward.

    The few that go backward are laid out as if they went forward.
    """
    lines = sorted(set(edges))
    forward = sorted({(min(one), max(one)) for one in lines})
    layers = _layers(len(sizes), forward)
    graph = _Layered(sizes, forward, layers)
    graph.order()
    graph.place()
    left = min((graph.x[one] - graph.width(one) / 2 for one in graph.x), default=0.0)
    right = max((graph.x[one] + graph.width(one) / 2 for one in graph.x), default=0.0)
    heights = [max((sizes[one][1] for one in row if one < len(sizes)), default=0.0) for row in graph.rows]
    tops = [sum(heights[:at]) + _DOWN * at for at in range(len(heights))]

    def point(one: int) -> Point:
        row = graph.layer[one]
        return Point(graph.x[one] - left, tops[row] + heights[row] / 2)

    routes = {}
    for a, b in lines:
        chain = [point(one) for one in graph.chains[min(a, b), max(a, b)]]
        routes[a, b] = tuple(chain if a < b else reversed(chain))
    total = (tops[-1] + heights[-1]) if tops else 0.0
    return Layout(right - left, total, tuple(point(one) for one in range(len(sizes))), routes)


def _layers(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """As far down as what comes before asks; what nothing comes before is just above what reads it."""
    found = [0] * count
    reads, feeds = defaultdict(list), defaultdict(list)
    for a, b in edges:
        reads[b].append(a)
        feeds[a].append(b)
    for one in range(count):
        found[one] = max((found[before] + 1 for before in reads[one]), default=0)
    for one in reversed(range(count)):
        if feeds[one] and not reads[one]:
            found[one] = min(found[after] for after in feeds[one]) - 1
    return found


class _Layered:
    """Boxes in layers, and what stands for a line in each layer that it passes."""

    def __init__(
        self, sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]], layers: Sequence[int]
    ) -> None:
        self._sizes = sizes
        self.layer = dict(enumerate(layers))
        self.rows: list[list[int]] = [[] for _ in range(max(layers, default=-1) + 1)]
        for one, row in self.layer.items():
            self.rows[row].append(one)
        self.chains: dict[tuple[int, int], list[int]] = {}
        self._above: dict[int, list[int]] = defaultdict(list)
        self._below: dict[int, list[int]] = defaultdict(list)
        for a, b in edges:
            self._chain(a, b)
        self.x: dict[int, float] = {}

    def _chain(self, a: int, b: int) -> None:
        chain = [a]
        for row in range(self.layer[a] + 1, self.layer[b]):
            thin = len(self.layer)
            self.layer[thin] = row
            self.rows[row].append(thin)
            chain.append(thin)
        chain.append(b)
        self.chains[a, b] = chain
        for upper, lower in itertools.pairwise(chain):
            self._below[upper].append(lower)
            self._above[lower].append(upper)

    def width(self, one: int) -> float:
        """Of a box, or of a line."""
        return self._sizes[one][0] if one < len(self._sizes) else _THIN

    def order(self) -> None:
        """Puts what is connected under each other; keeps the order with the fewest crossings."""
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for sweep in range(_SWEEPS):
            down = sweep % 2 == 0
            near = self._above if down else self._below
            for row, other in self._pairs(down=down):
                place = {one: float(at) for at, one in enumerate(self.rows[other])}
                own = {one: float(at) for at, one in enumerate(self.rows[row])}
                self.rows[row].sort(key=lambda one: _mean([place[n] for n in near[one] if n in place], own[one]))
            crossings = self._crossings()
            if crossings < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _pairs(self, *, down: bool) -> list[tuple[int, int]]:
        count = len(self.rows)
        if down:
            return [(row, row - 1) for row in range(1, count)]
        return [(row, row + 1) for row in range(count - 2, -1, -1)]

    def _crossings(self) -> int:
        total = 0
        for upper, lower in itertools.pairwise(self.rows):
            place = {one: at for at, one in enumerate(lower)}
            ends = [at for one in upper for at in sorted(place[n] for n in self._below[one])]
            total += sum(a > b for at, a in enumerate(ends) for b in ends[at + 1 :])
        return total

    def place(self) -> None:
        """Moves everything as near as possible to what it is connected with."""
        for row in self.rows:
            at = 0.0
            for one in row:
                self.x[one] = at + self.width(one) / 2
                at += self.width(one) + _GAP
        for sweep in range(2 * _SWEEPS):
            down = sweep % 2 == 0
            near = self._above if down else self._below
            for names in self.rows if down else self.rows[::-1]:
                wanted = [_mean([self.x[other] for other in near[one]], self.x[one]) for one in names]
                weights = [1.0 if one < len(self._sizes) else 3.0 for one in names]
                self.x |= zip(names, self._apart(names, wanted, weights), strict=True)

    def _apart(self, names: Sequence[int], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
        """The places nearest to those wanted at which neighbours do not touch: blocks that touch move together."""
        offsets = [0.0]
        for one, other in itertools.pairwise(names):
            offsets.append(offsets[-1] + (self.width(one) + self.width(other)) / 2 + _GAP)
        blocks: list[tuple[float, float, int]] = []
        for want, weight, offset in zip(wanted, weights, offsets, strict=True):
            total, mass, count = (want - offset) * weight, weight, 1
            while blocks and blocks[-1][0] / blocks[-1][1] > total / mass:
                before = blocks.pop()
                total, mass, count = total + before[0], mass + before[1], count + before[2]
            blocks.append((total, mass, count))
        places = [total / mass for total, mass, count in blocks for _ in range(count)]
        return [place + offset for place, offset in zip(places, offsets, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
