"""Padding by the sizes of an input that is cut off again: ``x[..., :h, :w]``."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from convlint.analyzer import signs
from convlint.analyzer.dispensable import is_dispensable
from convlint.analyzer.index import is_dots
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.values import Const, List, Number, Tensor, Tuple, Value, is_stepwise, measured_in
from convlint.events import CropsPadding, Taint
from convlint.source.walk import walk

_Parts = Sequence[tuple[ast.expr, Value]]


def note_padding(run: Run, amounts: Value | None) -> None:
    """Remembers by whose sizes a tensor is padded: not by `n + 1`, which the tracer knows how to compare with `n`."""
    items = amounts.items if isinstance(amounts, (Tuple, List)) else None
    run.padded_by |= measured_in(*(item for item in items or () if is_stepwise(item)))


def note(run: Run, frame: Frame, node: ast.Subscript, tensor: Tensor, parts: _Parts) -> None:
    """Notes a slice that leaves as much of a tensor as an input had before something was padded by its sizes."""
    if not run.padded_by or tensor.taint < Taint.data or not tensor.sure:
        return
    places = _places([part for part, _ in parts], tensor.rank)
    cut = [
        (place, part.upper, bound)
        for place, (part, value) in zip(places, parts, strict=True)
        if isinstance(part, ast.Slice) and part.upper is not None and (bound := _crop(run, part, value)) is not None
        if not _is_told_apart(tensor, place, bound)
    ]
    if not cut or _is_conditional(frame, node):
        return
    bounds = tuple((place, ast.unparse(upper)) for place, upper, _ in cut)
    plain = frozenset[str]().union(*(bound.frozen_on for _, _, bound in cut))
    with run.on_routes(frame, (frame.routes & {"torch_export"}) - plain):
        run.emit(frame, CropsPadding, node, "", (), name=ast.unparse(node.value), bounds=bounds)


def _crop(run: Run, part: ast.Slice, value: Value) -> Number | None:
    """The size of an input up to which a slice goes from the front."""
    start, bound = value.items[:2] if isinstance(value, Tuple) else (None, None)
    if not isinstance(bound, Number) or bound.taint is not Taint.shape or run.padded_by.isdisjoint(bound.of):
        return None
    if part.upper is not None and signs.is_negated(part.upper, bound):
        return None  # from the end: something is cut off in any case
    return bound if part.step is None and (part.lower is None or integer(start) == 0) else None


def _is_told_apart(tensor: Tensor, place: int | None, bound: Number) -> bool:
    """Whether an axis is one of which the tracer knows how it compares: computed from sizes, fixed, or the bound."""
    size = tensor.shape[place] if tensor.shape is not None and place is not None else None
    if not isinstance(size, Number):
        return isinstance(size, Const)
    return size.symbol.startswith("(") or size.symbol == bound.symbol != ""


def _is_conditional(frame: Frame, node: ast.Subscript) -> bool:
    """Whether it stands in a branch that cuts where there is padding: the branch is what `torch.export` asks about."""
    branches = walk(frame.function.node) if frame.function is not None else ()
    return any(isinstance(one, ast.If) and is_dispensable(one) and node in walk(one) for one in branches)


def _places(parts: Sequence[ast.expr], rank: int | None) -> list[int | None]:
    """The axes of the parts of an index, from the end (negative) where that is known; None where nothing is."""
    dots = [i for i, part in enumerate(parts) if is_dots(part)]
    if not all(isinstance(part, ast.Slice) or i in dots for i, part in enumerate(parts)):
        return [None] * len(parts)
    behind = dots[0] if dots else len(parts)
    return [i - len(parts) if i > behind else None if rank is None else i - rank for i in range(len(parts))]
