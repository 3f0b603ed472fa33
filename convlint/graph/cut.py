"""A model cut in two: the head, all that a target is known to take, and the tail, which stays outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlint.errors import UsageError
from convlint.graph import files, folding, progress, schemas, structure, types
from convlint.graph.constants import tensor_type
from convlint.graph.proof import Proof, proven
from convlint.graph.source_line import Line
from convlint.graph.target import Target
from convlint.graph.values import Scope, Value
from convlint.graph.walk import Step, Walk, with_shapes
from convlint.source.replacing import replace_bytes

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, TensorProto

_BY_VALUES = frozenset({"NonMaxSuppression", "NonZero", "Unique", "Compress"})
"""Operators that make shapes out of values: where nothing is known of them, a target is not believed to have them."""
_VIEWS = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Identity", "Shape"})
"""Operators that compute nothing."""
MOST = 20
"""Reasons and constants that are kept for a report."""


@dataclass(frozen=True)
class Refused:
    """A node at which the graph is cut."""

    operator: str
    name: str
    inside: str
    reason: str
    line: Line


@dataclass(frozen=True)
class Tensor:
    """A tensor at the cut, or a constant."""

    name: str
    type: str
    origin: str
    line: Line


@dataclass(frozen=True)
class Suppression:
    """What a NonMaxSuppression of the tail asks of whoever does it."""

    name: str
    line: Line
    boxes: str
    scores: str
    centered: bool
    """Whether a box is its center and size, else two corners."""
    most_per_class: str
    iou: str
    score: str


@dataclass
class Cut:
    """How a model is cut, and the proof that its parts are the whole."""

    path: str
    target: str
    nodes: int
    head: int = 0
    """How many nodes the head has."""
    tail: int = 0
    refused: list[Refused] = field(default_factory=list)
    outside: dict[str, int] = field(default_factory=dict)
    """The operators of the tail, and how many there are of each."""
    boundary: list[Tensor] = field(default_factory=list)
    folded: list[Tensor] = field(default_factory=list)
    """What depended on no input and is a constant now, the largest first."""
    suppressions: list[Suppression] = field(default_factory=list)
    proof: Proof | None = None
    written: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether the target takes all of it."""
        return not self.refused


def cut(path: Path, target: tuple[str, str | None], head: Path | None, tail: Path | None) -> Cut:
    """Cuts the model in a file for a target, proves that the parts are the whole, and writes them where asked to.

    Raises:
        UsageError: the file holds no model or one that is wrong, the target takes no part of it or cannot be asked,
            the parts are not the whole, or they cannot be written.
    """
    if len({one.absolute() for one in (path, head, tail) if one}) <= sum(one is not None for one in (head, tail)):
        raise UsageError(f"{path}, --output and --tail must be different files")
    model = loaded(path)
    steps, scope, wrongs = walked(model)
    if wrongs:
        raise UsageError(f"{path} is wrong before it is cut ({wrongs[0]}); see `convlint diagnose {path}`")
    asked = Target(*target)
    if not asked.reads_onnx:
        raise UsageError(f"--target {asked.label} reads programs of torch, no ONNX; there is nothing to cut for it")
    told = Cut(str(path), asked.label, len(model.graph.node))
    parts = _Parts(model, steps, scope, asked)
    told.refused = parts.refused[:MOST]
    if told.is_whole:
        return told
    parts.divide(told)
    whole, first, second = model, parts.model(parts.head), parts.model(parts.tail)
    told.proof = proven(whole, first, second)
    if told.proof.difference:
        raise UsageError(f"{path}: head and tail are not the whole, nothing was written: {told.proof.difference}")
    for part, to in ((first, head), (second, tail)):
        if to is not None:
            _write(part, to)
            told.written.append(str(to))
    return told


def outside(model: ModelProto, steps: Sequence[Step], scope: Scope, target: Target) -> frozenset[str]:
    """What the nodes make that stay outside of a target; nothing is proven.

    Raises:
        UsageError: the target takes no part of the model.
    """
    parts = _Parts(model, steps, scope, target)
    if not parts.refused:
        return frozenset()
    parts.divide(Cut("the model", target.label, len(model.graph.node)))
    return frozenset(name for step in parts.tail.nodes for name in step.node.output if name)


def loaded(path: Path) -> ModelProto:
    """The model in a file, with all its data.

    Raises:
        UsageError: the file holds no model, or its data is not there.
    """
    model = files.read(path)
    import onnx

    for tensor in files.tensors(model.graph):
        why = files.external_problem(tensor, path.parent) if files.is_external(tensor) else ""
        if why:
            raise UsageError(f"{path}: tensor `{tensor.name}`: {why}")
    onnx.load_external_data_for_model(model, str(path.parent.absolute()))
    return model


