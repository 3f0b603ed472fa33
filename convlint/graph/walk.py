"""Through a model node by node: types and shapes of all values, also behind nodes that are wrong.

ONNX's own inference stops at a node that is wrong. Here it is asked node by node, and what a wrong node makes is taken
to be what it would make if its inputs were cast and its outputs cast back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from convlint.graph import bodies, conformance, fit, progress, schemas, structure, types
from convlint.graph.constants import constant_of, small, sparse_type, tensor_type
from convlint.graph.fit import Output
from convlint.graph.inference import inferred
from convlint.graph.problems import Wrong
from convlint.graph.schemas import Signature, domain_of
from convlint.graph.source_line import Line, line_of
from convlint.graph.structure import called, name_of
from convlint.graph.values import ABSENT, Scope, Value

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TypeProto

_BODIES = ("If", "Loop", "Scan", "SequenceMap")


@dataclass(frozen=True)
class Place:
    """Where a node stands: the subgraphs or function around it, and the opsets there."""

    inside: str
    opsets: Mapping[str, int]
    line: Line | None = None
    """The user's line that calls the function around it."""


@dataclass(frozen=True)
class Step:
    """A node with what is known of its inputs, and what is wrong with it so far."""

    node: NodeProto
    name: str
    domain: str
    signature: Signature | None
    inputs: tuple[Value, ...]
    wrongs: tuple[Wrong, ...]
    place: Place
    line: Line
    outputs: tuple[Value, ...]
    declared: tuple[Output, ...]
    """The same with the types that the file declares."""
    is_call: bool = False
    """Whether it calls a function of the model's."""


Visit = Callable[[Step], None]


def opsets_of(model: ModelProto) -> dict[str, int]:
    """The opsets that a model imports, by domain; a model older than IR 3 imports the first one."""
    found = {domain_of(one.domain): one.version for one in model.opset_import}
    return found or ({schemas.DEFAULT: 1} if model.ir_version < 3 else {})


_MOST_ELEMENTS = 1 << 24
_UNSAFE = frozenset({"signature", "operator", "undefined", "order", "shape"})
"""What must not be wrong where ONNX infers the shapes of a whole model: it would read inputs that are not there."""


def with_shapes(model: ModelProto) -> GraphProto | None:
    """The graph with the shapes that ONNX infers for the whole of it, those computed from shapes too."""
    from onnx import shape_inference

    kinds: set[str] = set()
    first = Walk(model, lambda step: kinds.update(one.kind for one in step.wrongs), lambda one: kinds.add(one.kind))
    first.model(None)
    if kinds & _UNSAFE or structure.expanded(model) > structure.MOST_NODES:
        return None
    progress.tell("the inference of all shapes")
    try:
        return shape_inference.infer_shapes(model, data_prop=not _is_huge(model.graph)).graph
    except Exception:  # a model that is wrong as a whole; what its nodes make is inferred one by one
        return None


def _is_huge(graph: GraphProto) -> bool:
    """Whether a value is said to have so many elements that ONNX, which propagates each of a vector, finds no end."""
    values = (*graph.input, *graph.value_info, *graph.output)
    dims = [one.dim_value for value in values for one in value.type.tensor_type.shape.dim]
    return max((*dims, *(dim for one in graph.initializer for dim in one.dims)), default=0) > _MOST_ELEMENTS


