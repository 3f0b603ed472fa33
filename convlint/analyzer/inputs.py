"""Inputs that no exporter takes, that a model does nothing with, or gives other axes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from convlint.analyzer.annotations import TENSORS, from_annotation, unquoted
from convlint.analyzer.index import ClassInfo, FunctionInfo, dotted
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Name, Tensor, tensor_of
from convlint.events import ReshapedInput, UnusedInput
from convlint.source.walk import walk

_CONSTANT = frozenset(["device", "dtype", "is_cuda", "requires_grad", "layout"])
"""Attributes of a tensor that tracers keep as what they are for the example."""
_ALL_NAMES = frozenset(["locals", "vars"])
_REFUSED = frozenset(["numpy.ndarray", "numpy.typing.NDArray", "PIL.Image.Image"])
"""Of these no exporter takes an input: measured with an array, a list of arrays and an image."""
_REFUSED_NAMES = frozenset(name.rpartition(".")[2] for name in _REFUSED)


def are_refused(run: Run, forward: FunctionInfo) -> bool:
    """Whether a ``forward`` must be given what no exporter takes: it calls models, and is none."""
    return any(
        default is None and parameter.annotation is not None and _is_refused(run, forward, parameter.annotation)
        for parameter, default in forward.parameters[1:]
    )


def _is_refused(run: Run, forward: FunctionInfo, annotation: ast.expr) -> bool:
    names = [part for part in walk(unquoted(annotation)) if isinstance(part, (ast.Name, ast.Attribute))]
    ends = [dotted(name).rpartition(".")[2] for name in names]
    asked = [name for name, end in zip(names, ends, strict=True) if end in _REFUSED_NAMES]
    said = [run.evaluate(Frame(forward.module, traced=False), name) for name in asked]
    return TENSORS.isdisjoint(ends) and any(isinstance(one, Name) and one.qualified in _REFUSED for one in said)


def note(run: Run, cls: ClassInfo, forward: FunctionInfo) -> None:
    """Notes the tensors without a default of which the ``forward`` of a class asks no value and no size."""
    run.rest_on(forward)
    if forward.cls is not cls or isinstance(forward.node, ast.Lambda) or _is_declared(forward.node.body):
        return
    read = set(_read(forward.node))
    frame = Frame(forward.module, forward, statement=forward.node)
    for parameter, default in forward.parameters[1:]:
        name = parameter.arg
        if default is not None or name.startswith("_") or not read.isdisjoint([name, *_ALL_NAMES]):
            continue
        annotated = from_annotation(run, forward.module, parameter.annotation)
        if (parameter.annotation is None or tensor_of(annotated) is not None) and not is_one_of_several(run, cls):
            at = ast.copy_location(ast.Name(name, ast.Load()), parameter)
            run.emit(frame, UnusedInput, at, name, (), model=cls.node.name, name=name)


def note_reshaped(run: Run, frame: Frame, node: ast.expr, tensor: Tensor) -> None:
    """Notes ``mask.unsqueeze_(1)`` of what the ``forward`` of a model is given."""
    name, model = run.inputs.get(tensor.ident), run.model(frame)
    if name and model and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        run.emit(frame, ReshapedInput, node, "", (), model=model, name=name, method=node.func.attr)


def is_one_of_several(run: Run, cls: ClassInfo) -> bool:
    """Whether others say what a class is given: a base with a ``forward``, a table of classes, a decorator."""
    if cls.node.decorator_list or run.method(cls, "forward", after=cls) is not None:
        return True
    defined = [value for value in cls.module.names.values() if isinstance(value, ast.expr)]
    listed = [part for value in defined for table in walk(value) for part in _parts(table)]
    return any(isinstance(part, ast.Name) and part.id == cls.node.name for part in listed)


def _parts(table: ast.AST) -> Sequence[ast.expr]:
    if isinstance(table, ast.Dict):
        return table.values
    return table.elts if isinstance(table, (ast.List, ast.Tuple, ast.Set)) else ()


def _is_declared(body: list[ast.stmt]) -> bool:
    """Whether a method says nothing but what others are to define."""
    return all(
        isinstance(one, (ast.Pass, ast.Raise)) or isinstance(getattr(one, "value", 0), ast.Constant) for one in body
    )


def _read(node: ast.AST) -> Iterator[str]:
    """The names of which more is read than what tracers take for constant."""
    parts = walk(node)
    constant = {part.value for part in parts if isinstance(part, ast.Attribute) and part.attr in _CONSTANT}
    for part in parts:
        name = part.target if isinstance(part, ast.AugAssign) else part
        if isinstance(name, ast.Name) and (name is not part or isinstance(name.ctx, ast.Load)) and name not in constant:
            yield name.id
