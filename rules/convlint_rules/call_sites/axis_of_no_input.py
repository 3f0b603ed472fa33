from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from convlint.events import Argument, ExportCall, Named
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script
from convlint_rules.given_shapes import with_axes, with_shapes


class AxisOfNoInput(Rule):
    """
    ## What it does
    Finds axes in `dynamic_axes` and `dynamic_shapes` that the example input does not have, and negative ones.

    ## Why it breaks
    Nothing counts from the end there: `{-1: "width"}` is taken by both ONNX exporters, and by `torch.export.export`
    with `Dim.AUTO` or `Dim.DYNAMIC`, and makes no axis dynamic. The input keeps all sizes of the example, and no
    warning tells it. (`{-1: Dim("width")}` works.) An axis behind the last one stops them, with `tuple index out of
    range`, `list assignment index out of range` or `Dynamic shape axis should be no more than the shape dimension`,
    none of which names the input.

    ## Fix safety
    There is no fix: where the axes are written may be shared with other inputs.

    ## References
    - https://docs.pytorch.org/docs/stable/onnx_export.html
    """

    code, name, since = "CVL915", "axis-of-no-input", "0.1"
    events, callees = (ExportCall,), ("torch.export.export", "torch.onnx.export")
    examples = [
        Example(
            title="Counted from the end",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                axes = {"x": {-2: "batch"}}
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], dynamic_axes=axes, dynamo=False)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                axes = {"x": {0: "batch"}}
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], dynamic_axes=axes, dynamo=False)
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.frozen),
            script=("onnx_torchscript",),
        ),
        Example(
            title="Counted from the end of a shape",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = ({-2: "batch"},)
                torch.onnx.export(model, (x,), "model.onnx", dynamic_shapes=shapes, dynamo=True)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = ({0: "batch"},)
                torch.onnx.export(model, (x,), "model.onnx", dynamic_shapes=shapes, dynamo=True)
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_dynamo=Level.frozen),
            script=("onnx_dynamo",),
        ),
        Example(
            title="Behind the last",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = ({0: torch.export.Dim("batch"), 2: torch.export.Dim("width")},)
                exported = torch.export.export(model, (x,), dynamic_shapes=shapes)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = ({0: torch.export.Dim("batch")},)
                exported = torch.export.export(model, (x,), dynamic_shapes=shapes)
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(torch_export=Level.breaks),
            script=("torch_export",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks behind the last axis, frozen before the first."""
        wrong = max(_wrong(event), key=lambda one: one.level, default=None)
        if wrong is None:
            return None
        text = event.quote(wrong.example.span)
        if wrong.level == Level.frozen:
            message = (
                f"axis {wrong.axis} of `{text}` is to be dynamic, and keeps its size: negative axes are passed over "
                f"without a word; count from the front"
            )
        else:
            message = f"axis {wrong.axis} is to be dynamic, at which this stops: `{text}` has no such axis"
        return self.finding(event, message, Harm().with_levels(dict.fromkeys(event.routes, wrong.level)), context)


class _Wrong(NamedTuple):
    example: Argument
    axis: int
    level: Level


def _wrong(event: ExportCall) -> Iterator[_Wrong]:
    for example, shape in (*with_shapes(event), *with_axes(event)):
        if example.sizes is None or example.made is None:
            continue  # how many axes it has is not known
        for axis, dim in _axes(shape):
            if axis >= len(example.sizes):
                yield _Wrong(example, axis, Level.breaks)
            elif axis < 0 and not (isinstance(dim, Named) and dim.called):
                yield _Wrong(example, axis, Level.frozen)


def _axes(entry: Any) -> Iterator[tuple[Any, Any]]:
    """The axes that an entry names, with what is said of them; ``dynamic_axes`` may list them alone."""
    named = entry if isinstance(entry, dict) else dict.fromkeys(entry, "") if isinstance(entry, list) else {}
    return ((axis, dim) for axis, dim in named.items() if isinstance(axis, int) and dim is not None)
