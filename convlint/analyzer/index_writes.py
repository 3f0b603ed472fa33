"""Index assignments of forms that exporters refuse, or lay out otherwise than eager does."""

from __future__ import annotations

import ast

from convlint.analyzer.aliases import Range
from convlint.analyzer.index import is_dots
from convlint.analyzer.indexing import classify, parts_of, region_of, shape_at
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import NONE, Const, List, Tensor, Value, number_kind, taint_of
from convlint.events import BroadcastWrite, MaskAmongIndices, Operand, Taint, UnusualIndexWrite


def note_form(run: Run, frame: Frame, target: ast.Subscript, tensor: Tensor, index: Value, value: Value) -> None:
    """Notes an assignment to all, under ``None``, or under positions, that is written otherwise or refused."""
    parts = parts_of(target.slice, index)
    if not tensor.sure or (isinstance(target.slice, ast.Name) and len(parts) > 1):
        return
    how = "none" if any(one == NONE for _, one in parts) else ""
    if all(is_dots(part) for part, _ in parts) and _copies(frame, target, value):
        how = "whole"
    if not how and classify(target.slice, index) == "tensor":
        at = [i for i, (_, one) in enumerate(parts) if isinstance(one, (Tensor, List))]
        if any(is_dots(part) for part, _ in parts[: at[0] if at else 0]):
            how = "dots"
        elif at and at[-1] - at[0] >= len(at):
            how = "apart"
        elif at and _lacks_axes(tensor, [parts[i][1] for i in at], len(parts), value):
            how = "broadcast"
    if how:
        run.emit(frame, UnusualIndexWrite, target, "", (), how=how)


def _copies(frame: Frame, target: ast.Subscript, value: Value) -> bool:
    """Whether a tensor is copied into all of another: what is added to it, or written into a slice, is assigned."""
    of_slice = isinstance(target.value, ast.Subscript) or isinstance(frame.statement, ast.AugAssign)
    return isinstance(value, Tensor) and value.rank != 0 and not of_slice


def _lacks_axes(tensor: Tensor, positions: list[Value], given: int, value: Value) -> bool:
    """Whether a value surely has fewer axes than the elements at some positions, numbers aside."""
    ranks = {one.rank if isinstance(one, Tensor) else 1 for one in positions}
    if tensor.rank is None or ranks != {1} or given > len(positions):
        return False
    return isinstance(value, Tensor) and value.sure and 0 < (value.rank or 0) < tensor.rank - len(positions) + 1


def note_mask(run: Run, frame: Frame, target: ast.Subscript, index: Value, value: Value) -> None:
    """Notes a mask that is one of several indices."""
    parts = parts_of(target.slice, index)
    place = next((i for i, (_, one) in enumerate(parts) if isinstance(one, Tensor) and one.dtype == "bool"), None)
    if place is None or len(parts) < 2 or not isinstance(target.slice, ast.Tuple):
        return
    mask, before = parts[place][1], parts[:place]
    dots = any(is_dots(part) for part, _ in before)
    several = isinstance(mask, Tensor) and (mask.rank or 0) > 1
    numbered = any(number_kind(one) is not None for _, one in before) and isinstance(value, Tensor) and value.rank != 0
    run.emit(
        frame,
        MaskAmongIndices,
        target,
        "",
        (),
        mask=run.operand(frame, parts[place][0], mask),
        after_slice=dots or any(isinstance(part, ast.Slice) for part, _ in before),
        after_dots=dots,
        mistaken=place + 1 < len(parts) or several or numbered,
    )


def note_broadcast(
    run: Run,
    frame: Frame,
    target: ast.Subscript,
    tensor: Tensor,
    index: Value,
    value: Value,
    source: ast.expr | None,
    given: Operand,
) -> None:
    """Notes a value that is broadcast to sizes of an input where it is assigned."""
    if not isinstance(value, Tensor) or value.rank == 0 or not (value.sure and tensor.sure):
        return
    place = shape_at(tensor, target.slice, index)
    if place is not None and value.rank is not None:
        found = _is_broadcast(value, place)
    else:
        found = _lacks_batch(target, tensor, value) or _is_narrower(target, tensor, source)
    if found:
        run.emit(frame, BroadcastWrite, target, "", (), name=ast.unparse(target), value=given)


def _is_broadcast(value: Tensor, place: tuple[Value, ...]) -> bool:
    """Whether a value surely has fewer axes than where it is put, or 1 along one of other size, where sizes vary."""
    if all(taint_of(size) < Taint.shape for size in place) or value.rank is None:
        return False
    sizes = value.shape or ()
    pairs = zip(reversed(sizes), reversed(place), strict=False)
    wider = any(size == Const(1) and _is_not_one(at) for size, at in pairs)
    return wider or any(_is_not_one(size) for size in place[: max(0, len(place) - value.rank)])


def _is_not_one(size: Value) -> bool:
    return taint_of(size) >= Taint.shape or (isinstance(size, Const) and size.value != 1)


def _lacks_batch(target: ast.Subscript, tensor: Tensor, value: Tensor) -> bool:
    """Whether what the model holds has no batch, and is put into all samples of one."""
    first = target.slice.elts[0] if isinstance(target.slice, ast.Tuple) else target.slice
    whole = isinstance(first, ast.Slice) and first.lower is None and first.upper is None and first.step is None
    of_one = value.rank == 1 or (value.shape or ())[:1] == (Const(1),)
    return whole and of_one and value.taint is Taint.state and tensor.taint >= Taint.shape


def _is_narrower(target: ast.Subscript, tensor: Tensor, source: ast.expr | None) -> bool:
    """``y[:, :3] = x[:, 3:4]``: one column for several, of as many axes as there may be."""
    if not isinstance(source, ast.Subscript) or tensor.taint < Taint.shape:
        return False
    written, read = (region_of(one.slice) for one in (target, source))
    if written is None or read is None or written[0] != read[0] or len(written[1]) != len(read[1]):
        return False
    lengths = [(_length(at), _length(of)) for at, of in zip(written[1], read[1], strict=True)]
    batch = written[0] == "back" or (0, None, 1) in written[1]
    return batch and any(of == 1 and at not in (1, None) for at, of in lengths)


def _length(part: Range) -> int | None:
    """How long a part of an axis is, where constants say so."""
    if part is None or not isinstance(part[0], int) or not isinstance(part[1], int) or part[2] != 1:
        return None
    start, stop = part[0], part[1]
    return stop - start if (start >= 0) == (stop >= 0) and stop > start else None
