"""Indexing: what ``x[...]`` selects, whether it is a view, and which shape it has."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from msgspec.structs import replace

from convlint.analyzer import crops, squeezes
from convlint.analyzer.aliases import Bound, Range, Region
from convlint.analyzer.index import dotted, is_dots
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer, number
from convlint.analyzer.values import (
    NONE,
    NOWHERE,
    Array,
    Const,
    List,
    MaskIndex,
    Number,
    Places,
    Shape,
    Tensor,
    Tuple,
    Unknown,
    Value,
    counted_in,
    members,
    number_kind,
    taint_of,
)
from convlint.events import DynamicShape, NarrowIndex, Taint


def parts_of(node: ast.expr, index: Value) -> list[tuple[ast.expr, Value]]:
    """The expressions of an index with their values."""
    if isinstance(node, ast.Tuple) and isinstance(index, Tuple) and len(index.items) == len(node.elts):
        return list(zip(node.elts, index.items, strict=True))
    if isinstance(node, ast.Name) and isinstance(index, Tuple):
        return [(node, item) for item in index.items]
    return [(node, index)]


def classify(node: ast.expr, index: Value) -> str:
    """basic (slices and ints), mask (a bool tensor among them), tensor (another tensor or list)."""
    kinds = {_kind(part, value) for part, value in parts_of(node, index)}
    if "mask" in kinds:
        return "mask"
    return "tensor" if "tensor" in kinds else "basic"


def _kind(node: ast.expr, value: Value) -> str:
    if isinstance(node, ast.Slice):
        return "basic"
    for one in members(value):
        if isinstance(one, Tensor):
            return "mask" if one.dtype == "bool" else "tensor"
        if isinstance(one, (List, Array)):
            return "tensor"
        if isinstance(one, Unknown) and one.module:
            return "tensor"
    return "basic"


def region_of(node: ast.expr) -> Region | None:
    """The constant part of a tensor that an index names."""
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    dots = [i for i, p in enumerate(parts) if is_dots(p)]
    if not dots:
        return ("front", tuple(_range(p) for p in parts))
    if dots == [0]:
        return ("back", tuple(_range(p) for p in parts[1:]))
    return None


def _bound(node: ast.expr | None, default: int | None) -> tuple[bool, Bound | None]:
    """Whether a bound is known, and what it is."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and isinstance(node.left, ast.Constant):
        times, name = node.left.value, dotted(node.right)
    else:
        times, name = 1, dotted(node) if node is not None else ""
    return (True, (times, name)) if name and isinstance(times, int) else _constant(node, default)


def _constant(node: ast.expr | None, default: int | None) -> tuple[bool, int | None]:
    if node is None:
        return True, default
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        known, value = _constant(node.operand, None)
        return known, None if value is None else -value
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return True, node.value
    return False, None


def _range(node: ast.expr) -> Range:
    if isinstance(node, ast.Slice):
        known, start = _bound(node.lower, 0)
        known_stop, stop = _bound(node.upper, None)
        known_step, step = _constant(node.step, 1)
        return (start if start is not None else 0, stop, step or 1) if known and known_stop and known_step else None
    known, at = _constant(node, None)
    return (at, at + 1, 1) if known and at is not None else None


def index_tensor(run: Run, frame: Frame, node: ast.Subscript, tensor: Tensor, index: Value) -> Value:
    """``tensor[index]``."""
    if isinstance(node.slice, ast.Slice) and isinstance(index, Tuple) and (integer(index.items[2]) or 0) < 0:
        return List(replace(tensor, ident=0, storage=0, shape=None))  # no tensor takes a negative step
    squeezes.note_index(run, frame, node, tensor)
    parts = parts_of(node.slice, index)
    kind = classify(node.slice, index)
    counted = tensor.counted
    behind = tensor.shape is None and isinstance(parts[0][0], ast.Slice)  # axes that are counted from the front
    for i, (part, value) in enumerate(parts):
        found = _note_dynamic(run, frame, node, tensor, part, value)
        counted |= NOWHERE if behind and i else found
    shape = _shape(tensor, parts, counted)
    if kind == "basic":
        crops.note(run, frame, node, tensor, parts)
        how = "slice" if all(isinstance(p, ast.Slice) or is_dots(p) for p, _ in parts) else "select"
        if any(value == NONE for _, value in parts):
            how = "unsqueeze"
        region = region_of(node.slice)
        one_column = tensor.shape is not None and tensor.shape[1:] == (Const(1),) and _is_all(parts[0][0])
        chosen: MaskIndex = tensor.mask_index if one_column or not tensor.mask_index else "some"
        return run.view(
            frame,
            tensor,
            how,
            node,
            region,
            loop=loop_of(frame, node.slice),
            shape=shape,
            counted=counted,
            state="",
            sure=tensor.sure or isinstance(node.slice, ast.Tuple),
            mask_index=chosen,
            below=tensor.ident if any(number_kind(value) == "int" for _, value in parts) else tensor.below,
        )
    note_narrow(run, frame, node, parts, writes=False)
    taint = max(tensor.taint, *(taint_of(v) for _, v in parts))
    indices = tensor.mask_index != "" or any(
        isinstance(v, Tensor) and v.mask_index != "" for _, v in parts if tensor.dtype == "int"
    )
    if shape is None:
        counted |= counted_in(tensor)
    return run.tensor(
        tensor.dtype,
        shape,
        taint,
        counted=counted,
        mask_index="some" if indices and tensor.dtype == "int" else "",
        sign=tensor.sign,
    )


