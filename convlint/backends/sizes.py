"""The shapes of an ONNX model, also where sizes are computed by operators that onnx does not follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_FEW = 64
"""Numbers that a size, or a list of sizes, has at most."""
_TIMES = 32
"""How often shapes are inferred at most: each time what depends on sizes that were found may become known."""
_OF_SIZES = frozenset({
    "Add", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Expand", "Floor", "Gather", "Greater",
    "Identity", "Less", "Max", "Min", "Mod", "Mul", "Neg", "ReduceProd", "Reshape", "Shape", "Size", "Slice", "Split",
    "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
})  # fmt: skip
"""Operators that sizes are computed with."""
_OF_SHAPE = frozenset({"ConstantOfShape", "Expand"})
"""Those that make as much as their last input says."""


def inferred(model: Any) -> Any:
    """The model with the shapes that onnx infers, and with constants where sizes are computed of known sizes."""
    import onnx

    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for _ in range(_TIMES):
        if not _fold(model.graph, model.opset_import):
            break
        model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return model


def _fold(graph: Any, opsets: Any) -> bool:
    """Puts constants in the place of nodes that compute sizes; whether there were any."""
    static = _static(graph)
    known = {one.name: _array(one) for one in graph.initializer if _is_few(one.dims)}
    found = False
    for node in graph.node:
        if node.op_type == "Constant" and node.output:
            values = [one.t for one in node.attribute if one.name == "value" and _is_few(one.t.dims)]
            known |= dict(zip(node.output, map(_array, values), strict=False))
        elif node.op_type in _OF_SIZES and not node.domain and (made := _computed(node, known, static, opsets)):
            known |= made
            if len(made) == 1:
                found = True
                _replace(node, *made.values())
    return found


def _static(graph: Any) -> dict[str, list[int]]:
    """The shapes of which all sizes are known."""
    shapes = {one.name: one.type.tensor_type.shape for one in (*graph.input, *graph.value_info, *graph.output)}
    found = {name: [one.dim_value for one in shape.dim] for name, shape in shapes.items()}
    return {name: dims for name, dims in found.items() if dims and all(dims)}


def _is_few(dims: Any) -> bool:
    count: int = math.prod(dims)
    return count <= _FEW


def _array(tensor: Any) -> Any:
    import onnx

    return onnx.numpy_helper.to_array(tensor)


def _computed(node: Any, known: Mapping[str, Any], static: Mapping[str, list[int]], opsets: Any) -> dict[str, Any]:
    """What a node makes of known sizes; nothing where they are not all known, or it makes too much."""
    import numpy
    from onnx.reference import ReferenceEvaluator

    if node.op_type in ("Shape", "Size") and not node.attribute:
        dims = static.get(node.input[0])
        made = None if dims is None else numpy.asarray(dims if node.op_type == "Shape" else numpy.prod(dims), "int64")
        return {} if made is None else {node.output[0]: made}
    names = list(filter(None, node.input))
    if not names or any(name not in known or known[name].size > _FEW for name in names):
        return {}
    if node.op_type in _OF_SHAPE and not 0 <= float(numpy.prod(known[names[-1]], dtype="float64")) <= _FEW:
        return {}
    try:
        given: Any = {name: known[name] for name in names}
        with numpy.errstate(all="ignore"):
            found: Any = ReferenceEvaluator(node, opsets={one.domain: one.version for one in opsets}).run(None, given)
    except Exception:  # what it does not compute stays unknown
        return {}
    made_of = dict(zip(node.output, found, strict=True))
    return made_of if all(getattr(one, "size", _FEW + 1) <= _FEW for one in made_of.values()) else {}


def _replace(node: Any, value: Any) -> None:
    import numpy
    import onnx

    constant = onnx.helper.make_node(
        "Constant", [], list(node.output), value=onnx.numpy_helper.from_array(numpy.asarray(value))
    )
    node.CopyFrom(constant)
