"""A graph in views that fit a page: modules are folded into boxes, and each of these has a view of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property

from convlint.graph.picture import INPUT, OUTPUT, Picture

MOST = 40
"""Boxes of a view, where it is up to us."""
_ALL = 60
"""So many nodes are shown without folding any."""


@dataclass(eq=False)
class Fold:
    """A module, or some nodes in a row where a module has too many."""

    name: str
    parts: list[int | Fold] = field(default_factory=list)

    @cached_property
    def members(self) -> tuple[int, ...]:
        """All nodes in it, in order."""
        found = ([one] if isinstance(one, int) else one.members for one in self.parts)
        return tuple(sorted(itertools.chain.from_iterable(found)))


@dataclass(frozen=True)
class Box:
    """A node, or what is folded."""

    members: tuple[int, ...]
    fold: str = ""
    """The name of what is folded, empty for a single node."""
    view: int | None = None
    """Where what is folded is unfolded."""


@dataclass(frozen=True)
class View:
    """Some boxes, and which of them reads what another one makes."""

    title: str
    parent: int | None
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
    entering: tuple[int, ...] = ()
    """The boxes that read what is made outside of the view."""
    leaving: tuple[int, ...] = ()
    """The boxes that make what is read outside of it."""


def views(picture: Picture, split: Sequence[Set[int]] = ()) -> list[View]:
    """The whole graph, then what is folded in it, then what is folded in that.

    What holds both nodes of one of the sets in ``split`` and others is unfolded first: a cut goes through it.
    """
    made: list[View] = []
    waiting: list[tuple[Fold, int | None]] = [(_tree(picture), None)]
    readers: dict[int, list[int]] = {}
    for at, node in enumerate(picture.nodes):
        for read in node.reads:
            readers.setdefault(read, []).append(at)
    while waiting:
        fold, parent = waiting.pop(0)
        here = len(made)
        boxes = []
        for part in _unfolded(fold, split):
            if isinstance(part, int):
                boxes.append(Box((part,)))
            else:
                waiting.append((part, here))
                boxes.append(Box(part.members, part.name, here + len(waiting)))
        made.append(_view(picture, readers, fold.name, parent, boxes))
    return made


def _view(
    picture: Picture, readers: dict[int, list[int]], title: str, parent: int | None, boxes: Sequence[Box]
) -> View:
    owner = {at: number for number, box in enumerate(boxes) for at in box.members}
    edges = {
        (owner[read], here)
        for at, here in owner.items()
        for read in picture.nodes[at].reads
        if owner.get(read, here) != here
    }
    entering = {here for at, here in owner.items() if any(read not in owner for read in picture.nodes[at].reads)}
    leaving = {here for at, here in owner.items() if any(reader not in owner for reader in readers.get(at, ()))}
    return View(title, parent, tuple(boxes), tuple(sorted(edges)), tuple(sorted(entering)), tuple(sorted(leaving)))


def _tree(picture: Picture) -> Fold:
    root = Fold("")
    known: dict[tuple[str, ...], Fold] = {(): root}
    for at, node in enumerate(picture.nodes):
        scope = () if node.operator in (INPUT, OUTPUT) else node.scope
        for size in range(1, len(scope) + 1):
            if scope[:size] not in known:
                known[scope[:size]] = fold = Fold(scope[size - 1])
                known[scope[: size - 1]].parts.append(fold)
        known[scope].parts.append(at)
    _simplify(root)
    return root


def _simplify(root: Fold) -> None:
    """Without modules of one part; what has too many parts in groups."""
    folds = [root]
    for fold in folds:  # grows while it is read
        folds += [part for part in fold.parts if isinstance(part, Fold)]
    for fold in reversed(folds):
        fold.parts = [_only(part) for part in fold.parts]
        while len(fold.parts) > 2 * MOST:
            groups = range(0, len(fold.parts), MOST)
            fold.parts = [_group(fold.parts[at : at + MOST]) for at in groups]


def _only(part: int | Fold) -> int | Fold:
    return part.parts[0] if isinstance(part, Fold) and len(part.parts) == 1 else part


def _group(parts: list[int | Fold]) -> Fold:
    group = Fold("", parts)
    group.name = f"nodes {group.members[0] + 1} to {group.members[-1] + 1}"
    return group


def _unfolded(fold: Fold, split: Sequence[Set[int]]) -> Iterator[int | Fold]:
    """The parts of a fold, and of these what else there is room for, in order."""
    parts = list(fold.parts)
    room = _ALL if len(fold.members) <= _ALL else MOST
    while True:
        folds = [one for one in parts if isinstance(one, Fold) and len(parts) - 1 + len(one.parts) <= room]
        if not folds:
            break
        best = max(folds, key=lambda one: (_is_split(one, split), len(one.members)))
        at = parts.index(best)
        parts[at : at + 1] = best.parts
    return iter(sorted(parts, key=lambda one: one if isinstance(one, int) else one.members[0]))


def _is_split(fold: Fold, split: Sequence[Set[int]]) -> bool:
    return any(0 < len(one & set(fold.members)) < len(fold.members) for one in split)
