"""The functions that a configuration names as entry points, found in the project."""

from __future__ import annotations

from dataclasses import dataclass

from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo
from convlint.analyzer.project import Project
from convlint.analyzer.run import Run
from convlint.analyzer.values import UNKNOWN, Class, Function, Instance, Name, Value
from convlint.entry_points import EntryPoint
from convlint.errors import UsageError, nearest
from convlint.source.discovery import is_file

_CALLED = ("forward", "__call__")


@dataclass(frozen=True)
class Entry:
    """A function that an exporter enters."""

    function: FunctionInfo
    owner: ClassInfo | Instance | None = None
    """What it is a method of: any object of a class, or one that a module made."""

    @property
    def model(self) -> str:
        """The class whose ``forward`` it is, by its file and its place there; empty for other functions."""
        if not isinstance(self.owner, ClassInfo) or self.function.name != "forward":
            return ""
        return place_of(self.owner.module.document.path, self.owner.module.classes.index(self.owner))


def place_of(path: str, at: int) -> str:
    """A class by its file and its place there."""
    return f"{path}:{at}"


def entry_at(run: Run, point: EntryPoint) -> Entry | None:
    """The function that is named; None of one in a file that does not parse, which is reported as such.

    Raises:
        UsageError: a name leads nowhere.
    """
    module = _module(run.project, point)
    return None if module is None else _entry(run, module, point)


def _module(project: Project, point: EntryPoint) -> ModuleInfo | None:
    parts = point.module.split(".")
    for folder in point.folders:
        stem = folder.joinpath(*parts)
        for path in (stem / "__init__.py", stem.with_name(f"{stem.name}.py")):
            if is_file(path):
                return project.read(path)
    named = project.module(point.module)
    if named is None:
        hint = nearest(point.module, project.names)
        raise _wrong(point, f"no module `{point.module}` is in {point.base} or its folder `src`{hint}")
    return named


def _entry(run: Run, module: ModuleInfo, point: EntryPoint) -> Entry:
    first, *rest = point.qualname.split(".")
    try:
        value = run.global_name(module, first)
        entry = _reached(run, value, point, rest) if value is not None else None
    except RecursionError:  # nested too deeply to be followed
        value, entry = UNKNOWN, None
    if value is None:
        raise _wrong(point, f"`{first}` is not in {module.document.path}{nearest(first, module.names)}")
    if entry is None:
        raise _wrong(
            point, f"`{point.qualname}` is no function or class whose source can be read; name the one that it calls"
        )
    return entry


def _reached(run: Run, value: Value, point: EntryPoint, rest: list[str]) -> Entry | None:
    """What the names behind dots lead to, from a module-level value on."""
    for i, name in enumerate(rest):
        if isinstance(value, Name):
            value = run.member(value, name)
            continue
        if not isinstance(value, (Class, Instance)):
            return None
        cls = value.info if isinstance(value, Class) else value.cls
        nested = next((c for c in cls.module.classes if c.qualname == f"{cls.qualname}.{name}"), None)
        if nested is not None:
            value = Class(nested)
            continue
        method = run.method(cls, name)
        if method is None or i < len(rest) - 1:
            raise _wrong(point, f"`{name}` is no method of `{cls.qualname}`{nearest(name, _methods(run, cls))}")
        return Entry(method, cls if isinstance(value, Class) else value)
    if isinstance(value, Name):
        value = run.resolve(value) or value
    if isinstance(value, Function):
        return Entry(value.info, value.bound if isinstance(value.bound, Instance) else value.info.cls)
    if isinstance(value, (Class, Instance)):
        return _called(run, value, point)
    return None


def _called(run: Run, value: Class | Instance, point: EntryPoint) -> Entry:
    cls = value.info if isinstance(value, Class) else value.cls
    for name in _CALLED:
        method = run.method(cls, name)
        if method is not None:
            return Entry(method, cls if isinstance(value, Class) else value)
    raise _wrong(
        point,
        f"`{cls.qualname}` has no `forward` and no `__call__` in this project; "
        f"name the method, `{point.module}:{cls.qualname}.method`",
    )


def _methods(run: Run, cls: ClassInfo) -> set[str]:
    return {name for one in run.mro(cls) for name in one.methods}


def _wrong(point: EntryPoint, what: str) -> UsageError:
    return UsageError(f"{point.source}: `entry-points`: `{point.name}`: {what}")
