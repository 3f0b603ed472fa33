"""A file that is being written in: what an edit does not touch stays as the last run found it.

What is met on the way from an entry rests on what the functions and methods do that were entered or looked at
(``Trace.used``), on all of the file outside of functions, and on what was asked of other files. As long as all that is
the same, the same is met again, be it on other lines.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct, structs

from convlint.analyzer.index import ModuleInfo
from convlint.analyzer.interpreter import Interpreter
from convlint.analyzer.parts import FunctionOutline, Key, Outline, Part, Step, Trace
from convlint.analyzer.project import Answers, Questions
from convlint.events import DynamicShape, Event, InplaceWrite
from convlint.findings import Span
from convlint.source.document import Document
from convlint.source.reparsing import first_row
from convlint.source.walk import walk

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Seen(NamedTuple):
    """The part of one file, and the answers that it rests on, those of the file that is written in left open."""

    part: Part
    answers: Answers


@dataclass
class Before:
    """What the last run on a file found."""

    module: ModuleInfo
    parts: dict[Path, Seen] = field(default_factory=dict)


# --- the edit ----------------------------------------------------------------------------------------------------


class Edit:
    """What became of the statements of a file: what they do, and where they stand."""

    def __init__(self, before: ModuleInfo, now: ModuleInfo) -> None:
        self.path = now.document.path
        self.document = now.document
        self.changed: set[tuple[str, str]] = set()
        """The functions and methods, by file and name, that look the same but do something else."""
        self.names: set[str] = set()
        """The names that functions use which they did not use before, or use no more."""
        self._documents = before.document, now.document
        self._starts: list[int] = []
        self._shifts: list[int] = []
        self.known = self._compared(before.body, now.body, "")
        """Whether that is all: nothing else was added, removed or changed."""
        self.moves = any(self._shifts)

    def _compared(self, before: Sequence[ast.stmt], now: Sequence[ast.stmt], inside: str) -> bool:
        if len(before) != len(now):
            return False
        return all(self._is_known(old, new, inside) for old, new in zip(before, now, strict=True))

    def _is_known(self, old: ast.stmt, new: ast.stmt, inside: str) -> bool:
        starts = first_row(old), first_row(new)
        self._starts.append(starts[0])
        self._shifts.append(starts[1] - starts[0])
        if old is new or _text(self._documents[0], old) == _text(self._documents[1], new):
            return True
        if isinstance(old, ast.ClassDef) and isinstance(new, ast.ClassDef):
            return _look(old) == _look(new) and self._compared(old.body, new.body, f"{inside}{new.name}.")
        if not isinstance(old, _FUNCTIONS) or not isinstance(new, _FUNCTIONS) or _look(old) != _look(new):
            return self._is_same(old, new)
        if _look(old, placed=True) == _look(new, placed=True) and self._say_the_same(old.body, new.body):
            return True
        self.changed.add((self.path, f"{inside}{new.name}"))
        self.names |= _names(old) ^ _names(new)
        return True

    def _say_the_same(self, before: Sequence[ast.stmt], now: Sequence[ast.stmt]) -> bool:
        """Whether only comments of some statements are others."""
        return len(before) == len(now) and all(map(self._is_same, before, now))

    def _is_same(self, old: ast.stmt, new: ast.stmt) -> bool:
        if first_row(old) == first_row(new) and _text(self._documents[0], old) == _text(self._documents[1], new):
            return True
        return _dumped(old) == _dumped(new)

    def row(self, row: int) -> int:
        """Where a line is now."""
        at = bisect_right(self._starts, row) - 1
        return row + self._shifts[at] if at >= 0 else row

    def span(self, span: Span) -> Span:
        """Where a range is now."""
        return Span(self.row(span.row), span.column, self.row(span.end_row), span.end_column)

    def key(self, key: Key) -> Key:
        """What a function is called now."""
        return (key[0], key[1], self.row(key[2])) if key[0] == self.path else key

    def place(self, place: tuple[str, Span]) -> tuple[str, Span]:
        """Where an expression of any file is now."""
        return (place[0], self.span(place[1])) if place[0] == self.path else place


def _text(document: Document, node: ast.stmt) -> str:
    return "".join(document.lines[first_row(node) - 1 : node.end_lineno])


def _dumped(node: ast.AST) -> str:
    return ast.dump(node, include_attributes=True)


def _look(node: ast.stmt, *, placed: bool = False) -> str:
    """What others see of a function or class: all but its body; ``placed``: with where it stands."""
    return f"{type(node)} {[_seen(value, placed) for name, value in ast.iter_fields(node) if name != 'body']}"


def _seen(value: Any, placed: bool) -> object:
    if isinstance(value, list):
        return [_seen(one, placed) for one in value]
    return ast.dump(value, include_attributes=placed) if isinstance(value, ast.AST) else value


def _names(node: ast.stmt) -> set[str]:
    return {part.id for part in walk(node) if isinstance(part, ast.Name)}


# --- what is found again -----------------------------------------------------------------------------------------


class Again:
    """The parts of one run on a file that is written in; what of the last run holds is not read again."""

    def __init__(self, interpreter: Interpreter, path: Path, asked: Hashable) -> None:
        self._interpreter = interpreter
        self._project = interpreter.project
        self._path = path
        self._asked = path, asked
        module = self._project.given(path)
        self._now = None if module is None else Before(module)
        """What this run finds, None where the file does not parse."""
        self._before = self._project.files.before(self._asked)
        self._edit = None if self._before is None or module is None else Edit(self._before.module, module)

    def part(self, path: Path) -> Part:
        """All that a file shows by itself."""
        seen = self._holding(path)
        held = {} if seen is None else dict(self._held(seen.part))
        if seen is not None and self._is_whole(path, seen.part, held):
            part = replace(seen.part, traces=held)
            if path == self._path:
                part = self._moved(part)
        else:
            part = self._interpreter.part(path, held)
            if seen is not None:
                part.shared |= seen.part.shared
                part.asked = _both(part.asked, seen.part.asked)
        self._keep(path, part)
        return part

    def _is_whole(self, path: Path, part: Part, held: dict[Step, Trace]) -> bool:
        """Whether nothing is left to be read of a file, its outline included."""
        assert self._edit is not None
        return len(held) == len(part.traces) and (path != self._path or not self._edit.changed)

    def _moved(self, part: Part) -> Part:
        assert self._edit is not None
        return replace(
            part,
            outline=_moved_outline(part.outline, self._edit),
            plain=[_moved(event, self._edit) for event in part.plain],
        )

    def close(self) -> None:
        """The run is over: what it found is kept for the next one."""
        if self._now is not None:
            self._project.files.keep(self._asked, self._now)

    def _keep(self, path: Path, part: Part) -> None:
        if self._now is None or part.outline is None:
            return
        answers = self._project.answers(path, part.asked)
        states = {file: (self._state(Path(file)), given) for file, (_, given) in answers.files.items()}
        self._now.parts[path] = Seen(part, replace(answers, files=states))

    def _state(self, path: Path) -> str:
        """What tells the content of a file apart from others; that of the file itself is compared otherwise."""
        return "" if path == self._path else self._project.files.state(path)

    def _holding(self, path: Path) -> Seen | None:
        """What the last run found of a file, where all that it asked has the same answers today."""
        edit, seen = self._edit, None if self._before is None else self._before.parts.get(path)
        if edit is None or seen is None or not edit.known:
            return None
        part = seen.part
        if not edit.changed.isdisjoint(part.shared) or not edit.names.isdisjoint(part.asked.mentions):
            return None
        return seen if self._project.agrees(path, seen.answers, self._state) else None

    def _held(self, part: Part) -> Iterator[tuple[Step, Trace]]:
        assert self._edit is not None
        for step, trace in part.traces.items():
            if self._edit.changed.isdisjoint(trace.used) and not (self._edit.moves and _is_bound(trace)):
                yield step, _moved_trace(trace, self._edit)


def _both(one: Questions, other: Questions) -> Questions:
    return Questions(
        one.modules | other.modules,
        one.stars | other.stars,
        one.files | other.files,
        one.mentions | other.mentions,
        one.searched | other.searched,
    )


def _is_bound(trace: Trace) -> bool:
    """Whether an event tells of lines of which it is not known in which file they are."""
    return any(isinstance(event, InplaceWrite) and (event.read or event.view_row) for _, event in trace.found.values())


def _moved_trace(trace: Trace, edit: Edit) -> Trace:
    moved = Trace(
        visited=set(map(edit.key, trace.visited)),
        doubtful=set(map(edit.place, trace.doubtful)),
        decided={
            edit.place(place): {(*edit.place((path, span)), name) for path, span, name in uses}
            for place, uses in trace.decided.items()
        },
        scripted=trace.scripted,
        used=trace.used,
    )
    for (_, _, _, key), (rank, event) in trace.found.items():
        moved.note(_moved(event, edit), key, _moved_part(rank, edit))
    return moved


def _moved_outline(outline: Outline | None, edit: Edit) -> Outline | None:
    """An outline, with its functions as they are called now."""
    if outline is None or not edit.moves:
        return outline

    def moved(function: FunctionOutline) -> FunctionOutline:
        return function._replace(key=edit.key(function.key))

    classes = (
        cls._replace(
            forward=None if cls.forward is None else edit.key(cls.forward),
            inference=tuple(map(moved, cls.inference)),
            methods=tuple(map(moved, cls.methods)),
        )
        for cls in outline.classes
    )
    return outline._replace(classes=tuple(classes), functions=tuple(map(moved, outline.functions)))


def _moved(event: Event, edit: Edit) -> Event:
    """An event, where it stands now."""
    if event.document.path != edit.path:
        return event
    if not edit.moves:
        return structs.replace(event, document=edit.document)
    moved = {name: _moved_part(getattr(event, name), edit) for name in event.__struct_fields__}
    if isinstance(event, DynamicShape):
        moved["decided_on"] = tuple(map(edit.place, event.decided_on))
    return type(event)(**moved | {"document": edit.document})


def _moved_part(value: Any, edit: Edit) -> Any:
    if isinstance(value, Span):
        return edit.span(value)
    if isinstance(value, Struct):
        return type(value)(**{name: _moved_part(getattr(value, name), edit) for name in value.__struct_fields__})
    return tuple(_moved_part(one, edit) for one in value) if type(value) is tuple else value
