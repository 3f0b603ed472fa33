"""Functions of NumPy, and the methods and attributes of its arrays, by the table of facts."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer import library_facts, operators
from convlint.analyzer.attributes import shape_of
from convlint.analyzer.calls import Arguments
from convlint.analyzer.leaving import leave
from convlint.analyzer.run import ALL_ROUTES, Frame, Run
from convlint.analyzer.values import (
    NONE,
    UNKNOWN,
    Array,
    List,
    Method,
    Number,
    Shape,
    Tensor,
    Tuple,
    Value,
    members,
    taint_of,
)
from convlint.events import Taint

_ASKED = {"ndim": "dim", "size": "numel"}
"""The methods of a tensor that say what these functions say of it."""
_KINDS = {"b": "bool", "i": "int", "f": "number"}


def call(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``numpy.name(...)``: what it is given leaves the graph, unless it is known to leave that alone."""
    known = library_facts.numpy().functions.get(name)
    first = arguments.get(0)
    if known is not None and known.on_tensors in ("asks", "graph") and isinstance(first, Tensor):
        return _on_tensor(run, frame, node, name, known, first, arguments)
    if known is not None and known.on_tensors == "asks" and isinstance(first, Array):
        asked = attribute(first, name, node)
        return Number(_KINDS.get(known.returns, "int")) if isinstance(asked, Method) else asked
    for value, where in _given(arguments):
        for one in (value, *value.items) if isinstance(value, (Tuple, List)) and value.items else members(value):
            if _is_read(one):
                leave(run, frame, node, "numpy-call", where, one, f"numpy.{name}")
                break
    return _returned(known.returns if known is not None else "A", _taint(arguments))


def method(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    """``array.name(...)``."""
    known = library_facts.numpy().methods.get(method.name)
    taint = max(taint_of(method.owner), _taint(arguments))
    return _returned(known.returns if known is not None else "A", taint)


def attribute(owner: Array, name: str, node: ast.expr) -> Value:
    """``array.name``."""
    letter = library_facts.numpy().attributes.get(name)
    if letter is None:
        return Method(owner, name, node)
    if letter == "k":
        return Number("int")
    if letter == "i":  # how many entries there are: what these are does not matter
        return _returned(letter, Taint.none if owner.taint <= Taint.state else Taint.shape)
    return _returned(letter, owner.taint) if letter == "A" else UNKNOWN


def _given(arguments: Arguments) -> Iterator[tuple[Value, ast.expr]]:
    yield from zip(arguments.positional, arguments.nodes, strict=False)
    for name, value in arguments.keywords.items():
        if name in arguments.keyword_nodes:
            yield value, arguments.keyword_nodes[name]


def _taint(arguments: Arguments) -> Taint:
    return max((taint_of(value) for value in arguments.all()), default=Taint.none)


def _is_read(value: Value) -> bool:
    """Whether NumPy makes something of a value that was in the graph until now."""
    if isinstance(value, Number):
        return value.taint >= Taint.shape and not value.frozen_on
    return (isinstance(value, Tensor) and value.taint >= Taint.state) or isinstance(value, Shape)


def _on_tensor(
    run: Run,
    frame: Frame,
    node: ast.expr,
    name: str,
    known: library_facts.NumpyFunction,
    tensor: Tensor,
    arguments: Arguments,
) -> Value:
    """What a function returns that hands its work to the tensor's own method, or only asks for its shape."""
    if name == "shape":
        return shape_of(tensor)
    if known.on_tensors == "graph" or name in _ASKED:
        return operators.operate(run, frame, node, _ASKED.get(name, name), tensor, arguments.without_first())
    return _returned(known.returns, Taint.none)


def _returned(letters: str, taint: Taint) -> Value:
    """The values that the letters of a result stand for, an array where they vary."""
    if len(letters) > 1:
        return Tuple(tuple(_returned(letter, taint) for letter in letters.rstrip(",")))
    if letters in _KINDS:
        return Number(_KINDS[letters], taint, frozen_on=ALL_ROUTES if taint else frozenset())
    if letters in ("L", "l"):
        return List(_returned("A" if letters == "L" else "f", taint))
    return NONE if letters == "-" else Array(taint)