def note_narrow(
    run: Run, frame: Frame, node: ast.Subscript, parts: Sequence[tuple[ast.expr, Value]], *, writes: bool
) -> None:
    """Notes the first of the indices of a tensor that is of 32 bits only."""
    for part, value in parts:
        if isinstance(value, Tensor) and value.sure and value.exact == "int32" and value.rank != 0:
            refusing = {"onnx_dynamo", "onnx_torchscript"} if writes else {"onnx_dynamo"}
            with run.on_routes(frame, frozenset(refusing)):
                run.emit(frame, NarrowIndex, node, "", (), index=run.operand(frame, part, value), writes=writes)
            return


def loop_of(frame: Frame, index: ast.expr) -> int:
    """The run of the innermost loop, where an index is its variable; 0 for any other."""
    name, loop = frame.counter
    parts = index.elts if isinstance(index, ast.Tuple) else [index]
    return loop if any(isinstance(part, ast.Name) and part.id == name for part in parts) else 0


def _is_all(node: ast.expr) -> bool:
    return isinstance(node, ast.Slice) and node.lower is None and node.upper is None and node.step is None


_SELECTING = ("slice", "index-from-mask", "mask")
"""Ways in which an index makes a shape depend on values, the plainest last."""


def _note_dynamic(run: Run, frame: Frame, node: ast.Subscript, tensor: Tensor, part: ast.expr, value: Value) -> Places:
    """Notes an index on whose values the result's shape depends; the selections that its count is of."""
    how, whole, one_axis = "", False, False
    counted = NOWHERE
    if isinstance(part, ast.Slice):
        if isinstance(value, Tuple) and any(_is_value(v) for v in value.items):
            how = "slice"
    else:
        for one in members(value):
            if isinstance(one, Tensor) and one.dtype == "bool" and one.taint >= Taint.state:
                how = "mask"
                counted = run.selection(frame, node, one)
            elif isinstance(one, Tensor):
                counted |= counted_in(one)
                if one.mask_index:
                    how, whole = "index-from-mask", one.mask_index in ("all", "column")
                    one_axis = one.mask_index == "all"
    if how == "slice":
        counted = counted_in(value) or run.selection(frame, node)
    if how:
        operand = run.operand(frame, part if not isinstance(part, ast.Slice) else node, value)
        rank = (_SELECTING.index(how),)  # callers may give now a mask, now positions: that is told once
        run.emit(frame, DynamicShape, node, "", rank, how=how, operand=operand, whole=whole, one_axis=one_axis)
    return counted


def _is_value(bound: Value) -> bool:
    """Whether a bound of a slice is a tensor's value, or was computed from one."""
    return any(
        isinstance(one, (Number, Tensor)) and one.taint is Taint.data and not _may_be_number(one)
        for one in members(bound)
    )


def _may_be_number(bound: Value) -> bool:
    """Whether a bound of a slice is taken for a tensor only for what is mostly given so: an entry of a dict."""
    return isinstance(bound, Tensor) and not bound.sure


