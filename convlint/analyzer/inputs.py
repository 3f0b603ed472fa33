"""Inputs that a model takes and does nothing with."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer.index import ClassInfo, FunctionInfo
from convlint.analyzer.run import Frame, Run
from convlint.events import UnusedInput
from convlint.source.walk import walk

_CONSTANT = frozenset(["device", "dtype", "is_cuda", "requires_grad", "layout"])
"""Attributes of a tensor that tracers keep as what they are for the example."""
_ALL_NAMES = frozenset(["locals", "vars"])


def note_unused(run: Run, cls: ClassInfo, forward: FunctionInfo) -> None:
    """Notes the inputs without a default of which the ``forward`` of a class asks no value and no size.

    A class with a decorator may be one of several that are chosen by name and all given the same.
    """
    if (
        forward.cls is not cls
        or cls.node.decorator_list
        or isinstance(forward.node, ast.Lambda)
        or _is_declared(forward.node.body)
    ):
        return
    read = set(_read(forward.node))
    frame = Frame(forward.module, forward, statement=forward.node)
    for parameter, default in forward.parameters[1:]:
        name = parameter.arg
        if default is None and not name.startswith("_") and read.isdisjoint([name, *_ALL_NAMES]):
            at = ast.copy_location(ast.Name(name, ast.Load()), parameter)
            run.emit(frame, UnusedInput, at, name, (), model=cls.node.name, name=name)


def _is_declared(body: list[ast.stmt]) -> bool:
    """Whether a method says nothing but what others are to define."""
    return all(
        isinstance(one, (ast.Pass, ast.Raise)) or isinstance(getattr(one, "value", 0), ast.Constant) for one in body
    )


def _read(node: ast.AST) -> Iterator[str]:
    """The names of which more is read than what tracers take for constant."""
    parts = list(walk(node))
    constant = {part.value for part in parts if isinstance(part, ast.Attribute) and part.attr in _CONSTANT}
    for part in parts:
        name = part.target if isinstance(part, ast.AugAssign) else part
        if isinstance(name, ast.Name) and (name is not part or isinstance(name.ctx, ast.Load)) and name not in constant:
            yield name.id
