"""What exporters make of a call of torch's own functions and layers, by the table of facts."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convlint.analyzer import torch_facts
from convlint.analyzer.run import TORCHSCRIPT, Frame, Run
from convlint.analyzer.values import TRUE, Number, Tensor, Value, members
from convlint.events import Branch, Taint, UnsupportedOperator, Untraceable


def note_call(
    run: Run, frame: Frame, node: ast.expr, name: str, given: Value | None, keywords: Mapping[str, Value]
) -> None:
    """Notes a call of ``torch.diff``, say, or of a layer, ``RMSNorm``, that an exporter sees differently from eager."""
    table = torch_facts.table()
    if name in table.asking and _is_input(given):
        _asks(run, frame, node)
    for one in (name, *(f"{name}:{key}" for key, value in keywords.items() if value == TRUE)):
        if one in table.refused and one not in torch_facts.draws():
            function, _, switch = one.partition(":")
            facts = {"operator": table.refused[one], "switch": switch, "fused": one in table.fused}
            run.emit(frame, UnsupportedOperator, node, "", (), callee=function, **facts)


def note_custom(run: Run, frame: Frame, node: ast.expr, callee: str, operator: str) -> None:
    """Notes a call of an operator of the user's own."""
    with run.on_routes(frame, frozenset({"onnx_torchscript", "onnx_dynamo"})):
        run.emit(frame, UnsupportedOperator, node, "", (), callee=callee, operator=operator, custom=True)


def note_untraceable(run: Run, frame: Frame, node: ast.expr, how: str, callee: str) -> None:
    """Notes a call that ``torch.jit.trace`` stops at."""
    with run.on_routes(frame, TORCHSCRIPT):
        run.emit(frame, Untraceable, node, how, (), how=how, callee=callee)


def _is_input(given: Value | None) -> bool:
    tensor = next((m for m in members(given) if isinstance(m, Tensor)), None) if given is not None else None
    return tensor is not None and tensor.taint >= Taint.shape


def _asks(run: Run, frame: Frame, node: ast.expr) -> None:
    """Torch's own Python code asks for the sizes of what it is given."""
    size = Number("int", Taint.fixed)
    run.emit(
        frame,
        Branch,
        node,
        "inside",
        (),
        form="inside",
        operand=run.operand(frame, node, size),
        taint=size.taint,
        whole=frame.document.span(node),
    )
