"""Parts as bytes, for other processes and for the cache: plain data, of which nothing can be made but parts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from convlint import events, findings
from convlint.analyzer.parts import ClassOutline, FunctionOutline, Key, Outline, Part, Step, Trace
from convlint.analyzer.project import Answers, Project, Questions
from convlint.events import Event, Named, Taint
from convlint.findings import Applicability, Finding, Level, Span
from convlint.source.document import Document, SourceError

Documents = Callable[[str], Document]
"""Gives the document of a path, as events hold it."""


def _fields(cls: Any) -> Sequence[str]:
    """What an object of a class holds: events are of msgspec, findings of the standard library."""
    return [one.name for one in fields(cls)] if is_dataclass(cls) else cls.__struct_fields__


_CLASSES: Mapping[str, type] = {
    name: cls
    for vocabulary in (events, findings)
    for name, cls in vars(vocabulary).items()
    if isinstance(cls, type) and (is_dataclass(cls) or issubclass(cls, msgspec.Struct))
}
_NAMES = {cls: tuple(name for name in _fields(cls) if name != "document") for cls in _CLASSES.values()}
_PLAIN = (str, bool, float, type(None))
_BITS = 63
_LISTS: Mapping[type, str] = {tuple: "t", list: "l", Span: "s", Named: "n"}


_WRONG = (msgspec.MsgspecError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What unpacking bytes of somebody else's may fail with."""


class WireError(Exception):
    """Bytes that are no part."""


class _Packer:
    """Values as plain data: containers are lists that begin with what they are."""

    def __init__(self) -> None:
        self.paths: dict[str, int] = {}

    def path(self, path: str) -> int:
        """A path as its place in a table."""
        return self.paths.setdefault(path, len(self.paths))

    def key(self, key: Key) -> tuple[int, str, int]:
        """A function."""
        return self.path(key[0]), key[1], key[2]

    def pack(self, value: Any) -> Any:
        """Any value that events are made of."""
        kind = type(value)
        if kind in _PLAIN:
            return value
        if kind is int:
            return value if value.bit_length() < _BITS else ["i", hex(value)]
        if (tag := _LISTS.get(kind)) is not None:
            return [tag, *map(self.pack, value)]
        if kind in (frozenset, set):
            return ["f", *sorted(map(self.pack, value))]
        if kind is Taint:
            return ["T", int(value)]
        if kind is Level:
            return ["L", int(value)]
        if kind is Applicability:
            return ["A", value.value]
        if value is events.UNKNOWN:
            return ["u"]
        if kind in _NAMES:
            return self._object(value)
        if isinstance(value, Mapping):
            return ["d", *([self.pack(key), self.pack(one)] for key, one in value.items())]
        if kind is bytes:
            return ["b", value]
        if kind is complex:
            return ["c", value.real, value.imag]
        if value is ...:
            return ["."]
        raise TypeError(f"{kind.__name__} is no part of an event")

    def _object(self, value: Any) -> list[Any]:
        kind = type(value)
        where = [self.path(value.document.path)] if isinstance(value, Event) else []
        return ["o", kind.__name__, *where, *(self.pack(getattr(value, name)) for name in _NAMES[kind])]

    def trace(self, trace: Trace) -> list[Any]:
        """What was met on the way from an entry."""
        return [
            [[key, self.pack(rank), self.pack(event)] for (_, _, _, key), (rank, event) in trace.found.items()],
            [*map(self.key, sorted(trace.visited))],
            [[self.path(path), span] for path, span in sorted(trace.doubtful)],
            [
                [self.path(path), span, [[self.path(of), *rest] for of, *rest in sorted(uses)]]
                for (path, span), uses in sorted(trace.decided.items())
            ],
            [[self.path(path), name] for path, name in sorted(trace.scripted)],
        ]

    def function(self, function: FunctionOutline) -> list[Any]:
        """The outline of a function."""
        return [function.name, self.key(function.key), function.possible]

    def outline(self, outline: Outline) -> list[Any]:
        """The outline of a file."""
        classes = [
            cls._replace(
                forward=None if cls.forward is None else self.key(cls.forward),  # type: ignore[arg-type]
                inference=tuple(map(self.function, cls.inference)),  # type: ignore[arg-type]
                methods=tuple(map(self.function, cls.methods)),  # type: ignore[arg-type]
            )
            for cls in outline.classes
        ]
        names = [sorted(outline.mentioned), sorted(outline.called)]
        functions = [*map(self.function, outline.functions)]
        return [
            outline.path,
            outline.name,
            outline.around,
            outline.transforms,
            outline.of_data,
            classes,
            functions,
            *names,
        ]


