"""What ONNX makes operators of, which runtimes put in their place where they have no kernel of them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from convlint.backends.uses import Definition, Operator, Part
from convlint.graph import schemas, types
from convlint.graph.source_line import NO_LINE
from convlint.graph.values import Value
from convlint.graph.walk import Place, Step, Walk

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto

_MOST = 4096
"""Definitions that are kept: one for each operator with other attributes, or inputs of other types or ranks."""
_ILL_TYPED = frozenset({"type", "mixed"})


def made_of(node: NodeProto, domain: str, opsets: Iterable[int], inputs: Sequence[Value]) -> dict[int, Definition]:
    """What ONNX makes a node's operator of, at those of some opsets at which it is a function."""
    from onnx import helper

    defined = [opset for opset in opsets if schemas.is_function(node.op_type, domain, opset)]
    if not defined:
        return {}
    names = [f"i{at}" if one.name else "" for at, one in enumerate(inputs)]
    asked = helper.make_node(node.op_type, names, [f"o{at}" for at, _ in enumerate(node.output)], domain=node.domain)
    asked.attribute.extend(node.attribute)
    content, kinds = asked.SerializeToString(deterministic=True), tuple(_without_sizes(one.proto) for one in inputs)
    return {opset: _made_of(content, domain, opset, kinds) for opset in defined}


def _without_sizes(proto: TypeProto | None) -> bytes | None:
    from onnx import TypeProto

    if proto is None:
        return None
    copy = TypeProto()
    copy.CopyFrom(proto)
    for one in copy.tensor_type.shape.dim if copy.tensor_type.HasField("shape") else ():
        one.Clear()
    content: bytes = copy.SerializeToString(deterministic=True)
    return content


@functools.lru_cache(_MOST)
def _made_of(content: bytes, domain: str, opset: int, kinds: Sequence[bytes | None]) -> Definition:
    from onnx import ModelProto, NodeProto, TypeProto

    node = NodeProto.FromString(content)
    protos = (None if one is None else TypeProto.FromString(one) for one in kinds)
    inputs = [Value(*pair) for pair in zip(node.input, protos, strict=True)]
    function = schemas.body(node, domain, opset, inputs)
    if function is None:
        return None if schemas.depends_on_inputs(node.op_type, domain, opset) else ()
    steps: list[Step] = []
    Walk(ModelProto(), steps.append, lambda _: None).body(function, node, inputs, Place("", {domain: opset}), NO_LINE)
    if any(one.kind in _ILL_TYPED for step in steps for one in step.wrongs):
        return ()
    made = ((step, made_of(step.node, step.domain, [opset], step.inputs).get(opset, ())) for step in steps)
    return tuple(dict.fromkeys(Part(operator_of(step), definition) for step, definition in made))


def operator_of(step: Step) -> Operator:
    """A node's operator with the types of its inputs and outputs, as facts name them."""
    kind = step.inputs[0].kind if step.inputs else ""
    name = f"{step.domain}::{step.node.op_type}" if step.domain else step.node.op_type
    return Operator(name, types.readable(kind) if types.dtype_of(kind) else "", _parameters(step))


def _parameters(step: Step) -> tuple[tuple[str, str], ...]:
    """What the type parameters of a node's operator are, as far as the types of its inputs and outputs are known."""
    found: dict[str, str] = {}
    if step.signature is not None:
        for values, formal in ((step.inputs, step.signature.input), (step.outputs, step.signature.output)):
            for at, value in enumerate(values):
                parameter = formal(at)
                if parameter is not None and parameter.alike and types.dtype_of(value.kind):
                    found.setdefault(parameter.kind, types.readable(value.kind))
    return tuple(found.items())
