"""Calls that ask how many values there are, by the facts that were measured: ``nn.BatchNorm1d``, attention..."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from convlint.analyzer import torch_facts
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.torch_facts import Count
from convlint.analyzer.values import Tensor, Value, taint_of, tensor_of
from convlint.events import AsksCount, Taint

_ROUTES = frozenset({"torch_export", "onnx_dynamo"})


def note(run: Run, frame: Frame, node: ast.expr, name: str, given: Iterable[Value | None]) -> None:
    """Notes a call of a layer (``LSTM:batch_first``), function or method that is given what a mask selected, say."""
    count = torch_facts.counts().get(name)
    if count is None or "torch_export" in torch_facts.need(name):  # which stops at any size that varies
        return
    tensors = [tensor for tensor in map(tensor_of, given) if tensor is not None]
    asked = next((tensor for tensor in tensors if _is_asked(count, tensor)), None)
    if asked is not None:
        with run.on_routes(frame, _ROUTES):
            callee = name.partition(":")[0]
            run.emit(frame, AsksCount, node, "", (), callee=callee, operand=run.operand(frame, node, asked))


def _is_asked(count: Count, tensor: Tensor) -> bool:
    """Whether a size that is asked for depends on values."""
    if tensor.shape is None:
        return count.any and bool(tensor.counted)
    return any(taint_of(tensor.shape[axis]) is Taint.data for axis in count.axes.get(len(tensor.shape), ()))
