"""The nodes of a graph: their names, what they read, their subgraphs, and the order in which they can run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto


MOST_NODES = 1_000_000
"""Nodes with all functions in the places of their calls, up to which ONNX is asked to infer shapes: it walks them all,
and a small file can say that there are more than any machine can walk."""


def name_of(node: NodeProto) -> str:
    """A node's name, or that of its first output."""
    return node.name or next((name for name in node.output if name), "")


def called(node: NodeProto) -> str:
    """What a node is called in messages."""
    return f"{node.op_type} `{name_of(node)}`"


def subgraphs(node: NodeProto) -> Iterator[tuple[str, GraphProto]]:
    """The graphs in a node's attributes, by name."""
    from onnx import AttributeProto

    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.name, attribute.g
        elif attribute.type == AttributeProto.GRAPHS:
            yield from ((f"{attribute.name}[{at}]", one) for at, one in enumerate(attribute.graphs))


def expanded(model: ModelProto) -> float:
    """How many nodes a model has with all functions in the places of their calls; infinite where one calls itself."""
    bodies = {(one.domain, one.name, one.overload): one.node for one in model.functions}
    sizes: dict[tuple[str, str, str], float] = {}

    def size(nodes: Iterable[NodeProto]) -> float:
        total = 0.0
        for node in nodes:
            key = (node.domain, node.op_type, node.overload)
            if key in bodies and key not in sizes:
                sizes[key] = math.inf  # while it is counted
                sizes[key] = size(bodies[key])
            total += 1 + sizes.get(key, 0) + sum(size(graph.node) for _, graph in subgraphs(node))
        return total

    return size(model.graph.node)


def reads(node: NodeProto) -> set[str]:
    """The values that a node reads, those that its subgraphs take from around it too."""
    names = set(node.input)
    for _, graph in subgraphs(node):
        inner = {name for one in graph.node for name in reads(one)} | {one.name for one in graph.output}
        own = {one.name for one in graph.input} | {one.name for one in graph.initializer}
        names |= inner - own - {name for one in graph.node for name in one.output}
    names.discard("")
    return names


def ordered(nodes: Sequence[NodeProto]) -> tuple[list[int], list[int]]:
    """The nodes in an order in which they can run, and those of one cycle (empty where there is none).

    Nodes of a cycle and behind it come last, as they stand.
    """
    maker = {name: at for at, node in enumerate(nodes) for name in node.output if name}
    needs = [{maker[name] for name in reads(node) if name in maker} for node in nodes]
    if all(max(before, default=-1) < at for at, before in enumerate(needs)):
        return list(range(len(nodes))), []
    waiting = [len(before) for before in needs]
    readers: list[list[int]] = [[] for _ in nodes]
    for at, before in enumerate(needs):
        for one in before:
            readers[one].append(at)
    ready = [at for at, count in enumerate(waiting) if not count]
    for at in ready:  # grows while it is read
        for reader in readers[at]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    left = sorted(set(range(len(nodes))) - set(ready))
    return ready + left, _cycle(left, needs)


def _cycle(left: Sequence[int], needs: Sequence[set[int]]) -> list[int]:
    """One cycle among nodes that all wait for others of them."""
    if not left:
        return []
    among, path = set(left), [left[0]]
    places = {left[0]: 0}
    while True:
        before = min(needs[path[-1]] & among)
        if before in places:
            cycle = path[places[before] :][::-1]
            first = cycle.index(min(cycle))
            return cycle[first:] + cycle[:first]
        places[before] = len(path)
        path.append(before)
