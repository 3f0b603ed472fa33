"""Axes that are counted from the end where the TorchScript ONNX exporter takes them for such from the front."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Tensor
from convlint.events import AxesFromEnd

MOVES = frozenset({"movedim", "moveaxis"})
FUNCTIONS = MOVES | {"permute", "unfold"}


def note(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> None:
    """Notes a call that names axes so, where these are written out; of a move the axes that it takes, not where to."""
    if arguments.more:
        return
    if name in MOVES:
        axes, rank = _listed([arguments.node(0, "source")]), tensor.rank or 0
        if [_axis(one) for one in axes] == [_axis(one) for one in _listed([arguments.node(1, "destination")])]:
            return  # nothing moves
    elif name == "unfold":
        axes, rank = _listed([arguments.node(0, "dimension")]), tensor.rank or 0
    else:
        axes = _listed([*arguments.nodes, *arguments.keyword_nodes.values()])
        rank = len(axes)
    found = [(one, axis) for one in axes if (axis := _axis(one)) is not None and axis < 0]
    if not found:
        return
    with run.on_routes(frame, frozenset({"onnx_torchscript"})):
        run.emit(
            frame,
            AxesFromEnd,
            node,
            "",
            (),
            callee=name,
            axes=tuple(frame.document.span(one) for one, _ in found),
            from_front=tuple(rank + axis for _, axis in found) if rank else (),
        )


def _listed(nodes: Sequence[ast.expr | None]) -> list[ast.expr]:
    """The axes, whether each is an argument or all are in one."""
    return [
        part for node in nodes if node for part in (node.elts if isinstance(node, (ast.Tuple, ast.List)) else [node])
    ]


def _axis(node: ast.expr) -> int | None:
    match node:
        case ast.Constant(value=int(axis)):
            return axis
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(axis))):
            return -axis
    return None
