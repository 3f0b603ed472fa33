"""What a node makes, asked of ONNX: where its inputs are wrong, what it would make if Casts mended them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convlint.graph import fit, progress, schemas, structure, types
from convlint.graph.fit import Output
from convlint.graph.problems import Wrong
from convlint.graph.schemas import Signature
from convlint.graph.values import Value

if TYPE_CHECKING:
    from onnx import NodeProto, TypeProto


def inferred(
    node: NodeProto,
    sig: Signature,
    inputs: Sequence[Value],
    outputs: Sequence[Output],
    opsets: Mapping[str, int],
    before: Sequence[Wrong],
) -> tuple[list[TypeProto | None], list[Wrong]]:
    """The types of what a node makes, and what is wrong with those of its inputs."""
    wrongs = fit.misfits(sig, inputs)
    mended = fit.mended(sig, inputs, outputs) if wrongs else None
    asked = [_retyped(one, mended.inputs.get(at, one.kind)) if mended else one for at, one in enumerate(inputs)]
    if (wrongs and mended is None) or any(one.kind == "" for one in asked if one.name) or before:
        return [_by_signature(sig, at, inputs) for at in range(len(node.output))], wrongs
    try:
        protos = _ask(node, sig, asked, opsets)
    except Exception as error:  # onnx raises several kinds, for a node that it refuses
        if not wrongs:
            wrongs = [Wrong("shape", _readable_error(error))]
        return [_by_signature(sig, at, inputs) for at in range(len(node.output))], wrongs
    found = [protos.get(name) for name in node.output]
    for at, kind in mended.outputs.items() if mended else ():
        found[at] = _retyped(Value("", found[at]), kind).proto
    return found, wrongs


def _ask(node: NodeProto, sig: Signature, inputs: Sequence[Value], opsets: Mapping[str, int]) -> dict[str, TypeProto]:
    from onnx import helper, shape_inference

    progress.tell(structure.called(node))
    known = schemas.schema(node.op_type, sig.domain, opsets[sig.domain])
    assert known is not None
    named = [one for one in inputs if one.name]
    return shape_inference.infer_node_outputs(
        known,
        node,
        {one.name: one.proto for one in named if one.proto is not None},
        {one.name: one.constant for one in named if one.constant is not None},
        opset_imports=[helper.make_opsetid(domain, version) for domain, version in opsets.items()],
    )


def _readable_error(error: Exception) -> str:
    text = " ".join(str(error).split())
    for head in ("[ShapeInferenceError]", "[TypeInferenceError]"):
        text = text.replace(head, "")
    return text.strip() or type(error).__name__


def _retyped(value: Value, kind: str) -> Value:
    """A tensor with other elements."""
    from onnx import TypeProto

    if value.proto is None or not types.dtype_of(kind) or value.kind == kind:
        return value
    proto = TypeProto()
    proto.CopyFrom(value.proto)
    proto.tensor_type.elem_type = types.number(kind)
    return replace(value, proto=proto, constant=None)


def _by_signature(sig: Signature, at: int, inputs: Sequence[Value]) -> TypeProto | None:
    """The type of an output as far as the signature alone says: that of inputs of its variable, or the only one."""
    formal = sig.output(at)
    if formal is None:
        return None
    kinds = {
        value.kind
        for place, value in enumerate(inputs)
        if value.kind and (one := sig.input(place)) and one.kind == formal.kind and one.alike
    }
    kind = types.promoted(kinds) if kinds else ""
    if not kind and len(formal.allowed) == 1:
        (kind,) = formal.allowed
    return types.tensor_of(kind)
