"""Properties that raise: ``torch.jit.trace`` reads each one of the model and of its parts, asked for or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer.index import ABSTRACT, ClassInfo, FunctionInfo, dotted
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Instance, Value
from convlint.analyzer.weights import parts_of
from convlint.events import RaisingProperty
from convlint.source.walk import walk

_LEAVING = (ast.Return, ast.Yield, ast.YieldFrom)


def note(run: Run, model: Instance) -> None:
    """Notes the properties of a model and of its parts that can only raise, and no ``AttributeError``."""
    for cls in dict.fromkeys(_classes(model)):
        for method in _properties(run, cls) if run.is_module(cls) else ():
            raised = _raised(method)
            if raised is not None and dotted(_named(raised)).rpartition(".")[2] != "AttributeError":
                frame = Frame(method.module, method, routes=frozenset({"jit_trace"}))
                run.emit(frame, RaisingProperty, raised, "", (), name=method.name, owner=cls.node.name)


def _classes(model: Value) -> Iterator[ClassInfo]:
    left, seen = [model], set[int]()
    while left:
        part = left.pop()
        if id(part) not in seen:
            seen.add(id(part))
            left += parts_of(part)
            if isinstance(part, Instance):
                yield part.cls


def _properties(run: Run, cls: ClassInfo) -> Iterator[FunctionInfo]:
    """The properties of a class and its bases, those left out that another one takes the place of."""
    taken: set[str] = set()
    for info in run.mro(cls):
        for name, method in info.methods.items():
            if name not in taken and "property" in method.decorators and ABSTRACT.isdisjoint(method.decorators):
                yield method
        taken.update(info.methods, info.assigned)


def _raised(method: FunctionInfo) -> ast.expr | None:
    """What a method raises, None where it may end otherwise."""
    body = method.node.body
    if not isinstance(body, list) or not isinstance(body[-1], ast.Raise):
        return None
    return None if any(isinstance(part, _LEAVING) for part in walk(method.node)) else body[-1].exc


def _named(raised: ast.expr) -> ast.expr:
    return raised.func if isinstance(raised, ast.Call) else raised
