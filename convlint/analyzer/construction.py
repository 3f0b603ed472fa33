"""Objects of the project's classes, as their ``__init__`` makes them."""

from __future__ import annotations

import ast
from typing import Any

from convlint.analyzer import layers
from convlint.analyzer.annotations import instance_by_annotation
from convlint.analyzer.calls import Arguments, call_value, invoke
from convlint.analyzer.index import ClassInfo, dotted
from convlint.analyzer.run import Frame, Run, is_module_name
from convlint.analyzer.values import UNKNOWN, Class, Const, Function, Instance, Name, Number, Unknown, Value, signature
from convlint.events import Taint


def instantiate(run: Run, frame: Frame, node: ast.expr, cls: ClassInfo, arguments: Arguments) -> Value:
    """An object of a class of the project, its ``__init__`` interpreted."""
    if run.constructed is not None:
        run.constructed.append((cls, arguments))
    outside = run.outside_bases(cls)
    if any(base.rpartition(".")[2] in ("Enum", "IntEnum", "StrEnum") for base in outside):
        return UNKNOWN
    is_module = any(is_module_name(base) for base in outside)
    names: dict[int | str, int] = {}
    key: Any = ("new", cls.module.name, cls.qualname, cls.node.lineno)
    if is_module:
        parts = [signature(v, names) for v in arguments.positional]
        key = (*key, tuple(parts), tuple((k, signature(v, names)) for k, v in arguments.keywords.items()))
        if key in run.memo:
            return run.recall(key)
    container = _container(run, cls, outside, arguments)
    if container is not None:
        return container
    pattern = None if is_module else _pattern(run, frame, key, arguments)
    if pattern is not None and pattern in run.memo:
        return _copy(run.recall(pattern))
    state, since = _state(run), run.now
    instance = Instance(cls)
    if run.depth >= run.depth_limit or key in run.active:
        return instance
    if is_module:
        run.remember(key, instance, since)
        if frame.traced:
            run.made_in_call.add(instance.serial)
    init = None if _has_made_init(cls) else run.method(cls, "__init__")
    new = Frame(frame.module, frame.function, frame, routes=frame.routes, traced=frame.traced and not is_module)
    new.statement = frame.statement
    if init is not None:
        run.active.add(key)
        try:
            invoke(run, new, node, Function(init, instance), arguments)
        finally:
            run.active.discard(key)
    else:
        _fields(run, instance, arguments)
        post = run.method(cls, "__post_init__")
        if post is not None:
            call_value(run, new, node, Function(post, instance))
    if is_module:
        run.remember(key, instance, since)
    if pattern is not None and state == _state(run) and all(map(_is_plain, instance.attributes.values())):
        run.remember(pattern, _copy(instance), since)
    return instance


def _copy(made: Value) -> Instance:
    """Another object like one whose attributes are plain values."""
    assert isinstance(made, Instance)
    return Instance(made.cls, dict(made.attributes))


def _pattern(run: Run, frame: Frame, key: tuple[Any, ...], arguments: Arguments) -> Any:
    """What makes objects of a plain class alike, None where it is more than plain values."""
    if arguments.more or not all(map(_is_plain, arguments.all())):
        return None
    given = tuple(map(signature, arguments.positional))
    named = tuple((name, signature(value)) for name, value in arguments.keywords.items())
    return (*key, given, named, frame.traced, frame.routes, run.scripting > 0)


def _is_plain(value: Value) -> bool:
    """Whether a value can be shared: nothing is written to it, and nothing tells it from another."""
    return isinstance(value, (Const, Name, Class)) or (
        isinstance(value, (Unknown, Number)) and value.taint is Taint.none and not getattr(value, "symbol", "")
    )


def _state(run: Run) -> tuple[object, ...]:
    """What of a run a call may change besides what it is given."""
    return len(run.memory.written), run.facts, run.written, len(run.hooks) + len(run.pre_hooks), len(run.autocast)


def _has_made_init(cls: ClassInfo) -> bool:
    """Whether ``@dataclass`` writes the class's own ``__init__`` (a base's is not called then)."""
    decorators = [dotted(d.func if isinstance(d, ast.Call) else d) for d in cls.node.decorator_list]
    return "__init__" not in cls.methods and any(d.rpartition(".")[2] == "dataclass" for d in decorators)


def _container(run: Run, cls: ClassInfo, outside: list[str], arguments: Arguments) -> Value | None:
    """Subclasses of ``nn.Sequential``/``ModuleList`` that add nothing behave as those."""
    for base in outside:
        last = base.rpartition(".")[2]
        if last in ("Sequential", "ModuleList") and "forward" not in cls.methods and "__init__" not in cls.methods:
            return layers.module_list(last, arguments)
    return None


def _fields(run: Run, instance: Instance, arguments: Arguments) -> None:
    """A dataclass or NamedTuple: fields by annotation, in order."""
    names: list[str] = []
    for info in reversed(run.mro(instance.cls)):
        names += [n for n in info.annotations if n not in names]
    declared = instance_by_annotation(run, instance.cls)
    for name, value in zip(names, arguments.positional, strict=False):
        instance.attributes[name] = value
    instance.attributes |= arguments.keywords
    if isinstance(declared, Instance):
        for name in names:
            for info in run.mro(instance.cls):
                if name in info.assigned and name not in instance.attributes:
                    instance.attributes[name] = run.evaluate(Frame(info.module, traced=False), info.assigned[name])
