"""The graph of a page: views of boxes and lines, what each target makes of them, and where it is cut."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from convlint.backends.matrix import MatrixResult
from convlint.graph.folds import Box, View, views
from convlint.graph.layout import Layout, Point, layout
from convlint.graph.picture import INPUT, OUTPUT, CutAt, Node, Picture
from convlint.graph.source_line import Line as SourceLine
from convlint.report.page.heatmap import LETTERS, anchor, worst
from convlint.report.page.sources import Sources
from convlint.report.plain import printable, shown_path
from convlint.report.summary import plural

_HIGH, _PORT_HIGH = 44.0, 26.0
_NARROWEST, _WIDEST = 92.0, 212.0
_LETTER, _SMALL_LETTER = 7.4, 6.3
"""The widths of a letter of the first and the second line of a box."""
_MARGIN = 16.0


class Target(NamedTuple):
    """A target that reads the graph."""

    name: str
    told: str
    """Where it is cut, or why not."""
    trouble: tuple[int, int]
    """How many nodes it refuses, and of how many nothing is known."""


class Drawn(NamedTuple):
    """A box, as the page's script takes it."""

    x: float
    y: float
    width: float
    height: float
    title: str
    under: str
    kind: str
    """``node``, ``fold``, ``input`` or ``output``."""
    verdicts: str
    """A letter a target, ``-`` where nothing is asked."""
    cut: str
    """A digit a target: 0 inside, 1 outside, 2 both."""
    label: str
    """For who does not see it, empty where it is just what the box says."""
    view: int | None
    node: int | None


class Line(NamedTuple):
    """A line between boxes, as the page's script takes it."""

    path: str
    cut: str
    """A digit a target: whether it crosses the cut."""
    back: bool


class Scene(NamedTuple):
    """A view with everything in its place, as the page's script takes it."""

    title: str
    parent: int | None
    width: int
    height: int
    boxes: Sequence[Drawn]
    lines: Sequence[Line]


class Told(NamedTuple):
    """What the page's script tells of a node."""

    operator: str
    name: str
    scope: str
    type: str
    line: int
    """Of the lines, -1 where none is known."""
    row: str
    """The anchor of its row in the matrix."""


class Graph(NamedTuple):
    """A graph on a page."""

    targets: Sequence[Target]
    chosen: int
    """Which target is shown first."""
    operators: int
    """How many nodes it has."""
    drawing: Mapping[str, Sequence[Any]]
    """The scenes, the nodes, and their lines: text, link and code."""


def graph(result: MatrixResult, sources: Sources) -> Graph | None:
    """The graph of a matrix's file, None where it has none or is not drawn."""
    picture = result.subject.picture
    if picture is None:
        return None
    drawing = _Drawing(picture, result, sources)
    chosen = max(range(len(drawing.targets)), key=lambda at: drawing.targets[at].trouble, default=0)
    operators = sum(not node.is_port for node in picture.nodes)
    nodes = [drawing.told(node) for node in picture.nodes]
    return Graph(
        drawing.targets,
        chosen,
        operators,
        {"scenes": drawing.scenes(), "nodes": nodes, "lines": list(drawing.lines.values())},
    )


