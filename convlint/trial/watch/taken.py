"""The Python values that a trace takes out of tensors, and so freezes; and the tracer's own warnings."""

from __future__ import annotations

import hashlib
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from pathlib import Path
from typing import Any, NamedTuple

import torch
from msgspec.structs import replace
from torch.jit._trace import TracerWarning

from convlint.trial.hooks import replaced
from convlint.trial.job import Event
from convlint.trial.watch.places import Place, Places
from convlint.trial.watch.statements import statement_at

TOOL = "jit_trace"
_OUT_OF_A_TENSOR = (
    "__bool__", "__int__", "__index__", "__float__", "__complex__", "__len__", "__iter__", "__contains__",
    "item", "tolist", "numpy",
)  # fmt: skip
_INTO_A_CONSTANT = ("tensor", "as_tensor")
_KEPT = ("__getitem__", "__setitem__")
"""They ask a size for its ``__index__``, but the trace keeps the size."""
_LONGEST = 40
_MOST = 20_000


class Value(NamedTuple):
    """A value that left a tensor."""

    place: Place
    kind: str
    value: str

    @property
    def shown(self) -> str:
        """The value, where it is short enough to be read."""
        return "an array" if len(self.value) > _LONGEST else self.value


class Taken:
    """Notes the values that the first trace takes, and the warnings of the tracer."""

    def __init__(self, places: Places, name: str) -> None:
        self.name = name
        """Of the inputs that are traced."""
        self._places = places
        self._inside = False
        self._trace: object = None
        self.values: list[Value] = []
        self.warnings: dict[Place, str] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Where the trace is made."""
        with ExitStack() as stack:
            for owner, names in ((torch.Tensor, _OUT_OF_A_TENSOR + _KEPT), (torch, _INTO_A_CONSTANT)):
                for name in names:
                    noting = self._noting(name, getattr(owner, name))
                    stack.enter_context(_scripted_as(getattr(owner, name), noting))
                    stack.enter_context(replaced(owner, name, noting))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", TracerWarning)
            warnings.showwarning = self._warned
            yield

    def _noting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **keywords: Any) -> Any:
            outermost, self._inside = not self._inside, True
            try:
                result = function(*args, **keywords)  # never from another line: the tracer checks that lines repeat
            finally:
                self._inside = not outermost
            if outermost and name not in _KEPT and self._in_first_trace():
                self._note(name, args, result)
            return result

        return call

    def _in_first_trace(self) -> bool:
        """``torch.jit.trace`` traces again to check itself."""
        state = torch._C._get_tracing_state()
        self._trace = self._trace or state
        return state is not None and state is self._trace

    def _note(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        place = self._places.of_caller()
        if place is None or len(self.values) == _MOST:
            return
        if name == "as_tensor" and args and isinstance(args[0], torch.Tensor):
            return  # it takes nothing out, be it of another dtype
        with _not_traced(), suppress(Exception):  # a value without text is no reason to end the trace
            self.values.append(Value(place, name, str(len(args[0])) if name == "__iter__" else _text(result)))

    def _warned(self, message: Warning | str, *_: Any, **__: Any) -> None:
        place = self._places.of_caller()
        if place:
            self.warnings.setdefault(place, str(message))


@contextmanager
def _scripted_as(function: Callable[..., Any], other: Callable[..., Any]) -> Iterator[None]:
    """While open, ``torch.jit.script``, which knows torch's functions by their ids, takes another for one of them."""
    operators: dict[int, str] = torch.jit._builtins._get_builtin_table()  # type: ignore[no-untyped-call]
    if id(function) not in operators:
        yield
        return
    operators[id(other)] = operators[id(function)]
    try:
        yield
    finally:
        del operators[id(other)]


@contextmanager
def _not_traced() -> Iterator[None]:
    state = torch._C._get_tracing_state()
    torch._C._set_tracing_state(None)  # type: ignore[attr-defined]
    try:
        yield
    finally:
        torch._C._set_tracing_state(state)  # type: ignore[attr-defined]


def _text(value: Any) -> str:
    text = repr(value.tolist() if hasattr(value, "tolist") else value)
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]}... ({hashlib.sha256(text.encode()).hexdigest()[:6]})"


def judged(places: Places, traced: Taken, others: Sequence[Taken]) -> Iterator[Event]:
    """An event for each statement that takes a value or is warned of."""
    before, after = _by_statement(traced.values), [(other.name, _by_statement(other.values)) for other in others]
    for statement, values in before.items():
        place, kind, _ = values[0]
        found = [(name, part) for name, one in after if (part := _first_difference(values, one.get(statement, [])))]
        if found:
            name, (ours, theirs) = found[0]
            alike = ours.shown == theirs.shown  # too long to be read
            told = f"{ours.shown} on {traced.name}, {'another' if alike else theirs.shown} on {name}"
            yield replace(places.event(ours.place, TOOL, "baked-differs", "harm", told), on=name)
        else:
            yield places.event(place, TOOL, "baked-same", "warn", f"{kind} gives {values[0].shown}")
    for place, message in traced.warnings.items():
        if _statement(place) not in before:
            yield places.event(place, TOOL, "warning", "warn", message)


def _first_difference(ours: Sequence[Value], theirs: Sequence[Value]) -> tuple[Value, Value] | None:
    """Where the values part. More of the same values only say that an earlier statement has decided otherwise."""
    return next(((one, other) for one, other in zip(ours, theirs, strict=False) if one[1:] != other[1:]), None)


def _by_statement(values: Sequence[Value]) -> dict[tuple[str, int], list[Value]]:
    found: dict[tuple[str, int], list[Value]] = defaultdict(list)
    for value in values:
        found[_statement(value.place)].append(value)
    return found


def _statement(place: Place) -> tuple[str, int]:
    return place.path, statement_at(Path(place.path), place.line)[0]
