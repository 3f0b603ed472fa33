"""What a graph computes from no input at all (anchors, grids, sizes of static shapes), computed once and for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convlint.graph import schemas, structure
from convlint.graph.runtime import session
from convlint.graph.values import Value
from convlint.graph.walk import Step

if TYPE_CHECKING:
    from onnx import ModelProto, TensorProto

LARGEST = 4_000_000
"""Elements of a constant that is still kept instead of the nodes that compute it."""
_DRAWS = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Bernoulli", "Multinomial")


@dataclass
class Independent:
    """The nodes of a graph whose outputs depend on no input."""

    nodes: list[Step] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    """What they make, and the initializers."""
    sizes: dict[str, Any] = field(default_factory=dict)
    """What follows from static shapes alone, by name."""


def independent(steps: Sequence[Step], initializers: Iterable[str]) -> Independent:
    """The nodes whose outputs depend on no input."""
    found = Independent(names=set(initializers))
    shapes: dict[str, Value] = {}
    for step in steps:
        if step.domain == schemas.DEFAULT and step.node.op_type == "Shape":
            shapes[step.node.output[0]] = step.inputs[0]
        sizes = _static_sizes(step, shapes)
        if sizes is not None:
            found.sizes[step.node.output[0]] = sizes
        if sizes is not None or (_is_repeatable(step) and structure.reads(step.node) <= found.names):
            found.nodes.append(step)
            found.names.update(filter(None, step.node.output))
    return found


def _is_repeatable(step: Step) -> bool:
    if step.domain != schemas.DEFAULT or step.signature is None or step.node.op_type in _DRAWS:
        return False
    return next(structure.subgraphs(step.node), None) is None


def _static_sizes(step: Step, shapes: Mapping[str, Value]) -> Any:
    """The sizes that a Shape, or a Gather behind one, takes out of a shape; None where they vary."""
    import numpy
    from onnx import numpy_helper

    node = step.node
    if step.domain != schemas.DEFAULT:
        return None
    if node.op_type == "Shape":
        sizes = step.inputs[0].shape
        bounds = {one.name: one.i for one in node.attribute}
        asked = sizes[bounds.get("start") : bounds.get("end")] if sizes is not None else (None,)
        places = numpy.arange(len(asked))
    elif node.op_type == "Gather" and node.input[0] in shapes and step.inputs[1].constant is not None:
        asked = shapes[node.input[0]].shape or ()
        places = numpy_helper.to_array(step.inputs[1].constant)
    else:
        return None
    if not all(-len(asked) <= at < len(asked) and isinstance(asked[at], int) for at in places.flat):
        return None
    return numpy.asarray([asked[at] for at in places.flat], dtype=numpy.int64).reshape(places.shape)


def folded(model: ModelProto, found: Independent, wanted: Sequence[str]) -> dict[str, TensorProto]:
    """The values that independent nodes compute, by name: those that are wanted, computed by ONNX Runtime."""
    import numpy
    from onnx import numpy_helper

    arrays = {name: found.sizes[name] for name in wanted if name in found.sizes}
    asked = [name for name in wanted if name not in arrays]
    if asked:
        try:
            arrays |= dict(zip(asked, _computed(model, found, asked), strict=True))
        except Exception:  # it stays computed where it is read
            asked = []
    return {
        name: numpy_helper.from_array(array, name)
        for name, array in arrays.items()
        if isinstance(array, numpy.ndarray) and array.size <= LARGEST  # no sequences
    }


def _computed(model: ModelProto, found: Independent, wanted: Sequence[str]) -> list[Any]:
    """Runs the nodes that need no input."""
    from onnx import TypeProto, helper, numpy_helper

    reads = {name for step in found.nodes for name in step.node.input}
    kept = [one for one in model.graph.initializer if one.name in reads]
    kept += [numpy_helper.from_array(array, name) for name, array in found.sizes.items()]
    types = {one.name: one.proto for step in found.nodes for one in step.outputs}
    outputs = [helper.make_value_info(name, types[name] or TypeProto()) for name in wanted]
    rest = [step.node for step in found.nodes if not set(step.node.output) & set(found.sizes)]
    graph = helper.make_graph(rest, "constants", [], outputs, kept)
    part = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    return list(session(part.SerializeToString()).run(list(wanted), {}))
