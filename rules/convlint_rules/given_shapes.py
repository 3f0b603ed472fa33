"""What a call that exports says of the axes of its example inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convlint.events import Argument, ExportCall


def with_shapes(event: ExportCall) -> Iterator[tuple[Argument, Any]]:
    """Each example input with its entry in ``dynamic_shapes``."""
    given, inputs = event.argument("dynamic_shapes"), event.inputs
    shapes = given.value if given is not None else None
    if isinstance(shapes, dict):
        parameters = event.model.parameters if event.model is not None else ()
        names = parameters[: len(inputs)] if parameters else tuple(shapes) if len(shapes) == len(inputs) == 1 else ()
        shapes = [shapes.get(name) for name in names]
    if isinstance(shapes, (list, tuple)) and len(shapes) == len(inputs):
        yield from zip(inputs, shapes, strict=True)


def with_axes(event: ExportCall) -> Iterator[tuple[Argument, Any]]:
    """Each example input with its entry in ``dynamic_axes``, which goes by ``input_names``."""
    given, names = event.argument("dynamic_axes"), event.argument("input_names")
    if given is None or names is None or not (isinstance(given.value, dict) and isinstance(names.value, list)):
        return
    for example, name in zip(event.inputs, names.value):  # noqa: B905 - names may go on with those of parameters
        yield example, given.value.get(name)
