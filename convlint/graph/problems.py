"""What a diagnosis says: plain data, for reports and for programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from convlint.graph.source_line import NO_LINE, Line

Kind = Literal[
    "type",  # an input is of a type that the operator does not allow
    "mixed",  # inputs that must be of one type are not
    "declared",  # what the file says of a value is not what the node makes
    "shape",  # shapes or attributes do not fit
    "signature",  # an input, output or attribute is missing or one too many
    "operator",  # no such operator, domain or opset
    "undefined",  # a value is read that nothing makes, or is made twice
    "order",  # nodes need each other, or stand before what they read
    "data",  # values of a tensor cannot be had
    "target",  # a target does not take it
]


@dataclass(frozen=True)
class Wrong:
    """One thing that is wrong with a node or a graph."""

    kind: Kind
    message: str
    inputs: tuple[int, ...] = ()
    """The inputs that it is about."""
    allowed: tuple[str, ...] = ()
    """The types that these inputs may have."""


@dataclass(frozen=True)
class Input:
    """An input of a node that is wrong."""

    at: int
    formal: str
    """Its name in the operator's documentation."""
    value: str
    type: str
    """``int64[N, 3]``, or ``unknown``."""
    origin: str
    line: Line = NO_LINE


@dataclass(frozen=True)
class Cast:
    """A Cast that mends a node."""

    value: str
    """The input that is cast before the node, or the output that is cast back after it."""
    old: str
    new: str
    after: bool = False
    loses: str = ""
    """What the Cast may lose."""


@dataclass(frozen=True)
class BadNode:
    """A node with all that is wrong with it."""

    operator: str
    since_version: int
    """The version of the operator, 0 where it is none of ONNX's."""
    name: str
    """The node's name, or that of its first output."""
    inside: str
    """The subgraphs or function around it, empty for the graph itself."""
    wrongs: tuple[Wrong, ...]
    domain: str = ""
    line: Line = NO_LINE
    inputs: tuple[Input, ...] = ()
    first_opset: int | None = None
    """The first newer opset at which the operator takes these types."""
    casts: tuple[Cast, ...] = ()
    repair: str = ""
    """What to do, in words; empty where nothing is known to help."""


@dataclass
class Diagnosis:
    """What is wrong with a model."""

    path: str
    ir_version: int
    opsets: dict[str, int]
    nodes: int = 0
    """How many nodes were looked at, those of subgraphs and functions too."""
    targets: list[str] = field(default_factory=list)
    graph: list[Wrong] = field(default_factory=list)
    """What is wrong with the model as a whole."""
    bad: list[BadNode] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be judged, and is no problem by itself."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.graph or self.bad)
