"""A model and its nodes, with what flows through them: to ask a runtime about the whole, and about a node alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from convlint.graph.proof import drawn, feeds, inputs_of
from convlint.graph.runtime import session


class Piece(NamedTuple):
    """A file, or its content, with inputs."""

    model: Path | bytes
    given: dict[str, Any]
    right: list[Any] | None
    """What ONNX Runtime gives for them, without its optimizations; None where it does not run the file."""


def whole(path: Path) -> Piece:
    """The model on random inputs of its declared shapes."""
    import numpy
    import onnx

    given = inputs_of(onnx.load(str(path), load_external_data=False))
    try:
        run = session(str(path))
        feed = next(feeds(given, (1,), run))
        return Piece(path, feed, run.run(None, feed))
    except Exception:  # what other runtimes make of it can be seen all the same
        generator = numpy.random.default_rng(0)
        return Piece(path, {one.name: drawn(one, 1, 64, 0, generator) for one in given}, None)


def nodes(path: Path, groups: Mapping[str, int], given: Mapping[str, Any]) -> dict[int, Piece]:
    """By group one of its nodes, as far as NumPy holds what flows through it on these inputs.

    ``groups`` are values, each with the number of the group of the node that makes it.
    """
    import onnx

    model = onnx.load(str(path))
    constants = {one.name: one for one in model.graph.initializer}
    constants |= {node.output[0]: one for node in model.graph.node if (one := _constant(node)) is not None}
    chosen: dict[int, Any] = {}
    for node in model.graph.node:
        group = next((groups[one] for one in node.output if one in groups), None)
        if group is not None and node.op_type != "Constant" and not _has_graph(node):
            chosen.setdefault(group, node)
    values = _flowing(model, chosen.values(), given)
    found = ((group, _piece(model, node, constants, values)) for group, node in chosen.items())
    return {group: piece for group, piece in found if piece is not None}


def _constant(node: Any) -> Any:
    """The tensor of a node that is a constant, named as its output; else None."""
    import onnx

    value = next((one.t for one in node.attribute if one.name == "value"), None)
    if node.op_type != "Constant" or value is None:
        return None
    made = onnx.TensorProto()
    made.CopyFrom(value)
    made.name = node.output[0]
    return made


def _has_graph(node: Any) -> bool:
    return any(one.HasField("g") or one.graphs for one in node.attribute)


def _flowing(model: Any, wanted: Iterable[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The values that nodes are given and make, nothing where the model does not run."""
    import onnx

    made = {name for node in model.graph.node for name in node.output if name}
    known = {one.name for one in model.graph.output}
    names = {name for node in wanted for name in (*node.input, *node.output)} & made - known
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(names))
    try:
        run = session(model.SerializeToString())
        found = run.run(None, {one.name: given[one.name] for one in run.get_inputs()})
    except Exception:
        return {}
    return dict(given) | dict(zip((one.name for one in run.get_outputs()), found, strict=True))


def _piece(model: Any, node: Any, constants: Mapping[str, Any], values: Mapping[str, Any]) -> Piece | None:
    import numpy
    import onnx

    given = list(dict.fromkeys(one for one in node.input if one and one not in constants))
    made = [one for one in node.output if one]
    if not all(isinstance(values.get(one), numpy.ndarray) for one in (*given, *made)):
        return None
    graph = onnx.helper.make_graph(
        [node],
        "piece",
        [_declared(one, values[one]) for one in given],
        [_declared(one, values[one]) for one in made],
        [constants[one] for one in dict.fromkeys(node.input) if one in constants],
    )
    alone = onnx.helper.make_model(
        graph, opset_imports=model.opset_import, ir_version=model.ir_version, functions=model.functions
    )
    return Piece(alone.SerializeToString(), {one: values[one] for one in given}, [values[one] for one in made])


def _declared(name: str, value: Any) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
