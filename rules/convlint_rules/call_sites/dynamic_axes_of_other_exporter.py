from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from convlint.events import UNKNOWN, ExportCall
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script
from convlint_rules.rewriting import with_options

if TYPE_CHECKING:
    import libcst as cst

DYNAMO = Harm(onnx_dynamo=Level.breaks)
TORCHSCRIPT = Harm(onnx_torchscript=Level.breaks)
FROZEN = Harm(onnx_torchscript=Level.frozen)
_TRACERS = re.compile(r"input$|.*\.\d+$|onnx::")
"""What the TorchScript exporter may call an input that has no name: it goes by what the first layer calls it."""
_NAMED = script("""
    model = Model().eval()
    x = torch.randn(3, 4)
    axes = {"x": {0: "batch"}}
    torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], dynamic_axes=axes, dynamo=False)
""")
"""The input that is meant, by its name."""


class DynamicAxesOfOtherExporter(Rule):
    """
    ## What it does
    Finds `dynamic_axes` given to the dynamo exporter (the default since torch 2.9), `dynamic_shapes` given to the
    TorchScript exporter, and `dynamic_axes` of a name that no input has while an input is left without, `input_names`
    not given included.

    ## Why it breaks
    `dynamic_shapes` with `dynamo=False` is refused. The dynamo exporter makes `dynamic_shapes` of `dynamic_axes`, with
    a deprecation warning. For that it must know each name as an input or an output: a name that neither
    `input_names` nor `output_names` gives stops it with `Failed to convert 'dynamic_axes'`, where the TorchScript
    exporter only warns. With all names known it works: reported by `--show-harmless` only. With the TorchScript
    exporter the input that was meant keeps the sizes of the example, and ONNX Runtime refuses every other one.

    ## Fix safety
    Unsafe: `dynamic_shapes` in the order of `input_names`. The call then needs the dynamo exporter, which checks that
    the model keeps these axes dynamic.

    ## References
    - https://docs.pytorch.org/docs/stable/onnx_export.html
    - fabio-sim/LightGlue-ONNX#75, ultralytics/ultralytics#22388
    """

    code, name, since = "CVL902", "dynamic-axes-of-other-exporter", "0.1"
    events, callees = (ExportCall,), ("torch.onnx.export",)
    examples = [
        Example(
            title="An output without a name",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(  # <-
                    model,
                    (x,),
                    "model.onnx",
                    input_names=["x"],
                    dynamic_axes={"x": {0: "batch"}, "y": {0: "batch"}},
                )
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(
                    model,
                    (x,),
                    "model.onnx",
                    input_names=["x"],
                    dynamic_shapes=({0: "batch"},),
                    dynamo=True,
                )
            """),
            inputs="x: float32[N=3, 4]",
            harm=DYNAMO,
            fix=Applicability.unsafe,
            script=("onnx_dynamo",),
        ),
        Example(
            title="Shapes for the TorchScript exporter",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = ({0: "batch"},)
                torch.onnx.export(model, (x,), "model.onnx", dynamic_shapes=shapes, dynamo=False)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                shapes = ({0: "batch"},)
                torch.onnx.export(model, (x,), "model.onnx", dynamic_shapes=shapes, dynamo=True)
            """),
            inputs="x: float32[N=3, 4]",
            harm=TORCHSCRIPT,
            script=("onnx_torchscript",),
        ),
        Example(
            title="A name that is no input's",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                axes = {"input": {0: "batch"}}
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], dynamic_axes=axes, dynamo=False)  # <-
            """),
            good=_NAMED,
            inputs="x: float32[N=3, 4]",
            harm=FROZEN,
            script=("onnx_torchscript",),
        ),
        Example(
            title="Inputs without names",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", dynamic_axes={"x": {0: "batch"}}, dynamo=False)  # <-
            """),
            good=_NAMED,
            inputs="x: float32[N=3, 4]",
            harm=FROZEN,
            script=("onnx_torchscript",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks where a name is unknown or the argument is of the other exporter; else harmless."""
        axes, shapes = event.argument("dynamic_axes"), event.argument("dynamic_shapes")
        if event.routes == {"onnx_torchscript"} and shapes is not None and shapes.value not in (UNKNOWN, None):
            message = "`dynamic_shapes` is refused by the TorchScript exporter: pass `dynamic_axes`, or `dynamo=True`"
            return self.finding(event, message, TORCHSCRIPT, context)
        if axes is None or shapes is not None or not isinstance(axes.value, dict):
            return None
        if event.routes == {"onnx_torchscript"}:
            stranger = _stranger(event, axes.value)
            none = (
                "which is none of `input_names`" if _given(event, "input_names") else "and there are no `input_names`"
            )
            message = (
                f"`dynamic_axes` speaks of `{stranger}`, {none}: the TorchScript exporter only warns, and the input "
                f"that was meant keeps the sizes of the example; give both the same name"
            )
            return self.finding(event, message, FROZEN, context) if stranger else None
        if event.routes != {"onnx_dynamo"}:
            return None
        fixable = Applicability.unsafe if _shapes(event) else None
        unknown = [name for name in axes.value if name not in _names(event)] if _all_named(event) else []
        if unknown:
            message = (
                f"`dynamic_axes` speaks of `{unknown[0]}`, which neither `input_names` nor `output_names` gives: the "
                f"dynamo exporter stops there; name it, or pass `dynamic_shapes`"
            )
            return self.finding(event, message, DYNAMO, context, fixable=fixable)
        message = (
            "`dynamic_axes` is made into `dynamic_shapes` by the dynamo exporter, with a deprecation warning: pass "
            "`dynamic_shapes`"
        )
        return self.finding(event, message, Harm(), context, fixable=fixable)

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """The axes of the inputs, in their order."""
        shapes = _shapes(event)
        if not shapes:
            return None
        options: dict[str, cst.BaseExpression | str] = {"dynamic_shapes": shapes}
        if event.argument("dynamo") is None:
            options["dynamo"] = "True"
        changed = with_options(event, options, without="dynamic_axes")
        return Fix("Pass `dynamic_shapes`", (changed,), Applicability.unsafe)


def _stranger(event: ExportCall, axes: dict[Any, Any]) -> str:
    """A name that stands for no input, where an input is left without axes; a name may be that of an output."""
    inputs, outputs = (_given(event, names) or [] for names in ("input_names", "output_names"))
    if not (event.complete and isinstance(inputs, list) and isinstance(outputs, list)):
        return ""
    if UNKNOWN in (*inputs, *outputs, *axes):
        return ""
    if not inputs:  # the exporter makes names for them, none of which looks like what people write
        named = [str(name) for name in axes if name not in outputs]
        return "" if any(map(_TRACERS.match, named)) else next(iter(named), "")
    left = [name for name in inputs if name not in axes]
    meant = left if outputs else left if len(left) == len(inputs) else []
    strangers = [name for name in axes if name not in (*inputs, *outputs)]
    return str(strangers[0]) if meant and strangers else ""


def _given(event: ExportCall, name: str) -> Any:
    argument = event.argument(name)
    return None if argument is None else argument.value


def _all_named(event: ExportCall) -> bool:
    """Whether the names of inputs and outputs are known: of inputs without any, those that the model gives them."""
    names = [_given(event, "input_names"), _given(event, "output_names")]
    if not event.complete or any(name is UNKNOWN or (isinstance(name, list) and UNKNOWN in name) for name in names):
        return False
    return names[0] is not None or bool(event.model and event.model.parameters)


def _names(event: ExportCall) -> list[str]:
    parameters = event.model.parameters if event.model is not None else ()
    return [*(_given(event, "input_names") or ()), *(_given(event, "output_names") or ()), *parameters]


def _shapes(event: ExportCall) -> str:
    """``dynamic_shapes`` as source, empty where it cannot be written down."""
    names, axes = _given(event, "input_names"), _given(event, "dynamic_axes")
    if not isinstance(names, list) or UNKNOWN in names or len(event.inputs) != len(names) or not event.complete:
        return ""
    shapes = [axes.get(name) for name in names]
    plain = all(
        shape is None
        or (isinstance(shape, dict) and all(isinstance(a, int) and isinstance(n, str) for a, n in shape.items()))
        for shape in shapes
    )
    if not plain or not any(shapes):
        return ""
    return f"({', '.join(map(_source, shapes))}{',' if len(shapes) == 1 else ''})"


def _source(shape: dict[int, str] | None) -> str:
    if shape is None:
        return "None"
    quoted = {axis: name.replace("\\", "\\\\").replace('"', '\\"') for axis, name in shape.items()}
    return "{" + ", ".join(f'{axis}: "{name}"' for axis, name in quoted.items()) + "}"
