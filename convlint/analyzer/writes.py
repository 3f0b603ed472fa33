"""Writes: in-place methods, augmented assignment, and assignment to an index."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convlint.analyzer import index_writes, kept, keys, torch_facts
from convlint.analyzer.aliases import INDEXING, Region
from convlint.analyzer.dtype_mixes import is_repeatable
from convlint.analyzer.index import is_dots
from convlint.analyzer.indexing import classify, loop_of, note_narrow, parts_of, region_of
from convlint.analyzer.run import Frame, Run, view_facts
from convlint.analyzer.sharing import is_elementwise_of, is_only_name
from convlint.analyzer.values import (
    Const,
    Dict,
    Function,
    Instance,
    List,
    Tensor,
    Tuple,
    Union,
    Value,
    join,
    members,
    taint_of,
    with_taint,
)
from convlint.events import (
    BitwiseWrite,
    InplaceWrite,
    MaskWrite,
    Operand,
    OverlappingWrite,
    StateWrite,
)

_OVERWRITING = frozenset(["zero_", "fill_", "copy_"])
"""Methods that leave nothing of what was there."""
BITWISE: Mapping[type[ast.operator], str] = {
    ast.BitOr: "|",
    ast.BitAnd: "&",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
"""The operators that torch has in-place operators of their own for, by what is written."""


def in_place(
    run: Run,
    frame: Frame,
    target: ast.expr,
    tensor: Tensor,
    how: str,
    row: int,
    node: ast.expr | ast.stmt,
    region: Region | None = None,
    chained: str = "",
    *,
    alike: bool = False,
    loop: int = 0,
    **assigned: Operand,
) -> None:
    """A write into ``tensor``, on the line where the tracer sees it; ``assigned`` by a plain assignment to an index.

    ``loop`` is the run of one whose variable the index is: each round writes another part.
    """
    if not frame.traced:
        return
    if kept.note_in_place(run, frame, target, tensor, node):
        return
    if tensor.state:
        _state(run, frame, target, tensor, node)
        return
    if not tensor.ident:
        return
    view = run.memory.views.get(tensor.ident)
    event = run.event(
        frame,
        InplaceWrite,
        node,
        how=how,
        target=run.operand(frame, target, tensor),
        name=ast.unparse(target),
        method=_method(node, target),
        **assigned,
        chained=chained,
        alike=alike,
        **view_facts(view),
    )
    if (before := _written_before(target)) is not None:
        row = 0  # what the write before it gives is no indexing, on whatever line
        saved = view is not None and view.how in INDEXING and view.place[1] == before.end_lineno
        if not saved or _written_before(before.value) is not None:
            event = None  # it is told where the chain of writes begins to be lost
    if event is not None and (view is not None or how in ("index", "mask")):
        run.note(event, how, (False, False))
    if not chained:
        run.memory.write(tensor.ident, tensor.storage, (frame.document.path, row), event, region, loop)


def _written_before(node: ast.expr) -> ast.Attribute | None:
    """The in-place method that an expression calls, ``v.add_`` of ``v.add_(1)``: what it gives it wrote into."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = node.func.attr
        return node.func if name.endswith("_") and not name.endswith("__") else None
    return None


def note_overlap(
    run: Run,
    frame: Frame,
    target: ast.expr,
    tensor: Tensor,
    value: Value,
    source: ast.expr | None,
    node: ast.expr | ast.stmt,
    region: Region | None = None,
    *,
    copied: bool = False,
) -> None:
    """Notes a write whose value is a view of the very memory that is written to; ``copied`` where it is all of it."""
    if source is None or not isinstance(value, Tensor) or not tensor.ident or value.storage != tensor.storage:
        return
    view = run.memory.views.get(value.ident)
    if view is None or not run.memory.overtakes(tensor.ident, region, value.ident, copied=copied):
        return
    read = run.operand(frame, source, value)
    facts = {"name": ast.unparse(target), "value": read, "view_text": view_facts(view)["view_text"]}
    run.emit(frame, OverlappingWrite, node, "", (), **facts)


