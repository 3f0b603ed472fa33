"""Whether a number, or an element of a tensor, can be negative, as far as the code says it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from msgspec.structs import replace

from convlint.analyzer.values import Const, List, Number, Sign, Tensor, Tuple, Unknown, Value, members, number_kind
from convlint.events import Taint

POSITIVE = frozenset(
    [
        "abs",
        "absolute",
        "square",
        "relu",
        "relu6",
        "sigmoid",
        "hardsigmoid",
        "softmax",
        "exp",
        "exp2",
        "sqrt",
        "rsqrt",
        "norm",
        "std",
        "var",
        "softplus",
        "cdist",
        "argmax",
        "argmin",
        "argsort",
        "nonzero",
        "argwhere",
        "searchsorted",
        "bucketize",
        "bincount",
        "multinomial",
        "one_hot",
        "count_nonzero",
        "rand",
        "rand_like",
        "ones",
        "ones_like",
        "new_ones",
        "zeros",
        "zeros_like",
        "new_zeros",
        "eye",
        "randperm",
        "nms",
        "batched_nms",
    ]
)
"""Functions whose result is never negative."""
NEGATIVE = frozenset(
    [
        "neg",
        "negative",
        "log",
        "log2",
        "log10",
        "log_softmax",
        "logit",
        "sin",
        "cos",
        "tanh",
        "erf",
        "erfinv",
        "atan",
        "atan2",
        "asin",
        "randn",
        "randn_like",
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "layer_norm",
        "batch_norm",
        "instance_norm",
        "group_norm",
    ]
)
"""Functions whose result is negative for some of the usual inputs."""
OF_NUMBERS = frozenset(
    [
        "add",
        "mul",
        "multiply",
        "div",
        "divide",
        "true_divide",
        "floor_divide",
        "pow",
        "where",
        "masked_fill",
        "tensor",
        "as_tensor",
        "add_",
        "mul_",
        "div_",
        "clamp_max",
        "arange",
        "range",
        "full",
        "full_like",
        "new_full",
        "randint",
        "linspace",
        "remainder",
        "fmod",
    ]
)
"""Functions that compute with what they are given, plain numbers too: negative only where something of that is."""
KEEPING = OF_NUMBERS | frozenset(
    [
        "sum",
        "cumsum",
        "mean",
        "prod",
        "max",
        "min",
        "amax",
        "amin",
        "median",
        "mode",
        "sort",
        "topk",
        "kthvalue",
        "unique",
        "masked_select",
        "clone",
        "contiguous",
        "to",
        "type",
        "type_as",
        "cpu",
        "cuda",
        "float",
        "half",
        "double",
        "bfloat16",
        "int",
        "long",
        "short",
        "gather",
        "index_select",
        "take_along_dim",
        "repeat",
        "tile",
        "repeat_interleave",
        "flip",
        "roll",
        "floor",
        "ceil",
        "round",
        "trunc",
        "cummax",
        "cummin",
        "tril",
        "triu",
        "diag",
        "maximum",
        "cat",
        "concat",
        "concatenate",
        "stack",
        "hstack",
        "vstack",
        "meshgrid",
        "scatter",
        "lerp",
        "matmul",
        "mm",
        "bmm",
        "dot",
        "outer",
        "einsum",
        "pad",
    ]
)
"""These, and functions to which plain numbers are axes and sizes."""
_WITH_POSITIONS = frozenset(["max", "min", "sort", "topk", "kthvalue", "median", "mode", "unique", "cummax", "cummin"])
"""Functions that return values, then positions (or counts)."""
_WITHOUT_SIGN = frozenset(["device", "dtype", "layout", "requires_grad", "dim", "axis", "keepdim", "memory_format"])
"""Arguments that the sign of a result does not depend on."""
_LAYERS: dict[str, Sign] = {
    **dict.fromkeys(("ReLU", "ReLU6", "Sigmoid", "Hardsigmoid", "Softmax", "Softmax2d", "Softplus"), "+"),
    **dict.fromkeys(("Linear", "Conv1d", "Conv2d", "Conv3d", "LayerNorm", "BatchNorm2d", "GroupNorm", "Tanh"), "-"),
}
_COUNTS = re.compile(
    r"(^|_)(i?ids?|idx|ind|index|indices|pos|positions?|labels?|num|n|len|lens|lengths?|counts?|steps?|timesteps?|time"
    r"|tokens?|masks?|bins?|levels?|frames?|sizes?|shapes?|spatial|grid|thw|offsets?|seqlens|t|dims?|dimensions?|resolutions?|height|width|h|w|hw|images?|imgs?|rgb|bgr|gray|pixels?)($|_)"
)
"""Parts of the names of inputs that count, point somewhere, or hold pixels."""


def of(value: Value) -> Sign:
    """``+`` where nothing in a value is negative, ``-`` where the code says that something may be, else nothing.

    A Python number that is not known is one of the configuration's, or a size: positive.
    """
    if isinstance(value, Tensor):
        return "+" if value.dtype == "bool" else value.sign if value.sure else ""
    if isinstance(value, Const):
        return "-" if number_kind(value) is not None and value.value < 0 else "+"
    if isinstance(value, Number):
        return "-" if value.symbol.startswith("-") else "+"
    if isinstance(value, (Tuple, List)):
        parts = value.items if value.items is not None else [value.any()] if isinstance(value, List) else []
        return together(parts)
    return "+" if isinstance(value, Unknown) and not value.module and value.taint < Taint.state else ""


def together(values: Iterable[Value]) -> Sign:
    """The sign of what is computed from values by operations that make nothing negative."""
    found = {of(value) for value in values}
    return "-" if "-" in found else "" if "" in found else "+"


def of_input(name: str) -> Sign:
    """Of an input of a model: it may be negative, unless its name says that it does not."""
    return "" if _COUNTS.search(name.lower()) else "-"


def of_layer(name: str) -> Sign:
    """Of what a layer makes."""
    return _LAYERS.get(name, "")


def of_binary(op: ast.operator, left: Value, right: Value) -> Sign:
    """Of the result of arithmetic."""
    if isinstance(op, (ast.Mod, ast.BitAnd)):
        return of(right)
    if isinstance(op, ast.Pow) and right == Const(2):
        return "+"
    if isinstance(op, ast.Sub):  # what is left of two positive tensors may well be positive: `x - x % 8`
        less = of(left) == "+" and isinstance(left, Tensor) and isinstance(right, Const)
        return "-" if less or "-" in (of(left), of(right)) else ""
    sign = together((left, right))
    return "" if isinstance(op, ast.FloorDiv) and sign == "-" else sign  # what is found once says enough


def of_call(name: str, positional: list[Value], keywords: dict[str, Value], result: Value) -> Value:
    """The result of a function of torch with its sign."""
    if isinstance(result, Tuple) and result.items:
        first, *rest = (of_call(name, positional, keywords, one) for one in result.items)
        if name in _WITH_POSITIONS:
            rest = [replace(one, sign="+") if isinstance(one, Tensor) else one for one in rest]
        return Tuple((first, *rest))
    if not isinstance(result, Tensor) or result.sign:
        return result
    return replace(result, sign=_of_result(name, positional, keywords))


def _of_result(name: str, positional: list[Value], keywords: dict[str, Value]) -> Sign:
    if name in POSITIVE:
        return "+"
    if name in NEGATIVE:
        return "-"
    if name in ("clamp", "clip", "clamp_min", "clamp_", "clip_"):
        low = keywords.get("min", positional[1] if len(positional) > 1 else None)
        positive = low is not None and number_kind(low) is not None and of(low) == "+"
        return "+" if positive else of(positional[0]) if positional else ""
    if name in KEEPING:
        given = [*positional, *(value for key, value in keywords.items() if key not in _WITHOUT_SIGN)]
        return together(one for one in given if name in OF_NUMBERS or number_kind(one) is None)
    return ""


def is_negated(node: ast.expr, value: Value) -> bool:
    """Whether a size is written with a minus before it, here or where it got its name."""
    if not all(isinstance(one, Number) and one.taint >= Taint.shape for one in members(value)):
        return False
    written = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    return written or (isinstance(value, Number) and value.symbol.startswith("-"))
