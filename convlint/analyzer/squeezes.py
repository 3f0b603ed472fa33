"""``x.squeeze()``, which drops the batch where it is 1, and what of its result a graph then computes otherwise."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from convlint.analyzer.calls import Arguments
from convlint.analyzer.index import is_dots
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.usage import parents_of
from convlint.analyzer.values import NOWHERE, Number, Squeezed, Tensor, Value, counted_in, taint_of
from convlint.events import SqueezesBatch, Taint

_WORST = ("", "linear", "transpose", "convolution", "index")
"""What goes wrong, on more and more routes."""


def note(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Squeezed | None:
    """Notes a ``squeeze()`` of a tensor whose first size is that of an input; harmless until something uses it."""
    sizes = tensor.shape or ()
    if len(sizes) < 2 or not tensor.sure or taint_of(sizes[0]) is not Taint.shape or counted_in(*sizes) != NOWHERE:
        return None
    ones = tuple(i for i, size in enumerate(sizes) if integer(size) == 1)
    event = run.event(
        frame,
        SqueezesBatch,
        node,
        operand=run.operand(frame, arguments.receiver or node, tensor),
        ones=ones,
        certain=all(integer(size) is not None or (isinstance(size, Number) and size.symbol) for size in sizes[1:]),
    )
    if not isinstance(event, SqueezesBatch):
        return None
    place = (event.document.path, event.span)
    run.squeezes[place] = event
    run.note(event, "", (0,))
    return Squeezed(place, len(sizes) - len(ones))


def passed_on(left: Value, right: Value) -> Squeezed | None:
    """That of which the result of an operation on two values has the axes."""
    found = {one.squeezed for one in (left, right) if isinstance(one, Tensor)}
    return found.pop() if len(found) == 1 else None


def note_use(run: Run, frame: Frame, node: ast.expr, value: Value | None, use: str) -> None:
    """Notes what goes wrong of a tensor without a batch, if a ``squeeze()`` may have dropped it."""
    squeezed = value.squeezed if isinstance(value, Tensor) else None
    event = run.squeezes.get(squeezed.place) if squeezed is not None else None
    if event is None or not frame.traced or not event.routes & frame.routes:
        return
    used = (frame.document.path, frame.document.span(node), "the batch is counted on here")
    found = replace(event, use=use, used=used, routes=event.routes & frame.routes)
    run.note(found, "", (_WORST.index(use),))


def note_index(run: Run, frame: Frame, node: ast.Subscript, tensor: Tensor) -> None:
    """``x[..., None]``: to exporters an axis counted from the front."""
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if len(parts) > 1 and is_dots(parts[0]):
        note_use(run, frame, node, tensor, "index")


def note_layer(run: Run, frame: Frame, node: ast.expr, name: str, given: Value | None) -> None:
    """A layer that takes one sample as well as a batch of them."""
    rank = given.squeezed.rank if isinstance(given, Tensor) and given.squeezed is not None else 0
    use = "linear" if name == "Linear" and rank == 2 else ""
    if name in ("Conv1d", "Conv2d", "Conv3d") and rank == int(name[4]) + 2:
        use = "convolution"
    if use and not _is_viewed(frame, node):
        note_use(run, frame, node, given, use)


def _is_viewed(frame: Frame, node: ast.expr) -> bool:
    """``self.layer(x).view(-1, 4)``: the axes that this asks for, whatever there was."""
    parents = parents_of(frame.function.node) if frame.function is not None else {}
    method = parents.get(node)
    return isinstance(method, ast.Attribute) and method.attr in ("view", "reshape")


def note_transpose(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> None:
    """``x.transpose(-1, -2)``."""
    axes = [integer(one) for one in arguments.all()]
    if axes and all(one is not None and one < 0 for one in axes):
        note_use(run, frame, node, tensor, "transpose")
