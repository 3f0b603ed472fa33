"""What targets say of the nodes of a graph: refused operators, and refused types of those that they have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from convlint.backends import reads, verdict
from convlint.graph import schemas, types
from convlint.graph.definition import made_of, operator_of
from convlint.graph.walk import Step
from convlint.rule import Verdict


@dataclass(frozen=True)
class Refusal:
    """Why a target does not take a node."""

    reason: str
    dtypes: tuple[str, ...] = ()
    """What the operator's first input may be, where only its type is refused."""


class Target:
    """A target and its version, asked about nodes."""

    def __init__(self, name: str, version: str | None) -> None:
        self.name = name
        self.version = version

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
        one, dtypes = operator_of(step), self.first_dtypes(step)
        body = made_of(step.node, step.domain, [opset], step.inputs).get(opset, ())
        return verdict(self.name, self.version, one.name, opset, dtypes, one.types, made_of=body)

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
        if told.supported != "no":
            return None
        if not self._is_of_others(step, told):
            return Refusal(told.reason)
        return Refusal(f"{told.reason}, not of {types.readable(step.inputs[0].kind)}", told.dtypes)

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

    def _is_of_others(self, step: Step, told: Verdict) -> bool:
        """Whether it has the operator, but for other types than that of the node's first input."""
        return bool(told.dtypes and not set(self.first_dtypes(step)) & set(told.dtypes))
