"""What a module keeps from one call to the next: attributes that are read before ``forward`` has written them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import (
    Const,
    Instance,
    Layer,
    List,
    Number,
    Shape,
    Tensor,
    Value,
    held_by,
    members,
    number_kind,
    taint_of,
)
from convlint.events import Event, StateWrite, Taint
from convlint.source.walk import walk

Key = tuple[int, str]
"""An object and its attribute."""
OVERWRITES = frozenset(["copy_", "fill_", "zero_", "clear"])
"""Methods after which nothing is left of what was there."""
CONVERSIONS = frozenset(
    ["to", "type", "type_as", "cuda", "cpu", "float", "half", "double", "bfloat16", "contiguous", "detach"]
)
"""Methods that give the same values, most often the same tensor."""
GROWS = frozenset(["append", "extend", "insert", "appendleft", "pop", "popleft"])
"""Methods of a list that keep what was there."""


@dataclass
class Attribute:
    """What one run of a model does with an attribute."""

    what: str = ""
    """As in ``StateWrite``."""
    read_before: bool = False
    """Whether it is read before it is written, for something else than its own new value."""
    renews_itself: bool = False
    """Whether its new value comes from the old one."""
    decides_itself: bool = False
    """Whether its old value decides on nothing but the new one."""
    advances: bool = False
    """Whether that is by arithmetic, so that each call leaves another."""
    used: bool = False
    """Whether it is read at all, for something else than its own new value."""
    writes: list[tuple[StateWrite, Value]] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether what one call leaves there reaches the next."""
        flag = all(isinstance(value, Const) or number_kind(value) == "bool" for _, value in self.writes)
        if flag and not self.advances:
            return False  # a flag: what it guards is known by itself
        return self.read_before or ((self.renews_itself or self.decides_itself) and self.used)

    @property
    def made_once(self) -> bool:
        """Whether all that is kept comes from no values of inputs, as if each call made it anew."""
        return not self.advances and all(taint_of(value) < Taint.data for _, value in self.writes)

    @property
    def recorded(self) -> bool:
        """Whether a trace records how something of it is made."""
        return any(_is_recorded(value) for _, value in self.writes)

    def found(self) -> Iterator[StateWrite]:
        """Its writes as events; of what is kept the first that leaves something there."""
        facts = {"kept": self.kept, "made_once": self.made_once, "recorded": self.recorded}
        found = [replace(event, what=self.what or event.what, **facts) for event, _ in self.writes]
        if not self.kept:
            yield from found
            return
        left = [event for event, (_, value) in zip(found, self.writes, strict=True) if value != Const(None)]
        yield min(left or found, key=lambda event: (event.document.path, event.span))


def note_read(run: Run, frame: Frame, node: ast.expr, owner: Instance, name: str) -> None:
    """Notes that ``forward`` reads an attribute of a module."""
    if not frame.traced or frame.checking or not _stays(run, owner) or _only_converts(frame.statement, name):
        return
    key = (owner.serial, name)
    known = run.kept.setdefault(key, Attribute())
    if _only_decides_its_write(frame.statement, name):
        known.decides_itself |= key not in run.written
        return
    written = _written_by(frame.statement, name)
    if written is None:
        known.used = True
        known.read_before |= key not in run.written
    elif key not in run.written and not run.only_metadata and not (_overwrites(frame.statement) and node is written):
        known.renews_itself = True
        known.advances |= _is_arithmetic(frame.statement, name)
    for tensor in members(owner.attributes.get(name, Const(None))):
        if isinstance(tensor, Tensor) and key not in run.written:
            run.kept_tensors[tensor.storage] = key


def note_assignment(run: Run, frame: Frame, target: ast.expr, owner: Instance, name: str, value: Value) -> None:
    """Notes ``self.name = value`` in ``forward``."""
    if isinstance(value, Instance):
        run.made_in_call.discard(value.serial)
    if not frame.traced or not _stays(run, owner):
        return
    key = (owner.serial, name)
    old = owner.attributes.get(name)
    if isinstance(value, (Instance, Layer)) and value == old:
        return
    if _only_converts(frame.statement, name):
        return
    what = (
        "buffer" if any(isinstance(m, Tensor) and m.state.startswith("buffer") for m in members(old or value)) else ""
    )
    facts = {"what": what or "attribute", "assigned": True, "of_part": owner.serial != run.root}
    event = run.event(frame, StateWrite, target, name=ast.unparse(target), **facts)
    _note_write(run, key, what, event, value)
    run.written |= {key}


