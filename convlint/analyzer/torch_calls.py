"""What exporters make of a call of torch's own functions and layers, by the table of facts."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convlint.analyzer import precision, torch_facts
from convlint.analyzer.run import TORCHSCRIPT, Frame, Run
from convlint.analyzer.values import TRUE, Number, Tensor, Value, tensor_of
from convlint.events import Branch, OperatorCall, Taint, Unbatched, UnsupportedOperator, Untraceable


def note_call(
    run: Run,
    frame: Frame,
    node: ast.expr,
    name: str,
    given: Value | None,
    keywords: Mapping[str, Value],
    *,
    of_itself: bool = False,
    of_sizes: bool = False,
) -> None:
    """Notes a call of ``torch.diff``, say, or of a layer, ``RMSNorm``, that an exporter sees differently from eager.

    ``of_itself`` is whether one tensor is the query, the key and the value, ``of_sizes`` whether a size of an input is
    given to a function of numbers.
    """
    precision.note_operator(run, name)
    table = torch_facts.table()
    if name in table.asking:
        note_asking(run, frame, node, given)
    _note_rank(run, frame, node, name, given)
    forms = [name, *(f"{name}:{key}" for key, value in keywords.items() if value == TRUE)]
    forms += [f"{form}:self" for form in forms if of_itself] + [f"{name}:sizes"] * of_sizes
    for one in forms:
        refused = table.lacking(one)
        told_elsewhere = one in torch_facts.draws() or (one in table.by_dynamo and one in torch_facts.needs())
        if refused and not told_elsewhere:
            function, *switches = one.removesuffix(":self").removesuffix(":sizes").split(":")
            note_refused(run, frame, node, function, refused, switch="".join(switches), fused=one in table.fused)
    if run.operators:
        _note_operators(run, frame, node, name, given)
    _note_newer(run, frame, node, name)


def note_attribute(run: Run, frame: Frame, node: ast.Attribute, tensor: Tensor) -> None:
    """Notes an attribute that an operator computes, ``x.mT``; arrays alone have one of that name."""
    if tensor.sure or node.attr in ("mT", "mH"):
        lacking = torch_facts.table().lacking(f"torch.{node.attr}")
        note_refused(run, frame, node, node.attr, lacking, sure=tensor.sure)


def _note_operators(run: Run, frame: Frame, node: ast.expr, name: str, given: Value | None) -> None:
    """Notes what operators a call becomes."""
    tensor = tensor_of(given)
    dtype = tensor.dtype if tensor is not None and "." in name else None
    graphs = torch_facts.graphs(name, dtype)
    if graphs:
        table = torch_facts.table()
        known = table.functions.get(name) or table.methods.get(name.rpartition(".")[2])
        dynamic = known is not None and known.dynamic_shape
        facts = {"callee": name, "dtype": dtype, "graphs": graphs, "dynamic": dynamic}
        run.emit(frame, OperatorCall, node, dtype or "", (), **facts)


def _note_newer(run: Run, frame: Frame, node: ast.expr, name: str) -> None:
    """Notes from which opset on the TorchScript ONNX exporter writes a call."""
    newer = torch_facts.newer(name)
    if newer is not None:
        with run.on_routes(frame, frozenset({"onnx_torchscript"})):
            since, operator = newer
            run.emit(frame, UnsupportedOperator, node, "newer", (), callee=name, operator=operator, since=since)


def _note_rank(run: Run, frame: Frame, node: ast.expr, name: str, given: Value | None) -> None:
    """Notes pooling of an image without a batch axis."""
    rank, wrong = torch_facts.ranks().get(name, (0, False))
    if isinstance(given, Tensor) and given.rank is not None and given.rank < rank:
        operand = run.operand(frame, node, given)
        run.emit(frame, Unbatched, node, "", (), callee=name.rpartition(".")[2], operand=operand, wrong=wrong)


def note_refused(
    run: Run, frame: Frame, node: ast.expr, callee: str, refused: Mapping[str, str], **facts: str | bool
) -> None:
    """Notes a call that the ONNX exporters named refuse, each for the operator that it lacks."""
    if refused:
        with run.on_routes(frame, frozenset(refused)):
            operator = next(iter(refused.values()))
            run.emit(frame, UnsupportedOperator, node, "", (), callee=callee, operator=operator, **facts)


def note_custom(run: Run, frame: Frame, node: ast.expr, callee: str, operator: str) -> None:
    """Notes a call of an operator of the user's own."""
    with run.on_routes(frame, frozenset({"onnx_torchscript", "onnx_dynamo"})):
        run.emit(frame, UnsupportedOperator, node, "", (), callee=callee, operator=operator, custom=True)


def note_untraceable(run: Run, frame: Frame, node: ast.expr, how: str, callee: str, writing: str = "") -> None:
    """Notes a call that ``torch.jit.trace`` stops at, and by ``writing`` the dynamo ONNX exporter."""
    with run.on_routes(frame, TORCHSCRIPT | {"onnx_dynamo"} if writing else TORCHSCRIPT):
        run.emit(frame, Untraceable, node, how, (), how=how, callee=callee, writing=writing)


def note_asking(run: Run, frame: Frame, node: ast.expr, given: Value | None) -> None:
    """Notes a call of a function whose own Python code asks for the sizes of what it is given."""
    tensor = tensor_of(given)
    if tensor is None or tensor.taint < Taint.shape:
        return
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
