"""What is known of values in plain code, line by line."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from convlint.analyzer.values import Class, Function, Name, Value
from convlint.events import UNKNOWN, Named
from convlint.findings import Span


@dataclass(frozen=True)
class Thing:
    """What is known of a value: a constant, something imported, a tensor's sizes, one model or another."""

    value: object = UNKNOWN
    named: Value | None = None
    path: str = field(default="", compare=False)
    """The dotted path by which it was reached: ``acme.load``, wherever that comes from."""
    sizes: tuple[int | None, ...] | None = None
    made: Span | None = None
    parts: tuple[Thing, ...] = ()
    spans: tuple[Span, ...] = ()
    """Where the parts stand."""
    model: int | None = None
    """Which model of the run it is."""
    loaded: Span | None = None
    """The call that read it from a file, or what it is in."""
    method: bool = False
    """Whether it is a method of a model: ``model.forward``."""


NOTHING = Thing()


@dataclass
class State:
    """What is known at a line: what names stand for, and the modes of the models (True: training)."""

    names: dict[str, Thing] = field(default_factory=dict)
    training: dict[int, bool] = field(default_factory=dict)
    ended: bool = False
    """Whether the code returned, raised or left its loop."""

    def copy(self) -> State:
        """The same, to go on with in a branch."""
        return State(dict(self.names), dict(self.training))

    def become(self, states: Sequence[State]) -> None:
        """What all of these have in common, those left out that ended."""
        live = [state for state in states if not state.ended]
        self.ended = not live
        first, *others = live or [self]
        names = {
            name: thing if all(other.names.get(name) == thing for other in others) else NOTHING
            for name, thing in first.names.items()
        }
        for other in others:
            names |= {name: NOTHING for name in other.names if name not in first.names}
        self.names = names
        same = set(first.training.items()).intersection(*(other.training.items() for other in others))
        self.training = dict(same)


def paths_of(thing: Thing) -> set[str]:
    """The names of something imported: that by which it was reached, and that of its definition in the project."""
    match thing.named:
        case Name(qualified=qualified):
            return {thing.path or qualified, qualified}
        case Class(info=info) | Function(info=info):
            return {thing.path, f"{info.module.name}.{info.qualname}"} - {""}
        case _:
            return {thing.path} - {""}


def is_function(thing: Thing) -> bool:
    """Whether it is a function of the project as it stands there, or a method of a model."""
    if thing.method:
        return True
    named = thing.named
    return isinstance(named, Function) and not named.info.decorator_list


def value_of(thing: Thing) -> object:
    """What an event says of it."""
    return Named(thing.named.qualified) if isinstance(thing.named, Name) else thing.value


def sizes_of(given: list[tuple[ast.expr, Thing]]) -> tuple[int | None, ...] | None:
    """``torch.randn(1, 3, h, w)`` or ``torch.randn((1, 3, h, w))``: the sizes, None for those that are not known."""
    if any(isinstance(one, ast.Starred) for one, _ in given) or not given:
        return None
    things = [thing for _, thing in given]
    if len(things) == 1:
        if not things[0].parts:
            return None
        things = list(things[0].parts)
    return tuple(thing.value if isinstance(thing.value, int) else None for thing in things)
