"""What a class says of the models made of it: their mode and whether that matters, what they take and give."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer.export_facts import MODAL
from convlint.analyzer.index import ClassInfo, dotted
from convlint.analyzer.run import Run
from convlint.analyzer.values import Class, Name
from convlint.events import Model
from convlint.source.walk import walk

_DEEPEST = 8


def constructed(run: Run, made: ClassInfo | str) -> Model:
    """A new model of a class of the project, or of a layer of ``torch.nn`` by its qualified name."""
    if isinstance(made, str):
        layer = made.rpartition(".")[2]
        return Model(name=layer, training=True, modal=layer if layer in MODAL else "")
    order = run.mro(made)
    forward = run.method(made, "forward")
    arguments = forward.node.args if forward is not None else ast.arguments([], [], None, [], [], None, [])
    parameters = [one.arg for one in (*arguments.posonlyargs, *arguments.args)][1:]
    return Model(
        name=made.node.name,
        training=not any(_sets_mode(cls) for cls in order) and _is_plain(run, made),
        modal=_modal(run, made, set()),
        parameters=tuple(parameters),
        by_name=tuple(one.arg for one in arguments.kwonlyargs),
        any_name=arguments.kwarg is not None,
        gives_dict=forward is not None and not isinstance(forward.node, ast.Lambda) and _gives_dict(forward.node),
    )


def _gives_dict(forward: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function returns nothing but dicts that it makes itself."""
    parts = walk(forward)
    if any(isinstance(part, (ast.Yield, ast.YieldFrom, ast.FunctionDef, ast.Lambda)) for part in parts[1:]):
        return False  # whose returns are whose
    returned = [part.value for part in parts if isinstance(part, ast.Return)]
    assigned: dict[str, list[ast.expr]] = {}
    for part in parts:
        if isinstance(part, ast.Assign):
            for target in part.targets:
                if isinstance(target, ast.Name):
                    assigned.setdefault(target.id, []).append(part.value)
    stored = [part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
    dicts = {name for name, made in assigned.items() if all(map(_is_dict, made)) and len(made) == stored.count(name)}
    return bool(returned) and all(
        _is_dict(value) or (isinstance(value, ast.Name) and value.id in dicts) for value in returned
    )


def _is_dict(value: ast.expr | None) -> bool:
    made = isinstance(value, ast.Call) and dotted(value.func) in ("dict", "OrderedDict", "collections.OrderedDict")
    return made or isinstance(value, (ast.Dict, ast.DictComp))


def _is_plain(run: Run, cls: ClassInfo) -> bool:
    """Whether nothing but ``nn.Module`` and its layers stands above a class: others may choose the mode."""
    return all(base.startswith("torch.nn.") for base in run.outside_bases(cls))


def _sets_mode(cls: ClassInfo) -> bool:
    """Whether a class has its own idea of modes."""
    if "train" in cls.methods or "eval" in cls.methods:
        return True
    init = cls.methods.get("__init__")
    return init is not None and any(
        isinstance(part, ast.Attribute) and part.attr in ("eval", "train") for part in walk(init.node)
    )


def _modal(run: Run, cls: ClassInfo, seen: set[ClassInfo]) -> str:
    """The first layer in a class, or in the project's modules that it makes, that has two modes."""
    if cls in seen or len(seen) > 100:
        return ""
    seen.add(cls)
    inner: list[ClassInfo] = []
    for info in run.mro(cls):
        for name in _made(info):
            value = _resolved(run, info, name)
            if isinstance(value, Name) and value.qualified.startswith("torch.nn.modules."):
                value = Name(f"torch.nn.{value.qualified.rpartition('.')[2]}")
            if isinstance(value, Name) and value.qualified.startswith("torch.nn."):
                layer = value.qualified.removeprefix("torch.nn.")
                if layer in MODAL:
                    return layer
            elif isinstance(value, Class) and run.is_module(value.info):
                inner.append(value.info)
    return next((found for info in inner if (found := _modal(run, info, seen))), "")


def _made(cls: ClassInfo) -> Iterator[str]:
    """What the constructor of a class calls, by dotted names."""
    init = cls.methods.get("__init__")
    for part in walk(init.node) if init is not None else ():
        if isinstance(part, ast.Call) and (name := dotted(part.func)):
            yield name


def _resolved(run: Run, cls: ClassInfo, name: str) -> Class | Name | None:
    first, *rest = name.split(".")
    binding = cls.module.names.get(first)
    if binding is None or isinstance(binding, ast.expr):
        return None
    value = run.global_name(cls.module, first)
    for attribute in rest:
        if not isinstance(value, Name):
            return None
        value = run.member(value, attribute)
    return value if isinstance(value, (Class, Name)) else None
