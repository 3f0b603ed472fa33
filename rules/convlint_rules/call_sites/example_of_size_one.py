from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from convlint.events import ExportCall, Named
from convlint.findings import Applicability, Finding, Fix, Harm, Level, Span
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script
from convlint_rules.given_shapes import with_shapes

BREAKS = Harm(torch_export=Level.breaks)
FROZEN = Harm(torch_export=Level.frozen)


class ExampleOfSizeOne(Rule):
    """
    ## What it does
    Finds `torch.export.export` with an example input that has size 1 along an axis that is meant to be dynamic.

    ## Why it breaks
    `torch.export` takes a size of 1 for a constant, because tensors of size 1 broadcast. With `Dim("batch")` or
    `Dim.DYNAMIC` it stops (`you marked batch as dynamic but your code specialized it to be a constant`), with
    `Dim.AUTO` the program keeps the size 1 and refuses every other. `dynamic_axes` of `torch.onnx.export` are not
    concerned, as the last example shows.

    ## Fix safety
    Unsafe: an example of size 2 instead; the tensor may be used for something else, too.

    ## References
    - pytorch/pytorch#126607
    """

    code, name, since = "CVL904", "example-of-size-one", "0.1"
    events, callees = (ExportCall,), ("torch.export.export",)
    examples = [
        Example(
            title="A batch of one",
            bad=script("""
                model = Model().eval()
                x = torch.randn(1, 4)
                batch = torch.export.Dim("batch")
                exported = torch.export.export(model, (x,), dynamic_shapes=({0: batch},))  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(2, 4)
                batch = torch.export.Dim("batch")
                exported = torch.export.export(model, (x,), dynamic_shapes=({0: batch},))
            """),
            inputs="x: float32[N=2, 4]",
            harm=BREAKS,
            fix=Applicability.unsafe,
            script=("torch_export",),
        ),
        Example(
            title="A dimension that may become static",
            bad=script("""
                model = Model().eval()
                x = torch.randn(1, 4)
                shapes = {"x": {0: torch.export.Dim.AUTO}}
                exported = torch.export.export(model, (x,), dynamic_shapes=shapes)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(2, 4)
                shapes = {"x": {0: torch.export.Dim.AUTO}}
                exported = torch.export.export(model, (x,), dynamic_shapes=shapes)
            """),
            inputs="x: float32[N=1, 4]",
            harm=FROZEN,
            fix=Applicability.unsafe,
            script=("torch_export",),
        ),
        Example(
            title="Not concerned",
            bad=script("""
                model = Model().eval()
                x = torch.randn(1, 4)
                axes = {"x": {0: "batch"}}
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], dynamic_axes=axes, dynamo=False)
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(2, 4)
                axes = {"x": {0: "batch"}}
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], dynamic_axes=axes, dynamo=False)
            """),
            inputs="x: float32[N=2, 4]",
            harm=Harm(),
            script=("onnx_torchscript",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks or frozen, by whether torch may make the dimension static."""
        ones = list(_ones(event))
        if not ones:
            return None
        first = max(ones, key=lambda one: not one.automatic)
        text = event.quote(first.span)
        consequence = "keeps the size" if first.automatic else "stops"
        message = (
            f"`{text}` has size 1 along axis {first.axis}, which is meant to be dynamic: "
            f"`torch.export` takes 1 for a constant and {consequence}; give an example of size 2"
        )
        harm = FROZEN if first.automatic else BREAKS
        fixable = Applicability.unsafe if all(one.made for one in ones) else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """The sizes of 1 as 2 where the tensors are made."""
        import libcst as cst

        edits = []
        axes: dict[Span, set[int]] = {}
        for one in _ones(event):
            axes.setdefault(one.span, set()).add(one.axis)
        for made, wanted in axes.items():
            call = cst.ensure_type(event.cst_at(made), cst.Call)
            shape = call.args[0].value
            if isinstance(shape, (cst.Tuple, cst.List)):
                elements = [_two(one) if i in wanted else one for i, one in enumerate(shape.elements)]
                args = [call.args[0].with_changes(value=shape.with_changes(elements=elements)), *call.args[1:]]
            else:
                args = [_two(one) if i in wanted else one for i, one in enumerate(call.args)]
            edits.append(edit(made, "{call}", call=call.with_changes(args=args)))
        return Fix("Give an example of size 2", tuple(edits), Applicability.unsafe)


def _two(one: Any) -> Any:
    """An argument or element with 2 for its value."""
    import libcst as cst

    return one.with_changes(value=cst.Integer("2"))


class _One(NamedTuple):
    axis: int
    made: Span | None
    span: Span
    automatic: bool


def _ones(event: ExportCall) -> Iterator[_One]:
    """The axes that are meant to be dynamic and have size 1 in the example."""
    for example, shape in with_shapes(event):
        if not isinstance(shape, dict) or example.sizes is None:
            continue
        for axis, dim in shape.items():
            dynamic = isinstance(dim, Named) and dim.qualified.startswith("torch.export.Dim")
            if dynamic and isinstance(axis, int) and axis < len(example.sizes) and example.sizes[axis] == 1:
                yield _One(axis, example.made, example.made or example.span, dim.qualified.endswith(".AUTO"))
