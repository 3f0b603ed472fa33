"""What a model returns beside what it computes: values of Python's own, and its inputs."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Const, Dict, List, Number, Tensor, Tuple, Value
from convlint.events import PlainOutput, ReturnedInput, Taint


def note(run: Run, frame: Frame, node: ast.expr | None, value: Value) -> None:
    """Notes values of Python's own, and inputs as they are, among what the ``forward`` of a model returns."""
    model = run.model(frame)
    if node is None or not model:
        return
    parts = list(_parts(node, value))
    inputs = [_input(run, one.value) for _, one in parts]
    for (part, one), name in zip(parts, inputs, strict=True):
        kind = _kind(one.value)
        if kind:
            run.emit(frame, PlainOutput, part, "", (), model=model, kind=kind, inside=one.inside)
        elif name and not all(inputs):
            with run.on_routes(frame, frozenset({"onnx_dynamo"})):
                run.emit(frame, ReturnedInput, part, "", (), model=model, name=name, inside=one.inside)


def _input(run: Run, value: Value) -> str:
    """The name of the input that a value is, unless it has been written to."""
    if not isinstance(value, Tensor) or value.storage in run.memory.written:
        return ""
    return run.inputs.get(value.ident, "")


class _Part(NamedTuple):
    value: Value
    inside: bool = False
    """Whether it is in what is written there."""


def _parts(node: ast.expr, value: Value, inside: bool = False) -> Iterator[tuple[ast.expr, _Part]]:
    """The outputs, each where it is written as far as that is seen."""
    if isinstance(value, Dict):
        pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) and not inside else ()
        places = {key.value: at for key, at in pairs if isinstance(key, ast.Constant)}
        for name, one in value.items.items():
            yield from _parts(places.get(name, node), one, name not in places)
    elif isinstance(value, (Tuple, List)):
        items = value.items or ()
        written = node.elts if isinstance(node, (ast.Tuple, ast.List)) and not inside else []
        aligned = len(written) == len(items) and not any(isinstance(one, ast.Starred) for one in written)
        for i, one in enumerate(items):
            yield from _parts(written[i] if aligned else node, one, not aligned)
    else:
        yield node, _Part(value, inside)


def _kind(value: Value) -> str:
    """number, bool or text; empty for what else there is, and for sizes, which exporters make tensors of."""
    if isinstance(value, Const) and not value.size:
        return {bool: "bool", int: "number", float: "number", str: "text"}.get(type(value.value), "")
    if isinstance(value, Number) and value.taint is Taint.none and not value.dim:
        return {"bool": "bool", "int": "number", "float": "number"}.get(value.kind, "")
    return ""
