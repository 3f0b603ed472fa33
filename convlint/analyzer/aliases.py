"""Which tensors share memory, and which of them the TorchScript ONNX exporter lets miss an in-place write.

Measured on torch 2.13: the exporter replays an in-place write on the tensor that it is written through. Where that
tensor came from plain indexing (select, slice) *on the same source line* as the write, it also replays it on the
tensor that was indexed; through any other view (``view``, ``t``, ``unsqueeze``, ``chunk``...), or from another line,
it does not. Every other name of the same memory then keeps its old value in the graph.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

INDEXING = frozenset({"select", "slice"})


@dataclass(frozen=True)
class View:
    """How a tensor came to share its parent's memory, and where."""

    parent: int
    how: str
    place: tuple[str, int]
    """(path, line) as the tracer records it."""


@dataclass(eq=False)
class Write:
    """One in-place write."""

    through: int
    lost: bool
    """Whether it went through a view (else the missing reader is an older view)."""
    report: object = field(repr=False, default=None)


class Memory:
    """The tensors of a run: views, memory, and the writes that each tensor misses in the exported graph."""

    def __init__(self) -> None:
        self._idents = itertools.count(1)
        self.views: dict[int, View] = {}
        self.tenants: dict[int, list[int]] = {}
        self.missed: dict[int, tuple[Write, ...]] = {}

    def fresh(self) -> int:
        """The identity (and memory) of a new tensor."""
        return next(self._idents)

    def view(self, parent: int, storage: int, how: str, place: tuple[str, int]) -> int:
        """The identity of a new view of ``parent``."""
        ident = next(self._idents)
        self.views[ident] = View(parent, how, place)
        tenants = self.tenants.setdefault(storage, [storage])
        if parent not in tenants:
            tenants.append(parent)
        tenants.append(ident)
        if parent in self.missed:
            self.missed[ident] = self.missed[parent]
        return ident

    def write(self, through: int, storage: int, place: tuple[str, int], report: object) -> View | None:
        """Record a write; the view by which the written tensor was reached, None where it is the base."""
        reached = {through}
        current = through
        while (view := self.views.get(current)) is not None and view.how in INDEXING and view.place == place:
            current = view.parent
            reached.add(current)
        for ident in self.tenants.get(storage, ()):
            if ident not in reached:
                older_view = self._derives(ident, through)
                self.missed[ident] = (*self.missed.get(ident, ()), Write(through, not older_view, report))
        return self.views.get(through)

    def read(self, ident: int) -> tuple[Write, ...]:
        """The writes that the graph's version of this tensor misses; each is told once."""
        return self.missed.pop(ident, ()) if self.missed else ()

    def _derives(self, ident: int, ancestor: int) -> bool:
        view = self.views.get(ident)
        while view is not None:
            if view.parent == ancestor:
                return True
            view = self.views.get(view.parent)
        return False

    def fork(self) -> dict[int, tuple[Write, ...]]:
        """The state to come back to for the other arm of a branch."""
        return dict(self.missed)

    def merge(self, other: dict[int, tuple[Write, ...]]) -> None:
        """Join with the state at the end of the other arm."""
        for ident, writes in other.items():
            mine = self.missed.get(ident, ())
            self.missed[ident] = mine + tuple(w for w in writes if w not in mine)