def note_in_place(run: Run, frame: Frame, target: ast.expr, tensor: Tensor, node: ast.expr | ast.stmt) -> bool:
    """Notes a write into a tensor that a module keeps; whether it is one."""
    key = run.kept_tensors.get(tensor.storage)
    if key is None:
        return False
    what, _, name = (tensor.state or "attribute:").partition(":")
    facts = {"name": name or ast.unparse(target), "what": what, "method": _method(node)}
    event = run.event(frame, StateWrite, node, **facts, **through_data(frame, target, node))
    _note_write(run, key, what, event, tensor)
    if _overwrites(node):
        run.written |= {key}
    return True


def note_replaced(run: Run, frame: Frame, target: ast.Attribute, tensor: Tensor, value: Value) -> None:
    """Notes ``self.mean.data = value`` in ``forward``, where values of inputs are in it."""
    what, _, name = tensor.state.partition(":")
    if what and frame.traced and taint_of(value) is Taint.data:
        facts = {"name": name or ast.unparse(target.value), "what": what}
        run.emit(frame, StateWrite, target, "", (), **facts, through_data=True, replaced=True)


def through_data(frame: Frame, target: ast.expr, node: ast.expr | ast.stmt) -> dict[str, Any]:
    """Whether a write goes through ``.data``, and where that is written, in the words of ``StateWrite``."""
    datas = [part for part in walk(target) if isinstance(part, ast.Attribute) and part.attr == "data"]
    if not datas or getattr(node, "target", None) is datas[0]:
        return {"through_data": bool(datas)}
    whole = frame.document.span(datas[0])
    return {"through_data": True, "data": whole._replace(row=whole.end_row, column=whole.end_column - len("data"))}


