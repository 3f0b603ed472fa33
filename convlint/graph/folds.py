"""A graph in views that fit a page: modules are folded into boxes, and each of these has a view of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePath
from typing import NamedTuple

from convlint.graph.picture import Picture

MOST = 40
"""Boxes of a view, where it is up to us..."""
_FEW = 24
"""...and where no cut goes through what could be unfolded."""
_ALL = 60
"""So many nodes are shown without folding any."""
_FEWEST = 3
"""So many neighbours are worth a fold."""


@dataclass(eq=False)
class Fold:
    """A module, or some nodes in a row where a module has too many."""

    name: str
    parts: list[int | Fold] = field(default_factory=list)
    is_module: bool = False

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


class _Home(NamedTuple):
    """The modules that a node is in, and the lines that called each other until it."""

    scope: tuple[str, ...] = ()
    calls: tuple[tuple[str, int], ...] = ()


def _homes(picture: Picture) -> list[_Home]:
    """Of each node; one of which nothing is recorded is of the line that it leads to."""
    homes: list[_Home] = []
    following = _Home()
    for node in reversed(picture.nodes):
        if not node.is_port and (node.scope or node.calls):
            following = _Home(node.scope, node.calls)
        homes.append(_Home() if node.is_port else following)
    return homes[::-1]


def _tree(picture: Picture) -> Fold:
    root = Fold("")
    homes = _homes(picture)
    known: dict[tuple[str, ...], Fold] = {(): root}
    for at, home in enumerate(homes):
        scope = home.scope
        for size in range(1, len(scope) + 1):
            if scope[:size] not in known:
                known[scope[:size]] = fold = Fold(scope[size - 1], is_module=True)
                known[scope[: size - 1]].parts.append(fold)
        known[scope].parts.append(at)
    _simplify(root, homes)
    return root


def _simplify(root: Fold, homes: Sequence[_Home]) -> None:
    """Without modules of one part; of what has too many parts, those of one call together, then neighbours."""
    folds = [root]
    for fold in folds:  # grows while it is read
        folds += [part for part in fold.parts if isinstance(part, Fold)]
    for fold in reversed(folds):
        fold.parts = [_only(part) for part in fold.parts]
        if len(fold.parts) > MOST:
            fold.parts = _by_calls(fold.parts, homes)
        _halve(fold)


def _only(part: int | Fold) -> int | Fold:
    return part.parts[0] if isinstance(part, Fold) and len(part.parts) == 1 else part


def _by_calls(parts: Sequence[int | Fold], homes: Sequence[_Home]) -> list[int | Fold]:
    """Neighbours that the same line has called together, and in these those that the same line there has called."""
    calls = [homes[part if isinstance(part, int) else part.members[0]].calls for part in parts]
    depth = _common([one for one in calls if one])
    found: list[int | Fold] = []
    numbered = enumerate(zip(parts, calls, strict=True))
    for key, group in itertools.groupby(numbered, lambda one: one[1][1][depth : depth + 1] or one[0]):
        together = [part for _, (part, _) in group]
        if isinstance(key, int) or len(together) < _FEWEST:
            found += together
            continue
        ((path, row),) = key
        fold = Fold(f"{PurePath(path).name}:{row}", together)
        if len(together) > MOST:
            fold.parts = _by_calls(together, homes)
            _halve(fold)
        found.append(fold)
    return found


def _common(calls: Sequence[tuple[tuple[str, int], ...]]) -> int:
    """In how many lines some calls begin alike."""
    if not calls:
        return 0
    first, last = min(calls), max(calls)
    alike = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    return sum(1 for _ in alike)


def _halve(fold: Fold) -> None:
    """Puts neighbours together until there are few enough parts; modules stay by themselves as long as they can."""
    while len(fold.parts) > 2 * MOST:
        runs = [(key, list(run)) for key, run in itertools.groupby(fold.parts, _is_module)]
        parts = [part for is_module, run in runs for part in (run if is_module else _in_groups(run))]
        fold.parts = parts if len(parts) < len(fold.parts) else list(_in_groups(fold.parts))


def _is_module(part: int | Fold) -> bool:
    return isinstance(part, Fold) and part.is_module


def _in_groups(parts: Sequence[int | Fold]) -> Iterator[int | Fold]:
    for at in range(0, len(parts), MOST):
        group = list(parts[at : at + MOST])
        if len(group) < _FEWEST:
            yield from group
        else:
            fold = Fold("", group)
            fold.name = f"nodes {fold.members[0] + 1} to {fold.members[-1] + 1}"
            yield fold


def _unfolded(fold: Fold, split: Sequence[Set[int]]) -> Iterator[int | Fold]:
    """The parts of a fold, and of these what else there is room for, in order."""
    parts = list(fold.parts)
    room = _ALL if len(fold.members) <= _ALL else _FEW

    def fits(part: int | Fold) -> bool:
        most = MOST if isinstance(part, Fold) and _is_split(part, split) else room
        return isinstance(part, Fold) and len(parts) - 1 + len(part.parts) <= most

    while True:
        folds = [one for one in parts if isinstance(one, Fold) and fits(one)]
        if not folds:
            break
        best = max(folds, key=lambda one: (_is_split(one, split), len(one.members)))
        at = parts.index(best)
        parts[at : at + 1] = best.parts
    return iter(sorted(parts, key=lambda one: one if isinstance(one, int) else one.members[0]))


def _is_split(fold: Fold, split: Sequence[Set[int]]) -> bool:
    return any(0 < len(one & set(fold.members)) < len(fold.members) for one in split)
