"""An ONNX file as a picture: its nodes with the modules they come from, and where it is cut for each target."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convlint.errors import UsageError
from convlint.graph import cut, folding
from convlint.graph.picture import INPUT, OUTPUT, CutAt, Node, Picture
from convlint.graph.structure import reads
from convlint.graph.target import Target
from convlint.graph.values import Scope
from convlint.source.place import stack_of_node

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

    from convlint.graph.walk import Step

_SCOPES = "pkg.torch.onnx.name_scopes"
_NO_MODULE = "_empty_nn_module_stack_from_metadata_hook"
"""What torch writes where a node is of no module."""


def drawn(path: Path, targets: Sequence[tuple[str, str | None]], wrapper: str = "") -> Picture:
    """The picture of the model in a file, without the module of this name around all of it.

    Raises:
        UsageError: the file holds no model.
    """
    model = cut.loaded(path)
    steps, scope, wrongs = cut.walked(model)
    outer = [step for step in steps if not step.place.inside]
    constants = folding.independent([] if wrongs else outer, [one.name for one in model.graph.initializer])
    independent = {id(step) for step in constants.nodes}
    nodes = _nodes(model, [step for step in outer if id(step) not in independent], scope)
    if wrapper:
        nodes = [replace(node, scope=tuple(_inside(node.scope, wrapper))) for node in nodes]
    cuts = {}
    for name, version in targets:
        target = Target(name, version)
        if wrongs:
            cuts[target.label] = CutAt(reason=f"the file is wrong: {wrongs[0]}")
        else:
            cuts[target.label] = _cut(model, steps, scope, target, nodes)
    return Picture(tuple(nodes), cuts)


def _nodes(model: ModelProto, steps: Sequence[Step], scope: Scope) -> list[Node]:
    graph = model.graph
    weights = {one.name for one in graph.initializer}
    nodes: list[Node] = []
    makers: dict[str, int] = {}
    for given in graph.input:
        if given.name not in weights:
            makers[given.name] = len(nodes)
            nodes.append(_port(INPUT, given.name, scope))
    for step in steps:
        makes = next(filter(None, step.node.output), "")
        found = tuple(sorted({makers[name] for name in reads(step.node) if name in makers}))
        value = step.outputs[0] if step.outputs else None
        makers |= {name: len(nodes) for name in step.node.output if name}
        nodes.append(
            Node(
                step.node.op_type,
                step.name,
                found,
                _scope(step.node),
                makes,
                value.text if value else "",
                step.line,
                tuple((path, row) for path, row, _ in stack_of_node(step.node)[::-1]),
            )
        )
    for given in graph.output:
        if given.name in makers:
            nodes.append(_port(OUTPUT, given.name, scope, (makers[given.name],)))
    return nodes


def _inside(scope: Sequence[str], wrapper: str) -> Iterator[str]:
    return (name.removeprefix(f"{wrapper}.") for name in scope if name != wrapper)


def _port(what: str, name: str, scope: Scope, read: tuple[int, ...] = ()) -> Node:
    value = scope.get(name)
    return Node(what, name, read, makes=name, type=value.text if value else "")


def _scope(node: NodeProto) -> tuple[str, ...]:
    """The modules around a node by their whole names: as one exporter writes them, or as the other names nodes."""
    told = next((one.value for one in node.metadata_props if one.key == _SCOPES), "")
    with suppress(ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        names = ast.literal_eval(told) if told else []
        if names and all(isinstance(one, str) for one in names):
            return tuple(one for one in names[:-1] if one not in ("", _NO_MODULE))
    return tuple(_whole_names(list(filter(None, node.name.split("/")[:-1]))))


def _whole_names(names: Sequence[str]) -> Iterator[str]:
    """``layer1``, ``layer1.0``, ``layer1.0.conv1`` of ``layer1``, ``layer1.0``, ``conv1``."""
    around = last = ""
    for name in names:
        rest = name.removeprefix(f"{last}.") if last else name
        around = f"{around}.{rest}" if around else rest
        last = name
        yield around


def _cut(model: ModelProto, steps: Sequence[Step], scope: Scope, target: Target, nodes: Sequence[Node]) -> CutAt:
    if not target.reads_onnx:
        return CutAt(reason=f"{target.label} reads programs of torch, no ONNX")
    try:
        outside = cut.outside(model, steps, scope, target)
    except UsageError as error:
        return CutAt(reason=str(error))
    return CutAt(frozenset(at for at, node in enumerate(nodes) if node.operator != OUTPUT and node.makes in outside))
