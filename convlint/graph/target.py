"""What targets say of the nodes of a graph: refused operators, and refused types of those that they have."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convlint.backends import reads, verdict
from convlint.backends.facts import facts
from convlint.graph import schemas, types
from convlint.graph.problems import Wrong
from convlint.graph.walk import Step, Walk
from convlint.rule import Verdict

if TYPE_CHECKING:
    from onnx import FunctionProto, ModelProto

_INLINING = frozenset({"onnxruntime"})
"""Targets that put an operator's definition in its place where they have no kernel of its own."""


@dataclass(frozen=True)
class Refusal:
    """Why a target does not take a node."""

    reason: str
    dtypes: tuple[str, ...] = ()
    """What the operator's first input may be, where only its type is refused."""


class Target:
    """A target and its version, asked about nodes."""

    def __init__(self, name: str, version: str | None, model: ModelProto) -> None:
        self.name = name
        self.version = version
        self._model = model

    @property
    def label(self) -> str:
        """``onnxruntime`` or ``tensorrt==10.0``."""
        return f"{self.name}=={self.version}" if self.version else self.name

    @property
    def reads_onnx(self) -> bool:
        """Whether it takes ONNX files at all, and not programs of torch."""
        return any(graph.startswith("onnx") for graph in reads(self.name)) or not reads(self.name)

    def verdict(self, step: Step, opset: int) -> Verdict:
        """What its facts say of a node's operator with the types of its inputs and outputs."""
        dtypes, parameters = self.first_dtypes(step), _parameters(step)
        return verdict(self.name, self.version, step.node.op_type, opset, dtypes, parameters)

    def first_dtypes(self, step: Step) -> Sequence[str]:
        """The type of a node's first input, as facts name it; empty where it is not known or no tensor."""
        kind = step.inputs[0].kind if step.inputs else ""
        return [types.readable(kind)] if types.dtype_of(kind) else []

    def refusal(self, step: Step) -> Refusal | None:
        """Why it does not take a node; None where it does or nothing is known."""
        if step.domain != schemas.DEFAULT or step.signature is None:
            return None
        opset = step.place.opsets[step.domain]
        told = self.verdict(step, opset)
        is_of_others = self._has_other_types(step, told)
        lacks = told.supported == "no" or is_of_others
        if not lacks and not self._is_only_defined(step):
            return None
        function = schemas.body(step.node, step.domain, opset, step.inputs) if self.name in _INLINING else None
        whose, dtypes = (f", not of {types.readable(step.inputs[0].kind)}", told.dtypes) if is_of_others else ("", ())
        if function is None:
            return Refusal(told.reason + whose, dtypes) if lacks else None
        inside = self._inside(step, function)
        return Refusal(told.reason + whose, dtypes) if inside and dtypes else inside

    def is_unknown(self, step: Step) -> bool:
        """Whether nothing is known of a node's operator on the target."""
        return (
            step.domain == schemas.DEFAULT
            and step.signature is not None
            and self.verdict(step, step.place.opsets[step.domain]).supported == "unknown"
        )

    def allowed_first(self, step: Step) -> frozenset[str]:
        """The types that its kernels take as the operator's first input; empty where that is not known."""
        told = verdict(self.name, self.version, step.node.op_type, step.place.opsets[step.domain])
        return frozenset(map(types.from_readable, told.dtypes))

    def refuses_at(self, step: Step, opset: int) -> bool:
        """Whether it is known not to take a node's operator and types at an opset."""
        newer = schemas.signature(step.node.op_type, step.domain, opset)
        place = replace(step.place, opsets={**step.place.opsets, step.domain: opset})
        return self.refusal(replace(step, signature=newer, place=place)) is not None

    def takes_at(self, step: Step, opset: int) -> bool:
        """Whether it takes a node's operator and types at another opset."""
        return self.verdict(step, opset).supported == "yes"

    def _is_only_defined(self, step: Step) -> bool:
        """Whether the target has no kernel but uses the operator's definition."""
        known = facts(self.name)
        if known is None or step.signature is None:
            return False
        row = known.by_operator.get((step.node.op_type, step.signature.since))
        return row is not None and row.claim == "function"

    def _has_other_types(self, step: Step, told: Verdict) -> bool:
        """Whether it has the operator, but for other types than that of the node's first input."""
        return bool(told.dtypes and told.supported != "yes" and not set(self.first_dtypes(step)) & set(told.dtypes))

    def _inside(self, step: Step, function: FunctionProto) -> Refusal | None:
        """Why it does not take a node of an operator's definition."""
        found: list[Refusal] = []

        def visit(inner: Step) -> None:
            refused = self.refusal(inner)
            if refused:
                found.append(Refusal(f"{refused.reason}, of which {step.node.op_type} is made"))

        Walk(self._model, visit, _ignore).body(function, step.node, step.inputs, step.place, step.line)
        return found[0] if found else None


def _parameters(step: Step) -> list[tuple[str, str]]:
    """What the type parameters of a node's operator are, as far as the types of its inputs and outputs are known."""
    found: dict[str, str] = {}
    if step.signature is not None:
        for values, formal in ((step.inputs, step.signature.input), (step.outputs, step.signature.output)):
            for at, value in enumerate(values):
                parameter = formal(at)
                if parameter is not None and parameter.alike and types.dtype_of(value.kind):
                    found.setdefault(parameter.kind, types.readable(value.kind))
    return list(found.items())


_ignore: Callable[[Wrong], None] = lambda _: None  # noqa: E731
