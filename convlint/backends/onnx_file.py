"""The operators of an ONNX file, with dtypes and the source lines that the exporter left in it."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from convlint.backends import sizes
from convlint.backends.chains import foreign, is_chain, known_chains, mixed, situations
from convlint.backends.facts import DTYPES, OLDEST_OPSET, newest_known
from convlint.backends.uses import FILE, Definition, Operator, OperatorUse, Place, Subject
from convlint.errors import UsageError
from convlint.graph import files, schemas, structure
from convlint.graph.constants import tensor_type
from convlint.graph.definition import made_of
from convlint.graph.values import ABSENT, Value
from convlint.source.place import of_node

DEFAULT_DOMAINS = ("", "ai.onnx")
_MOST_OPSET = 1 << 16
_SMALL = 1024
"""Bytes of a constant that type inference may need to look at; larger ones are weights."""
_MISFIT = re.compile(
    r"op_type:(\w+), node name: ([^)]*)\): \[ShapeInferenceError\] "
    r"(?:Incompatible dimensions|All inputs to \w+ must have same rank)"
)
_TARGET = re.compile(r"target=(?:torch\.ops\.)?([\w.]+)")


def read(path: Path) -> Subject:
    """Reads a file; weights that are stored beside it are not read.

    Raises:
        UsageError: it is no ONNX model, or the package onnx is missing.
    """
    model = files.read(path)
    opsets = {one.domain: one.version for one in model.opset_import}
    opset = next((opsets[one] for one in DEFAULT_DOMAINS if one in opsets), 0)
    if not model.graph.node or not 0 < opset < _MOST_OPSET:
        raise UsageError(f"{path}: is no ONNX model (no node, or no opset); name a file that an exporter wrote")
    nodes = list(_nodes(model))
    types = _types(model)
    collected = _Collected(types, opset)
    fixed = _fixed(model.graph, types.static)
    for node in nodes:
        collected.add(node, is_fixed=bool(node.output) and node.output[0] in fixed)
    for chain, parts in situations(model.graph, types.shapes):
        if chain in known_chains():
            collected.count(Operator(chain, types.dtypes.get(parts[0].input[0], "")), parts[-1])
    for node in model.graph.node:  # names in the graphs of others may mean two values
        wrong = [foreign(node.op_type, place) for place in collected.foreign(node)]
        wrong += [mixed(node.op_type)] if collected.is_mixed(node) else []
        for one in known_chains().intersection(wrong):
            collected.count(Operator(one), node)
    producer = _printable(f"{model.producer_name} {model.producer_version}").strip()
    uses = tuple(collected.uses())
    return Subject(
        str(path),
        uses,
        opset,
        producer,
        len(nodes),
        int(model.ir_version),
        types.contradiction,
        rows=collected.rows(),
    )


def _nodes(model: Any) -> Iterator[Any]:
    """All nodes, those of subgraphs and, instead of their calls, of the model's own functions too."""
    own = {(one.domain, one.name): one for one in model.functions}
    entered: set[tuple[str, str]] = set()
    waiting = list(reversed(model.graph.node))
    while waiting:
        node = waiting.pop()
        key = (node.domain, node.op_type)
        if key in own:
            if key not in entered:
                entered.add(key)
                waiting.extend(reversed(own[key].node))
            continue
        yield node
        for graph in _inside(node):
            waiting.extend(reversed(graph.node))


def _graphs(graph: Any) -> Iterator[Any]:
    waiting = [graph]
    while waiting:
        one = waiting.pop()
        yield one
        for node in one.node:
            waiting += _inside(node)


def _inside(node: Any) -> list[Any]:
    """The graphs in a node's attributes."""
    return [graph for one in node.attribute for graph in ([one.g] if one.HasField("g") else []) + list(one.graphs)]


class _Types(NamedTuple):
    """What the values of a model are, as far as the file says or onnx infers it."""

    dtypes: dict[str, str]
    values: dict[str, Value]
    """The same with their types as ONNX has them."""
    shapes: dict[str, list[int]]
    """Where the rank is known; an unknown size is 0."""
    static: set[str]
    """Those of which all sizes are known."""
    contradiction: str
    """Where its shapes cannot be, empty where nothing is seen."""


