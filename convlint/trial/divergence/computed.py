"""What an exported graph computes: all of its intermediate tensors, in order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy
import torch

from convlint.graph import runtime
from convlint.trial.divergence.kept import Kept
from convlint.trial.divergence.tape import Budget, OverBudgetError, record
from convlint.trial.execute import told
from convlint.trial.wording import said_of_node

_CHUNK = 64
"""Nodes that are run at a time."""


class Computed(NamedTuple):
    """A tensor of a graph."""

    name: str
    value: Kept
    node: str
    """What gives it: operator and name."""
    constant: bool = False


class NodeError(Exception):
    """The runtime cannot compute a node."""

    def __init__(self, node: str, outputs: Sequence[str], message: str) -> None:
        super().__init__(message)
        self.node = node
        self.outputs = tuple(outputs)


class GraphValues(Protocol):
    """An exported graph whose intermediate tensors can be had."""

    outputs: tuple[str, ...]
    """The names of what it gives."""

    def run(self, args: tuple[Any, ...], budget: Budget) -> Iterator[Computed]:
        """All tensors on some inputs, in the order of the graph.

        Raises:
            NodeError: the runtime cannot compute one.
            OverBudgetError: it takes too much.
        """


@dataclass
class OnnxValues:
    """An ONNX file, run node by node in ONNX Runtime."""

    path: Path
    names: Sequence[str]
    outputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        import onnx

        self._model = onnx.load(self.path)
        self._graph = self._model.graph
        self._constants = {one.name: one for one in self._graph.initializer}
        self.outputs = tuple(one.name for one in self._graph.output)

    def run(self, args: tuple[Any, ...], budget: Budget) -> Iterator[Computed]:
        """All tensors on some inputs: constants first, then those of the nodes in order."""
        known = {given.name for given in self._graph.input}
        values: dict[str, Any] = {
            name: torch.as_tensor(value).detach().numpy()
            for name, value in zip(self.names, args, strict=True)
            if name in known
        }
        yield from self._all_constants()
        nodes = [node for node in self._graph.node if node.op_type != "Constant"]
        last = {name: i for i, node in enumerate(nodes) for name in _read(node)}
        for start in range(0, len(nodes), _CHUNK):
            if budget.over:
                raise OverBudgetError
            yield from self._chunk(nodes[start : start + _CHUNK], values)
            gone = [name for name in values if last.get(name, -1) < start + _CHUNK]
            for name in gone:
                del values[name]

    def _all_constants(self) -> Iterator[Computed]:
        import onnx

        for name, tensor in self._constants.items():
            yield from _computed(name, onnx.numpy_helper.to_array(tensor), f"initializer {name}", constant=True)
        for node in self._graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                value = onnx.numpy_helper.to_array(node.attribute[0].t)
                yield from _computed(node.output[0], value, f"Constant {node.name}", constant=True)

    def _chunk(self, nodes: list[Any], values: dict[str, Any]) -> Iterator[Computed]:
        """The tensors of some nodes, which become known."""
        try:
            made = self._made(nodes, values)
        except Exception as error:
            if len(nodes) == 1:
                raise NodeError(_label(nodes[0]), nodes[0].output, said_of_node(told(error))) from error
            for node in nodes:
                yield from self._chunk([node], values)
            return
        values |= made
        by_name = {name: node for node in nodes for name in node.output}
        for name, value in made.items():
            yield from _computed(name, value, _label(by_name[name]))

    def _made(self, nodes: list[Any], values: dict[str, Any]) -> dict[str, Any]:
        import onnx

        made = [name for node in nodes for name in node.output if name]
        read = {name for node in nodes for name in _read(node)} - set(made)
        model = onnx.ModelProto()
        model.CopyFrom(_without_graph(self._model))
        model.graph.name = "part"
        model.graph.node.extend(
            [node for node in self._graph.node if node.op_type == "Constant" and node.output[0] in read]
        )
        model.graph.node.extend(nodes)
        model.graph.initializer.extend([self._constants[name] for name in sorted(read & set(self._constants))])
        feed = {name: values[name] for name in sorted(read) if name in values and name not in self._constants}
        model.graph.input.extend([_declared(name, value) for name, value in feed.items()])
        model.graph.output.extend([onnx.ValueInfoProto(name=name) for name in made])
        session = runtime.session(model.SerializeToString())
        return dict(zip(made, session.run(made, feed), strict=True))


@dataclass
class ProgramValues:
    """What ``torch.export`` gave, as a module."""

    module: Any
    outputs: tuple[str, ...] = ()

    def run(self, args: tuple[Any, ...], budget: Budget) -> Iterator[Computed]:
        """The result of every operator that runs."""
        tape, made = record(self.module, args, budget)
        for i, result in enumerate(tape.results):
            operator = tape.calls[result.call].operator
            yield Computed(f"{i}", result.value, operator)
        if tape.error:
            raise NodeError(tape.calls[-1].operator if tape.calls else "", (), str(tape.error))
        yield from self._results(made)

    def _results(self, made: Any) -> Iterator[Computed]:
        leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(made) if isinstance(leaf, torch.Tensor)]
        self.outputs = tuple(f"output {i}" for i in range(len(leaves)))
        for name, leaf in zip(self.outputs, leaves, strict=True):
            yield Computed(name, Kept.of(leaf), name)


@dataclass
class TraceValues:
    """What ``torch.jit.trace`` gave."""

    module: Any
    outputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        graph, self._parameters = torch._C._jit_pass_lower_graph(self.module.inlined_graph.copy(), self.module._c)
        self.outputs = tuple(f"output {i}" for i in range(len(list(graph.outputs()))))
        self._kinds = self._give_all(graph)
        self._function = torch._C._create_function_from_graph("forward", graph)

    def _give_all(self, graph: Any) -> list[tuple[str, str]]:
        """Makes a graph give copies of all of its tensors."""
        none = graph.insertConstant(None)
        none.node().moveBefore(next(iter(graph.nodes())))
        kinds, given = [], []
        for node in list(graph.nodes()):
            for value in node.outputs():
                if value.type().kind() == "TensorType":
                    copy = graph.create("aten::clone", [value, none], 1)
                    copy.output().setType(value.type())
                    copy.insertAfter(node)
                    given.append(copy.output())
                    kinds.append((value.debugName(), node.kind()))
        results = list(graph.outputs())
        everything = graph.insertNode(graph.create("prim::TupleConstruct", [*given, *results], 1))
        everything.output().setType(torch._C.TupleType([value.type() for value in (*given, *results)]))
        for _ in results:
            graph.eraseOutput(0)
        graph.registerOutput(everything.output())
        return kinds

    def run(self, args: tuple[Any, ...], budget: Budget) -> Iterator[Computed]:
        """The result of every operator."""
        if budget.over:
            raise OverBudgetError
        try:
            made = self._function(*args, *self._parameters)
        except RuntimeError as error:
            raise NodeError("", (), str(error)) from error
        inner, results = made[: len(self._kinds)], made[len(self._kinds) :]
        for (name, kind), value in zip(self._kinds, inner, strict=True):
            yield Computed(name, Kept.of(value), kind, kind == "prim::Constant")
        leaves = [leaf for leaf in torch.utils._pytree.tree_leaves(results) if isinstance(leaf, torch.Tensor)]
        self.outputs = tuple(f"output {i}" for i in range(len(leaves)))
        for name, leaf in zip(self.outputs, leaves, strict=True):
            yield Computed(name, Kept.of(leaf), name)


def _computed(name: str, value: Any, node: str, *, constant: bool = False) -> Iterator[Computed]:
    if isinstance(value, numpy.ndarray) and value.dtype.kind in "biufc":
        yield Computed(
            name, Kept.of(torch.as_tensor(numpy.ascontiguousarray(value).reshape(value.shape))), node, constant
        )


def _label(node: Any) -> str:
    return f"{node.op_type} {node.name}".strip()


def _read(node: Any) -> set[str]:
    """What a node reads, and what the graphs inside of it read from outside."""
    read = {name for name in node.input if name}
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            own = {one.name for one in (*graph.input, *graph.initializer)}
            for inner in graph.node:
                read |= _read(inner) - own
                own |= set(inner.output)
            read |= {one.name for one in graph.output} - own
    return read - {""}


def _without_graph(model: Any) -> Any:
    import onnx

    bare = onnx.ModelProto(ir_version=model.ir_version)
    bare.opset_import.extend(model.opset_import)
    bare.functions.extend(model.functions)
    return bare


def _declared(name: str, value: Any) -> Any:
    import onnx

    if isinstance(value, list):
        kind = onnx.helper.np_dtype_to_tensor_dtype(value[0].dtype) if value else onnx.TensorProto.FLOAT
        return onnx.helper.make_tensor_sequence_value_info(name, kind, None)
    kind = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
    # of what may be sizes the number counts: an unknown one is none to ONNX Runtime, which refuses a Resize then
    return onnx.helper.make_tensor_value_info(name, kind, value.shape if value.ndim == 1 else [None] * value.ndim)
