"""torch operators that look at the same elements in another shape, or repeat them."""

from __future__ import annotations

import ast
from collections.abc import Callable

from convlint.analyzer import shapes, squeezes
from convlint.analyzer.attributes import size_taint
from convlint.analyzer.batch import note_batch
from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import ALL_ROUTES, Frame, Run
from convlint.analyzer.shapes import integer, number
from convlint.analyzer.torch_calls import note_refused
from convlint.analyzer.values import (
    UNKNOWN,
    Const,
    List,
    Number,
    Tensor,
    Tuple,
    Value,
    number_kind,
    taint_of,
)
from convlint.events import SqueezesNothing, Taint

Handler = Callable[[Run, Frame, ast.expr, Tensor, Arguments], Value]


def unknown_size(tensor: Tensor) -> Taint:
    """What a size depends on that is one of a tensor of unknown shape: that of a constant is no input's."""
    return min(size_taint(tensor), Taint.shape)


def call_row(node: ast.expr) -> int:
    """The line that Python reports while a method is called: that of the method's name."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.end_lineno or node.lineno
    return node.lineno


def reshape(how: str) -> Handler:
    """A handler of ``view`` or ``reshape``."""

    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        wanted = None if arguments.more else shapes.sizes(arguments.positional or list(arguments.keywords.values()))
        note_batch(run, frame, node, how, arguments)
        shape = shapes.reshaped(tensor.shape, wanted, unknown_size(tensor))
        if how == "reshape" and tensor.ident in run.memory.views:
            # of a view the result may be a copy: nothing is known to be shared
            return run.tensor(tensor.dtype, shape, tensor.taint, counted=tensor.counted, mask_index=tensor.mask_index)
        return run.view(frame, tensor, how, node, row=call_row(node), shape=shape, state="", sure=True)

    return handler


def viewing(change: Callable[[Tensor, Arguments], shapes.Shaped], how: str) -> Handler:
    """A handler of a view whose shape ``change`` computes."""

    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        return run.view(
            frame, tensor, how, node, row=call_row(node), shape=change(tensor, arguments), state="", sure=True
        )

    return handler


def flatten(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.flatten(start, end)``."""
    start = integer(arguments.get(0, "start_dim") or Const(0))
    end = integer(arguments.get(1, "end_dim") or Const(-1))
    shape = None if start is None or end is None else shapes.flattened(tensor.shape, start, end)
    if shape is None and start == 0 and end == -1:
        shape = (number(size_taint(tensor), counted=tensor.counted),)
    if tensor.ident in run.memory.views:
        return run.tensor(tensor.dtype, shape, tensor.taint, counted=tensor.counted)
    return run.view(frame, tensor, "flatten", node, row=call_row(node), shape=shape, state="", sure=True)