class _Unpacker:
    """The way back. Names come again in part after part: each is held once."""

    def __init__(self, paths: list[str], documents: Documents) -> None:
        self.paths = [*map(sys.intern, paths)]
        self.documents = documents

    def key(self, key: Any) -> Key:
        """A function."""
        at, name, line = key
        return self.paths[at], sys.intern(name), line

    def unpack(self, value: Any) -> Any:
        """Any value that events are made of."""
        if type(value) is not list:
            return value
        tag = value[0]
        if tag == "s":
            return Span(*value[1:])
        if tag == "o":
            return self._object(value)
        if tag == "f":
            return frozenset(map(self.unpack, value[1:]))
        if tag == "t":
            return tuple(map(self.unpack, value[1:]))
        return self._rare(tag, value[1:])

    def _rare(self, tag: str, given: list[Any]) -> Any:
        match tag:
            case "T":
                return Taint(given[0])
            case "L":
                return Level(given[0])
            case "A":
                return Applicability(given[0])
            case "l":
                return [*map(self.unpack, given)]
            case "n":
                return Named(*given)
            case "u":
                return events.UNKNOWN
            case "d":
                return {self.unpack(key): self.unpack(one) for key, one in given}
            case "i":
                return int(given[0], 16)
            case "b":
                return given[0]
            case "c":
                return complex(*given)
            case ".":
                return ...
        raise WireError

    def _object(self, value: list[Any]) -> Any:
        cls = _CLASSES[value[1]]
        names = _NAMES[cls]
        if not issubclass(cls, Event):
            return cls(**dict(zip(names, map(self.unpack, value[2:]), strict=True)))
        document = self.documents(self.paths[value[2]])
        return cls(document=document, **dict(zip(names, map(self.unpack, value[3:]), strict=True)))

    def trace(self, packed: list[Any]) -> Trace:
        """What was met on the way from an entry."""
        found, visited, doubtful, decided, scripted = packed
        trace = Trace(
            visited=set(map(self.key, visited)),
            doubtful={(self.paths[at], Span(*span)) for at, span in doubtful},
            decided={
                (self.paths[at], Span(*span)): {(self.paths[of], Span(*use), name) for of, use, name in uses}
                for at, span, uses in decided
            },
            scripted={(self.paths[at], name) for at, name in scripted},
        )
        for key, rank, event in found:
            trace.note(self.unpack(event), key, self.unpack(rank))
        return trace

    def function(self, packed: list[Any]) -> FunctionOutline:
        """The outline of a function."""
        name, key, possible = packed
        return FunctionOutline(sys.intern(name), self.key(key), possible)

    def outline(self, packed: list[Any]) -> Outline:
        """The outline of a file."""
        path, name, around, transforms, of_data, classes, functions, mentioned, called = packed
        return Outline(
            path,
            name,
            around,
            transforms,
            of_data,
            tuple(map(self._class, classes)),
            tuple(map(self.function, functions)),
            frozenset(map(sys.intern, mentioned)),
            frozenset(map(sys.intern, called)),
        )

    def _class(self, packed: list[Any]) -> ClassOutline:
        name, entry, forward, inference, methods, plain, partly = packed
        return ClassOutline(
            name,
            entry,
            None if forward is None else self.key(forward),
            tuple(map(self.function, inference)),
            tuple(map(self.function, methods)),
            plain,
            partly,
        )


class Kept(NamedTuple):
    """A part as bytes, and those of the answers that it rests on."""

    part: bytes
    answers: bytes


def encoded(path: Path, part: Part, project: Project) -> Kept:
    """The part of a file as bytes.

    Raises:
        ValueError: it cannot be written: a name in it is not of Unicode.
    """
    packer = _Packer()
    error = part.error
    packed = [
        None if part.outline is None else packer.outline(part.outline),
        [[step, packer.trace(trace)] for step, trace in part.traces.items()],
        [*map(packer.pack, part.plain)],
        None if error is None else [str(error), error.row, error.column],
    ]
    answers = msgspec.msgpack.encode(project.answers(path, part.asked))
    return Kept(msgspec.msgpack.encode([list(packer.paths), packed]), answers)


def encoded_findings(found: Sequence[Finding]) -> bytes:
    """Findings as bytes.

    Raises:
        ValueError: they cannot be written: a name in one is not of Unicode.
        TypeError: a rule put something into one that is no plain data.
    """
    return msgspec.msgpack.encode([*map(_Packer().pack, found)])


def decoded_findings(data: bytes) -> list[Finding]:
    """The findings that bytes stand for.

    Raises:
        WireError: they are of none.
    """
    unpacker = _Unpacker([], lambda path: Document(path, ""))
    try:
        return [unpacker.unpack(one) for one in msgspec.msgpack.decode(data)]
    except _WRONG as error:
        raise WireError from error


def answers_of(data: bytes) -> Answers:
    """The answers that bytes stand for.

    Raises:
        WireError: they are of none.
    """
    try:
        return msgspec.msgpack.decode(data, type=Answers)
    except msgspec.MsgspecError as error:
        raise WireError from error


def decoded(data: bytes, documents: Documents) -> Part:
    """The part that bytes stand for, without what was asked for it.

    Raises:
        WireError: they are of none.
    """
    try:
        paths, (outline, traces, plain, error) = msgspec.msgpack.decode(data)
        unpacker = _Unpacker(paths, documents)
        return Part(
            outline=None if outline is None else unpacker.outline(outline),
            asked=Questions(),
            traces={Step(*step): unpacker.trace(trace) for step, trace in traces},
            plain=[unpacker.unpack(event) for event in plain],
            error=None if error is None else SourceError(*error),
        )
    except _WRONG as error:
        raise WireError from error
