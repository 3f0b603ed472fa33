from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convlint.events import UNKNOWN, ExportCall, Named
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

HARM = {
    "torch_export": Harm(torch_export=Level.breaks),
    "onnx_dynamo": Harm(onnx_dynamo=Level.breaks),
}
_MASKED = "return self.layer(x * mask)"


class ShapesOfOtherInputs(Rule):
    """
    ## What it does
    Finds `dynamic_shapes` that do not fit the inputs of the call: a dict whose keys are not the parameters of `forward`
    that are given something, a tuple of another length, the axes of one input without the tuple around, and names in
    the place of `torch.export.Dim` where `torch.export.export` is called.

    ## Why it breaks
    `torch.export` asks for one entry an input, in the same nesting, `None` for those whose sizes stay as they are. A
    dict must name every parameter that is given something, and none besides, not even one that has a default. The names
    are those of `forward`, not the `input_names` of the ONNX file. Anything else stops it (`its top-level keys must be
    the arg names`, `Detected mismatch between the structure of inputs and dynamic_shapes`), and so it does the dynamo
    ONNX exporter, which calls it. That one takes texts for dimensions, `torch.export.export` does not (`Unexpected
    dimension mapped to index 0`).

    ## Fix safety
    There is no fix: which axes of the other inputs may vary is not in the call.

    ## References
    - https://docs.pytorch.org/docs/stable/export.html
    """

    code, name, since = "CVL912", "shapes-of-other-inputs", "0.1"
    events, callees = (ExportCall,), ("torch.export.export", "torch.onnx.export")
    examples = [
        Example(
            title="A key that is no parameter",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = {"input": {0: torch.export.Dim("batch")}}
                exported = torch.export.export(model, (x,), dynamic_shapes=shapes)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = {"x": {0: torch.export.Dim("batch")}}
                exported = torch.export.export(model, (x,), dynamic_shapes=shapes)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM["torch_export"],
            script=("torch_export",),
        ),
        Example(
            title="An input without an entry",
            bad=script(
                """
                model = Model().eval()
                x, mask = torch.randn(3, 4), torch.ones(3, 4)
                names = ["x", "mask"]
                shapes = ({0: "batch"},)
                torch.onnx.export(model, (x, mask), "model.onnx", input_names=names, dynamic_shapes=shapes)  # <-
                """,
                _MASKED,
                parameters="x, mask",
            ),
            good=script(
                """
                model = Model().eval()
                x, mask = torch.randn(3, 4), torch.ones(3, 4)
                names = ["x", "mask"]
                shapes = ({0: "batch"}, {0: "batch"})
                torch.onnx.export(model, (x, mask), "model.onnx", input_names=names, dynamic_shapes=shapes, dynamo=True)
                """,
                _MASKED,
                parameters="x, mask",
            ),
            inputs="x: float32[N=3, 4]; mask: float32[N, 4]",
            harm=HARM["onnx_dynamo"],
            script=("onnx_dynamo",),
        ),
        Example(
            title="A text for a dimension",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, (x,), dynamic_shapes=({0: "batch"},))  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM["torch_export"],
            script=("torch_export",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks the dynamo routes."""
        given = event.argument("dynamic_shapes")
        route = next(iter(event.routes)) if len(event.routes) == 1 else ""
        if given is None or route not in HARM or not event.complete or event.of_program:
            return None
        if isinstance(given.value, Named):
            return None  # an object of `torch.export` that collects shapes
        wrong = next(_wrong(event, given.value), "")
        if not wrong:
            return None
        message = f"`dynamic_shapes` {wrong}"
        return self.finding(event, message, HARM[route], context)


def _wrong(event: ExportCall, shapes: Any) -> Iterator[str]:
    """What does not fit."""
    if isinstance(shapes, dict) and shapes and all(isinstance(key, int) for key in shapes):
        yield "has one entry an input, and this is an entry: put it in a tuple, `({...},)`"
        return
    inputs = _inputs(event)
    if inputs is not None and isinstance(shapes, dict) and UNKNOWN not in shapes:
        yield from _keys(event, inputs, list(shapes))
    elif inputs is not None and isinstance(shapes, (tuple, list)) and len(shapes) != len(inputs):
        yield (
            f"has {_counted(len(shapes), 'entry', 'entries')} and the call {_counted(len(inputs), 'input', 'inputs')}, "
            f"at which `torch.export` stops: give one for each, `None` where all sizes stay as they are"
        )
    text = _text_in(shapes)
    if text and event.callee == "torch.export.export":
        instead = f'torch.export.Dim("{text}")'
        yield f"names a dimension by a text, which `torch.export.export` refuses: write `{instead}`"


def _text_in(shapes: Any) -> str:
    """A text that stands for a dimension."""
    entries = shapes.values() if isinstance(shapes, dict) else shapes if isinstance(shapes, (tuple, list)) else ()
    dims = (dim for entry in entries if isinstance(entry, dict) for dim in entry.values())
    return next((dim for dim in dims if isinstance(dim, str)), "")


def _keys(event: ExportCall, inputs: list[str], keys: list[Any]) -> Iterator[str]:
    if not all(inputs) or set(keys) == set(inputs):
        return
    parameters = ", ".join(f"`{name}`" for name in inputs)
    forward = f"`{event.model.name}.forward`" if event.model else "`forward`"
    astray = next((key for key in keys if key not in inputs), None)
    what = f"speaks of `{astray}`, which is" if astray is not None else f"says nothing of `{_left_out(inputs, keys)}`,"
    which = "no input of this call" if astray is not None else "an input of this call"
    yield (
        f"{what} {which}, at which `torch.export` stops: its keys must be what {forward} is given, {parameters}, with "
        f"`None` where all sizes stay as they are"
    )


def _left_out(inputs: list[str], keys: list[Any]) -> str:
    return next(name for name in inputs if name not in keys)


def _inputs(event: ExportCall) -> list[str] | None:
    """The parameters that are given something, empty texts where their names are not known; None where neither is."""
    by_name = event.argument("kwargs")
    named = [] if by_name is None or by_name.value is None else by_name.value
    if event.examples is None or not event.inputs or not isinstance(named, (dict, list)):
        return None
    last = event.inputs[-1].value
    if isinstance(last, dict):
        return None  # taken for inputs by name by one of the exporters
    parameters = event.model.parameters if event.model is not None else ()
    count = len(event.inputs)
    known = parameters[:count] if len(parameters) >= count else ("",) * count
    return [*known, *named]


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"
