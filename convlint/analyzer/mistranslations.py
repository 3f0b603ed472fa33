"""Calls that an ONNX exporter writes as another computation, or in another shape, without a word."""

from __future__ import annotations

import ast
from typing import Literal

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import axis, integer
from convlint.analyzer.values import NONE, TRUE, Const, Layer, Tensor, Value
from convlint.events import Mistranslated

How = Literal[
    "divisor", "axes", "axes_by_both", "axes_refused", "axes_by_dynamo", "fractions", "norm", "spread", "bend"
]

_DIVISOR = {"avg_pool2d": 5, "avg_pool3d": 5, "AvgPool2d": 5, "AvgPool3d": 5}
"""Where ``divisor_override`` is, behind the tensor."""
_MAX_NORM = {"embedding": 2, "Embedding": 3}
_BEND = {"softplus": 1, "Softplus": 1}
"""Where ``threshold`` is."""
_WHOLE: dict[str, tuple[How, int, int]] = {
    **dict.fromkeys(("std", "var", "std_mean", "var_mean"), ("axes", 0, 2)),
    "norm": ("axes_by_both", 1, 2),
    "vector_norm": ("axes_by_both", 1, 2),
    "mean": ("axes_refused", 0, 1),
    **dict.fromkeys(("argmax", "argmin"), ("axes_by_dynamo", 0, 1)),
}
"""What becomes of ``keepdim`` where no axes are named, and where ``dim`` and ``keepdim`` are, behind the tensor."""
_FAR = 6
"""From which threshold on the curve and the line differ by less than a thousandth part."""


def note(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> None:
    """Notes a function that is given a tensor and these arguments behind it."""
    how = "" if arguments.more else _of_call(name, tensor, arguments)
    _emit(run, frame, node, how)


def note_layer(run: Run, frame: Frame, node: ast.expr, layer: Layer) -> None:
    """Notes a call of a layer that was made with such an option."""
    options = dict(layer.arguments)
    positional = [options[key] for key in sorted(key for key in options if key.isdecimal())]
    _emit(run, frame, node, _of_options(layer.name, Arguments(positional, options)))


def _emit(run: Run, frame: Frame, node: ast.expr, how: How | Literal[""]) -> None:
    if how:
        run.emit(frame, Mistranslated, node, "", (), how=how)


def _of_call(name: str, tensor: Tensor, arguments: Arguments) -> How | Literal[""]:
    if name in _WHOLE:
        how, dim, keepdim = _WHOLE[name]
        named = arguments.get(dim, "dim", "axis")
        return how if named in (None, NONE) and arguments.get(keepdim, "keepdim", "keepdims") == TRUE else ""
    if name == "any":
        return "fractions" if tensor.dtype == "float" else ""
    if name == "cosine_similarity":
        return "spread" if _is_spread(tensor, arguments.get(0, "x2"), arguments.get(1, "dim") or Const(1)) else ""
    return _of_options(name, arguments)


def _of_options(name: str, arguments: Arguments) -> How | Literal[""]:
    """What a function and the layer of the same name have in common: options that are numbers."""
    if name in _DIVISOR:
        return "divisor" if _number(arguments.get(_DIVISOR[name], "divisor_override")) is not None else ""
    if name in _MAX_NORM:
        return "norm" if _number(arguments.get(_MAX_NORM[name], "max_norm")) is not None else ""
    if name in _BEND:
        threshold = _number(arguments.get(_BEND[name], "threshold"))
        return "bend" if threshold is not None and threshold < _FAR else ""
    return ""


def _number(value: Value | None) -> int | float | None:
    return value.value if isinstance(value, Const) and isinstance(value.value, (int, float)) else None


def _is_spread(one: Tensor, other: Value | None, dim: Value) -> bool:
    """Whether the axis is another one of the two tensors, or one of them is repeated along it."""
    if not isinstance(other, Tensor) or one.shape is None or other.shape is None or not one.shape or not other.shape:
        return False
    number = integer(dim)
    if number is None:
        return False
    if len(one.shape) != len(other.shape) and number >= 0:
        return True
    places = axis(dim, len(one.shape)), axis(dim, len(other.shape))
    if places[0] is None or places[1] is None:
        return False
    sizes = {integer(one.shape[places[0]]), integer(other.shape[places[1]])}
    return 1 in sizes and None not in sizes and len(sizes) == 2
