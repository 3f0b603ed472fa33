"""Which tensors share memory, and which of them the TorchScript ONNX exporter lets miss an in-place write.

Measured on torch 2.13: the exporter replays an in-place write on the tensor that it is written through. Where that
tensor came from plain indexing (select, slice) *on the same source line* as the write, it also replays it on the
tensor that was indexed; through any other view (``view``, ``t``, ``unsqueeze``, ``chunk``...), or from another line,
it does not. Every other name of the same memory then keeps its old value in the graph.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")

INDEXING = frozenset({"select", "slice"})

Bound = int | tuple[int, str]
"""A constant, or how often a name: (2, "self.n") of ``2 * self.n``."""
Range = tuple[Bound, Bound | None, int] | None
"""(start, stop, step) of one axis; None for all of it or for what is not known."""
Region = tuple[str, tuple[Range, ...]]
"""Axes counted from the ``front`` or the ``back``; or one ``part`` of a split."""


def disjoint(a: Region | None, b: Region | None) -> bool:
    """Whether two parts of one tensor surely share no element."""
    if a is None or b is None or a[0] != b[0]:
        return False
    if a[0] == "part":
        return a[1] != b[1]
    left, right = (a[1], b[1]) if a[0] == "front" else (a[1][::-1], b[1][::-1])
    return any(_apart(x, y) for x, y in zip(left, right, strict=False))


def _follows(stop: Bound | None, start: Bound) -> bool:
    """Whether what starts here surely lies behind what stops there: ``x[:n]``, ``x[n:]``."""
    if not isinstance(stop, tuple) or not isinstance(start, tuple):
        return False
    return stop[1] == start[1] and 0 < stop[0] <= start[0]


def _apart(a: Range, b: Range) -> bool:
    if a is None or b is None:
        return False
    (start, stop, step), (other, end, stride) = a, b
    if isinstance(start, tuple) or isinstance(stop, tuple) or isinstance(other, tuple) or isinstance(end, tuple):
        return _follows(stop, other) or _follows(end, start)
    if min(start, other) < 0 or any(e is not None and e < 0 for e in (stop, end)):
        # -1 and 1 may be one row or two: only two rows counted from the same side can be compared
        return stop == start + 1 and end == other + 1 and start < 0 and other < 0 and start != other
    if step == stride and step > 1 and (start - other) % step:
        return True
    return (stop is not None and stop <= other) or (end is not None and end <= start)


def overtakes(written: Region, read: Region, *, copied: bool) -> bool:
    """Whether a write, from the first element to the last, surely changes elements that it reads only afterwards.

    Both are parts of one tensor that differ along one axis, the write being further on, or the read being of one row
    that is written before others are: a row that is copied onto itself stays as it is.
    """
    if written[0] != read[0] or written[0] == "part":
        return False
    length = max(len(written[1]), len(read[1]))
    left, right = (_padded(one, length) for one in (written, read))
    apart = [axis for axis in range(length) if left[axis] != right[axis]]
    if None in (*left, *right) or len(apart) != 1 or (written[0] == "front" and apart == [0]):
        return False  # along the first axis eager refuses what overlaps
    return _is_behind(left[apart[0]], right[apart[0]], copied)


def _padded(region: Region, length: int) -> tuple[Range, ...]:
    """The parts along as many axes, of which those that are not named are whole."""
    whole: tuple[Range, ...] = ((0, None, 1),) * (length - len(region[1]))
    return (*region[1], *whole) if region[0] == "front" else (*whole, *region[1])


def _is_behind(written: Range, read: Range, copied: bool) -> bool:
    if written is None or read is None:
        return False
    (start, stop, step), (other, end, stride) = written, read
    if isinstance(start, tuple) or isinstance(stop, tuple) or isinstance(other, tuple) or isinstance(end, tuple):
        return False
    if end == other + 1 and other >= 0:  # one row, which goes with every row that is written
        among = 0 <= start <= other and (other - start) % step == 0
        return not copied and among and (stop is None or other < stop - 1)
    shift = start - other
    if shift <= 0 or step != stride or shift % step or (start < 0) != (other < 0):
        return False
    if end is not None and end >= 0:
        return start < end
    return shift == step  # of so many as are read but not known, at least two


@dataclass(frozen=True)
class View:
    """How a tensor came to share its parent's memory, and where."""

    parent: int
    how: str
    place: tuple[str, int]
    """(path, line) as the tracer records it."""
    region: Region | None = None
    """Which part of the parent it is, where that is known."""
    node: ast.expr | None = field(default=None, repr=False)
    """The expression that made it."""
    of: ast.expr | None = field(default=None, repr=False)
    """What it was made of."""
    loop: int = 0
    """The run of a loop in each round of which the expression makes another part, 0 for none."""


@dataclass(eq=False)
class Write:
    """One in-place write."""

    through: int
    lost: bool
    """Whether it went through a view (else the missing reader is an older view)."""
    report: object = field(repr=False, default=None)
    loop: int = 0
    """The run of a loop by whose variable the part is named that is written: ``y[i] = v``."""


