"""Random numbers: which calls draw them, in evaluation mode too."""

from __future__ import annotations

import ast
from typing import Any

from convlint.analyzer import torch_facts
from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Const, Layer, Number, Value
from convlint.events import RandomDraw

_OF_STATE = frozenset(["seed", "getstate", "setstate", "get_state", "set_state", "default_rng"])


def note_draw(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> None:
    """Notes a call of ``torch.rand`` or ``Tensor.normal_`` that draws, and a ``torch.nn.Linear`` that gets weights."""
    fact = torch_facts.draws().get(name)
    if fact is None or (fact.switch and _is_zero(arguments.get(1, "p"))):
        return
    layer = torch_facts.is_layer(name)
    facts = {"callee": name, "refused": fact.refused, "switch": fact.switch, "owner": run.owner(frame), "layer": layer}
    given = arguments.get(fact.at, fact.switch) if fact.switch else None
    if given is None:
        if not fact.switch or (fact.by_default and not arguments.more):
            _note(run, frame, node, **facts)
        return
    where = arguments.node(fact.at, fact.switch)
    if where is not None and _is_on(given):
        _note(run, frame, node, **facts, given=frame.document.span(where))


def note_layer(run: Run, frame: Frame, node: ast.expr, layer: Layer) -> None:
    """Notes a call of a layer of dropout that is made in ``forward``: it is in training mode, whatever the model is."""
    fact = torch_facts.drawing_layers().get(layer.name) if layer.made_in_forward else None
    options = dict(layer.arguments)
    if fact is not None and not _is_zero(options.get("p", options.get("0"))):
        _note(run, frame, node, callee=f"torch.nn.{layer.name}", refused=fact.refused, switch=fact.switch, layer=True)


def note_plain_draw(run: Run, frame: Frame, node: ast.expr, name: str) -> None:
    """Notes a call of ``random.random`` or ``numpy.random.rand``: the number is no part of a graph."""
    module, _, function = name.rpartition(".")
    if module in ("random", "numpy.random") and function.islower() and function not in _OF_STATE:
        _note(run, frame, node, callee=name, by_torch=False)


def _note(run: Run, frame: Frame, node: ast.expr, **facts: Any) -> None:
    """Notes a draw, one that gets a name when that is read: it may be for `if self.training and p < rate` alone."""
    event = run.event(frame, RandomDraw, node, **facts)
    if event is None or run.guessed:  # what no model calls is more likely for training
        return
    statement = frame.statement
    if isinstance(statement, ast.Assign) and statement.value is node and isinstance(statement.targets[0], ast.Name):
        frame.drawn[statement.targets[0].id] = event
    else:
        run.note(event, "", ())


def _is_zero(value: Value | None) -> bool:
    return isinstance(value, Const) and isinstance(value.value, (int, float)) and value.value == 0


def _is_on(value: Value) -> bool:
    """Whether a function is told to draw: by True, or by a rate that a configuration may set."""
    if isinstance(value, Const):
        return bool(value.value)
    return isinstance(value, Number) and value.kind in ("int", "float")
