"""Divisions that round down, which ONNX's do not."""

from __future__ import annotations

import ast

from convlint.analyzer import signs
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Number, Tensor, Value
from convlint.events import FloorDivision, Taint
from convlint.findings import Span


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


def _is_size(value: Value) -> bool:
    return isinstance(value, Number) and value.taint >= Taint.shape


def _negation_of(frame: Frame, node: ast.expr | ast.stmt) -> Span | None:
    """The ``-(...)`` that a quotient stands in."""
    for part in ast.walk(frame.statement) if frame.statement is not None else ():
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub) and part.operand is node:
            return frame.document.span(part)
    return None
