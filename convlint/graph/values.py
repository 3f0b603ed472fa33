"""What is known of a value in a graph, and the scopes in which values are looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from convlint.graph import types
from convlint.graph.source_line import NO_LINE, Line
from convlint.graph.types import Dims

if TYPE_CHECKING:
    from onnx import TensorProto, TypeProto


@dataclass(frozen=True)
class Value:
    """A value: what it is and where it comes from."""

    name: str
    proto: TypeProto | None = None
    origin: str = ""
    """The graph's input, an initializer, or the node that makes it."""
    line: Line = NO_LINE
    constant: TensorProto | None = None
    """What it always is, if that is small enough to look at."""

    @cached_property
    def kind(self) -> str:
        """The type as schemas write it, empty where it is not known."""
        return types.written(self.proto)

    @cached_property
    def shape(self) -> Dims | None:
        """The shape, None where not even the rank is known."""
        return types.dims(self.proto)

    @property
    def text(self) -> str:
        """``int64[N, 3]``."""
        return types.shown(self.kind, self.shape)

    @property
    def is_scalar(self) -> bool:
        """Whether it is one number without axes, as Python numbers become."""
        return self.shape == ()


ABSENT = Value("")
"""What stands for an optional input that is left out."""


class Scope:
    """The values that a graph knows: its own, and those of the graphs around it."""

    def __init__(self, outer: Scope | None = None) -> None:
        self._outer = outer
        self._values: dict[str, Value] = {}

    def add(self, value: Value) -> None:
        """Makes a value known."""
        self._values[value.name] = value

    def own(self, name: str) -> Value | None:
        """A value of this graph itself."""
        return self._values.get(name)

    def get(self, name: str) -> Value | None:
        """A value of this graph or of one around it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope._values:
                return scope._values[name]
            scope = scope._outer
        return None