def note_list(run: Run, frame: Frame, node: ast.expr, owner: List, method: str) -> None:
    """Notes ``self.seen.append(x)``."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not frame.traced:
        return
    where = node.func.value
    if not isinstance(where, ast.Attribute) or method not in GROWS | OVERWRITES:
        return
    for module in members(run.evaluate(frame, where.value)):
        if isinstance(module, Instance) and _stays(run, module):
            key = (module.serial, where.attr)
            if method in OVERWRITES:
                run.written |= {key}
                continue
            event = run.event(frame, StateWrite, node, name=ast.unparse(where), what="list", method=method)
            _note_write(run, key, "list", event, owner.any())


def note_dict(run: Run, frame: Frame, target: ast.Subscript, value: Value) -> None:
    """Notes ``self.cache[key] = value``. What is read behind it is taken for what it wrote."""
    where = target.value
    if not isinstance(where, ast.Attribute) or not frame.traced:
        return
    for module in members(run.evaluate(frame, where.value)):
        if isinstance(module, Instance) and _stays(run, module):
            key = (module.serial, where.attr)
            event = run.event(frame, StateWrite, target, name=ast.unparse(where), what="dict")
            _note_write(run, key, "dict", event, value)
            run.written |= {key}


def _note_write(run: Run, key: Key, what: str, event: Event | None, value: Value) -> None:
    known = run.kept.setdefault(key, Attribute())
    known.what = known.what or what
    if isinstance(event, StateWrite):
        known.writes.append((event, value))


def finish(run: Run) -> None:
    """Notes the writes of a model, now that all its reads are known."""
    together: dict[tuple[str, str], list[StateWrite]] = {}
    for known in run.kept.values():
        for found in known.found() if known.writes else ():
            if found.kept and found.made_once and found.assigned:
                together.setdefault((found.document.path, found.function), []).append(found)
            else:
                run.note(found, "", _rank(found))
    for made in together.values():  # by one condition
        found = min(made, key=lambda one: (not one.recorded, one.span))
        run.note(found, "", _rank(found))


def _rank(found: StateWrite) -> tuple[bool, bool, bool]:
    """What does more harm is told of a write that several models make: a part loses what it keeps on all routes."""
    return found.kept, not found.made_once, found.of_part != found.made_once


def _is_recorded(value: Value, depth: int = 3) -> bool:
    """Whether a trace records how a value is made: of two traces one has it, the other finds what was kept."""
    if isinstance(value, Number):
        return value.dim and "jit_trace" not in value.frozen_on
    if isinstance(value, (Tensor, Shape, Layer, Instance)):
        return True
    return depth > 0 and any(_is_recorded(part, depth - 1) for part in held_by(value))


def _stays(run: Run, owner: Instance) -> bool:
    """Whether a module outlives the call: one that ``forward`` makes for itself is made anew in the next."""
    return run.is_module(owner.cls) and owner.serial not in run.made_in_call


def _is_arithmetic(statement: ast.stmt | None, name: str) -> bool:
    """Whether a statement computes with the attribute: ``self.n += 1``, ``self.n = self.n + 1``, ``self.n.add_(1)``."""
    if not isinstance(statement, ast.Assign):
        return True
    return any(isinstance(part, ast.BinOp) and _names(part, name) for part in walk(statement.value))


def _names(node: ast.AST, name: str) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr == name for part in walk(node))


def _only_decides_its_write(statement: ast.stmt | None, name: str) -> bool:
    """Whether an attribute is read to decide on nothing but attributes, itself one: ``if self.n != n: self.n = n``."""
    if not isinstance(statement, ast.If) or statement.orelse or not _only_sets(statement.body):
        return False
    return any(_written_by(part, name) for part in walk(statement) if isinstance(part, ast.stmt))


def _only_sets(body: Sequence[ast.stmt]) -> bool:
    """Whether statements assign to attributes, some on conditions, and do nothing else."""
    return all(
        _only_sets([*one.body, *one.orelse])
        if isinstance(one, ast.If)
        else isinstance(one, ast.Assign) and all(isinstance(target, ast.Attribute) for target in one.targets)
        for one in body
    )


def _written_by(statement: ast.stmt | None, name: str) -> ast.expr | None:
    """Where a statement writes to an attribute of this name: its own old value is read for the new one."""
    for target in _targets(statement):
        while isinstance(target, ast.Subscript) or (isinstance(target, ast.Attribute) and target.attr == "data"):
            target = target.value
        if isinstance(target, ast.Attribute) and target.attr == name:
            return target
    return None


def _targets(statement: ast.stmt | None) -> Sequence[ast.expr]:
    if isinstance(statement, ast.Assign):
        return [part for target in statement.targets for part in getattr(target, "elts", [target])]
    if isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        return [statement.target]
    if method := _method(statement):
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.Call)
        assert isinstance(statement.value.func, ast.Attribute)
        return [statement.value.func.value] if method.endswith("_") or method in GROWS | OVERWRITES else []
    return []


def _only_converts(statement: ast.stmt | None, name: str) -> bool:
    """Whether an attribute gets itself in another form, as it would again: ``self.mean = self.mean.to(x.device)``."""
    if not isinstance(statement, ast.Assign) or _written_by(statement, name) is None:
        return False
    parts = walk(statement.value)
    methods = [_method(part) for part in parts if isinstance(part, ast.Call)]
    return _names(statement.value, name) and bool(methods) and all(map(CONVERSIONS.__contains__, methods))


def _method(node: ast.AST | None) -> str:
    """The method that a call, or a statement that is one, calls."""
    call = node.value if isinstance(node, ast.Expr) else node
    return call.func.attr if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) else ""


def _overwrites(node: ast.AST | None) -> bool:
    """Whether a write leaves nothing of what was there: ``copy_`` of the whole, ``y[:] = v``, ``y[0], y[1] = v``.

    Which elements are written at constant places is not followed: it may well be all of them.
    """
    if isinstance(node, ast.Assign):
        target = node.targets[0]
        return isinstance(target, ast.Subscript) and not any(
            isinstance(part, (ast.Name, ast.Attribute)) for part in walk(target.slice)
        )
    if _method(node) not in OVERWRITES:
        return False
    call = node.value if isinstance(node, ast.Expr) else node
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    return not isinstance(call.func.value, ast.Subscript)
