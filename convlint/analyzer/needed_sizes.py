"""Calls for which an exporter must know a size, by the facts that were measured: ``x.unfold``, ``nn.LSTM``..."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convlint.analyzer import torch_facts
from convlint.analyzer.attributes import size_taint
from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import axis, integer
from convlint.analyzer.torch_facts import Need
from convlint.analyzer.values import TRUE, Layer, Number, Tensor, Tuple, Value, taint_of, tensor_of
from convlint.events import NeedsSize, Taint


def note_layer(run: Run, frame: Frame, node: ast.expr, layer: Layer, given: Value | None) -> None:
    """Notes a call of a layer."""
    options = dict(layer.arguments)
    switch = ":batch_first" if options.get("batch_first") == TRUE else ""
    first = options.get("output_size", options.get("0"))
    _note(run, frame, node, f"{layer.name}{switch}", given, first, options)


def note_method(run: Run, frame: Frame, node: ast.expr, name: str, given: Value, arguments: Arguments) -> None:
    """Notes a call of a tensor's method; of one that gives a list the loop over that is noted."""
    operator = torch_facts.table().methods.get(name)
    if operator is not None and operator.returns == "L":
        return
    first = arguments.get(0, "dimension")
    _note(run, frame, node, f"Tensor.{name}", given, first, arguments.keywords)


def note_function(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> None:
    """Notes a call of a function of torch, ``torch.nn.functional.adaptive_avg_pool2d``."""
    first = arguments.get(1, "output_size")
    _note(run, frame, node, name, arguments.get(0, "input"), first, arguments.keywords)


def _note(
    run: Run,
    frame: Frame,
    node: ast.expr,
    name: str,
    given: Value | None,
    option: Value | None,
    options: Mapping[str, Value],
) -> None:
    needs = torch_facts.need(name)
    tensor = tensor_of(given)
    if not needs or tensor is None or options.get("return_indices") == TRUE:  # another kernel, which needs none
        return
    for route, need in needs.items():
        fine = need.unless_ones and option is not None and _is_ones(option)
        if fine or not _varies(tensor, need, option):
            continue
        routes = frozenset({route, "onnx_dynamo"} if need.dynamo else {route})
        with run.on_routes(frame, routes):
            run.emit(
                frame,
                NeedsSize,
                node,
                route,
                (),
                callee=name.partition(":")[0],
                operand=run.operand(frame, node, tensor),
                by=route,
                dynamo=need.dynamo,
            )


def _varies(tensor: Tensor, need: Need, option: Value | None) -> bool:
    """Whether a size that is needed is one of an input."""
    if tensor.shape is None:
        named = integer(option) is not None if need.argument is not None else -1 in need.axes or need.rank == 3
        return named and size_taint(tensor) >= Taint.shape
    if need.argument is not None:
        axes = [axis(option, len(tensor.shape))]
    else:
        fits = min(need.axes) < 0 or len(tensor.shape) == need.rank
        axes = [one % len(tensor.shape) for one in need.axes] if fits and len(tensor.shape) >= len(need.axes) else []
    return any(one is not None and taint_of(tensor.shape[one]) >= Taint.shape for one in axes)


def _is_ones(value: Value) -> bool:
    sizes = value.items if isinstance(value, Tuple) else (value,)
    return all(integer(size) == 1 or (isinstance(size, Number) and size.usual == 1) for size in sizes)
