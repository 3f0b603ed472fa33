"""Nodes with subgraphs: what they give to the inputs of those, and what they make of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from convlint.graph import types
from convlint.graph.problems import Wrong
from convlint.graph.values import Value

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TypeProto


def given_to(node: NodeProto, inputs: Sequence[Value], graph: GraphProto) -> list[Value]:
    """What a node gives to the inputs of its body, in their order; unknown where that is not followed."""
    if node.op_type == "Loop":
        count = Value("", types.tensor_of("tensor(int64)"), "the count of a Loop")
        going = Value("", types.tensor_of("tensor(bool)"), "the condition of a Loop")
        return [count, going, *(replace(one, proto=types.tensor_of(one.kind), constant=None) for one in inputs[2:])]
    if node.op_type == "Scan" and len(inputs) == len(graph.input):  # not at opset 8, which has one input more
        return [replace(one, proto=types.tensor_of(one.kind), constant=None) for one in inputs]
    return []


def unlike_branches(made: Sequence[Sequence[Value]]) -> list[Wrong]:
    """What is wrong with an If whose branches make different types."""
    if len({len(one) for one in made}) > 1:
        return [Wrong("declared", f"its branches make {' and '.join(str(len(one)) for one in made)} outputs")]
    wrongs = []
    for at, same in enumerate(zip(*made, strict=True)):
        kinds = types.ordered({one.kind for one in same if one.kind})
        if len(kinds) > 1:
            wrongs.append(
                Wrong("declared", f"its branches make output {at} of {' and of '.join(map(types.readable, kinds))}")
            )
    return wrongs


def made_of(node: NodeProto, inputs: Sequence[Value], made: Sequence[Sequence[Value]]) -> list[TypeProto | None]:
    """What a node with subgraphs makes, of which the elements are known but not the shapes."""
    if not made:
        return []
    if node.op_type == "If":
        return [
            one.proto if all(one.proto == other.proto for other in same) else _elements_or(one, same)
            for one, *same in zip(*made, strict=False)
        ]
    if node.op_type == "Loop":
        carried = made[0][1:]
        kept = len(inputs) - 2
        return [_of_any_shape(one) if at < kept else types.tensor_of(one.kind) for at, one in enumerate(carried)]
    if node.op_type == "SequenceMap":
        return [_sequence_of(one) for one in made[0]]
    return [types.tensor_of(one.kind) for one in made[0]]


def _elements_or(one: Value, others: Sequence[Value]) -> TypeProto | None:
    return _of_any_shape(one) if all(one.kind == other.kind for other in others) else None


def _of_any_shape(value: Value) -> TypeProto | None:
    return types.tensor_of(value.kind) or value.proto


def _sequence_of(value: Value) -> TypeProto | None:
    from onnx import helper

    inner = types.tensor_of(value.kind)
    return helper.make_sequence_type_proto(inner) if inner is not None else None