class Walk:
    """One walk; ``visit`` is told each node, ``wrong`` what is wrong with a graph as a whole."""

    def __init__(self, model: ModelProto, visit: Visit, wrong: Callable[[Wrong], None]) -> None:
        self._model = model
        self._visit = visit
        self._wrong = wrong
        self._functions = {(domain_of(one.domain), one.name, one.overload): one for one in model.functions}
        self._walked: dict[bytes, tuple[Value, ...]] = {}
        self._calls: list[tuple[str, str, str]] = []

    def model(self, inferred: GraphProto | None) -> Scope:
        """Walks the model's graph; ``inferred`` is the same graph with the shapes that ONNX found."""
        return self.graph(self._model.graph, Scope(), Place("", opsets_of(self._model)), inferred)

    def graph(
        self, graph: GraphProto, scope: Scope, place: Place, inferred: GraphProto | None, given: Sequence[Value] = ()
    ) -> Scope:
        """Walks a graph whose inputs are as declared, or as given by the node around it."""
        self._take_inputs(graph, scope, place, given)
        declared = {one.name: one.type for one in (*graph.value_info, *graph.output)}
        shapes = {one.name: one.type for one in (*inferred.value_info, *inferred.output)} if inferred else {}
        order, cycle = structure.ordered(graph.node)
        self._tell_order(graph, order, cycle, place)
        for at in order:
            node = graph.node[at]
            twin = inferred.node[at] if inferred and at < len(inferred.node) else None
            for value in self._node(node, scope, place, declared, twin):
                if scope.own(value.name) is not None:
                    where = f" in {place.inside}" if place.inside else ""
                    self._wrong(
                        Wrong("undefined", f"`{value.name}` is made twice{where}, the second time by {called(node)}")
                    )
                scope.add(_sharpened(value, shapes.get(value.name)))
        self._tell_outputs(graph, scope, place)
        return scope

    def _take_inputs(self, graph: GraphProto, scope: Scope, place: Place, given: Sequence[Value]) -> None:
        inside = f" of {place.inside}" if place.inside else ""
        constants = {one.name for one in graph.initializer} | {one.values.name for one in graph.sparse_initializer}
        for at, one in enumerate(graph.input):
            passed = given[at] if at < len(given) else ABSENT
            if passed.kind and types.written(one.type) not in ("", passed.kind):
                self._wrong(
                    Wrong(
                        "declared",
                        f"input `{one.name}`{inside} is declared {types.readable(types.written(one.type))}, "
                        f"but is given {types.readable(passed.kind)}",
                    )
                )
            proto = passed.proto if passed.kind else one.type
            if one.name not in constants:
                scope.add(Value(one.name, proto, f"input{inside}", passed.line))
        for tensor in graph.initializer:
            scope.add(Value(tensor.name, tensor_type(tensor), f"initializer{inside}", constant=small(tensor)))
        for sparse in graph.sparse_initializer:
            scope.add(Value(sparse.values.name, sparse_type(sparse.values.data_type, sparse.dims), "initializer"))

    def _tell_order(self, graph: GraphProto, order: Sequence[int], cycle: Sequence[int], place: Place) -> None:
        where = f" in {place.inside}" if place.inside else ""
        if cycle:
            names = " -> ".join(called(graph.node[at]) for at in (*cycle[:6], *([cycle[0]] if len(cycle) < 7 else [])))
            more = f" ... ({len(cycle)} nodes)" if len(cycle) > 6 else ""
            self._wrong(Wrong("order", f"nodes need each other's outputs{where}, so that none can run: {names}{more}"))
        elif list(order) != list(range(len(order))):
            late = next(at for at, one in enumerate(order) if at != one)
            self._wrong(
                Wrong(
                    "order",
                    f"nodes are not in the order in which they run{where}, from {called(graph.node[late])} on; "
                    f"ONNX wants each behind those whose outputs it reads",
                )
            )

    def _tell_outputs(self, graph: GraphProto, scope: Scope, place: Place) -> None:
        where = f" of {place.inside}" if place.inside else ""
        for one in graph.output:
            if scope.get(one.name) is None:
                self._wrong(Wrong("undefined", f"output `{one.name}`{where} is made by no node"))

    def _node(
        self,
        node: NodeProto,
        scope: Scope,
        place: Place,
        declared: Mapping[str, TypeProto],
        twin: NodeProto | None,
    ) -> Sequence[Value]:
        """Judges a node and says what it makes."""
        domain = domain_of(node.domain)
        line = line_of(node) if place.line is None else place.line
        inputs, wrongs = _inputs(node, scope)
        function = self._functions.get((domain, node.op_type, node.overload))
        sig = None
        if function is None:
            sig, about = conformance.signature(node, domain, place.opsets)
            wrongs += about
        origin = called(node) + (f" in {place.inside}" if place.inside else "")
        said = tuple(Output(name, types.written(declared.get(name))) for name in node.output)
        if function is not None:
            protos = self._function(function, node, inputs, place, line)
        elif sig is None:
            protos = []
        elif node.op_type in _BODIES and domain == schemas.DEFAULT:
            wrongs += fit.misfits(sig, inputs)
            protos, about = self._bodies(node, inputs, scope, place, twin, origin)
            wrongs += about
        else:
            protos, about = inferred(node, sig, inputs, said, place.opsets, wrongs)
            wrongs += about
        outputs = []
        for at, name in enumerate(node.output):
            if name:
                proto = protos[at] if at < len(protos) else None
                made, told = types.written(proto), said[at].declared
                if made and told and made != told and not wrongs:
                    wrongs.append(_misdeclared(name, made, told))
                known = proto if made else declared.get(name)
                outputs.append(Value(name, known, origin, line, constant_of(node, domain)))
        self._visit(
            Step(
                node,
                name_of(node),
                domain,
                sig,
                tuple(inputs),
                tuple(wrongs),
                place,
                line,
                tuple(outputs),
                said,
                is_call=function is not None,
            )
        )
        return outputs

    def _bodies(
        self,
        node: NodeProto,
        inputs: Sequence[Value],
        scope: Scope,
        place: Place,
        twin: NodeProto | None,
        origin: str,
    ) -> tuple[list[TypeProto | None], list[Wrong]]:
        """Walks the subgraphs of a node and says what it makes of theirs, and what of them does not fit together."""
        twins = dict(structure.subgraphs(twin)) if twin is not None else {}
        made = []
        for name, graph in structure.subgraphs(node):
            inner = replace(place, inside=f"{name} of {origin}")
            given = bodies.given_to(node, inputs, graph)
            ended = self.graph(graph, Scope(scope), inner, twins.get(name), given)
            made.append([ended.get(one.name) or Value(one.name, one.type) for one in graph.output])
        return bodies.made_of(node, inputs, made), bodies.unlike_branches(made) if node.op_type == "If" else []

    def _function(
        self, function: FunctionProto, node: NodeProto, inputs: Sequence[Value], place: Place, line: Line
    ) -> list[TypeProto | None]:
        """Walks a function of the model's for one call of it; calls of the same types are walked once."""
        key = (domain_of(function.domain), function.name, function.overload)
        if key in self._calls:
            self._wrong(Wrong("order", f"function {function.name} calls itself ({called(node)} in {place.inside})"))
            return []
        told = _call_key(node, inputs)
        if told not in self._walked:
            self._calls.append(key)
            self._walked[told] = self.body(function, node, inputs, place, line)
            self._calls.pop()
        return [one.proto for one in self._walked[told]]

    def body(
        self, function: FunctionProto, node: NodeProto, inputs: Sequence[Value], place: Place, line: Line
    ) -> tuple[Value, ...]:
        """Walks the body of a function for one call of it, and says what it makes."""
        opsets = {domain_of(one.domain): one.version for one in function.opset_import}
        around = f" in {place.inside}" if place.inside else ""
        inner = Place(f"function {function.name}, called by {called(node)}{around}", opsets or place.opsets, line)
        scope = Scope()
        for at, name in enumerate(function.input):
            value = inputs[at] if at < len(inputs) else ABSENT
            scope.add(replace(value, name=name, origin=f"input of function {function.name}"))
        given = {one.name: one for one in node.attribute}
        given = {one.name: one for one in function.attribute_proto} | given
        declared = {one.name: one.type for one in function.value_info}
        for one in function.node:
            for value in self._node(_called_with(one, given), scope, inner, declared, None):
                scope.add(value)
        return tuple(scope.get(name) or Value(name) for name in function.output)