class Memory:
    """The tensors of a run: views, memory, and the writes that each tensor misses in the exported graph."""

    def __init__(self) -> None:
        self._idents = itertools.count(1)
        self.views: dict[int, View] = {}
        self.tenants: dict[int, list[int]] = {}
        self.missed: dict[int, tuple[Write, ...]] = {}
        self.written: list[int] = []
        """The memory of each in-place write so far."""

    def fresh(self) -> int:
        """The identity (and memory) of a new tensor."""
        return next(self._idents)

    def view(self, parent: int, storage: int, view: View) -> int:
        """The identity of a new view of ``parent``."""
        ident = next(self._idents)
        self.views[ident] = view
        tenants = self.tenants.setdefault(storage, [storage])
        if parent not in tenants:
            tenants.append(parent)
        tenants.append(ident)
        missed = self.missed.get(parent, ())
        if missed := tuple(one for one in missed if not self._of_other_rounds(ident, one.through)):
            self.missed[ident] = missed
        return ident

    def write(
        self,
        through: int,
        storage: int,
        place: tuple[str, int],
        report: object,
        region: Region | None,
        loop: int = 0,
    ) -> None:
        """Record a write (to a part of the tensor, where ``region`` says so, another in each round of a ``loop``)."""
        loop = loop or self._made(through)[0]
        self.written.append(storage)
        reached = {through}
        current = through
        while (view := self.views.get(current)) is not None and view.how in INDEXING and view.place == place:
            current = view.parent
            reached.add(current)
        for ident in self.tenants.get(storage, ()):
            if ident not in reached and not self._untouched(ident, through, region):
                older_view = self._derives(ident, through)
                self.missed[ident] = (*self.missed.get(ident, ()), Write(through, not older_view, report, loop))

    def overtakes(self, through: int, region: Region | None, read: int, *, copied: bool) -> bool:
        """Whether a write (to a part of the tensor, where ``region`` says so) overtakes the view that it reads."""
        written, view = self.views.get(through), self.views.get(read)
        if view is not None and view.how == "unsqueeze" and isinstance(view.node, ast.Call):
            view = self.views.get(view.parent)
        elif view is not None and view.how != "slice":
            return False
        if view is None or view.region is None or view.how not in INDEXING:
            return False
        if view.parent == through:
            return overtakes(region or (view.region[0], ()), view.region, copied=copied)
        if written is None or written.parent != view.parent or written.how != "slice" or written.region is None:
            return False
        return region is None and overtakes(written.region, view.region, copied=copied)

    def brought_back(self, ident: int, through: int) -> None:
        """The tensor was given, by an index assignment, what had been written through a view of it."""
        self.missed[ident] = tuple(w for w in self.missed.get(ident, ()) if w.through != through)

    @contextmanager
    def keeps(self, ident: int, base: int) -> Iterator[None]:
        """While a view is assigned to its own place in its base: of that write it misses nothing."""
        before = self.missed.get(ident, ())
        yield
        if ident and self._derives(ident, base):
            self.missed[ident] = before

    def _untouched(self, ident: int, through: int, region: Region | None) -> bool:
        """Whether a tensor sees nothing of a write, as it lies in another part of a base of both."""
        if self._of_other_rounds(ident, through):
            return True
        written = {through: region, **{view.parent: view.region for view in self._lineage(through)}}
        parts = (view for view in self._lineage(ident) if view.parent in written)
        return any(disjoint(view.region, written[view.parent]) for view in itertools.islice(parts, 1))

    def read(self, ident: int, made: tuple[int, ast.expr] | None = None) -> tuple[Write, ...]:
        """The writes that the graph's version of this tensor misses; each is told once.

        Those are not read that went through what this expression made in other rounds of the same loop.
        """
        missed = self.missed.pop(ident, ())
        others = tuple(one for one in missed if made and self._made(one.through) == made)
        if others:
            self.missed[ident] = others
        return tuple(one for one in missed if one not in others)

    def next_round(self, idents: Iterable[int], loop: int) -> None:
        """Each round of a loop has other rows, which miss nothing that rounds before wrote by the loop's variable."""
        for ident in idents:
            if ident in self.missed:
                self.missed[ident] = tuple(one for one in self.missed[ident] if one.loop != loop)

    def _of_other_rounds(self, ident: int, other: int) -> bool:
        """Whether one expression made both in a loop whose variable it indexes with: `x[i]`, and the next `x[i]`."""
        return self._made(ident)[0] > 0 and self._made(ident) == self._made(other)

    def _made(self, ident: int) -> tuple[int, ast.expr | None]:
        """The run of a loop and the expression in it that made a view."""
        view = self.views.get(ident)
        return (view.loop, view.node) if view is not None else (0, None)

    def _lineage(self, ident: int) -> Iterator[View]:
        """How a tensor came to share the memory of another, and that one of the next."""
        while (view := self.views.get(ident)) is not None:
            yield view
            ident = view.parent

    def _derives(self, ident: int, ancestor: int) -> bool:
        return any(view.parent == ancestor for view in self._lineage(ident))

    def each(self, alternatives: Iterable[Callable[[], T]]) -> list[T]:
        """What each of several alternatives gives, of which one is run: all begin where the first one does."""
        given, before, after = list[T](), self.missed, self.missed
        for i, alternative in enumerate(alternatives):
            self.missed = dict(before)
            given.append(alternative())
            if i:
                self.merge(after)
            after = self.missed
        return given

    def merge(self, other: dict[int, tuple[Write, ...]]) -> None:
        """Join with the state at the end of the other arm."""
        for ident, writes in other.items():
            mine = self.missed.get(ident, ())
            if mine is writes:
                continue
            self.missed[ident] = mine + tuple(w for w in writes if w not in mine)
