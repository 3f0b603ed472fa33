"""The graph of an ONNX file, for whoever draws it. Light: imports nothing of onnx."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from convlint.graph.source_line import NO_LINE, Line

INPUT, OUTPUT = "input", "output"
"""What stands for an operator where a node is an input or an output of the graph."""


@dataclass(frozen=True)
class Node:
    """A node that depends on an input, or an input or output."""

    operator: str
    name: str
    reads: tuple[int, ...] = ()
    """The nodes that make what it reads, by place."""
    scope: tuple[str, ...] = ()
    """The modules around it by their whole names (``layer1``, ``layer1.0``), as far as the exporter recorded them."""
    makes: str = ""
    """The name of its first output."""
    type: str = ""
    """``float32[N, 64, 56, 56]``, of that output."""
    line: Line = NO_LINE
    calls: tuple[tuple[str, int], ...] = ()
    """The lines (path and row) that called each other until this one, the outermost first."""

    @property
    def is_port(self) -> bool:
        """Whether it is no operator, but an input or an output."""
        return self.operator in (INPUT, OUTPUT)


@dataclass(frozen=True)
class CutAt:
    """Where a graph is cut for a target."""

    outside: frozenset[int] = frozenset()
    """The nodes that stay outside."""
    reason: str = ""
    """Why there is no cut, empty where there is one or where none is needed."""


@dataclass(frozen=True)
class Picture:
    """The nodes of a graph in an order in which they can run, without what depends on no input."""

    nodes: tuple[Node, ...]
    cuts: Mapping[str, CutAt] = field(default_factory=dict)
    """By target, as it was asked for."""