def walked(model: ModelProto) -> tuple[list[Step], Scope, list[str]]:
    """All nodes, those of subgraphs before the one around them, what is known of values, and what is wrong."""
    from onnx import ModelProto

    steps: list[Step] = []
    wrong: list[str] = []
    light = ModelProto()
    light.CopyFrom(model)
    files.drop_weights(light)
    scope = Walk(model, steps.append, lambda one: wrong.append(one.message)).model(with_shapes(light))
    wrong += [f"{one.node.op_type} `{one.name}`: {fault.message}" for one in steps for fault in one.wrongs]
    return steps, scope, wrong


@dataclass
class _Part:
    """The nodes of a part, in order, and what goes in and comes out."""

    nodes: list[Step] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


class _Parts:
    """Divides the nodes of a graph."""

    def __init__(self, model: ModelProto, steps: Sequence[Step], scope: Scope, target: Target) -> None:
        self._model = model
        self._scope = scope
        self._all = steps
        self._steps = [step for step in steps if not step.place.inside]
        self._constants = folding.independent(self._steps, [one.name for one in model.graph.initializer])
        self._independent = {id(step) for step in self._constants.nodes}
        self._dependent = [step for step in self._steps if id(step) not in self._independent]
        self._folded = self._fold()
        self._outer, self.refused = self._judge(steps, target)
        self.head = _Part()
        self.tail = _Part()

    def _fold(self) -> dict[str, TensorProto]:
        """The constants that nodes which depend on inputs read, computed."""
        made = {name for step in self._constants.nodes for name in step.node.output if name}
        wanted = made & (_read(self._dependent) | {one.name for one in self._model.graph.output})
        progress.tell("what depends on no input")
        return folding.folded(self._model, self._constants, sorted(wanted)) if wanted else {}

    def _judge(self, steps: Sequence[Step], target: Target) -> tuple[set[int], list[Refused]]:
        """The nodes of the graph itself that the target does not take, or of which it does not take what is inside."""
        outer: set[int] = set()
        refused: list[Refused] = []
        inside = ""
        for step in steps:
            reason = "" if id(step) in self._independent else _reason(target, step)
            if reason:
                refused.append(Refused(step.node.op_type, step.name, step.place.inside, reason, step.line))
            if step.place.inside:
                inside = inside or reason
                continue
            if reason or inside:
                outer.add(id(step))
            inside = ""
        return outer, refused

    def divide(self, told: Cut) -> None:
        """Divides the nodes, and says how."""
        graph = self._model.graph
        behind: set[str] = set()
        head: list[Step] = []
        tail: list[Step] = []
        for step in self._dependent:
            is_outside = id(step) in self._outer or not structure.reads(step.node).isdisjoint(behind)
            (tail if is_outside else head).append(step)
            if is_outside:
                behind.update(filter(None, step.node.output))
        outputs = [one.name for one in graph.output]
        views = self._views(head, tail, outputs)
        moved = {id(step) for step in views}
        head, tail = [step for step in head if id(step) not in moved], views + tail
        made = {name for step in head for name in step.node.output if name}
        self.tail.outputs = [name for name in outputs if name in behind]
        self.tail.nodes = _needed(tail, self.tail.outputs)
        reads = _read(self.tail.nodes)
        given = [one.name for one in graph.input if one.name not in self._constants.names]
        self.tail.inputs = [name for name in given if name in reads] + [
            name for name in _ordered(made, head) if name in reads
        ]
        self.head.outputs = [name for name in outputs if name not in behind]
        self.head.outputs += [name for name in _ordered(made, head) if name in reads and name not in self.head.outputs]
        self.head.nodes = _needed(head, self.head.outputs)
        self.head.inputs = [name for name in given if name in _read(self.head.nodes) or name in self.head.outputs]
        if not self.head.nodes:
            first = self.refused[0]
            raise UsageError(
                f"{told.path}: {told.target} takes nothing in front of {first.operator} `{first.name}`: {first.reason}"
            )
        told.head, told.tail = len(self.head.nodes), len(self.tail.nodes)
        told.outside = dict(Counter(step.node.op_type for step in self.tail.nodes).most_common())
        told.boundary = [self._tensor(name) for name in self.tail.inputs]
        told.folded = self._told_folded()
        inside = {id(step) for step in self.head.nodes}
        told.suppressions = [
            self._suppression(one)
            for one in self._all
            if one.node.op_type == "NonMaxSuppression" and id(one) not in inside
        ]

    def _views(self, head: Sequence[Step], tail: Sequence[Step], outputs: Sequence[str]) -> list[Step]:
        """The last nodes of the head that only give another shape to what crosses the cut anyway.

        They go into the tail: what crosses the cut should cross it once.
        """
        readers = Counter(name for step in head for name in structure.reads(step.node))
        crossing = _read(tail)
        views: list[Step] = []
        for step in reversed(head):
            is_read = any(readers[name] or name in outputs for name in step.node.output if name)
            varying = structure.reads(step.node) - self._constants.names
            if step.node.op_type in _VIEWS and not is_read and varying <= crossing:
                views.insert(0, step)
                readers.subtract(varying)
                crossing |= varying
        return views

    def _tensor(self, name: str) -> Tensor:
        value = self._scope.get(name) or Value(name)
        if name in self._folded:
            value = replace(value, proto=tensor_type(self._folded[name]))
        return Tensor(name, value.text, value.origin, value.line)

    def _told_folded(self) -> list[Tensor]:
        """The constants that took more than one node that is no Constant to compute, the largest first."""
        computed = {
            name for step in self._constants.nodes if step.node.op_type != "Constant" for name in step.node.output
        }
        reads = _read(self.head.nodes) | _read(self.tail.nodes)
        names = [name for name in self._folded if name in computed and name in reads]
        names.sort(key=lambda name: -files.count(self._folded[name].dims))
        return [self._tensor(name) for name in names[:MOST] if files.count(self._folded[name].dims) > 1]

    def _suppression(self, step: Step) -> Suppression:
        inputs = {at: value for at, value in enumerate(step.inputs) if value.name}
        centered = any(one.name == "center_point_box" and one.i == 1 for one in step.node.attribute)
        return Suppression(
            step.name,
            step.line,
            f"`{inputs[0].name}` {inputs[0].text}",
            f"`{inputs[1].name}` {inputs[1].text}",
            centered,
            self._number(inputs.get(2), "0, so that nothing is kept"),
            self._number(inputs.get(3), "0, so that any overlap suppresses"),
            self._number(inputs.get(4), "none"),
        )

    def _number(self, value: Value | None, absent: str) -> str:
        """What a parameter always is, or where it comes from."""
        from onnx import numpy_helper

        if value is None:
            return absent
        constant = self._folded.get(value.name) or value.constant
        if constant is None:
            return f"`{value.name}`, computed"
        return f"{float(numpy_helper.to_array(constant).reshape(-1)[0]):.7g}"

    def model(self, part: _Part) -> ModelProto:
        """A part as a model of its own."""
        from onnx import TypeProto, helper, numpy_helper

        whole = self._model.graph
        reads = _read(part.nodes) | set(part.outputs)
        large = [one for one in self._constants.nodes if not self._folded.keys() >= set(one.node.output)]
        recomputed = _needed(large, reads - self._folded.keys())
        reads |= _read(recomputed)
        known = {name: numpy_helper.from_array(one, name) for name, one in self._constants.sizes.items()} | self._folded
        constants = [one for name, one in known.items() if name in reads]
        constants += [one for one in whole.initializer if one.name in reads]
        declared = {one.name: one for one in (*whole.input, *whole.output)}

        def info(name: str) -> Any:
            value = self._scope.get(name)
            return declared.get(name) or helper.make_value_info(name, _plain(value.proto if value else TypeProto()))

        nodes: list[NodeProto] = [step.node for step in (*recomputed, *part.nodes)]
        graph: GraphProto = helper.make_graph(
            nodes,
            whole.name or "part",
            [info(one) for one in part.inputs],
            [info(one) for one in part.outputs],
            constants,
        )
        return helper.make_model(
            graph,
            opset_imports=self._model.opset_import,
            ir_version=self._model.ir_version,
            functions=self._model.functions,
            producer_name="convlint",
        )