def expand(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.expand(sizes)``."""
    note_batch(run, frame, node, "expand", arguments)
    wanted = None if arguments.more else shapes.sizes(arguments.positional)
    shape: shapes.Shaped = None
    if wanted is not None:
        old = tensor.shape or ()
        lead = len(wanted) - len(old)
        shape = tuple(
            (old[i - lead] if 0 <= i - lead < len(old) else number(unknown_size(tensor))) if integer(w) == -1 else w
            for i, w in enumerate(wanted)
        )
    return run.view(frame, tensor, "expand", node, row=call_row(node), shape=shape, state="")


def repeat(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.repeat(counts)``."""
    note_batch(run, frame, node, "repeat", arguments)
    times = None if arguments.more else shapes.sizes(arguments.positional)
    shape: shapes.Shaped = None
    if times is not None and tensor.shape is None:  # as many axes as there are counts, whatever it had
        shape = tuple(number(max(unknown_size(tensor), taint_of(count))) for count in times)
    elif times is not None and tensor.shape is not None and len(times) >= len(tensor.shape):
        old = (Const(1),) * (len(times) - len(tensor.shape)) + tensor.shape
        shape = tuple(_times(d, t) for d, t in zip(old, times, strict=True))
    return run.tensor(tensor.dtype, shape, tensor.taint, counted=tensor.counted)


def _times(dim: Value, count: Value) -> Value:
    if integer(count) == 1:
        return dim
    if integer(dim) == 1:
        return count
    return number(max(taint_of(dim), taint_of(count)))


def pieces(name: str) -> Handler:
    """A handler of ``chunk``, ``split`` and their like: views of one tensor."""

    def handler(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
        dim = arguments.get(0 if name == "unbind" else 1, "dim") or Const(0)
        count = _piece_count(name, tensor, arguments, dim)
        shape = _piece_shape(name, tensor, arguments, dim)
        row = call_row(node)
        if not isinstance(count, Taint) and count <= 64:
            parts: list[Value] = [
                run.view(frame, tensor, name, node, ("part", ((i, None, 1),)), row, shape=shape, state="")
                for i in range(count)
            ]
            return Tuple(tuple(parts))
        one = run.view(frame, tensor, name, node, row=row, shape=shape, state="")
        # by a size the parts are told where it becomes a plain number
        by_size = name != "unbind" and taint_of(_given(arguments) or UNKNOWN) >= Taint.shape
        return List(one, None, count if isinstance(count, Taint) else Taint.none, pieces="" if by_size else name)

    return handler


def _piece_count(name: str, tensor: Tensor, arguments: Arguments, dim: Value) -> int | Taint:
    given = _given(arguments)
    if name in ("chunk", "tensor_split"):
        count = integer(given)
        frozen = isinstance(given, Number) and given.frozen_on >= ALL_ROUTES  # reported where it became a plain number
        return count if count is not None else taint_of(given) if given is not None and not frozen else Taint.none
    if name == "split" and isinstance(given, (List, Tuple)):
        return len(given.items) if given.items is not None else Taint.none
    if name == "split" and number_kind(given or UNKNOWN) is None:
        return Taint.none  # most likely the sections that a configuration lists
    at = shapes.axis(dim, len(tensor.shape)) if tensor.shape else None
    size = tensor.shape[at] if tensor.shape and at is not None else None
    if name == "unbind" and integer(size) is not None:
        return integer(size) or 0
    if name == "split" and integer(size) is not None and integer(given):
        return -(-(integer(size) or 0) // (integer(given) or 1))
    if size is not None:
        return taint_of(size)
    fixed = name == "unbind" and (integer(dim) is None or (integer(dim) or 0) < 0)  # from the end stand features
    return Taint.none if fixed else size_taint(tensor)


def _given(arguments: Arguments) -> Value | None:
    """The number or size of the parts."""
    return arguments.get(0, "chunks", "split_size_or_sections", "split_size")


def _piece_shape(name: str, tensor: Tensor, arguments: Arguments, dim: Value) -> shapes.Shaped:
    if tensor.shape is None:
        return None
    at = shapes.axis(dim, len(tensor.shape))
    if at is None:
        return None
    if name == "unbind":
        return tensor.shape[:at] + tensor.shape[at + 1 :]
    taint = taint_of(tensor.shape[at])
    return (*tensor.shape[:at], Number("int", taint), *tensor.shape[at + 1 :])


def squeeze(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> Value:
    """``tensor.squeeze(dim)``."""
    dim = arguments.get(0, "dim")
    if isinstance(dim, (Tuple, List)) and dim.items is not None and len(dim.items) > 1:
        form, instead = "of several axes at once", "squeeze one axis after the other, the last one first"
        refused = {"onnx_torchscript": "aten::squeeze"}
        note_refused(run, frame, node, "squeeze", refused, form=form, instead=instead)
    at = shapes.axis(dim, len(tensor.shape)) if tensor.shape else None
    if tensor.shape and at is not None and integer(tensor.shape[at]) not in (None, 1):
        run.emit(
            frame,
            SqueezesNothing,
            node,
            "",
            (),
            operand=run.operand(frame, arguments.receiver or node, tensor),
            axis=at,
        )
        return run.view(frame, tensor, "view", node, row=call_row(node), state="", sure=True)
    shape = shapes.squeezed(tensor.shape, dim)
    bare = squeezes.note(run, frame, node, tensor, arguments) if dim is None and not arguments.more else None
    return run.view(frame, tensor, "squeeze", node, row=call_row(node), shape=shape, state="", sure=True, squeezed=bare)
