"""What ``torch.export`` decides of sizes: it makes a dynamic one constant, or invents one that depends on data."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any, NamedTuple

from sympy import Symbol
from sympy.core.relational import Relational
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from convlint.trial.job import Event, EventLevel
from convlint.trial.watch.guards import conditions_watched
from convlint.trial.watch.hooks import replaced
from convlint.trial.watch.places import Place, Places

TOOL = "torch_export"
_SIZE = re.compile(r"\[(\d+)\]\.size\(\)\[(\d+)\]$")
_UNBACKED = ("create_unbacked_symint", "create_unbacked_symfloat", "create_unbacked_symbool")


class Guard(NamedTuple):
    """A condition on sizes that a line has asked for, and so all that the graph is good for."""

    place: Place
    condition: Any
    names: Mapping[str, Any]
    """The inputs' sizes, in torch's words, to the condition's symbols."""

    def holds(self, args: Sequence[Any]) -> bool:
        """Whether inputs meet the condition."""
        sizes = {
            symbol: args[int(found[1])].shape[int(found[2])]
            for name, symbol in self.names.items()
            if (found := _SIZE.search(name))
        }
        return str(self.condition.subs(sizes)) != "False"

    def told(self, sizes: Mapping[tuple[int, int], str]) -> str:
        """The condition, with the user's names of sizes (input index and axis)."""
        named = {
            symbol: Symbol(sizes[place])
            for name, symbol in self.names.items()
            if (found := _SIZE.search(name)) and (place := (int(found[1]), int(found[2]))) in sizes
        }
        condition = self.condition.subs(named)
        if isinstance(condition, Relational):
            return f"{condition.lhs} {condition.rel_op} {condition.rhs}"
        return str(condition)


def note_broken(
    guards: Sequence[Guard],
    args: Sequence[Any],
    sizes: Mapping[tuple[int, int], str],
    places: Places,
    events: list[Event],
) -> None:
    """Notes the first line whose condition other inputs do not meet: eager goes another way from there."""
    broken = next((guard for guard in guards if not guard.holds(args)), None)
    if broken is None:
        return
    event = places.event(broken.place, TOOL, "specialized", "harm", f"the graph is good only for {broken.told(sizes)}")
    if all((known.file, known.line, known.kind) != (event.file, event.line, event.kind) for known in events):
        events.append(event)


@contextmanager
def shapes_watched(places: Places, events: list[Event], guards: list[Guard]) -> Iterator[None]:
    """While open, notes such decisions at the line that runs."""

    def note(kind: str, level: EventLevel, message: str) -> None:
        place = places.of_caller()
        if place:
            events.append(places.event(place, TOOL, kind, level, message))

    def unbacked(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def create(self: ShapeEnv, *args: Any, **keywords: Any) -> Any:
            note("unbacked", "dyn", "a size or value that depends on data begins here")
            return function(self, *args, **keywords)

        return create

    replace = ShapeEnv._set_replacement

    def specialize(self: ShapeEnv, symbol: Any, target: Any, *args: Any) -> Any:
        if target.is_number and not self.is_unbacked_symint(symbol):
            note("specialized", "harm", f"a dynamic size becomes {target}")
        return replace(self, symbol, target, *args)

    def guard(prefix: str, condition: Any, names: Mapping[str, Any]) -> None:
        place = places.of_caller()
        if place and prefix == "eval":
            guards.append(Guard(place, condition, names))

    with ExitStack() as stack:
        stack.enter_context(conditions_watched(guard))
        stack.enter_context(replaced(ShapeEnv, "_set_replacement", specialize))
        for name in _UNBACKED:
            stack.enter_context(replaced(ShapeEnv, name, unbacked(getattr(ShapeEnv, name))))
        yield
