"""What the project's own functions construct its models with: ``def net(): return Net(backbone=ResNet())``."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from convlint.analyzer.calls import Arguments, invoke
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo, dotted
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import (
    UNKNOWN,
    Class,
    Dict,
    Function,
    Instance,
    Layer,
    List,
    Name,
    Partial,
    Tuple,
    Value,
    join_all,
    members,
)
from convlint.source.walk import walk

_DEEPEST = 3
"""Builders that call builders: so many are gone up."""
_MOST = 8
"""Builders of one class that are interpreted: others make it of the same kinds of parts."""


class Builders:
    """The free functions of the reported files, looked at for what they give to the constructors of models."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._entered: set[FunctionInfo] = set()
        self._constructed: dict[ClassInfo, list[Arguments]] = defaultdict(list)

    def parts(self, cls: ClassInfo, init: FunctionInfo) -> dict[str, Value]:
        """What builders give to a constructor's parameters that may be modules or functions, where they give such.

        Numbers and flags are left out: they are what a user changes, and any builder's are but one choice.
        """
        names = [one.arg for one in (*init.node.args.posonlyargs, *init.node.args.args)][1:]
        parameters = list(_open_parameters(self._run, cls, init))
        builders = islice(self._outermost(cls.node.name, 0), _MOST) if parameters else ()
        for builder in builders:
            self._enter(builder)
        calls = self._constructed[cls]
        given = [dict(zip(names, call.positional, strict=False)) | call.keywords for call in calls]
        found = {name: [call[name] for call in given if name in call] for name in parameters}
        return {name: part for name, values in found.items() if (part := join_all(filter(_is_part, values))) != UNKNOWN}

    def _outermost(self, name: str, depth: int) -> Iterator[FunctionInfo]:
        """The functions that lead to a name, from those that nobody calls down."""
        for function in self._run.project.mentioning(name):
            callers = self._outermost(function.name, depth + 1) if depth < _DEEPEST else iter(())
            outer = next(callers, None)
            yield from (function,) if outer is None else chain((outer,), callers)

    def _enter(self, function: FunctionInfo) -> None:
        """Keep what classes are constructed with on the way to a model; a script that uses models is no builder."""
        if function in self._entered:
            return
        self._entered.add(function)
        frame = Frame(function.module, traced=False)
        call = ast.Name(id=function.name, lineno=1, col_offset=0)
        calls = self._run.constructed = []
        try:
            with self._run.for_all():
                made = invoke(self._run, frame, call, Function(function), Arguments())
        finally:
            self._run.constructed = None
        for cls, arguments in calls if _is_part(made) else ():
            self._constructed[cls].append(arguments)


def _open_parameters(run: Run, cls: ClassInfo, init: FunctionInfo) -> Iterator[str]:
    """The parameters of a constructor of which only its callers know which module or function they are."""
    run.rest_on(init, *(method for one in run.mro(cls) for method in one.methods.values()))
    pairs = [(one, default) for one, default in init.parameters[1:] if not _is_plain(run, init.module, one.annotation)]
    yield from (parameter.arg for parameter, default in pairs if default is None)
    optional = {parameter.arg for parameter, default in pairs if default is not None and _is_none(default)}
    kept = dict(_kept(init, optional))
    called = _called_attributes(run.mro(cls)) if kept else set()
    yield from (name for name, attribute in kept.items() if attribute in called)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _kept(init: FunctionInfo, names: set[str]) -> Iterator[tuple[str, str]]:
    """Which of some parameters a constructor keeps as they are, and in which attribute."""
    for part in walk(init.node) if names else ():
        if isinstance(part, ast.Assign) and isinstance(part.value, ast.Name) and part.value.id in names:
            yield from ((part.value.id, one.attr) for one in part.targets if isinstance(one, ast.Attribute))


def _called_attributes(order: Sequence[ClassInfo]) -> set[str]:
    """The attributes that a class calls, or of which it calls methods."""
    methods = [method.node for cls in order for method in cls.methods.values()]
    calls = (part for node in methods for part in walk(node) if isinstance(part, ast.Call))
    return {name for call in calls for name in _of_self(call.func)}


def _of_self(function: ast.expr) -> Iterator[str]:
    """``a`` of ``self.a`` and of ``self.a.method``."""
    parts = dotted(function).split(".")
    yield from parts[1:2] if len(parts) in (2, 3) else ()


_PLAIN = frozenset(
    [
        "Dict",
        "List",
        "Literal",
        "None",
        "Optional",
        "Sequence",
        "Tensor",
        "Tuple",
        "Union",
        "bool",
        "device",
        "dict",
        "dtype",
        "float",
        "int",
        "list",
        "str",
        "torch",
        "tuple",
        "typing",
    ]
)
"""What annotations of tensors, numbers, texts and of collections of these are written with."""


def _is_plain(run: Run, module: ModuleInfo, annotation: ast.expr | None) -> bool:
    """Whether an annotation says that there is no module and no function, but numbers, say, or their configuration."""
    if annotation is None:
        return False
    parts = walk(annotation)
    if any(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts):
        return False
    names = {part.id for part in parts if isinstance(part, ast.Name)}
    names |= {part.attr for part in parts if isinstance(part, ast.Attribute)}
    return all(_is_configuration(run.global_name(module, name)) for name in names - _PLAIN)


def _is_configuration(value: Value | None) -> bool:
    """Whether a class of the project does nothing but hold values."""
    return isinstance(value, Class) and not value.info.bases and _is_silent(value.info)


def _is_silent(cls: ClassInfo) -> bool:
    """Whether a class has no methods but Python's own."""
    return all(name.startswith("__") for name in cls.methods)


def _is_part(value: Value) -> bool:
    """Whether a value is a module, a function, or a collection of such."""
    return any(_carries(one) for one in members(value))


def _carries(value: Value) -> bool:
    if isinstance(value, Tuple):
        return any(_is_part(item) for item in value.items)
    if isinstance(value, List):
        return value.element is not None and _is_part(value.element)
    if isinstance(value, Dict):
        return _is_part(value.any())
    if isinstance(value, Instance):
        return not _is_silent(value.cls)
    return isinstance(value, (Class, Function, Layer, Partial)) or (
        isinstance(value, Name) and value.qualified.startswith("torch.nn.")
    )
