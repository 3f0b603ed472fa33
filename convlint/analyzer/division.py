"""Divisions that round down, which ONNX's do not, and those of sizes by functions of torch."""

from __future__ import annotations

import ast

from convlint.analyzer import signs
from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Const, Number, Tensor, Value
from convlint.events import DividesSize, FloorDivision, RemainderOfSize, Taint
from convlint.findings import Span
from convlint.source.walk import walk


def note_division(
    run: Run,
    frame: Frame,
    node: ast.expr | ast.stmt,
    form: str,
    dividend: tuple[ast.expr, Value],
    divisor: tuple[ast.expr, Value],
) -> None:
    """Notes ``a // b`` where a tensor takes part, or a size with a minus before it."""
    values = (dividend[1], divisor[1])
    tensors = any(isinstance(value, Tensor) for value in values)
    negated = signs.is_negated(*dividend) or (_is_size(values[0]) and signs.of(values[1]) == "-")
    if not tensors and not negated:
        run.doubt(frame, node)
        return
    negative = negated or any(signs.of(value) == "-" for value in values)
    left, right = (run.operand(frame, *one) for one in (dividend, divisor))
    run.emit(
        frame,
        FloorDivision,
        node,
        "",
        (negative,),
        form=form,
        dividend=left,
        divisor=right,
        may_be_negative=negative,
        whole=_negation_of(frame, node) if signs.is_negated(*dividend) else None,
    )


def note_divided_size(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> None:
    """Notes ``torch.div(x.shape[1], 2, rounding_mode="floor")``."""
    dividend, divisor = arguments.get(0, "input"), arguments.get(1, "other")
    how = arguments.keywords.get("rounding_mode") if name == "div" else Const("floor")
    if name not in ("div", "floor_divide") or not (isinstance(how, Const) and how.value in ("floor", "trunc")):
        return
    if dividend is None or divisor is None or not _is_size(dividend) or isinstance(divisor, Tensor):
        return
    left = run.operand(frame, arguments.node(0, "input") or node, dividend)
    right = run.operand(frame, arguments.node(1, "other") or node, divisor)
    run.emit(frame, DividesSize, node, "", (), callee=name, dividend=left, divisor=right)


def note_remainder(
    run: Run, frame: Frame, node: ast.expr | ast.stmt, dividend: tuple[ast.expr, Value], divisor: tuple[ast.expr, Value]
) -> None:
    """Notes ``places % x.shape[1]`` of an integer tensor."""
    tensor = dividend[1]
    if isinstance(tensor, Tensor) and tensor.dtype == "int" and tensor.sure and _is_size(divisor[1]):
        left, right = (run.operand(frame, *one) for one in (dividend, divisor))
        run.emit(frame, RemainderOfSize, node, "", (), dividend=left, divisor=right)


def _is_size(value: Value) -> bool:
    return isinstance(value, Number) and value.taint >= Taint.shape


def _negation_of(frame: Frame, node: ast.expr | ast.stmt) -> Span | None:
    """The ``-(...)`` that a quotient stands in."""
    for part in walk(frame.statement) if frame.statement is not None else ():
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub) and part.operand is node:
            return frame.document.span(part)
    return None
