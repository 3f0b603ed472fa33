"""ONNX files read without trust: nothing but the file itself is opened, and what is wrong with it is one sentence."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlint.errors import UsageError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, TensorProto

SMALL = 1024
"""Elements of a constant that is looked at (the sizes that a Reshape is given, axes...)."""
LARGEST = 2**31 - 1
"""Bytes that protobuf can take in one message."""


def read(path: Path) -> ModelProto:
    """The model of a file, without its external data.

    Raises:
        UsageError: the file is not there or holds no model.
    """
    import onnx

    try:
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path} is larger than 2 GiB, which no reader of ONNX takes; save it with external data")
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); name an ONNX file") from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's DecodeError, of which no other package needs to know
        raise UsageError(f"{path} is no ONNX model, or is cut off or nested too deeply ({error})") from error
    if any(isinstance(one, bytes) for one in _texts(model)):
        raise UsageError(f"{path} is no ONNX model: some of its names are no text in UTF-8")
    if not (model.ir_version and model.HasField("graph")):
        raise UsageError(f"{path} is no ONNX model: it has no graph or no IR version")
    return model


def _texts(message: Any) -> Iterator[str | bytes]:
    """All names and other texts in a model; protobuf leaves as bytes what is no UTF-8."""
    for field, value in message.ListFields() if message.DESCRIPTOR.name != "TensorProto" else _texts_of_tensor(message):
        if field.type == field.TYPE_STRING:
            yield from value if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else (value,)
        elif field.type == field.TYPE_MESSAGE:
            for one in value if isinstance(value, Iterable) else (value,):
                yield from _texts(one)


def _texts_of_tensor(message: Any) -> Iterator[tuple[Any, Any]]:
    """The texts of a tensor, without a look at its values, which may be large."""
    fields = message.DESCRIPTOR.fields_by_name
    return ((fields[name], getattr(message, name)) for name in ("name", "doc_string", "external_data"))


def tensors(graph: GraphProto) -> Iterator[TensorProto]:
    """All tensors that a graph keeps: initializers and attributes, those of its subgraphs too."""
    from onnx import AttributeProto

    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                yield attribute.t
            elif attribute.type == AttributeProto.TENSORS:
                yield from attribute.tensors
            elif attribute.type == AttributeProto.GRAPH:
                yield from tensors(attribute.g)
            elif attribute.type == AttributeProto.GRAPHS:
                for one in attribute.graphs:
                    yield from tensors(one)


def count(dims: Iterable[int]) -> int:
    """How many elements a tensor of these sizes has."""
    return math.prod(dims)


_DATA = ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data", "string_data")
"""The fields in which a tensor keeps values."""


def drop_weights(model: ModelProto) -> None:
    """Empties tensors that are too large to be looked at, so that inference does not copy them."""
    for tensor in tensors(model.graph):
        if count(tensor.dims) > SMALL:
            for name in _DATA:
                tensor.ClearField(name)


def is_external(tensor: TensorProto) -> bool:
    """Whether a tensor's values are in a file of their own."""
    return bool(tensor.data_location == tensor.EXTERNAL)


def external_problem(tensor: TensorProto, folder: Path) -> str:
    """Why the external data of a tensor cannot be used, empty where it can; the data itself is not read."""
    facts = {entry.key: entry.value for entry in tensor.external_data}
    location = facts.get("location", "")
    if not location:
        return "its external data has no location"
    real = Path(os.path.realpath(folder / location))
    if not real.is_relative_to(os.path.realpath(folder)):
        return f"its external data `{location}` is outside the model's folder; it was not read, and no runtime reads it"
    if not real.is_file():
        return f"its external data `{location}` is not there; it belongs beside the model"
    try:
        end = int(facts.get("offset", 0)) + int(facts.get("length", 0))
    except ValueError:
        return f"its place in `{location}` is no number"
    size = real.stat().st_size
    return f"its external data ends at byte {end} of `{location}`, which has {size}" if end > size else ""