def _types(model: Any) -> _Types:
    import onnx

    slim = onnx.ModelProto()
    slim.CopyFrom(model)
    for graph in _graphs(slim.graph):
        for weight in graph.initializer:
            if weight.ByteSize() > _SMALL:
                for large in ("raw_data", "float_data", "int32_data", "int64_data", "double_data", "uint64_data"):
                    weight.ClearField(large)
    contradiction = ""
    if structure.expanded(slim) <= structure.MOST_NODES:
        contradiction = _contradiction(slim)
        with suppress(Exception):  # what the file itself says is left
            slim = sizes.inferred(slim)
    dtypes: dict[str, str] = {}
    values: dict[str, Value] = {}
    shapes: dict[str, list[int]] = {}
    static: set[str] = set()
    for graph in _graphs(slim.graph):
        for value in (*graph.input, *graph.output, *graph.value_info):
            tensor = value.type.tensor_type
            dtypes[value.name] = _dtype(tensor.elem_type)
            values[value.name] = Value(value.name, value.type)
            shapes[value.name] = [one.dim_value for one in tensor.shape.dim]
            if tensor.HasField("shape") and all(one.HasField("dim_value") for one in tensor.shape.dim):
                static.add(value.name)
        dtypes |= {weight.name: _dtype(weight.data_type) for weight in graph.initializer}
        values |= {weight.name: Value(weight.name, tensor_type(weight)) for weight in graph.initializer}
    return _Types({name: dtype for name, dtype in dtypes.items() if dtype}, values, shapes, static, contradiction)


def _fixed(graph: Any, static: set[str]) -> set[str]:
    """What is computed of constants and known sizes alone."""
    fixed = {one.name for one in graph.initializer} - {one.name for one in graph.input}
    for node in graph.node:
        of_sizes = node.op_type in ("Shape", "Size") and node.input[0] in static
        of_fixed = fixed.issuperset(filter(None, node.input)) and not node.op_type.startswith("Random")
        if of_sizes or (of_fixed and not _inside(node)):
            fixed.update(filter(None, node.output))
    return fixed


def _contradiction(slim: Any) -> str:
    """Where sizes do not go together, whatever the numbers: weights without their values stand in as inputs."""
    import onnx

    typed = onnx.ModelProto()
    typed.CopyFrom(slim)
    graph, known = typed.graph, {one.name for one in slim.graph.input}
    kept = [one for one in graph.initializer if math.prod(one.dims) * 8 <= _SMALL]
    for weight in (one for one in slim.graph.initializer if math.prod(one.dims) * 8 > _SMALL):
        if weight.name not in known:
            graph.input.append(onnx.helper.make_tensor_value_info(weight.name, weight.data_type, weight.dims))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    try:
        onnx.shape_inference.infer_shapes(typed, strict_mode=True, data_prop=True)
    except Exception as error:
        found = _MISFIT.search(str(error))
        return f"its sizes do not go together at {found[1]} `{_printable(found[2])}`" if found else ""
    return ""


@cache
def _dtype(kind: int) -> str:
    """``float32``, as torch calls it; empty where the number stands for nothing."""
    import onnx

    if not kind:
        return ""
    try:
        name: str = onnx.TensorProto.DataType.Name(kind).lower()
    except ValueError:
        return ""
    return DTYPES.get(name, name)