def _shape(tensor: Tensor, parts: list[tuple[ast.expr, Value]], counted: Places) -> tuple[Value, ...] | None:
    if tensor.shape is None:
        return None
    left = list(tensor.shape)
    consumed = sum(_consumes(p, v) for p, v in parts)
    result: list[Value] = []
    for part, value in parts:
        if is_dots(part):
            keep = len(left) - (consumed - sum(_consumes(p, v) for p, v in parts[: parts.index((part, value))]))
            keep = max(0, keep)
            result += left[:keep]
            left = left[keep:]
        elif value == NONE:
            result.append(Const(1))
        elif not left:
            return None
        else:
            taken = _take(part, value, left, counted)
            if taken is None:
                return None
            result += taken
    return (*result, *left)


def _consumes(part: ast.expr, value: Value) -> int:
    if is_dots(part) or value == NONE:
        return 0
    if isinstance(value, Tensor) and value.dtype == "bool" and value.rank:
        return value.rank
    return 1


def _take(part: ast.expr, value: Value, left: list[Value], counted: Places) -> list[Value] | None:
    """The dimensions that one part of an index leaves of those that it consumes."""
    if isinstance(part, ast.Slice):
        return [_sliced(part, value, left.pop(0), counted)]
    if isinstance(value, Tensor):
        if value.dtype == "bool":
            rank = value.rank
            if rank is None:
                return None
            gone, left[:rank] = left[:rank], []
            return [number(Taint.data, counted=counted | counted_in(*gone))]  # of what was selected before
        left.pop(0)
        return None if value.shape is None else list(value.shape)
    if isinstance(value, List):
        elements = value.items if value.items is not None else [value.element]
        if not all(one is not None and number_kind(one) == "int" for one in elements):
            return None  # tensors, as `nonzero(as_tuple=True)` gives them: one an axis
        left.pop(0)
        return [Const(len(value.items)) if value.items is not None else number()]
    if isinstance(value, (Const, Number)):
        left.pop(0)
        return []
    return None


def shape_at(tensor: Tensor, node: ast.expr, index: Value) -> tuple[Value, ...] | None:
    """The shape of ``tensor[index]``, None where that is not known."""
    return _shape(tensor, parts_of(node, index), NOWHERE)


def _is_named_size(value: Value) -> bool:
    return isinstance(value, Number) and value.dim and value.symbol != "" and value.taint is Taint.shape


def _sliced(part: ast.Slice, value: Value, size: Value, counted: Places) -> Value:
    if part.lower is None and part.upper is None and part.step is None:
        return size
    bounds = value.items if isinstance(value, Tuple) else ()
    taint = max([taint_of(size), *(taint_of(b) for b in bounds if not _may_be_number(b))])
    start, stop = integer(bounds[0]) if bounds else None, integer(bounds[1]) if len(bounds) > 1 else None
    if part.lower is None:
        start = 0
    step_one = part.step is None
    if step_one and ((start, stop) == (0, 1) or (start == -1 and part.upper is None)):
        return Const(1)  # nobody cuts one from nothing
    if start is not None and stop is not None and step_one and (start >= 0) == (stop >= 0) and stop >= start:
        known = integer(size)
        if known is not None:
            return Const(max(0, min(stop, known) - min(start, known)) if stop >= 0 else max(0, stop - start))
        if taint_of(size) < Taint.shape:
            return Const(stop - start)
    if taint < Taint.shape:
        return Number("int")
    if start == 0 and step_one and bounds and _is_named_size(bounds[1]):
        return bounds[1]  # what is cut to a size has it
    return number(taint, counted=counted_in(size) | counted)


def index_shape(shape: Shape, index: Value) -> Number:
    """One size of a shape of unknown length."""
    at = integer(index)
    name = f"{shape.symbol}[{at}]" if at is not None and shape.symbol else ""
    if shape.taint is Taint.data and at not in (0, None):
        return Number("int", Taint.shape, symbol=name, dim=True, of=shape.of)  # a selection changes the first axis
    return Number("int", shape.taint, symbol=name, dim=True, counted=shape.counted, of=shape.of)


def constant_slice(items: tuple[Value, ...], value: Value) -> tuple[Value, ...] | None:
    """``items[a:b:c]`` where the bounds are constants."""
    if not isinstance(value, Tuple) or len(value.items) != 3:
        return None
    bounds = []
    for bound in value.items:
        if not isinstance(bound, Const) or not isinstance(bound.value, (int, type(None))):
            return None
        bounds.append(bound.value)
    if bounds[2] == 0:
        return None
    return items[slice(*bounds)]