class _Drawing:
    """Draws the views of a picture."""

    def __init__(self, picture: Picture, result: MatrixResult, sources: Sources) -> None:
        self._picture = picture
        self._rows = result.subject.rows
        self._sources = sources
        matrix, opset = result.matrix, result.matrix.opsets[0]
        self._columns = {
            one.asked: matrix.at(one, opset).cells
            for one in matrix.targets
            if one.asked in picture.cuts and not matrix.at(one, opset).reason
        }
        self.lines: dict[SourceLine, tuple[str, str, str]] = {}
        self._places: dict[SourceLine, int] = {}
        self._cuts = [picture.cuts[name] for name in self._columns]
        self._verdicts = [self._letters(node) for node in picture.nodes]
        self.targets = [self._target(name, at) for at, name in enumerate(self._columns)]

    def _target(self, name: str, at: int) -> Target:
        letters = [verdicts[at] for verdicts in self._verdicts]
        trouble = letters.count("n"), letters.count("u")
        return Target(name, self._told_cut(name, self._cuts[at], sum(trouble)), trouble)

    def _told_cut(self, name: str, cut: CutAt, doubtful: int) -> str:
        if cut.reason:
            return f"No cut is proposed: {cut.reason}."
        if not cut.outside:
            doubt = f"; of {plural(doubtful, 'node')} nothing sure is known" if doubtful else ""
            return f"No cut is needed: {name} is known to refuse no node{doubt}."
        crossing = {read for at in cut.outside for read in self._picture.nodes[at].reads if read not in cut.outside}
        operators = {at for at, node in enumerate(self._picture.nodes) if not node.is_port}
        inside = len(operators - cut.outside)
        return (
            f"Proposed cut for {name}: {plural(inside, 'node')} inside, {len(operators & cut.outside)} outside; "
            f"{plural(len(crossing), 'tensor')} cross{'es' if len(crossing) == 1 else ''} it."
        )

    def scenes(self) -> list[Scene]:
        """All views."""
        made = views(self._picture, [cut.outside for cut in self._cuts if cut.outside])
        return [self._scene(made, at) for at in range(len(made))]

    def told(self, node: Node) -> Told:
        """What is told of a node; its line is one of the ``lines``."""
        row = self._row(node)
        return Told(
            printable(node.operator),
            printable(node.name),
            printable(node.scope[-1] if node.scope else ""),
            printable(node.type),
            self._line(node.line) if node.line.path else -1,
            "" if row is None else anchor(row),
        )

    def _line(self, line: SourceLine) -> int:
        if line not in self.lines:
            link = self._sources.link(line.path, line.row)
            self._places[line] = len(self.lines)
            self.lines[line] = (printable(link.text), link.href, printable(line.code))
        return self._places[line]

    def _row(self, node: Node) -> int | None:
        return None if node.is_port else self._rows.get(node.makes)

    def _scene(self, made: Sequence[View], at: int) -> Scene:
        view = made[at]
        boxes = [self._drawn(box, view.title) for box in view.boxes]
        edges = list(view.edges)
        first = int(bool(view.entering))
        if view.entering:  # what comes from outside of the view goes before all others
            boxes.insert(0, _port("from outside", INPUT, len(self._cuts)))
            edges = [(a + first, b + first) for a, b in edges] + [(0, one + first) for one in view.entering]
        if view.leaving:
            edges += [(one + first, len(boxes)) for one in view.leaving]
            boxes.append(_port("to outside", OUTPUT, len(self._cuts)))
        placed = layout([(box.width, box.height) for box in boxes], edges)
        crossing = self._crossing(view)
        return Scene(
            printable(view.title) or "the whole graph",
            view.parent,
            round(placed.width + 2 * _MARGIN),
            round(placed.height + 2 * _MARGIN),
            [_moved(box, middle) for box, middle in zip(boxes, placed.boxes, strict=True)],
            _lines(placed, boxes, {(a + first, b + first): cut for (a, b), cut in crossing.items()}, len(self._cuts)),
        )

    def _crossing(self, view: View) -> dict[tuple[int, int], str]:
        """Of each line whether it crosses the cut of each target."""
        owner = {at: number for number, box in enumerate(view.boxes) for at in box.members}
        found: dict[tuple[int, int], list[str]] = {}
        for at, here in owner.items():
            for read in self._picture.nodes[at].reads:
                there = owner.get(read, here)
                if there != here:
                    digits = found.setdefault((there, here), ["0"] * len(self._cuts))
                    for number, cut in enumerate(self._cuts):
                        if at in cut.outside and read not in cut.outside:
                            digits[number] = "1"
        return {edge: "".join(digits) for edge, digits in found.items()}

    def _drawn(self, box: Box, around: str) -> Drawn:
        nodes = [self._picture.nodes[at] for at in box.members]
        if box.view is None:
            (node,) = nodes
            kind = node.operator if node.is_port else "node"
            title, under = (node.name, node.type) if node.is_port else (node.operator, _under(node))
        else:
            operators = sum(not node.is_port for node in nodes)
            kind, title, under = "fold", box.fold.removeprefix(f"{around}."), plural(operators, "node")
        verdicts = [self._verdicts[at] for at in box.members]
        letters = "".join(worst(set(column) - {"-"}) or "-" for column in zip(*verdicts, strict=True))
        cut = "".join(_part(box.members, cut.outside) for cut in self._cuts)
        return _sized(printable(title), printable(under), kind, letters, cut, box)

    def _letters(self, node: Node) -> str:
        """What each target makes of a node."""
        row = self._row(node)
        if row is None:
            return "-" * len(self._columns)
        return "".join(LETTERS[cells[row].supported] for cells in self._columns.values())


def _under(node: Node) -> str:
    """The second line of a node's box: its line of source, else its module, else its name."""
    if node.line.path:
        return f"{PurePosixPath(shown_path(node.line.path)).name}:{node.line.row}"
    return node.scope[-1] if node.scope else node.name


def _part(members: Sequence[int], outside: Collection[int]) -> str:
    count = sum(at in outside for at in members)
    return "0" if not count else "1" if count == len(members) else "2"


def _port(title: str, kind: str, targets: int) -> Drawn:
    return _sized(title, "", kind, "-" * targets, "0" * targets, Box(()))


def _sized(title: str, under: str, kind: str, verdicts: str, cut: str, box: Box) -> Drawn:
    most = int((_WIDEST - 30) / _LETTER), int((_WIDEST - 30) / _SMALL_LETTER)
    short, small = _short(title, most[0]), _short(under, most[1])
    label = "" if (short, small) == (title, under) else f"{title}, {under}"
    wide = max(len(short) * _LETTER, len(small) * _SMALL_LETTER) + (46 if kind == "fold" else 30)
    high = _HIGH if under else _PORT_HIGH
    node = box.members[0] if len(box.members) == 1 and box.view is None else None
    return Drawn(0, 0, max(_NARROWEST, wide), high, short, small, kind, verdicts, cut, label, box.view, node)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _moved(box: Drawn, middle: Point) -> Drawn:
    x, y = middle.x - box.width / 2 + _MARGIN, middle.y - box.height / 2 + _MARGIN
    return box._replace(x=round(x), y=round(y), width=round(box.width))


def _lines(placed: Layout, boxes: Sequence[Drawn], crossing: Mapping[tuple[int, int], str], targets: int) -> list[Line]:
    return [
        Line(_path(points, boxes[a].height, boxes[b].height), crossing.get((a, b), "0" * targets), a > b)
        for (a, b), points in placed.lines.items()
    ]


def _path(points: Sequence[Point], high: float, low: float) -> str:
    """A curve from the edge of one box to that of the other."""
    way = 1 if points[0].y <= points[-1].y else -1
    ends = [Point(one.x + _MARGIN, one.y + _MARGIN) for one in points]
    ends[0] = ends[0]._replace(y=ends[0].y + way * high / 2)
    ends[-1] = ends[-1]._replace(y=ends[-1].y - way * (low / 2 + 7))
    parts = [f"M{ends[0].x:.0f} {ends[0].y:.0f}"]
    for one, other in itertools.pairwise(ends):
        middle = (one.y + other.y) / 2
        parts.append(f"C{one.x:.0f} {middle:.0f} {other.x:.0f} {middle:.0f} {other.x:.0f} {other.y:.0f}")
    return "".join(parts)
