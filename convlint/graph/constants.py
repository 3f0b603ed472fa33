"""Constants of a graph: their types, and the values of those that are small enough to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from convlint.graph import files, schemas

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto, TypeProto


def tensor_type(tensor: TensorProto) -> TypeProto:
    """The type of a constant."""
    from onnx import TypeProto

    proto = TypeProto()
    proto.tensor_type.elem_type = tensor.data_type
    proto.tensor_type.shape.SetInParent()
    for size in tensor.dims:
        proto.tensor_type.shape.dim.add().dim_value = size
    return proto


def sparse_type(dtype: int, dims: Sequence[int]) -> TypeProto:
    """The type of a sparse constant."""
    from onnx import helper

    return helper.make_sparse_tensor_type_proto(dtype, list(dims))


def small(tensor: TensorProto) -> TensorProto | None:
    """A constant that is small enough to be looked at and is in the file itself, None otherwise."""
    is_small = 0 <= files.count(tensor.dims) <= files.SMALL
    return tensor if is_small and not files.is_external(tensor) else None


def constant_of(node: NodeProto, domain: str) -> TensorProto | None:
    """What a Constant always is, if that is small."""
    from onnx import TensorProto, helper

    if node.op_type != "Constant" or domain != schemas.DEFAULT or len(node.attribute) != 1:
        return None
    one = node.attribute[0]
    if one.name == "value":
        return small(one.t)
    if one.name in ("value_int", "value_float"):
        dtype = TensorProto.INT64 if one.name == "value_int" else TensorProto.FLOAT
        return helper.make_tensor("", dtype, (), [one.i if one.name == "value_int" else one.f])
    if one.name in ("value_ints", "value_floats"):
        dtype, held = (TensorProto.INT64, one.ints) if one.name == "value_ints" else (TensorProto.FLOAT, one.floats)
        return helper.make_tensor("", dtype, (len(held),), list(held)) if len(held) <= files.SMALL else None
    return None