def _reason(target: Target, step: Step) -> str:
    """Why a target is not believed to take a node, empty where it is."""
    refusal = target.refusal(step)
    if refusal is not None:
        return refusal.reason
    if step.is_call:
        return ""
    if step.signature is None or step.domain != schemas.DEFAULT:
        return f"nothing is known of {step.domain}::{step.node.op_type} on {target.label}"
    told = target.verdict(step, step.place.opsets[step.domain])
    if told.supported != "unknown":
        return ""
    if told.tests and not told.passed:
        return told.reason
    if step.node.op_type in _BY_VALUES:
        return f"{told.reason}, and its values decide shapes"
    return ""


def _needed(steps: Sequence[Step], wanted: Iterable[str]) -> list[Step]:
    """The nodes without which what is wanted would not be made."""
    names, kept = set(wanted), []
    for step in reversed(steps):
        if not names.isdisjoint(filter(None, step.node.output)):
            kept.append(step)
            names |= structure.reads(step.node)
    return kept[::-1]


def _read(steps: Iterable[Step]) -> set[str]:
    return {name for step in steps for name in structure.reads(step.node)}


def _ordered(made: set[str], steps: Sequence[Step]) -> Iterator[str]:
    return (name for step in steps for name in step.node.output if name in made)


def _plain(proto: Any) -> Any:
    """A type without the names that inference gave to sizes which it does not know."""
    from onnx import TypeProto

    copy = TypeProto()
    copy.CopyFrom(proto or TypeProto())
    if copy.WhichOneof("value") == "tensor_type" and copy.tensor_type.HasField("shape"):
        for one in copy.tensor_type.shape.dim:
            if types.is_made_up(one.dim_param) and not one.HasField("dim_value"):
                one.Clear()
    return copy


def _write(model: ModelProto, path: Path) -> None:
    try:
        replace_bytes(path, model.SerializeToString())  # one message holds it, or it could not have been proven
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror})") from error
