"""``x.data``: a tensor beside the graph."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer.attributes import sizes_vary
from convlint.analyzer.index import ModuleInfo
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import NONE, Tensor, Value, members
from convlint.events import DataRead
from convlint.source.walk import walk

_SIZES = frozenset(["shape", "size"])
_NEW = frozenset(["new", "new_empty", "new_full", "new_ones", "new_tensor", "new_zeros"])
READ = _SIZES | _NEW | {"data"}
"""The attributes that ``note_data`` is about."""
_TAKEN_OUT = frozenset(["numpy", "item", "tolist"])
"""Methods that take a tensor out of the graph, with or without ``.data``."""
_ANEW = _NEW | {"clone", "contiguous"}
"""Methods that give another memory: what is written there, the tensor does not see."""


def note_data(run: Run, frame: Frame, node: ast.Attribute, owner: Value) -> None:
    """Notes ``x.data``; and ``x.data.shape``, where a size of it varies, and ``x.data.new_zeros`` for less."""
    if not frame.traced or frame.checking or run.guessed:  # what no model calls is more likely for training
        return
    inner = node.value
    if node.attr == "data":
        _note(run, frame, node, owner)
    elif isinstance(inner, ast.Attribute) and inner.attr == "data":
        _note(run, frame, inner, owner, "sizes" if node.attr in _SIZES else "kind")


def _note(run: Run, frame: Frame, node: ast.Attribute, owner: Value, only: str = "") -> None:
    found = [one for one in members(owner) if one != NONE]
    tensor = found[0] if len(found) == 1 else None
    if not isinstance(tensor, Tensor) or not tensor.sure or not _knows_torch(frame.module):
        run.doubt(frame, node)
        return
    if only == "sizes" and not sizes_vary(tensor):
        return
    written = not only and _is_written(frame.statement, node)
    if run.only_metadata and not (only or written):
        return
    kept = tensor.state or tensor.storage in run.kept_tensors
    if (written and kept) or _is_taken_out(frame.statement, node):  # `state-write-in-forward`, `numpy-round-trip`...
        return
    span = frame.document.span(node)
    data = span._replace(row=span.end_row, column=span.end_column - len("data"))
    operand = run.operand(frame, node.value, owner)
    run.emit(frame, DataRead, node, "", (bool(only),), operand=operand, data=data, written=written, only=only)


def _knows_torch(module: ModuleInfo) -> bool:
    """Whether a file imports of torch: elsewhere ``.data`` may be what another framework calls so."""
    imported = [bound[0] for bound in module.names.values() if isinstance(bound, tuple)]
    return any(name.partition(".")[0] == "torch" for name in (*imported, *module.stars))


def _is_written(statement: ast.stmt | None, node: ast.expr) -> bool:
    """Whether a statement writes through an expression: ``y.data[0] = 1``, ``y.data.fill_(0)``."""
    for part in walk(statement) if statement is not None else ():
        match part:
            case ast.Assign(targets=targets):
                owners = targets
            case ast.AugAssign(target=target):
                owners = [target]
            case ast.Call(func=ast.Attribute(value, name)) if name.endswith("_") and not name.startswith("_"):
                owners = [value]
            case _:
                continue
        if any(one is node for owner in owners for one in _along(owner)):
            return True
    return False


def _is_taken_out(statement: ast.stmt | None, node: ast.expr) -> bool:
    """Whether what is read goes to NumPy or Python anyhow: ``x.data.cpu().numpy()``."""
    calls = (part for part in walk(statement) if isinstance(part, ast.Call)) if statement is not None else ()
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr in _TAKEN_OUT
        and any(one is node for one in _along(call.func.value))
        for call in calls
    )


def _along(node: ast.expr) -> Iterator[ast.expr]:
    """An expression and what it is an attribute, an item, or by a method a view of."""
    while True:
        yield node
        if isinstance(node, (ast.Attribute, ast.Subscript)):
            node = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr not in _ANEW:
            node = node.func.value
        else:
            return