def _printable(text: str) -> str:
    """A name on one line, whatever the file says."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


class _Collected:
    """The nodes that are alike, together: one use of an operator with one set of dtypes."""

    def __init__(self, types: _Types, opset: int) -> None:
        self._dtypes = types.dtypes
        self._values = types.values
        self._opset = opset
        self._definitions: dict[Operator, dict[int, Definition]] = {}
        self._counts: dict[Operator, int] = {}
        self._calls: dict[Operator, dict[str, None]] = {}
        self._places: dict[Operator, dict[Place, None]] = {}
        self._makers: dict[str, Operator] = {}
        self._varying: set[Operator] = set()

    def add(self, node: Any, *, is_fixed: bool) -> None:
        """One more node."""
        operator = self._operator(node)
        self._define(operator, node)
        if not is_fixed:
            self._varying.add(operator)
        self.count(operator, node)
        self._makers |= {name: operator for name in node.output if name}

    def count(self, operator: Operator, node: Any) -> None:
        """One more use of an operator, with what a node tells of it."""
        self._counts[operator] = self._counts.get(operator, 0) + 1
        told = {one.key: one.value for one in node.metadata_props}
        call, line = _call(told), of_node(node)
        if call:
            self._calls.setdefault(operator, {})[call] = None
        if line is not None:
            self._places.setdefault(operator, {})[Place(*line[:2])] = None

    def uses(self) -> Iterator[OperatorUse]:
        """The uses, in the order of the file."""
        for operator, count in self._counts.items():
            yield OperatorUse(
                {FILE: ((0, (operator,)),)},
                tuple(self._calls.get(operator, ())),
                tuple(self._places.get(operator, ())),
                count,
                definitions=self._definitions.get(operator, {}),
                is_fixed=operator not in self._varying and not is_chain(operator.name),
            )

    def rows(self) -> dict[str, int]:
        """What nodes make to the places of their uses."""
        places = {operator: at for at, operator in enumerate(self._counts)}
        return {name: places[operator] for name, operator in self._makers.items()}

    def _operator(self, node: Any) -> Operator:
        first = self._dtypes.get(node.input[0], "") if node.input else ""
        if node.domain not in DEFAULT_DOMAINS:
            return Operator(_printable(f"{node.domain}::{node.op_type}"), first)
        bound: dict[str, str] = {}
        for parameter, dtype in self._bound(node):
            bound.setdefault(parameter, dtype)
        return Operator(_printable(node.op_type), first, tuple(sorted(bound.items())))

    def _define(self, operator: Operator, node: Any) -> None:
        """Notes what ONNX makes a node of, beside what it makes others like it of."""
        domain = schemas.domain_of(node.domain)
        defined = _functions(node.op_type) if domain == schemas.DEFAULT else ()
        if not defined:
            return
        inputs = [self._values.get(name, Value(name)) if name else ABSENT for name in node.input]
        known = self._definitions.setdefault(operator, {})
        for opset, mine in made_of(node, domain, defined, inputs).items():
            others = known.get(opset, ())
            known[opset] = None if mine is None or others is None else tuple(dict.fromkeys((*others, *mine)))

    def is_mixed(self, node: Any) -> bool:
        """Whether a node has several dtypes where its schema wants one."""
        bound = set(self._bound(node))
        return node.domain in DEFAULT_DOMAINS and len(bound) > len({parameter for parameter, _ in bound})

    def foreign(self, node: Any) -> Iterator[int]:
        """The places of inputs of which a node's schema has one dtype, and which have another."""
        wanted = _wanted(node.op_type, self._opset) if node.domain in DEFAULT_DOMAINS else ()
        for place, (name, dtype) in enumerate(zip(node.input, wanted, strict=False)):
            if dtype and self._dtypes.get(name, dtype) != dtype:
                yield place

    def _bound(self, node: Any) -> Iterator[tuple[str, str]]:
        """The type parameters of a node of ONNX's, with what each of its values makes of them."""
        inputs, outputs = _formals(node.op_type, self._opset)
        for names, formal in ((node.input, inputs), (node.output, outputs)):
            for i, name in enumerate(names if formal else ()):
                parameter, dtype = formal[min(i, len(formal) - 1)], self._dtypes.get(name, "")
                if parameter and dtype:
                    yield parameter, dtype


@cache
def _functions(operator: str) -> tuple[int, ...]:
    """The opsets at which one of ONNX's operators is a function."""
    opsets = range(OLDEST_OPSET, newest_known() + 1)
    return tuple(opset for opset in opsets if schemas.is_function(operator, schemas.DEFAULT, opset))


@cache
def _formals(operator: str, opset: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The type parameters of an operator's inputs and outputs; '' where an input has none, or one for any mix."""
    from onnx import defs

    try:
        schema = defs.get_schema(operator, opset, "")
    except defs.SchemaError:
        return (), ()
    parameters = {one.type_param_str for one in schema.type_constraints}
    named: Callable[[Any], str] = lambda one: one.type_str if one.type_str in parameters and one.is_homogeneous else ""  # noqa: E731
    return tuple(map(named, schema.inputs)), tuple(map(named, schema.outputs))


@cache
def _wanted(operator: str, opset: int) -> tuple[str, ...]:
    """The only dtype of each of an operator's inputs, '' where it may have several."""
    from onnx import defs

    try:
        schema = defs.get_schema(operator, opset, "")
    except defs.SchemaError:
        return ()
    single = [tuple(one.types) if len(one.types) == 1 else ("",) for one in schema.inputs]
    told = [kind.removeprefix("tensor(").removesuffix(")") for (kind,) in single]
    return tuple(DTYPES.get(one, one) for one in told)


def _call(told: dict[str, str]) -> str:
    """The operator of torch that a node was made from: ``aten.cumsum.default``."""
    target = _TARGET.search(told.get("pkg.torch.onnx.fx_node", ""))
    return target[1] if target else _innermost(told.get("pkg.torch.onnx.class_hierarchy", "[]"))


@lru_cache
def _innermost(hierarchy: str) -> str:
    try:
        last = ast.literal_eval(hierarchy)[-1:]
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ""
    return last[0] if last and isinstance(last[0], str) and last[0].startswith("aten.") else ""