def _method(node: ast.AST, target: ast.expr) -> str:
    """The method that writes into its owner, where there is another way to compute what it writes."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.func.value is not target:
        return ""
    before = _written_before(target)
    if before is not None and before.attr not in _OVERWRITING and not _method(target, before.value):
        return ""
    name = node.func.attr
    return name if name in _OVERWRITING or name[:-1] in torch_facts.table().methods else ""


def _state(run: Run, frame: Frame, target: ast.expr, tensor: Tensor, node: ast.expr | ast.stmt) -> None:
    what, _, name = tensor.state.partition(":")
    facts = {"name": name or ast.unparse(target), "what": what, **kept.through_data(frame, target, node)}
    run.emit(frame, StateWrite, node, "", (), **facts)


def note_bitwise(run: Run, frame: Frame, node: ast.AugAssign, owner: Value, value: Value) -> None:
    """Notes ``owner |= value``, or ``owner[...] |= value``."""
    if not isinstance(owner, Tensor) or not owner.sure or owner.state or isinstance(value, Union):
        run.doubt(frame, node)
        return
    target = node.target.value if isinstance(node.target, ast.Subscript) else node.target
    run.emit(
        frame,
        BitwiseWrite,
        node,
        "",
        (),
        operator=BITWISE[type(node.op)],
        target=run.operand(frame, target, owner),
        value=run.operand(frame, node.value, value),
        written=frame.document.span(node.target),
        indexed=isinstance(node.target, ast.Subscript),
        repeatable=is_repeatable(node.target),
        replaceable=is_only_name(frame, node.target),
    )


def store(run: Run, frame: Frame, target: ast.Subscript, value: Value, source: ast.expr | None) -> None:
    """``owner[index] = value``, also as ``+=``."""
    run.only_metadata, outer = True, run.only_metadata
    owner = run.evaluate(frame, target.value)
    run.only_metadata = outer
    for tensor in members(owner):
        if isinstance(tensor, Tensor) and isinstance(value, Tensor):
            run.memory.brought_back(tensor.ident, value.ident)
    run.read(frame, target.value, owner)
    run.read(frame, source if source is not None else target, value)
    index = run.evaluate(frame, target.slice)
    by_mask = isinstance(owner, Tensor) and owner.sure and classify(target.slice, index) == "mask"
    if isinstance(frame.statement, ast.Assign) and not by_mask:
        run.doubt(frame, target)
        run.doubt(frame, frame.statement)
    for one in members(owner):
        if isinstance(one, Tensor):
            with run.memory.keeps(value.ident if isinstance(value, Tensor) else 0, one.ident):
                _store_tensor(run, frame, target, one, index, value, source)
        elif isinstance(one, List):
            _store_list(frame, one, index, value)
        elif isinstance(one, Dict):
            keys.note_key(run, frame, target, one, index, target.slice)
            _store_dict(frame, one, index, value)
            kept.note_dict(run, frame, target, value)
        elif isinstance(one, Instance):
            info = run.method(one.cls, "__setitem__")
            if info is not None:
                from convlint.analyzer.calls import call_value

                call_value(run, frame, target, Function(info, one), [index, value])


def _store_tensor(
    run: Run, frame: Frame, target: ast.Subscript, tensor: Tensor, index: Value, value: Value, source: ast.expr | None
) -> None:
    kind = classify(target.slice, index)
    if kind == "tensor":
        note_narrow(run, frame, target, parts_of(target.slice, index), writes=True)
    statement = frame.statement if frame.statement is not None else target
    plain = isinstance(statement, ast.Assign) and statement.targets == [target]
    given = run.operand(frame, source if source is not None else target, value)
    if kind == "mask":
        mask = next((m for m in _parts(index) if isinstance(m, Tensor) and m.dtype == "bool"), index)
        run.emit(
            frame,
            MaskWrite,
            target,
            "",
            (),
            target=run.operand(frame, target.value, tensor),
            mask=run.operand(frame, target.slice, mask),
            value=given,
            plain=plain and isinstance(index, Tensor),
            fewer_axes=isinstance(index, Tensor) and _has_fewer_axes(index, tensor),
            one_for_all=_is_one_for_all(value, _missing_axes(frame, target, tensor, mask)),
            missing=_missing_axes(frame, target, tensor, mask),
            replaceable=plain and _is_replaceable(frame, target, tensor, mask),
        )
        index_writes.note_mask(run, frame, target, index, value)
    index_writes.note_form(run, frame, target, tensor, index, value)
    chained = kind if _indexes_a_slice(target.value) else ""
    how = "mask" if kind == "mask" else "index"
    region = region_of(target.slice)
    alike = bool(chained) and _missing_axes(frame, target, tensor, index) == 0
    assigned = {"index": run.operand(frame, target.slice, index), "value": given}
    if not plain or isinstance(target.slice, (ast.Tuple, ast.Slice)) or isinstance(index, Tuple):
        assigned = {}
    copied = not isinstance(statement, ast.AugAssign)
    if kind == "basic":
        where = region or ("front", (None,))
        note_overlap(run, frame, target, tensor, value, source, statement, where, copied=copied)
        if plain:
            index_writes.note_broadcast(run, frame, target, tensor, index, value, source, given)
    row, loop = target.lineno, loop_of(frame, target.slice)
    in_place(run, frame, target.value, tensor, how, row, statement, region, chained, alike=alike, loop=loop, **assigned)
    if isinstance(target.value, ast.Name):
        frame.env[target.value.id] = with_taint(frame.env.get(target.value.id, tensor), taint_of(value))


def _has_fewer_axes(mask: Tensor, tensor: Tensor) -> bool:
    if mask.rank is not None and tensor.rank is not None:
        return mask.rank < tensor.rank
    return bool(mask.below) and mask.below == tensor.ident


def _is_one_for_all(value: Value, missing: int | None) -> bool:
    """Whether a value surely lacks the axis of what a mask with ``missing`` axes fewer selects."""
    if not isinstance(value, Tensor) or not value.rank or not value.sure:
        return False
    longest = max(missing or 0, 1)
    return value.rank <= longest or (value.rank - 1 == missing and (value.shape or ())[:1] == (Const(1),))


def _missing_axes(frame: Frame, target: ast.Subscript, tensor: Tensor, mask: Value) -> int | None:
    if isinstance(mask, Tensor) and mask.rank is not None and tensor.rank is not None:
        return tensor.rank - mask.rank
    return 0 if is_elementwise_of(frame, target.slice, ast.unparse(target.value)) else None


def _is_replaceable(frame: Frame, target: ast.Subscript, tensor: Tensor, mask: Value) -> bool:
    """Whether a new tensor by the mask can take the place of the old one, and is laid out as that is."""
    if not isinstance(target.value, ast.Name):
        return False
    one_axis = isinstance(mask, Tensor) and mask.rank == 1 and tensor.rank is not None
    masks = tensor.dtype == "bool" and _missing_axes(frame, target, tensor, mask) == 0  # `y & ~mask` is as `y` is
    alike = one_axis or masks or is_elementwise_of(frame, target.slice, target.value.id)
    return alike and is_only_name(frame, target.value)


def _parts(index: Value) -> tuple[Value, ...]:
    return index.items if isinstance(index, Tuple) else (index,)


def _indexes_a_slice(node: ast.expr) -> bool:
    """Whether an expression is an index with a slice in it: ``y[:, 0]``, not ``y[0]``."""
    if not isinstance(node, ast.Subscript):
        return False
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return any(isinstance(p, ast.Slice) or is_dots(p) for p in parts)


def _store_list(frame: Frame, owner: List, index: Value, value: Value) -> None:
    if owner.items is not None and isinstance(index, Const) and isinstance(index.value, int) and frame.certain:
        if -len(owner.items) <= index.value < len(owner.items):
            owner.items[index.value] = value
    else:
        owner.items = None
    owner.element = value if owner.element is None else join(owner.element, value)


def _store_dict(frame: Frame, owner: Dict, index: Value, value: Value) -> None:
    if isinstance(index, Const):
        try:
            old = owner.items.get(index.value)
        except TypeError:
            return
        owner.items[index.value] = value if old is None or frame.certain else join(old, value)
    else:
        owner.rest = value if owner.rest is None else join(owner.rest, value)
