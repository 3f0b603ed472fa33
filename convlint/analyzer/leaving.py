"""Values that leave the graph, and Python values that become tensors again."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from convlint.analyzer import shapes, torch_facts
from convlint.analyzer.annotations import is_left_open
from convlint.analyzer.calls import Arguments, opaque
from convlint.analyzer.dtypes import asked_dtype
from convlint.analyzer.run import TORCHSCRIPT, Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.usage import made_of, meet_tensors, must_be_plain, only_arithmetic, only_checked, only_counts
from convlint.analyzer.values import (
    Array,
    Const,
    List,
    Number,
    Shape,
    Tensor,
    Tuple,
    Value,
    join_all,
    members,
    number_kind,
    taint_of,
)
from convlint.events import LeavesGraph, Operand, Taint, TensorFromValues


def leave(
    run: Run,
    frame: Frame,
    node: ast.expr,
    how: str,
    where_: ast.expr,
    value: Value,
    callee: str = "",
    sure: bool = True,
) -> frozenset[str]:
    """Note that a tensor or dimension becomes a Python value; the routes on which it is frozen from here on.

    ``sure`` is False where the value is one of several that the expression may have.
    """
    taint = taint_of(value)
    frozen = value.frozen_on if isinstance(value, Number) else frozenset()
    if isinstance(value, Number) and how in ("len", "numel", "int", "float", "bool") and frozen < frame.routes:
        run.decide_on(frame, node, value)
    if taint >= Taint.state and frozen < frame.routes:
        operand = run.operand(frame, where_, value)
        of_numpy = how in ("numpy", "numpy-call")
        array, rewrapped = made_of(frame, node) if of_numpy else (node, [])
        checking, frame.checking = frame.checking, frame.checking or only_checked(frame, node)
        with run.on_routes(frame, frame.routes - frozen):
            run.emit(
                frame,
                LeavesGraph,
                node,
                how,
                (taint,),
                how=how,
                operand=operand if sure else replace(operand, sure=False),
                callee=callee,
                only_arithmetic=meet_tensors(frame, rewrapped) if rewrapped else only_arithmetic(frame, array),
                must_be_plain=taint is Taint.shape and how in ("int", "len", "numel") and must_be_plain(frame, node),
                left_open=how == "int" and is_left_open(run, frame, where_),
                only_counts=not of_numpy and only_counts(frame, node),
                array=frame.document.span(array) if of_numpy else None,
                rewrapped=tuple(frame.document.span(call) for call in rewrapped),
            )
        frame.checking = checking
    return frame.routes | frozen


def item(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.item()``."""
    leave(run, frame, node, "item", arguments.receiver or node, tensor)
    kind = tensor.dtype if tensor.dtype in ("int", "float", "bool") else "number"
    writes = run.memory.written.count(tensor.storage)
    return Number(kind, tensor.taint, TORCHSCRIPT, f"item{tensor.ident or run.memory.fresh()}.{writes}")


def tolist(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.tolist()``."""
    leave(run, frame, node, "tolist", arguments.receiver or node, tensor)
    kind = tensor.dtype if tensor.dtype in ("int", "float", "bool") else "number"
    element = Number(kind, tensor.taint, frozen_on=TORCHSCRIPT)
    length = tensor.shape[0] if tensor.shape else None
    count = integer(length)
    items: list[Value] | None = [element] * count if count is not None and count <= 16 else None
    return List(element, items)


def numpy(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.numpy()``."""
    leave(run, frame, node, "numpy", arguments.receiver or node, tensor)
    return Array(tensor.taint)


def rewrapped(run: Run, frame: Frame, node: ast.expr, callee: str, arguments: Arguments) -> Value:
    """``torch.tensor(value)``, ``as_tensor``, ``from_numpy``, ``new_tensor``."""
    given = arguments.get(0, "data", "ndarray")
    where_ = arguments.node(0, "data", "ndarray")
    if given is None or where_ is None:
        return opaque(arguments, True)
    taint = taint_of(given)
    inner = (
        given.any()
        if isinstance(given, List)
        else join_all(given.items)
        if isinstance(given, Tuple) and given.items
        else given
    )
    frozen = inner.frozen_on if isinstance(inner, Number) else frozenset()
    from_array = isinstance(given, Array) or callee.endswith("from_numpy")
    if not from_array and not frozen >= frame.routes:
        with run.on_routes(frame, frame.routes - frozen):
            forced = torch_facts.forced_first(callee, isinstance(given, (List, Tuple, Shape)))
            run.emit(
                frame,
                TensorFromValues,
                node,
                "",
                (taint,),
                callee=callee,
                operand=run.operand(frame, where_, given),
                frozen=forced.frozen if forced else frozenset(),
                refused=forced.refused if forced else frozenset(),
                elements=_elements(run, frame, where_, given),
                given=_names_given(node),
                numbers=all(number_kind(one) is not None for one in members(inner)),
            )
    dtype = asked_dtype(arguments, inner.dtype if isinstance(inner, Tensor) else number_kind(inner))
    shape: shapes.Shaped = None
    if isinstance(given, Tensor):
        shape = given.shape
    elif number_kind(given) is not None:
        shape = ()
    elif isinstance(given, (Tuple, List)) and given.items is not None and all(number_kind(i) for i in given.items):
        shape = (Const(len(given.items)),)
    elif isinstance(given, Shape) and not callee.endswith("Tensor"):
        shape = (Number("int"),)  # as many as the tensor has axes: the same for every input
    if isinstance(given, Tensor) and callee.endswith("as_tensor"):
        return given  # the same tensor, in eager and in every graph
    if shape != ():  # torch.export knows the value of a constant scalar
        taint = frame.taint_of_made(taint)
    return run.tensor(dtype if dtype in ("float", "int", "bool") else None, shape, taint)


def _names_given(node: ast.expr) -> tuple[str, ...]:
    if not isinstance(node, ast.Call):
        return ()
    return (*("" for _ in node.args), *(keyword.arg or "" for keyword in node.keywords))


def _elements(run: Run, frame: Frame, node: ast.expr, value: Value) -> tuple[Operand, ...]:
    """The elements of a list or tuple that is written there, none where one is starred."""
    if not isinstance(node, (ast.List, ast.Tuple)) or not isinstance(value, (List, Tuple)) or value.items is None:
        return ()
    if any(isinstance(part, ast.Starred) for part in node.elts) or len(node.elts) != len(value.items):
        return ()
    return tuple(run.operand(frame, part, item) for part, item in zip(node.elts, value.items, strict=True))
