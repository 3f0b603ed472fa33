"""Sizes as keys: of dicts and sets, and of what ``functools.lru_cache`` keeps."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from convlint.analyzer.index import FunctionInfo
from convlint.analyzer.run import ALL_ROUTES, DYNAMO, Frame, Run, qualified
from convlint.analyzer.values import Dict, Number, Shape, Tensor, Tuple, Value, members, taint_of
from convlint.events import SizeAsKey, Taint

_CACHES = frozenset(["functools.lru_cache", "functools.cache", "lru_cache", "cache"])
LOOKUPS = frozenset(["get", "pop", "setdefault"])


def note_key(run: Run, frame: Frame, node: ast.expr, owner: Value, key: Value, where: ast.expr) -> None:
    """Notes ``table[n]``, ``table.get(n)`` and ``n in table``; of an empty dict the keys are put there on the way.

    Where ``x[:, :n]`` is written, ``x`` is no dict after all.
    """
    if any(isinstance(part, ast.Slice) for part in (where, *getattr(where, "elts", ()))):
        return
    tables = [one for one in members(owner) if isinstance(one, Dict)]
    if tables:
        listed = all(table.items and table.rest is None for table in tables)
        _note(run, frame, node, "table" if listed else "cache", where, key)


def note_set(run: Run, frame: Frame, node: ast.expr, written: ast.expr, key: Value, where: ast.expr) -> None:
    """Notes ``n in {1, 2}``."""
    if isinstance(written, ast.Set):
        _note(run, frame, node, "table", where, key)


def note_elements(run: Run, frame: Frame, node: ast.expr, element: Value) -> None:
    """Notes ``{t.shape[0] for t in tensors}`` and ``set(sizes)``."""
    _note(run, frame, node, "set", node, element)


def note_cached(run: Run, frame: Frame, node: ast.expr, info: FunctionInfo, given: Sequence[Value]) -> None:
    """Notes a call of a function under ``@lru_cache``."""
    if _CACHES.isdisjoint(info.decorators) or not isinstance(node, ast.Call):
        return
    for where, value in zip(node.args, given, strict=False):
        _note(run, frame, node, "function", where, value, cached=info.name, bound=info.cls is not None)


def _note(run: Run, frame: Frame, node: ast.expr, how: str, where: ast.expr, key: Value, **facts: Any) -> None:
    taint, frozen = _size(key)
    if taint not in (Taint.fixed, Taint.shape):
        return
    cause = (qualified(frame), how, ast.unparse(where))
    if run.looked_up.setdefault(cause, frame.document.span(node)) != frame.document.span(node):
        return  # asked for, made, stored and read: one cause
    routes = (ALL_ROUTES if how in ("table", "set") else DYNAMO) - frozen
    with run.on_routes(frame, routes - DYNAMO if taint is Taint.fixed else routes):
        run.emit(frame, SizeAsKey, node, "", (), how=how, size=run.operand(frame, where, key), **facts)


def _size(key: Value) -> tuple[Taint, frozenset[str]]:
    """What sizes a key holds, and the routes on which they are plain numbers."""
    if isinstance(key, (Tensor, Dict)):
        return Taint.none, frozenset()
    if isinstance(key, Number):
        return (Taint.none if key.kind == "bool" else key.taint), key.frozen_on
    if isinstance(key, Shape):
        return taint_of(key), frozenset()
    if isinstance(key, Tuple):
        return max((_size(part) for part in key.items), default=(Taint.none, frozenset()), key=lambda one: one[0])
    return Taint.none, frozenset()
