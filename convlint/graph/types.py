"""Types of values: how ONNX writes them and how people read them, and to which a Cast should lead."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from convlint.backends.facts import DTYPES

if TYPE_CHECKING:
    from onnx import TypeProto

Dims = tuple["int | str | None", ...]
"""A shape: sizes, names of sizes, None for what is not known."""

_WRITTEN = {DTYPES[written]: written for written in ("float", "double")}
_FLOATS = ("float16", "bfloat16", "float", "double")
_INTS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
_EXACT = {"float16": 11, "bfloat16": 8, "float": 24, "double": 53}
"""Bits of an integer that a float holds."""


@cache
def _dtype(number: int) -> str:
    from onnx import TensorProto

    known = TensorProto.DataType.values()
    return TensorProto.DataType.Name(number).lower() if number in known and number else ""


def written(proto: TypeProto | None) -> str:
    """A type as schemas write it, ``tensor(int64)``; empty where it is not known."""
    if proto is None:
        return ""
    kind = proto.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        dtype = _dtype(getattr(proto, kind).elem_type)
        return f"{kind.removesuffix('_type')}({dtype})" if dtype else ""
    if kind in ("sequence_type", "optional_type"):
        inner = written(getattr(proto, kind).elem_type)
        return f"{'seq' if kind == 'sequence_type' else 'optional'}({inner})" if inner else ""
    if kind == "map_type":
        key, value = _dtype(proto.map_type.key_type), written(proto.map_type.value_type)
        return f"map({key},{value})" if key and value else ""
    return ""


def dtype_of(kind: str) -> str:
    """``int64`` of ``tensor(int64)``, empty for what is no tensor."""
    return kind[len("tensor(") : -1] if kind.startswith("tensor(") else ""


def number(kind: str) -> int:
    """The number by which ONNX knows the elements of a tensor."""
    from onnx import TensorProto

    return int(TensorProto.DataType.Value(dtype_of(kind).upper()))


def tensor_of(kind: str) -> TypeProto | None:
    """A tensor of these elements and of unknown rank; None for what is no tensor."""
    from onnx import TypeProto

    if not dtype_of(kind):
        return None
    proto = TypeProto()
    proto.tensor_type.elem_type = number(kind)
    return proto


def readable(kind: str) -> str:
    """A type for people: ``float32`` for ``tensor(float)``, ``seq(float32)``."""
    dtype = dtype_of(kind)
    if dtype:
        return DTYPES.get(dtype, dtype)
    head, bracket, inner = kind.partition("(")
    return f"{head}({readable(inner[:-1])})" if bracket and inner.startswith("tensor(") else kind


def from_readable(dtype: str) -> str:
    """``tensor(float)`` for ``float32``."""
    return f"tensor({_WRITTEN.get(dtype, dtype)})"


def dims(proto: TypeProto | None) -> Dims | None:
    """The shape of a tensor, None where not even its rank is known."""
    if proto is None or proto.WhichOneof("value") != "tensor_type" or not proto.tensor_type.HasField("shape"):
        return None
    return tuple(
        one.dim_value if one.HasField("dim_value") else None if is_made_up(one.dim_param) else one.dim_param
        for one in proto.tensor_type.shape.dim
    )


def is_made_up(name: str) -> bool:
    """Whether the name of a size is none, or one that ONNX's inference gave to what it does not know."""
    return not name or name.startswith("unk__")


def shown(kind: str, shape: Dims | None) -> str:
    """``int64[N, 3]``; ``int64[...]`` where the rank is not known."""
    if not kind:
        return "unknown"
    if not dtype_of(kind):
        return readable(kind)
    inside = "..." if shape is None else ", ".join("?" if one is None else str(one) for one in shape)
    return f"{readable(kind)}[{inside}]"


def ordered(kinds: Iterable[str]) -> list[str]:
    """Types in the order in which people expect them: floats, integers, bool, the rest."""
    order = [*_FLOATS, *_INTS, "bool"]
    return sorted(kinds, key=lambda one: (order.index(dtype_of(one)) if dtype_of(one) in order else 99, one))


def promoted(kinds: Collection[str]) -> str:
    """The one type that mixed types become, as in torch; empty where there is none."""
    found = {dtype_of(one) for one in kinds}
    if len(found) == 1 and "" not in found:
        return f"tensor({found.pop()})"
    if not found or not found <= {*_FLOATS, *_INTS, "bool"}:
        return ""
    floats, ints = found & {*_FLOATS}, found & {*_INTS}
    if floats == {"float16", "bfloat16"}:
        return "tensor(float)"
    if floats:
        return f"tensor({max(floats, key=_FLOATS.index)})"
    if any(one.startswith("u") for one in ints) and any(not one.startswith("u") for one in ints):
        return "tensor(int64)"
    return f"tensor({max(ints, key=_INTS.index)})"


def category(kind: str) -> str:
    """``float`` or ``int`` of a type, else its own name: what torch looks at when it promotes scalars."""
    dtype = dtype_of(kind)
    return "float" if dtype in _FLOATS else "int" if dtype in _INTS else dtype


def nearest(kind: str, allowed: Collection[str]) -> str:
    """The allowed type to which a Cast should lead from a type; empty where no Cast mends it."""
    if kind in allowed:
        return kind
    dtype = dtype_of(kind)
    if dtype in _INTS:
        order: Sequence[str] = ("int64", "int32", "float", "double", *_INTS, "float16", "bfloat16", "bool")
    elif dtype in _FLOATS:
        order = ("float", "double", "float16", "bfloat16", "int64", "int32", "bool", *_INTS)
    elif dtype == "bool":
        order = ("int32", "int64", "float", "double", *_INTS, "float16", "bfloat16")
    else:
        return ""
    return next((f"tensor({one})" for one in order if f"tensor({one})" in allowed), "")


def loss(kind: str, to: str) -> str:
    """What a Cast between two types loses, empty where nothing."""
    old, new = dtype_of(kind), dtype_of(to)
    if old in _INTS and new in _EXACT and _bits(old) > _EXACT[new]:
        return f"exact below 2**{_EXACT[new]}"
    if old in _INTS and new in _INTS and _INTS.index(new) < _INTS.index(old):
        return f"only what fits {readable(to)}"
    if old in _FLOATS and new in _FLOATS and _EXACT[new] < _EXACT[old]:
        return f"rounded to {readable(to)}"
    return "fractions are dropped" if old in _FLOATS and new in _INTS else ""


def _bits(dtype: str) -> int:
    return int(dtype.lstrip("uint")) - (not dtype.startswith("u"))