def _inputs(node: NodeProto, scope: Scope) -> tuple[list[Value], list[Wrong]]:
    """The values that a node reads, and those that nothing makes."""
    values, wrongs = [], []
    for at, name in enumerate(node.input):
        value = scope.get(name) if name else ABSENT
        if value is None:
            wrongs.append(Wrong("undefined", f"input {at} reads `{name}`, which nothing before it makes", (at,)))
            value = Value(name, origin="made by nothing")
        values.append(value)
    return values, wrongs


def _misdeclared(name: str, made: str, told: str) -> Wrong:
    return Wrong(
        "declared", f"makes `{name}` of {types.readable(made)}, but the file declares it {types.readable(told)}"
    )


def _sharpened(value: Value, proto: TypeProto | None) -> Value:
    """A value with the shape that inference of the whole model found, where that says more."""
    if proto is None or value.kind not in ("", types.written(proto)):
        return value
    new = types.dims(proto)
    if new is None or (value.shape is not None and None not in value.shape):
        return value
    return replace(value, proto=proto)


def _called_with(node: NodeProto, given: Mapping[str, AttributeProto]) -> NodeProto:
    """A node of a function's body with the attributes that the call gives."""
    from onnx import NodeProto

    if not any(one.ref_attr_name for one in node.attribute):
        return node
    copy = NodeProto()
    copy.CopyFrom(node)
    del copy.attribute[:]
    for one in node.attribute:
        if not one.ref_attr_name:
            copy.attribute.add().CopyFrom(one)
        elif one.ref_attr_name in given:
            attribute = copy.attribute.add()
            attribute.CopyFrom(given[one.ref_attr_name])
            attribute.name = one.name
    return copy


def _call_key(node: NodeProto, inputs: Sequence[Value]) -> bytes:
    parts = [f"{domain_of(node.domain)}:{node.op_type}:{node.overload}".encode()]
    parts += [one.proto.SerializeToString(deterministic=True) if one.proto is not None else b"?" for one in inputs]
    parts += [one.constant.SerializeToString(deterministic=True) for one in inputs if one.constant is not None]
    parts += [one.SerializeToString(deterministic=True) for one in node.attribute]
    return b"\0".join(parts)
