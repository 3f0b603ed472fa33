"""Functions and layers of ``torchvision.ops``, by the table of facts."""

from __future__ import annotations

import ast

from convlint.analyzer import operators, shapes
from convlint.analyzer.attributes import size_taint
from convlint.analyzer.calls import Arguments, opaque
from convlint.analyzer.library_facts import Member, torchvision_ops
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.torch_calls import note_asking, note_refused
from convlint.analyzer.values import (
    FALSE,
    NOWHERE,
    UNKNOWN,
    Const,
    Dict,
    Layer,
    List,
    Number,
    Places,
    Tensor,
    Tuple,
    Value,
    number_kind,
    taint_of,
    tensors_in,
)
from convlint.events import Taint

PREFIX = "torchvision.ops."


def call(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torchvision.name(...)``."""
    last = name.rpartition(".")[2]
    member = torchvision_ops().get(last) if name.startswith("ops.") else None
    if member is None:
        return opaque(arguments, True)
    if member.made is None:
        return _result(run, frame, node, last, member, arguments, {})
    options = _bound(member.made, arguments)
    known = {k: v if isinstance(v, (Const, Number, Tuple)) else UNKNOWN for k, v in options.items()}
    return Layer(PREFIX + last, tuple(known.items()))


def called(run: Run, frame: Frame, node: ast.expr, layer: Layer, arguments: Arguments) -> Value:
    """What a layer of torchvision returns."""
    last = layer.name.removeprefix(PREFIX)
    return _result(run, frame, node, last, torchvision_ops()[last], arguments, dict(layer.arguments))


def _bound(parameters: tuple[str, ...], arguments: Arguments) -> dict[str, Value]:
    """The arguments by the names of the parameters, as far as they are known."""
    positional = () if arguments.more else arguments.positional
    return dict(zip(parameters, positional, strict=False)) | arguments.keywords


def _result(
    run: Run, frame: Frame, node: ast.expr, name: str, member: Member, arguments: Arguments, made: dict[str, Value]
) -> Value:
    given = _bound(member.given, arguments)
    tensor = next((one for value in arguments.all() for one in tensors_in(value, 2)), None)
    note_refused(run, frame, node, PREFIX + name, member.refused)
    if member.asking:
        note_asking(run, frame, node, tensor)
    first = given.get(member.given[0], UNKNOWN)
    if member.itself and (member.made is not None or given.get("training") == FALSE):
        return first
    operator = member.operator
    counted = NOWHERE
    if operator.dynamic_shape:
        counted = operators.note_dynamic(run, frame, node, name, _first_node(node, member, arguments), first)
    shape = None if arguments.more else _shape(member, made | given, counted)
    if operator.view and isinstance(first, Tensor):
        return run.view(frame, first, name, node, shape=shape, state="")
    taint = max([Taint.none if member.made is None else Taint.state, *(taint_of(value) for value in arguments.all())])
    if operator.returns == "D":
        return Dict(rest=run.tensor(None, None, taint))
    dtype = operators._result_dtype(name, operator, tensor or Tensor(), Arguments())
    return operators._results(run, operator.returns, dtype, shape, taint, counted)


def _first_node(node: ast.expr, member: Member, arguments: Arguments) -> ast.expr:
    where = arguments.node(0, member.given[0])
    return node if where is None else where


def _shape(member: Member, named: dict[str, Value], counted: Places) -> shapes.Shaped:
    if member.sizes is None or member.shaping & named.keys():
        return None
    return tuple(_size(size, named, counted) for size in member.sizes)


def _size(size: str, named: dict[str, Value], counted: Places) -> Value:
    """One axis of a result (see ``Member.sizes``)."""
    name, _, axis = size.partition(".")
    if name == "*":
        return shapes.number(Taint.data, counted=counted)
    if name.isdigit():
        return Const(int(name))
    value = named.get(name, UNKNOWN)
    if not axis:
        return value if number_kind(value) == "int" else Number("int", taint_of(value))
    if isinstance(value, Tensor):
        if value.shape is not None and int(axis) < len(value.shape):
            return value.shape[int(axis)]
        return shapes.number(size_taint(value), counted=value.counted)
    if isinstance(value, (Tuple, List)) and axis == "-1":
        return value.items[-1] if value.items and integer(value.items[-1]) is not None else Number("int")
    return shapes.number()
