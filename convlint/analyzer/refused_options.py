"""Options of functions and layers with which an ONNX exporter refuses a call that it takes without them."""

from __future__ import annotations

import ast
from typing import NamedTuple

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.torch_calls import note_refused
from convlint.analyzer.values import NONE, Const, Layer, List, Tensor, Tuple, Value, tensor_of


class Refused(NamedTuple):
    """Who refuses a call, for which operator, which calls are meant, and what to write instead."""

    operators: dict[str, str]
    form: str
    instead: str


def note(
    run: Run, frame: Frame, node: ast.expr, name: str, tensor: Value | None, arguments: Arguments, first: int
) -> None:
    """Notes a function (``linalg.norm``) or method; ``first`` is where the arguments behind the tensor begin."""
    if not arguments.more and (refused := _refused(name, tensor_of(tensor), arguments, first)):
        note_refused(run, frame, node, name, refused.operators, form=refused.form, instead=refused.instead)


def note_layer(run: Run, frame: Frame, node: ast.expr, layer: Layer, given: Value | None) -> None:
    """Notes a call of a layer that was made so."""
    if layer.name in _LAYERS:
        note(run, frame, node, layer.name, given, Arguments.of_layer(layer), 0)


def _refused(name: str, tensor: Tensor | None, arguments: Arguments, first: int) -> Refused | None:
    if name in _POOLS:
        rank, refused = _POOLS[name]
        return refused if _is_uneven(tensor, arguments.get(first, "output_size"), rank) else None
    match name:
        case "nn.functional.interpolate" | "Upsample":
            return _EXACT if arguments.get(first + 2, "mode") == Const("nearest-exact") else None
        case "nn.functional.threshold" | "Threshold":
            threshold = arguments.get(first, "threshold")
            return _THRESHOLD if isinstance(threshold, Const) and threshold.value != 0 else None
        case "nn.functional.scaled_dot_product_attention":
            return _NOT_OF_HEADS if tensor is not None and tensor.rank not in (4, None) else None
        case "roll":
            return _FLAT if arguments.get(first + 1, "dims") in (None, NONE) else None
        case "norm":
            return _SINGULAR if arguments.get(first, "p") == Const("nuc") else None
        case "linalg.norm" | "linalg.matrix_norm":
            of_matrix = name == "linalg.matrix_norm" or _is_matrix(tensor, arguments.get(first + 1, "dim"))
            order = arguments.get(first, "ord")
            of_values = isinstance(order, Const) and (order.value == "nuc" or (order.value in (2, -2) and of_matrix))
            return _SINGULAR if of_values else None
    return None


def _is_uneven(tensor: Tensor | None, wanted: Value | None, rank: int) -> bool:
    """Whether the last axes are known to have sizes that are no multiples of the wanted ones; None keeps a size."""
    if tensor is None or tensor.shape is None or len(tensor.shape) < rank:
        return False
    sizes = wanted.items if isinstance(wanted, Tuple) else [wanted] * rank
    pairs = zip(map(integer, tensor.shape[-rank:]), map(integer, sizes), strict=False)
    return any(size is not None and to is not None and to > 0 and size % to != 0 for size, to in pairs)


def _is_matrix(tensor: Tensor | None, dim: Value | None) -> bool:
    """Whether `torch.linalg.norm` takes a matrix: it is given two axes, or none and a tensor that has two."""
    if dim in (None, NONE):
        return tensor is not None and tensor.rank == 2
    return isinstance(dim, (Tuple, List)) and dim.items is not None and len(dim.items) == 2


_TORCHSCRIPT, _DYNAMO = "onnx_torchscript", "onnx_dynamo"
_UNEVEN = Refused(
    {_TORCHSCRIPT: "aten::adaptive_avg_pool2d"},
    "to a size that does not divide its input's",
    "take one that does, or `interpolate` before",
)
_UNEVEN_BY_BOTH = _UNEVEN._replace(operators=_UNEVEN.operators | {_DYNAMO: "aten._adaptive_avg_pool3d"})
_POOLS = {
    name: (rank, _UNEVEN if kind == "Avg" and rank < 3 else _UNEVEN_BY_BOTH)
    for kind in ("Avg", "Max")
    for rank in (1, 2, 3)
    for name in (f"Adaptive{kind}Pool{rank}d", f"nn.functional.adaptive_{kind.lower()}_pool{rank}d")
}
"""The last axes that a pool makes smaller, and who refuses it."""
_LAYERS = frozenset({"Upsample", "Threshold", *_POOLS})
_EXACT = Refused(
    {_TORCHSCRIPT: "aten::_upsample_nearest_exact2d"},
    'with `mode="nearest-exact"`',
    '`mode="nearest"` gives the same where each size is multiplied by a whole number',
)
_THRESHOLD = Refused(
    {_TORCHSCRIPT: "aten::threshold"}, "with another threshold than 0", "write `torch.where(x > threshold, x, value)`"
)
_NOT_OF_HEADS = Refused(
    {_DYNAMO: "aten.scaled_dot_product_attention"},
    "of tensors that have not four axes",
    "give them one for the heads, `query[:, None]`, and take it away after",
)
_FLAT = Refused({_TORCHSCRIPT: "aten::roll"}, "of all axes at once", "flatten, and name the axis")
_SINGULAR = Refused(
    {_TORCHSCRIPT: "aten::linalg_matrix_norm", _DYNAMO: "aten.linalg_matrix_norm"},
    "of singular values",
    'the Frobenius norm, `ord="fro"`, is the one that is exported',
)
