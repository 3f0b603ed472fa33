"""Tests of float32 as models have them that compute in another dtype: what they are given is cast to it, and what they
make is cast back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

from convlint.backends.facts import since_version
from convlint.backends.operator_tests import Case

OTHERS = ("float16", "bfloat16", "float64")
"""The other dtypes of numbers with a point that models compute in."""
_FLOAT = 1


def in_dtypes(dtype: str, plain: Case, changed: Case, others: Sequence[str]) -> Iterator[tuple[str, Case, Case]]:
    """Two tests as they are, and those of float32 in each of other dtypes that both may be of."""
    yield dtype, plain, changed
    for other in others if dtype == "float32" else ():
        of_plain, of_changed = in_dtype(plain, other), in_dtype(changed, other)
        if of_plain is not None and of_changed is not None:
            yield other, of_plain, of_changed


def in_dtype(case: Case, dtype: str) -> Case | None:
    """A test in another dtype, None where an operator of it has no such, or it is of no float32."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    kind = _kind(dtype)
    kept = _kept(model, dtype)
    changed = {one.name for one in model.graph.input if one.type.tensor_type.elem_type == _FLOAT} - kept
    if not changed or any(one.HasField("g") for node in model.graph.node for one in node.attribute):
        return None
    _retype(model.graph, kind, kept)
    outputs = [one.name for one in model.graph.output if one.type.tensor_type.elem_type == _FLOAT]
    made = _made_of(model, changed, kind)
    if made is None:
        return None
    _cast_around(model.graph, changed, {one for one in outputs if made.get(one) == kind}, kind)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception:  # an operator has no such
        return None
    return case._replace(model=model)


def _kept(model: Any, dtype: str) -> set[str]:
    """The values that an operator wants in float32, whatever its other inputs are."""
    opset = next(one.version for one in model.opset_import if one.domain == "")
    return {
        name
        for node in model.graph.node
        for place, name in enumerate(node.input)
        if not _may_be(node.op_type, opset, place, dtype)
    }


@cache
def _may_be(operator: str, opset: int, place: int, dtype: str) -> bool:
    from onnx import TensorProto, defs

    since = since_version(operator, opset)
    if since is None:
        return True
    formals = defs.get_schema(operator, opset).inputs
    wanted = f"tensor({TensorProto.DataType.Name(_kind(dtype)).lower()})"
    return not formals or wanted in formals[min(place, len(formals) - 1)].types


def _kind(dtype: str) -> int:
    from onnx import TensorProto

    return {"float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16, "float64": TensorProto.DOUBLE}[dtype]


def _retype(graph: Any, kind: int, kept: set[str]) -> None:
    """Has the constants of float32 be of another dtype."""
    for weight in graph.initializer:
        if weight.data_type == _FLOAT and weight.name not in kept:
            weight.CopyFrom(_converted(weight, kind))
    for node in graph.node:
        for one in node.attribute:
            if one.HasField("t") and one.t.data_type == _FLOAT and not kept.intersection(node.output):
                one.t.CopyFrom(_converted(one.t, kind))
    del graph.value_info[:]


def _converted(tensor: Any, kind: int) -> Any:
    from onnx import helper, numpy_helper

    values = numpy_helper.to_array(tensor).reshape(-1).tolist()
    return helper.make_tensor(tensor.name, kind, list(tensor.dims), values)


def _made_of(model: Any, changed: set[str], kind: int) -> dict[str, int] | None:
    """What dtypes the outputs have, where those of these inputs are another one; None where nothing is inferred."""
    import onnx

    typed = onnx.ModelProto()
    typed.CopyFrom(model)
    for one in typed.graph.input:
        if one.name in changed:
            one.type.tensor_type.elem_type = kind
    for one in typed.graph.output:
        one.type.Clear()
    try:
        found = onnx.shape_inference.infer_shapes(typed)
    except Exception:
        return None
    return {one.name: one.type.tensor_type.elem_type for one in found.graph.output}


def _cast_around(graph: Any, inputs: set[str], outputs: set[str], kind: int) -> None:
    """Has the operators take casts of inputs, and what they make cast back."""
    from onnx import helper

    inner = {one: f"{one}_cast" for one in inputs} | {one: f"{one}_made" for one in outputs}
    nodes = [type(one).FromString(one.SerializeToString()) for one in graph.node]
    for node in nodes:
        node.input[:] = [inner.get(one, one) for one in node.input]
        node.output[:] = [inner.get(one, one) for one in node.output]
    del graph.node[:]
    graph.node.extend(helper.make_node("Cast", [one], [inner[one]], to=kind) for one in sorted(inputs))
    graph.node.extend(nodes)
    graph.node.extend(helper.make_node("Cast", [inner[one]], [one], to=_FLOAT) for one in sorted(outputs))
