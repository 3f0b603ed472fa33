"""What ``torch.export`` decides of sizes: it makes a dynamic one constant, or invents one that depends on data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any

from torch.fx.experimental.symbolic_shapes import ShapeEnv

from convlint.trial.hooks import replaced
from convlint.trial.job import Event, EventLevel
from convlint.trial.watch.places import Places

TOOL = "torch_export"
_UNBACKED = ("create_unbacked_symint", "create_unbacked_symfloat", "create_unbacked_symbool")


@contextmanager
def shapes_watched(places: Places, events: list[Event]) -> Iterator[None]:
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
            note("specialized", "harm", f"{_named(self, symbol)} is fixed to {target}")
        return replace(self, symbol, target, *args)

    with ExitStack() as stack:
        stack.enter_context(replaced(ShapeEnv, "_set_replacement", specialize))
        for name in _UNBACKED:
            stack.enter_context(replaced(ShapeEnv, name, unbacked(getattr(ShapeEnv, name))))
        yield


def _named(env: ShapeEnv, symbol: Any) -> str:
    """A size of an input in torch's words, where a symbol stands for one."""
    source = next((source for source, known in env.source_to_var.items() if known == symbol), "")
    return f"`{source}`" if source else "a dynamic size"
