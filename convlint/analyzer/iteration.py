"""What a loop, comprehension or unpacking goes over."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from convlint.analyzer.run import ALL_ROUTES, DYNAMO, Frame, Run
from convlint.analyzer.values import (
    UNKNOWN,
    Array,
    Const,
    Dict,
    Function,
    Instance,
    List,
    Number,
    Shape,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    counted_in,
    join_all,
    taint_of,
)
from convlint.events import OF_PARTS, IteratesTensor, LoopOverDim, Taint

QUIET = ""
"""The form of an iteration that is no event of its own."""
_LOOPS = ("for", "comprehension", "list")


@dataclass(frozen=True)
class Elements:
    """The elements of an iterable: their join, and one by one where their number is certain."""

    joined: Value
    items: list[Value] | None = None


def iterate(run: Run, frame: Frame, node: ast.expr, value: Value, form: str) -> Elements:
    """The elements of ``value``, noting where a tensor is iterated or a dimension sets a loop's length."""
    if isinstance(value, Tuple):
        return Elements(join_all(value.items), list(value.items))
    if isinstance(value, List):
        return _list(run, frame, node, value, form)
    if isinstance(value, Tensor) and form == "star" and not value.sure:
        return Elements(Unknown(value.taint, True))  # arguments are spread out of lists, unless it must be a tensor
    if isinstance(value, Tensor):
        return _tensor(run, frame, node, value, form)
    if isinstance(value, Shape):
        return Elements(Number("int", value.taint, dim=True))
    if isinstance(value, Dict):
        keys: list[Value] = [Const(key) for key in value.items]
        return Elements(join_all(keys), keys if value.rest is None and keys and frame.certain else None)
    if isinstance(value, Instance):
        return _instance(run, frame, node, value, form)
    if isinstance(value, Union):
        parts = [iterate(run, frame, node, m, form).joined for m in value.members if not isinstance(m, Const)]
        return Elements(join_all(parts))
    if isinstance(value, Array):
        return Elements(value)
    if isinstance(value, Unknown):
        return Elements(Unknown(value.taint, value.taint >= Taint.state))
    return Elements(UNKNOWN)


def _list(run: Run, frame: Frame, node: ast.expr, value: List, form: str) -> Elements:
    if value.taint >= Taint.state and (form in _LOOPS or (form in OF_PARTS and _is_as_many_as_a_size(value))):
        # `torch.export` alone does not know what no input changes
        with run.on_routes(frame, (ALL_ROUTES if value.taint >= Taint.shape else DYNAMO) - value.frozen_on):
            run.emit(
                frame,
                LoopOverDim,
                node,
                form,
                (value.taint,),
                operand=run.operand(frame, node, Number("int", value.taint, dim=True)),
                taint=value.taint,
                form=form,
                pieces=value.pieces,
            )
    return Elements(value.any(), value.items)


def _is_as_many_as_a_size(value: List) -> bool:
    """Whether it holds as many parts as an axis is long: of what has unknown axes, features are split most often."""
    known = isinstance(value.element, Tensor) and value.element.shape is not None
    return value.pieces == "unbind" or (value.pieces == "split" and known)


def _tensor(run: Run, frame: Frame, node: ast.expr, value: Tensor, form: str) -> Elements:
    if not value.sure:
        # a parameter of which nothing says "tensor" but its place: what is iterated is a list of tensors
        element = run.tensor(None, None, value.taint)
        if isinstance(node, ast.Name) and node.id in frame.env:
            frame.env[node.id] = List(element)
        return Elements(element)
    first = value.shape[0] if value.shape else None
    dynamic = taint_of(first) >= Taint.shape if first is not None else value.taint >= Taint.shape
    if form == "unpack":
        dynamic = False  # Python itself demands the length
    selected = form != "unpack" and bool(counted_in(value if first is None else first))
    if (value.taint >= Taint.shape or selected) and form != QUIET:
        run.decide_on(frame, node, value if first is None else first)
        # a selection from what no input changes has the same length in every run, which `torch.export` does not know
        with run.on_routes(frame, ALL_ROUTES if value.taint >= Taint.shape else DYNAMO):
            run.emit(
                frame,
                IteratesTensor,
                node,
                form,
                (value.taint, dynamic or selected),
                operand=run.operand(frame, node, value),
                form=form,
                dynamic=dynamic or selected,
                counted=selected,
            )
    shape = value.shape[1:] if value.shape else None
    return Elements(run.view(frame, value, "unbind", node, shape=shape, mask_index=value.mask_index and "some"))


def _instance(run: Run, frame: Frame, node: ast.expr, value: Instance, form: str) -> Elements:
    from convlint.analyzer.calls import call_value

    for name, arguments in (("__iter__", []), ("__getitem__", [Number("int")])):
        info = run.method(value.cls, name)
        if info is not None:
            result = call_value(run, frame, node, Function(info, value), list(arguments))
            if name == "__getitem__":
                return Elements(result)
            return iterate(run, frame, node, result, form) if not isinstance(result, Instance) else Elements(UNKNOWN)
    return Elements(UNKNOWN)
