"""Calls for which an exporter must know a size, by the facts that were measured: ``x.unfold``, ``nn.LSTM``..."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convlint.analyzer import asked_counts, torch_facts
from convlint.analyzer.attributes import size_taint
from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import axis, integer
from convlint.analyzer.torch_facts import Need
from convlint.analyzer.values import FALSE, TRUE, Const, Layer, Number, Tensor, Tuple, Value, taint_of, tensor_of
from convlint.events import NeedsSize, Taint

_TORCHSCRIPT, _DYNAMO = "onnx_torchscript", "onnx_dynamo"


def note_layer(run: Run, frame: Frame, node: ast.expr, layer: Layer, given: Value | None) -> None:
    """Notes a call of a layer."""
    options = dict(layer.arguments)
    full = f"{layer.name}{':batch_first' if options.get('batch_first') == TRUE else ''}"
    asked_counts.note(run, frame, node, full, (given,))
    kept = options.get("track_running_stats")
    if kept in (TRUE, FALSE):  # of counts these have no rows of their own
        full += torch_facts.switched({"track_running_stats": kept == TRUE})
    first = options.get("output_size", options.get("0"))
    _note(run, frame, node, full, given, first, options)


def note_method(run: Run, frame: Frame, node: ast.expr, name: str, given: Value, arguments: Arguments) -> None:
    """Notes a call of a tensor's method."""
    asked_counts.note(run, frame, node, f"Tensor.{name}", (given,))
    if _gives_list(name):
        _note_several(run, frame, node, name, given, arguments)
        return
    first = arguments.get(0, "dimension")
    _note(run, frame, node, f"Tensor.{name}", given, first, arguments.keywords)


def _gives_list(method: str) -> bool:
    operator = torch_facts.table().methods.get(method)
    return operator is not None and operator.returns == "L"


def _note_several(run: Run, frame: Frame, node: ast.expr, name: str, given: Value, arguments: Arguments) -> None:
    """Notes a method that gives a list; what other exporters make of it is noted of the loop over that."""
    need = torch_facts.need(f"Tensor.{name}").get(_DYNAMO)
    tensor = tensor_of(given)
    if need is None or need.argument is None or tensor is None:
        return
    cut = integer(arguments.get(need.argument, "dim") or Const(0))
    if cut is not None and _is_rows_or_image(run, tensor, cut):
        _emit(run, frame, node, f"Tensor.{name}", tensor, _DYNAMO, need)


def _is_rows_or_image(run: Run, tensor: Tensor, cut: int) -> bool:
    """Whether an axis is an input's first one, or a side of an image: most others that are cut hold channels."""
    if tensor.shape is None:
        return cut == 0 and tensor.ident in run.inputs
    place = axis(Const(cut), len(tensor.shape))
    size = tensor.shape[place] if place is not None else None
    if place is None or not isinstance(size, Number) or size.taint < Taint.shape:
        return False
    of_image = len(tensor.shape) == 4 and place >= 2 and integer(tensor.shape[1]) is not None
    return of_image or (place == 0 and size.symbol.endswith("[0]"))


def note_function(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> None:
    """Notes a call of a function of torch, ``torch.nn.functional.adaptive_avg_pool2d``."""
    last = name.removeprefix("torch.")
    known = name if name in torch_facts.counts() else f"Tensor.{last}"
    asked_counts.note(run, frame, node, known, (arguments.get(at, *words) for at, words in enumerate(_INPUTS)))
    if _gives_list(last) and arguments.positional:
        _note_several(run, frame, node, last, arguments.positional[0], arguments.without_first())
        return
    if last.rpartition(".")[2] in _CONVOLUTIONS:
        _note_kernel(run, frame, node, name, tensor_of(arguments.get(1, "weight")))
        return
    first = arguments.get(1, "output_size")
    _note(run, frame, node, name, arguments.get(0, "input"), first, arguments.keywords)


_INPUTS = (("input", "query"), ("key",), ("value",))
"""What may select values among what a function is given, by place."""
_CONVOLUTIONS = frozenset(f"conv{kind}{axes}d" for kind in ("", "_transpose") for axes in (1, 2, 3))


def _note_kernel(run: Run, frame: Frame, node: ast.expr, name: str, kernel: Tensor | None) -> None:
    """Notes a convolution by a kernel in whose shape a tensor's size stands, be it one that no input changes: the
    TorchScript exporter reads it in the graph as soon as any axis is declared dynamic.
    """
    if kernel is not None and kernel.shape is not None and any(map(_is_read_in_graph, kernel.shape)):
        _emit(run, frame, node, name, kernel, _TORCHSCRIPT, Need(), kernel=True)


def _is_read_in_graph(size: Value) -> bool:
    if isinstance(size, Number):
        return size.taint >= Taint.shape and _TORCHSCRIPT not in size.frozen_on
    return isinstance(size, Const) and size.size


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
        _emit(run, frame, node, name, tensor, route, need)


def _emit(
    run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, route: str, need: Need, *, kernel: bool = False
) -> None:
    with run.on_routes(frame, frozenset({route, _DYNAMO} if need.dynamo else {route})):
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
            kernel=kernel,
        )


def _varies(tensor: Tensor, need: Need, option: Value | None) -> bool:
    """Whether a size that is needed is one of an input."""
    if tensor.shape is None:
        sure = bool({0, -1}.intersection(need.axes)) or need.rank == 3
        named = integer(option) is not None if need.argument is not None else sure
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
