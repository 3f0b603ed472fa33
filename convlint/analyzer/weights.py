"""What has weights, or hides tensors: modules, layers of torch, containers, and functions that close over these."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer.export_facts import WITH_WEIGHTS
from convlint.analyzer.values import (
    Dict,
    Function,
    Instance,
    Layer,
    List,
    Partial,
    Tensor,
    Tuple,
    Value,
    held_by,
    members,
    taint_of,
)
from convlint.events import Taint
from convlint.source.walk import walk

_DEEPEST = 4


def has_weights(value: Value, depth: int = 0) -> bool:
    """Whether a value has parameters: it is one, a layer with some, or a module of such."""
    if isinstance(value, Tensor):
        return value.state.startswith("parameter")
    if isinstance(value, Layer) and value.name in WITH_WEIGHTS:
        return True
    return depth < _DEEPEST and any(has_weights(part, depth + 1) for part in parts_of(value))


def parts_of(module: Value) -> Iterator[Value]:
    """What a module consists of."""
    if isinstance(module, Instance) or (isinstance(module, List) and module.registered):
        yield from contained(module)
    elif isinstance(module, Layer):
        yield from (part for _, one in module.arguments if isinstance(one, List) for part in contained(one))


def contained(holder: Value) -> Iterator[Value]:
    """The alternatives of all that something holds."""
    return (one for value in held_by(holder) for one in members(value))


def hides_tensors(argument: Value) -> bool:
    """Whether an argument holds tensors without being one: a module with weights, or what is traced in a list."""
    if isinstance(argument, (List, Tuple, Dict)) and taint_of(argument) >= Taint.state:
        return True
    return not isinstance(argument, Tensor) and has_weights(argument)


def computes_with_weights(function: Value) -> bool:
    """Whether something to call has weights of its own: a module, a method of one, a function that closes over one."""
    if isinstance(function, Partial):
        given = (*function.args, *(value for _, value in function.keywords))
        return any(map(computes_with_weights, (function.function, *given)))
    if not isinstance(function, Function):
        return has_weights(function)
    if function.bound is not None:
        return has_weights(function.bound)
    scope = function.scope
    names = {part.id for part in walk(function.info.node) if isinstance(part, ast.Name)} if scope is not None else ()
    return any(value is not None and has_weights(value) for value in map(scope.lookup, names))
