"""Shapes of results: what reductions, views, layers and creation functions do to a tensor's dimensions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from convlint.analyzer.values import (
    NONE,
    NOWHERE,
    Const,
    List,
    Number,
    Places,
    Shape,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    counted_in,
    join_all,
    number_kind,
    taint_of,
)
from convlint.events import Taint

Shaped = tuple[Value, ...] | None
Arguments = Mapping[str, Value]

REDUCTIONS = frozenset(
    [
        "sum",
        "mean",
        "prod",
        "amax",
        "amin",
        "max",
        "min",
        "argmax",
        "argmin",
        "all",
        "any",
        "norm",
        "std",
        "var",
        "median",
        "mode",
        "logsumexp",
        "nansum",
        "nanmean",
        "quantile",
        "count_nonzero",
        "std_mean",
        "var_mean",
        "aminmax",
    ]
)
SAME = frozenset(
    [
        "softmax",
        "log_softmax",
        "cumsum",
        "cumprod",
        "sort",
        "argsort",
        "flip",
        "roll",
        "contiguous",
        "to",
        "float",
        "half",
        "double",
        "int",
        "long",
        "bool",
        "cpu",
        "cuda",
        "type",
        "type_as",
        "clone",
        "detach",
        "dropout",
        "layer_norm",
        "group_norm",
        "batch_norm",
        "instance_norm",
        "normalize",
        "gelu",
        "silu",
        "relu",
        "leaky_relu",
        "elu",
        "hardtanh",
        "softplus",
        "masked_fill",
        "masked_fill_",
        "copy_",
        "fill_",
        "zero_",
        "data",
        "requires_grad_",
        "tril",
        "triu",
        "scatter",
        "scatter_",
        "scatter_add",
        "scatter_add_",
        "scatter_reduce",
        "scatter_reduce_",
        "index_reduce",
        "index_fill",
        "index_copy",
        "index_add",
        "zeros_like",
        "ones_like",
        "full_like",
        "empty_like",
        "rand_like",
        "randn_like",
        "fliplr",
        "flipud",
        "clamp_",
        "sigmoid_",
        "mul_",
        "add_",
        "sub_",
        "div_",
        "relu_",
        "bfloat16",
        "gumbel_softmax",
        "logcumsumexp",
        "cummax",
        "cummin",
        "rsqrt_",
        "exp_",
        "tanh_",
        "log_",
        "sqrt_",
        "renorm",
        "softmin",
        "logsigmoid",
        "hardswish",
        "hardsigmoid",
        "mish",
        "rms_norm",
        "local_response_norm",
        "alpha_dropout",
        "feature_dropout",
        "dropout1d",
        "dropout2d",
        "dropout3d",
    ]
)


CHANNELS = re.compile(
    r"_?(c|ch|nc|d|dim|dk|d_k|d_v|d_model|emb|embed|embed_?dim|hidden|hidden_?(size|dim)|feat(ure)?s?_?dim|n_?heads?|"
    r"num_(heads|channels|features|classes|anchors|experts)|head_?dim|heads|in_?ch\w*|out_?ch\w*|channels?|\w+_channels|"
    r"n_?embd?|n_?dims?|num_dims?|inner_?dim|\w*hidden_size|\w*embed_dim|\w*head_dim)",
    re.IGNORECASE,
)
"""Names under which people keep a size that their configuration fixes."""
OF_SIZES = re.compile(
    r"(\w*_)?(shape|hw)|(im|img|image|in|input|out|output|feat|feature|spatial|src|map|target)_?size", re.IGNORECASE
)
"""Names under which people keep a shape (what is called `sizes` may be a tensor of them)."""


def integer(value: Value | None) -> int | None:
    """The value of a constant int."""
    if isinstance(value, Const) and isinstance(value.value, int) and not isinstance(value.value, bool):
        return value.value
    return None


def number(taint: Taint = Taint.shape, symbol: str = "", counted: Places = NOWHERE) -> Number:
    """A size of which nothing but its taint is known."""
    return Number("int", taint, symbol=symbol, dim=True, counted=counted)


def number_from(*values: Value) -> Number:
    """A size computed from values in a way that is not followed."""
    return number(max((taint_of(v) for v in values), default=Taint.none), counted=counted_in(*values))


def axis(value: Value | None, rank: int) -> int | None:
    """A constant axis, counted from the front; None where it is unknown or out of range."""
    index = integer(value)
    if index is None or not -rank <= index < rank:
        return None
    return index % rank


def axes(value: Value | None, rank: int) -> list[int] | None:
    """One axis or several, None where unknown."""
    if isinstance(value, Tuple) or (isinstance(value, List) and value.items is not None):
        items: Sequence[Value] = value.items or ()
        found = [axis(item, rank) for item in items]
        return None if any(f is None for f in found) else [f for f in found if f is not None]
    one = axis(value, rank)
    return None if one is None else [one]


def reduced(shape: Shaped, dim: Value | None, keepdim: Value | None) -> Shaped:
    """The shape after a reduction over ``dim`` (None for all)."""
    if dim is None or (isinstance(dim, Const) and dim.value is None):
        return ()
    if shape is None:
        return None
    gone = axes(dim, len(shape))
    if gone is None:
        return None
    if isinstance(keepdim, Const) and keepdim.value is True:
        return tuple(Const(1) if i in gone else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in gone)


def sizes(values: Sequence[Value]) -> list[Value] | None:
    """The sizes given to ``view(2, -1)``, ``view((2, -1))``, ``zeros(n, m)``, None where their number is unknown."""
    if len(values) == 1:
        only = values[0]
        if isinstance(only, Tuple):
            return list(only.items)
        if isinstance(only, List) and only.items is not None:
            return list(only.items)
        if isinstance(only, (List, Shape)) or number_kind(only) is None:
            return None
    given = [_as_size(v) for v in values]
    return None if any(number_kind(v) is None for v in given) else given


def _as_size(value: Value) -> Value:
    """What is given for a size: of what may be one thing or another the numbers; what is unknown comes from a
    configuration, and a tensor is one number.
    """
    if isinstance(value, Union):
        return join_all(_as_size(one) for one in value.members if one != NONE)
    return Number("int", value.taint) if isinstance(value, (Unknown, Tensor)) else value


def reshaped(shape: Shaped, wanted: list[Value] | None, of: Taint) -> Shaped:
    """The shape after ``view``/``reshape``: -1 is as dynamic as what it must absorb.

    ``of`` says what the sizes depend on where they are not known.
    """
    if wanted is None:
        return None
    if not any(integer(w) == -1 for w in wanted):
        return tuple(wanted)
    given = [w for w in wanted if integer(w) != -1]
    if shape is None:
        rest = number(of)
    else:
        left = list(shape)
        for w in given:
            match = next((d for d in left if d == w), None)
            if match is not None:
                left.remove(match)
        product = _product(left) if len(left) < len(shape) or not given else None
        matched = len(shape) - len(left)
        if len(left) == 1 and matched == len(given):
            return tuple(left[0] if integer(w) == -1 else w for w in wanted)
        if product is not None and matched == len(given):
            return tuple(Const(product) if integer(w) == -1 else w for w in wanted)
        rest = number_from(*left)
    return tuple(rest if integer(w) == -1 else w for w in wanted)


def _product(dims: Sequence[Value]) -> int | None:
    total = 1
    for dim in dims:
        value = integer(dim)
        if value is None:
            return None
        total *= value
    return total


def flattened(shape: Shaped, start: int, end: int) -> Shaped:
    """The shape after ``flatten(start, end)``."""
    if shape is None or not shape:
        return shape
    first, last = start % len(shape), end % len(shape)
    merged = shape[first : last + 1]
    if len(merged) <= 1:
        return shape
    product = _product(merged)
    size: Value = Const(product) if product is not None else number_from(*merged)
    return (*shape[:first], size, *shape[last + 1 :])


def swapped(shape: Shaped, a: Value | None, b: Value | None) -> Shaped:
    """The shape after ``transpose(a, b)``."""
    if shape is None:
        return None
    i, j = axis(a, len(shape)), axis(b, len(shape))
    if i is None or j is None:
        return tuple(number_from(*shape) for _ in shape)
    dims = list(shape)
    dims[i], dims[j] = dims[j], dims[i]
    return tuple(dims)


def permuted(shape: Shaped, order: list[Value] | None, of: Taint) -> Shaped:
    """The shape after ``permute(*order)``; ``of`` says what the sizes depend on where they are not known."""
    if order is None:
        return None
    if shape is None or len(shape) != len(order):
        return tuple(number(of) for _ in order)
    picked = [axis(o, len(shape)) for o in order]
    if any(p is None for p in picked):
        return tuple(number_from(*shape) for _ in order)
    return tuple(shape[p] for p in picked if p is not None)


def unfolded(shape: Shaped, dim: Value | None, size: Value | None) -> Shaped:
    """The shape after ``unfold(dimension, size, step)``: windows along an axis, what is in each behind all others."""
    at = axis(dim, len(shape)) if shape is not None else None
    if shape is None or at is None or size is None:
        return None
    return (*shape[:at], number(taint_of(shape[at])), *shape[at + 1 :], size)


def unsqueezed(shape: Shaped, dim: Value | None) -> Shaped:
    """The shape after ``unsqueeze(dim)``."""
    if shape is None:
        return None
    index = integer(dim)
    if index is None or not -len(shape) - 1 <= index <= len(shape):
        return None
    index = index % (len(shape) + 1)
    return (*shape[:index], Const(1), *shape[index:])


def squeezed(shape: Shaped, dim: Value | None) -> Shaped:
    """The shape after ``squeeze(dim)``; unknown without ``dim`` (any size may be 1)."""
    if shape is None or dim is None:
        return None
    gone = axes(dim, len(shape))
    return None if gone is None else tuple(d for i, d in enumerate(shape) if i not in gone)


def broadcast(a: Shaped, b: Shaped) -> Shaped:
    """The shape of an elementwise result."""
    if a is None or b is None:
        known = b if a is None else a
        return None if known is None or len(known) < 4 else tuple(number() for _ in known)
    if len(a) < len(b):
        a, b = b, a
    padded = (Const(1),) * (len(a) - len(b)) + b
    return tuple(_wider(x, y) for x, y in zip(a, padded, strict=True))


def multiplied(a: Shaped, b: Shaped) -> Shaped:
    """The shape of a matrix product, unknown where a vector is multiplied."""
    if a is None or b is None or len(a) < 2 or len(b) < 2:
        return None
    lead = broadcast(a[:-2], b[:-2])
    return None if lead is None else (*lead, a[-2], b[-1])


def _wider(a: Value, b: Value) -> Value:
    if integer(a) == 1:
        return b
    if integer(b) == 1 or a == b:
        return a
    # two sizes that must agree: the one that is known
    if isinstance(a, Const):
        return a
    if isinstance(b, Const):
        return b
    return a if taint_of(a) <= taint_of(b) else b


def concatenated(parts: Sequence[Tensor], dim: Value | None) -> Shaped:
    """The shape of ``cat``."""
    first = next((p.shape for p in parts if p.shape is not None), None)
    if first is None:
        return None
    at = axis(dim if dim is not None else Const(0), len(first))
    if at is None:
        return None
    joined = number_from(*(p.shape[at] if p.shape and len(p.shape) > at else number() for p in parts))
    return (*first[:at], joined, *first[at + 1 :])


def stacked(first: Shaped, count: Value, dim: Value | None) -> Shaped:
    """The shape of ``stack``."""
    if first is None:
        return None
    index = integer(dim) if dim is not None else 0
    if index is None:
        return None
    index = index % (len(first) + 1)
    return (*first[:index], count, *first[index:])


def _spatial(rank: int) -> Callable[[Shaped, Arguments], Shaped]:
    def shape(given: Shaped, arguments: Arguments) -> Shaped:
        channels = arguments.get("out_channels", arguments.get("1", Number("int")))
        batch = given[0] if given is not None and len(given) == rank + 2 else number()
        return (batch, channels, *windowed(given, rank))

    return shape


def windowed(given: Shaped, rank: int) -> list[Value]:
    """The last sizes after a convolution or a pooling: those that the configuration fixes stay fixed."""
    if given is None or len(given) != rank + 2:
        return [number()] * rank
    return [number() if taint_of(size) >= Taint.shape else Number("int", taint_of(size)) for size in given[2:]]


def _pooled(rank: int) -> Callable[[Shaped, Arguments], Shaped]:
    def shape(given: Shaped, arguments: Arguments) -> Shaped:
        lead = given[:2] if given is not None and len(given) == rank + 2 else (number(), Number("int"))
        return (*lead, *windowed(given, rank))

    return shape


def _adaptive(rank: int) -> Callable[[Shaped, Arguments], Shaped]:
    def shape(given: Shaped, arguments: Arguments) -> Shaped:
        lead = given[:-rank] if given is not None and len(given) > rank else (number(), Number("int"))
        size = arguments.get("output_size", arguments.get("0", number(Taint.none)))
        each = size.items if isinstance(size, Tuple) and len(size.items) == rank else (size,) * rank
        return (*lead, *(s if integer(s) is not None or isinstance(s, Number) else number() for s in each))

    return shape


def _linear(given: Shaped, arguments: Arguments) -> Shaped:
    out = arguments.get("out_features", arguments.get("1", Number("int")))
    return None if given is None or not given else (*given[:-1], out)


def _embedding(given: Shaped, arguments: Arguments) -> Shaped:
    out = arguments.get("embedding_dim", arguments.get("1", Number("int")))
    return None if given is None else (*given, out)


def _same(given: Shaped, arguments: Arguments) -> Shaped:
    return given


def _channels(rank: int) -> Callable[[Shaped, Arguments], Shaped]:
    def shape(given: Shaped, arguments: Arguments) -> Shaped:
        if given is not None and len(given) == rank + 2:
            return given
        return (number(), Number("int"), *(number() for _ in range(rank)))

    return shape


def _flatten(given: Shaped, arguments: Arguments) -> Shaped:
    start, end = integer(arguments.get("0", Const(1))), integer(arguments.get("1", Const(-1)))
    return None if start is None or end is None else flattened(given, start, end)


LAYERS: dict[str, Callable[[Shaped, Arguments], Shaped]] = {
    **{f"Conv{n}d": _spatial(n) for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _spatial(n) for n in (1, 2, 3)},
    **{f"{kind}Pool{n}d": _pooled(n) for kind in ("Max", "Avg", "LP") for n in (1, 2, 3)},
    **{f"Adaptive{kind}Pool{n}d": _adaptive(n) for kind in ("Max", "Avg") for n in (1, 2, 3)},
    **{f"BatchNorm{n}d": _channels(n) for n in (2, 3)},
    **{f"InstanceNorm{n}d": _channels(n) for n in (2, 3)},
    "Linear": _linear,
    "Embedding": _embedding,
    "Flatten": _flatten,
    "PixelShuffle": _pooled(2),
    "PixelUnshuffle": _pooled(2),
    "Upsample": _pooled(2),
    "ZeroPad2d": _pooled(2),
    "ReflectionPad2d": _pooled(2),
}
"""Shape of a layer's result from its input's and its constructor arguments; layers not named keep the shape."""


def of_layer(name: str, given: Shaped, arguments: Arguments) -> Shaped:
    """The shape of ``nn.name(...)(x)``."""
    return LAYERS.get(name, _same)(given, arguments)
