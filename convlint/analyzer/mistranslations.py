"""Calls that an ONNX exporter writes as another computation, or in another shape, without a word."""

from __future__ import annotations

import ast

from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import axis, integer
from convlint.analyzer.values import NONE, TRUE, Const, Layer, List, Number, Tensor, Tuple, Value
from convlint.events import Mistranslated, Mistranslation

_DIVISOR = {"avg_pool2d": 5, "avg_pool3d": 5, "AvgPool2d": 5, "AvgPool3d": 5}
"""Where ``divisor_override`` is, behind the tensor."""
_MAX_NORM = {"embedding": 2, "Embedding": 3}
_BEND = {"softplus": 1, "Softplus": 1}
"""Where ``threshold`` is."""
_PADDED = {
    **{f"conv{n}d": (3, 4, 9) for n in (1, 2, 3)},
    **{f"Conv{n}d": (4, 5, 8) for n in (1, 2, 3)},
}
"""Where ``padding``, ``dilation`` and ``padding_mode`` are; the functions have none."""
_WHOLE: dict[str, tuple[Mistranslation, int, int]] = {
    **dict.fromkeys(("std", "var", "std_mean", "var_mean"), ("axes", 0, 2)),
    "norm": ("axes_by_both", 1, 2),
    "vector_norm": ("axes_by_both", 1, 2),
    "mean": ("axes_refused", 0, 1),
    **dict.fromkeys(("argmax", "argmin"), ("axes_by_dynamo", 0, 1)),
}
"""What becomes of ``keepdim`` where no axes are named, and where ``dim`` and ``keepdim`` are, behind the tensor."""
_WITH_OPTIONS = frozenset({*_DIVISOR, *_MAX_NORM, *_BEND, *_PADDED})
"""Functions and layers of which an option counts."""
FUNCTIONS = _WITH_OPTIONS | {*_WHOLE, "any", "all", "cosine_similarity", "tile", "batch_norm"}
_OF_MATRIX = Const("fro")
"""By that ``torch.linalg.norm`` takes both axes of a matrix, which is written as it is."""
_FAR = 6
"""From which threshold on the curve and the line differ by less than a thousandth part."""


def note(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> None:
    """Notes a function that is given a tensor and these arguments behind it."""
    if not arguments.more:
        _emit(run, frame, node, _of_call(name, tensor, arguments))


def note_layer(run: Run, frame: Frame, node: ast.expr, layer: Layer) -> None:
    """Notes a call of a layer that was made with such an option."""
    if layer.name in _WITH_OPTIONS:
        _emit(run, frame, node, _of_options(layer.name, Arguments.of_layer(layer)))


def _emit(run: Run, frame: Frame, node: ast.expr, found: tuple[Mistranslation, bool] | None) -> None:
    if found is not None:
        how, certain = found
        run.emit(frame, Mistranslated, node, "", (), how=how, certain=certain)


def _of_call(name: str, tensor: Tensor, arguments: Arguments) -> tuple[Mistranslation, bool] | None:
    """How a call is changed, and whether surely."""
    if name in _WHOLE:
        how, dim, keepdim = _WHOLE[name]
        named = arguments.get(dim, "dim", "axis")
        kept = named in (None, NONE) and arguments.get(keepdim, "keepdim", "keepdims") == TRUE
        return (how, True) if kept and arguments.get(0, "ord") != _OF_MATRIX else None
    if name in ("any", "all") and tensor.dtype == "float":
        return ("fractions", False) if name == "any" else ("floats", True)  # zeros and ones add up to what is meant
    if name == "cosine_similarity":
        spread = _is_spread(tensor, arguments.get(0, "x2"), arguments.get(1, "dim") or Const(1))
        return ("spread", True) if spread else None
    if name == "tile":
        given = arguments.get(0, "dims")
        count = len(given.items or ()) if isinstance(given, (Tuple, List)) else len(arguments.positional)
        return ("tiles", True) if tensor.rank is not None and count > tensor.rank else None
    if name == "batch_norm":
        trains = arguments.get(4, "training") == TRUE and arguments.get(0, "running_mean") not in (None, NONE)
        return ("trains", True) if trains else None
    return _of_options(name, arguments)


def _of_options(name: str, arguments: Arguments) -> tuple[Mistranslation, bool] | None:
    """What a function and the layer of the same name have in common."""
    if name in _DIVISOR:
        return ("divisor", True) if _number(arguments.get(_DIVISOR[name], "divisor_override")) is not None else None
    if name in _MAX_NORM:
        return ("norm", True) if _number(arguments.get(_MAX_NORM[name], "max_norm")) is not None else None
    if name in _BEND:
        threshold = _number(arguments.get(_BEND[name], "threshold"))
        return ("bend", True) if threshold is not None and threshold < _FAR else None
    return _of_padding(arguments, *_PADDED[name]) if name in _PADDED else None


def _of_padding(arguments: Arguments, padding: int, dilation: int, mode: int) -> tuple[Mistranslation, bool] | None:
    """A convolution that pads to the same size, with a dilation that is, or may be, above 1."""
    by = arguments.get(dilation, "dilation")
    if arguments.get(padding, "padding") != Const("same") or by is None:
        return None
    if arguments.get(mode, "padding_mode") not in (None, Const("zeros")):
        return None  # torch pads before
    sizes = by.items if isinstance(by, (Tuple, List)) and by.items is not None else [by]
    known = [integer(one) for one in sizes]
    above = any(number is not None and number > 1 for number in known)
    return ("same", above) if above or any(isinstance(one, Number) for one in sizes) else None


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
