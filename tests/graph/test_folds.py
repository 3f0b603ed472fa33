"""Graphs folded into views, and views laid out: nothing is lost, nothing overlaps."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest

from convlint.graph.folds import MOST, View, views
from convlint.graph.layout import layout
from convlint.graph.picture import INPUT, OUTPUT, Node, Picture


def blocks(count: int, scoped: bool = True) -> Picture:
    """An input, blocks of a module of six nodes with a shortcut, an output."""
    nodes = [Node(INPUT, "x")]
    for at in range(count):
        scope = ("stages", f"stages.{at}") if scoped else ()
        start = len(nodes) - 1
        nodes += [Node("Conv", f"{at}.{i}", (len(nodes) - 1 + i,), (*scope, f"conv{i}")) for i in range(5)]
        nodes.append(Node("Add", f"{at}.add", (start, len(nodes) - 1), scope))
    return Picture((*nodes, Node(OUTPUT, "y", (len(nodes) - 1,))))


def leaves(found: list[View]) -> list[int]:
    return sorted(at for view in found for box in view.boxes if box.view is None for at in box.members)


@pytest.mark.parametrize("scoped", [True, False])
@pytest.mark.parametrize("count", [1, 9, 60, 400])
def test_each_node_is_in_one_view_and_no_view_is_crowded(count: int, scoped: bool) -> None:
    picture = blocks(count, scoped)
    found = views(picture)
    assert leaves(found) == list(range(len(picture.nodes)))
    assert max(len(view.boxes) for view in found) <= 2 * MOST


def test_a_box_holds_what_its_view_shows() -> None:
    found = views(blocks(60))
    for number, view in enumerate(found):
        for box in view.boxes:
            if box.view is not None:
                assert found[box.view].parent == number
                assert sorted(at for inner in found[box.view].boxes for at in inner.members) == list(box.members)


def test_modules_are_folded_under_their_names() -> None:
    found = views(blocks(30))
    assert {"stages.0", "stages.29"} <= {box.fold for view in found for box in view.boxes}


def test_what_reads_each_other_is_connected_in_the_view_that_has_both() -> None:
    picture = blocks(60)
    connected = set()
    for view in views(picture):
        owner = {at: number for number, box in enumerate(view.boxes) for at in box.members}
        for at, node in enumerate(picture.nodes):
            for read in node.reads:
                if at in owner and read in owner and owner[at] != owner[read]:
                    assert (owner[read], owner[at]) in view.edges
                    connected.add((read, at))
    assert connected == {(read, at) for at, node in enumerate(picture.nodes) for read in node.reads}


def test_a_fold_through_which_a_cut_goes_is_unfolded() -> None:
    picture = blocks(60)
    module = next(box for box in views(picture)[0].boxes if box.fold)
    cut = frozenset(range(module.members[2], len(picture.nodes)))
    (first, *_) = views(picture, [cut])
    assert not any(0 < len(cut & set(box.members)) < len(box.members) for box in first.boxes if len(box.members) < 8)


def test_what_was_called_by_one_line_is_folded_together() -> None:
    calls = [("net.py", 9), ("net.py", 12)]
    nodes = [Node(INPUT, "x")]
    for call in calls:
        for row in range(40):
            nodes.append(Node("Mul", "m", (len(nodes) - 1,), calls=(call, ("helper.py", row // 4))))
    found = views(Picture(tuple(nodes)))
    assert [box.fold for box in found[0].boxes if box.fold] == ["net.py:9", "net.py:12"]


def test_boxes_of_a_layout_do_not_overlap_and_lines_lead_down() -> None:
    draw = random.Random(0)
    for _ in range(40):
        count = draw.randint(1, 40)
        sizes = [(draw.uniform(60, 200), draw.choice([26.0, 44.0])) for _ in range(count)]
        edges = {(a, b) for b in range(1, count) for a in draw.sample(range(b), min(b, draw.randint(0, 3)))}
        made = layout(sizes, edges)
        corners = [
            (x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(made.boxes, sizes, strict=True)
        ]
        for at, (left, top, right, bottom) in enumerate(corners):
            assert left >= -0.01
            assert top >= -0.01
            assert right <= made.width + 0.01
            assert bottom <= made.height + 0.01
            for other in corners[at + 1 :]:
                assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
        assert set(made.lines) == edges
        for (a, b), points in made.lines.items():
            assert (points[0], points[-1]) == (made.boxes[a], made.boxes[b])
            assert all(one.y < other.y for one, other in pairwise(points))


def test_a_line_back_is_laid_out_too() -> None:
    made = layout([(80.0, 40.0)] * 3, [(0, 1), (1, 2), (2, 0)])
    assert made.lines[2, 0][0] == made.boxes[2]
    assert made.boxes[0].y < made.boxes[1].y < made.boxes[2].y
