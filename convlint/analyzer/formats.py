"""Tensors and sizes in formatted text: ``f"{loss:.3f}"``."""

from __future__ import annotations

import ast
import re

from convlint.analyzer.run import DYNAMO, Frame, Run
from convlint.analyzer.values import Const, Number, Tensor, Tuple, Value, members
from convlint.events import FormatsValue, Taint

_FIELD = re.compile(r"\{[^{}:!]*:[^{}]+\}")
"""A field of ``str.format`` that says how."""
_PERCENT = re.compile(r"%[-+ #0-9.]*[diouxXeEfFgGc]")
"""A number in the text before a ``%``."""


def note_field(run: Run, frame: Frame, node: ast.FormattedValue, value: Value) -> None:
    """Notes ``{value:.2f}`` in an f-string."""
    if node.format_spec is not None and node.conversion == -1:
        _note(run, frame, node.value, value, "spec")


def note_format(run: Run, frame: Frame, text: Const, nodes: list[ast.expr], values: list[Value]) -> None:
    """Notes ``"{:.2f}".format(value)``."""
    if isinstance(text.value, str) and len(_FIELD.findall(text.value)) == len(values):
        for node, value in zip(nodes, values, strict=False):
            _note(run, frame, node, value, "spec")


def note_percent(run: Run, frame: Frame, node: ast.BinOp, text: Value, value: Value) -> None:
    """Notes ``"%.2f" % value``."""
    if not isinstance(node.op, ast.Mod) or not isinstance(text, Const) or not isinstance(text.value, str):
        return
    values = value.items if isinstance(value, Tuple) else (value,)
    if len(_PERCENT.findall(text.value)) == len(values):
        for one in values:
            _note(run, frame, node.right, one, "percent")


def _note(run: Run, frame: Frame, node: ast.expr, value: Value, how: str) -> None:
    if frame.checking:
        return
    for one in members(value):
        if (
            not isinstance(one, (Tensor, Number))
            or one.taint <= Taint.fixed
            or (isinstance(one, Tensor) and not one.sure)
        ):
            continue
        frozen = one.frozen_on if isinstance(one, Number) else frozenset()
        with run.on_routes(frame, (DYNAMO if how == "percent" else frozenset({"torch_export"})) - frozen):
            run.emit(frame, FormatsValue, node, "", (), operand=run.operand(frame, node, one), how=how)
