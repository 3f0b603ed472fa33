"""Operators as a model uses them: what a matrix is made of, whoever found them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from convlint.backends.really import Ran
from convlint.graph.picture import Picture

FILE = "onnx"
"""The graph of an ONNX file: it is there, whoever wrote it, so that no exporter's window bounds its opsets."""


class Place(NamedTuple):
    """A line of source that an operator comes from."""

    path: str
    row: int


class Operator(NamedTuple):
    """An operator of a graph: ``Clip``, ``com.microsoft::Gelu``, ``aten.clamp.default``."""

    name: str
    dtype: str = ""
    """Of its first input, as far as it is known: ``int64``, or the class ``int``."""
    types: tuple[tuple[str, str], ...] = ()
    """The type parameters of its ONNX schema and what they are: ``(("T", "float32"), ("Tind", "int64"))``."""


class Part(NamedTuple):
    """An operator in the definition of another."""

    operator: Operator
    made_of: Definition = None


Definition = tuple[Part, ...] | None
"""What ONNX makes an operator of: that may stand in its place. Empty where it is made of nothing that holds for these
types at this opset, None where that is not known."""
NEVER = 1 << 16
"""The opset from which on an exporter writes what it never writes."""
Spans = tuple[tuple[int, tuple[Operator, ...]], ...]
"""Operators from an opset on; 0 where the opset makes no difference."""


@dataclass(frozen=True)
class OperatorUse:
    """One row of a matrix: a call with what it becomes, or an operator of a file with what it was made from."""

    graphs: Mapping[str, Spans]
    """By graph (``onnx``, ``onnx_torchscript``, ``onnx_dynamo``, ``jit_trace``, ``torch_export``, ``core``)."""
    calls: tuple[str, ...] = ()
    """What it comes from, as far as it is known: ``torch.cumsum``, ``aten.cumsum.default``."""
    places: tuple[Place, ...] = ()
    count: int = 1
    below: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """By graph the first opset at which its exporter writes it, and what that lacks before."""
    dtype: str = ""
    """Of a call, the class of its first input's dtype, as far as it is known."""
    definitions: Mapping[int, Definition] = field(default_factory=dict)
    """Of an operator of a file, by opset what ONNX makes it of."""
    is_fixed: bool = False
    """Whether it computes sizes and constants only, and nothing that depends on what the model is given."""

    def operators(self, graph: str, opset: int) -> tuple[Operator, ...] | None:
        """What it becomes in a graph, None where that is not known or the graph cannot be made."""
        known = [operators for since, operators in self.graphs.get(graph, ()) if since <= opset]
        return known[-1] if known else None

    def whole_at(self, graph: str, opset: int) -> tuple[int, Operator] | None:
        """Where it becomes several operators at an opset, the later one from which on it is one, and which."""
        if len(self.operators(graph, opset) or ()) <= 1:
            return None
        later = (
            (since, operators[0]) for since, operators in self.graphs[graph] if since > opset and len(operators) == 1
        )
        return next(later, None)


@dataclass(frozen=True)
class Subject:
    """What a matrix is about: a file, a model, or sources."""

    name: str
    uses: tuple[OperatorUse, ...]
    opset: int | None = None
    """That of a file."""
    producer: str = ""
    nodes: int = 0
    ir: int = 0
    """The IR version of a file."""
    contradiction: str = ""
    """Why no runtime can take a file, empty where nothing is seen."""
    rows: Mapping[str, int] = field(default_factory=dict, compare=False)
    """What a node of a file makes to the place of its operator among the uses."""
    picture: Picture | None = field(default=None, compare=False)
    """The graph of a file, where that was asked."""
    ran: Mapping[str, Ran] | None = field(default=None, compare=False)
    """By target what its installed runtime did with the file, where that was asked."""


def merged(uses: Iterable[OperatorUse]) -> list[OperatorUse]:
    """Uses that become the same as one, their places and counts together."""
    found: dict[object, OperatorUse] = {}
    for use in uses:
        key = (*((use.calls, use.dtype) if FILE not in use.graphs else ()), *sorted(use.graphs.items()))
        one = found.get(key)
        found[key] = use if one is None else _together(one, use)
    return list(found.values())


def _together(one: OperatorUse, other: OperatorUse) -> OperatorUse:
    return replace(
        one,
        calls=tuple(dict.fromkeys((*one.calls, *other.calls))),
        places=tuple(dict.fromkeys((*one.places, *other.places))),
        count=one.count + other.count,
        is_fixed=one.is_fixed and other.is_fixed,
    )
