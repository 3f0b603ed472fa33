"""Where a graph parts from eager, as told to others. Light: imports nothing of torch."""

from __future__ import annotations

from typing import Literal

import msgspec

DivergenceKind = Literal["operator", "constant", "branch", "asked", "write", "failure"]
"""An operator gives other numbers; a constant stands for what eager computes; eager goes another way; the model asks
whether it is exported and goes another way then; a write into a tensor is lost; the runtime cannot compute the
operator."""


class Tensor(msgspec.Struct, frozen=True, kw_only=True):
    """What is told of a tensor."""

    dtype: str
    shape: tuple[int, ...]
    value: str = ""
    """A single number, where it is one."""

    def __str__(self) -> str:
        return f"{self.dtype}{list(self.shape)}" + (f" = {self.value}" if self.value else "")


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """The first operator of eager that a graph does not compute."""

    kind: DivergenceKind
    place: str
    """The user's line (``file.py:12``)."""
    operator: str
    """Eager's operator (``aten::clamp_``); empty where none runs."""
    inputs: tuple[Tensor, ...] = ()
    """What the operator reads in eager, on the sample that differs."""
    want: Tensor | None = None
    """What it gives in eager."""
    got: Tensor | None = None
    """What the graph has instead, where it has something for it."""
    node: str = ""
    """What that comes from in the graph: operator and name of an ONNX node, or of an initializer."""
    message: str = ""
    """In what they differ, or the runtime's words."""
    worst: float | None = None
    """The largest difference."""
    cause: str = ""
    """The user's line that made the Python number that differs, where it is another one."""
    since: str = ""
    """The first operator that it is made of for which the graph has nothing, with its line: it may be this one."""
    proven: bool = False
    """Whether eager without this write, or on that other way, gives exactly what the graph gives."""


def described(found: Divergence) -> str:
    """What is told of it on one line."""
    reads = f" of {', '.join(map(str, found.inputs[:2]))}" if found.inputs else ""
    operator = f"`{found.operator}`{reads}" if found.operator else "a Python number"
    match found.kind:
        case "write":
            proof = ": eager without it gives exactly what the file gives" if found.proven else ""
            return f"this write ({operator}) is not in the file{proof}"
        case "constant":
            return f"the file has a constant, {found.got}, where eager computes {found.want}"
        case "branch":
            return "eager goes another way from here"
        case "asked":
            return "the model asks here whether it is exported, and what it does then gives the same in eager"
        case "failure":
            return f"the runtime cannot compute {operator}: {found.message}"
    since = f", or from {found.since} on, which the file does not have" if found.since else ""
    return f"the file's numbers part from eager's at {operator}{since}" + (
        f" ({found.message})" if found.message else ""
    )


ENDLESS = 1e30
"""What stands for an error that is infinite or no number, which JSON cannot say."""


class Along(msgspec.Struct, frozen=True, kw_only=True):
    """How far a tensor of a graph is from what it stands for in eager."""

    node: str
    """What gives it: operator and name."""
    name: str
    """Its own name."""
    place: str = ""
    """The line of eager's operator (``file.py:12``)."""
    error: float | None = None
    """The largest difference, relative to the largest value; None where nothing in eager is its like."""
    wrong: bool = False
    """Whether that is more than other roundings make."""


class Errors(msgspec.Struct, frozen=True, kw_only=True):
    """The same of all tensors that stand for one of eager's, in the order of the graph, on an input that differs."""

    on: str
    tensors: tuple[Along, ...]


class Excluded(msgspec.Struct, frozen=True, kw_only=True):
    """Declared sizes for which an exported program is not meant: a guard that ONNX does not keep."""

    dimension: str
    """Its name in the description of the inputs."""
    condition: str
    """What the program asks for, in such names: ``L > 6``."""
    size: int
    """A size that may come and does not meet it, the one nearest to the traced size."""
    declared: str
    """The sizes that may come: ``1..12``, or ``1..`` where any may."""
    place: str = ""
    """The user's line that asked (``file.py:12``)."""
    accepted: bool | None = None
    """Whether the graph runs at that size all the same; None where that was not tried."""
    message: str = ""
    """In what it then differs from eager, or why it does not run."""
    worst: float | None = None
    """The largest difference."""
