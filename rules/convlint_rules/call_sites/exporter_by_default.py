from __future__ import annotations

from convlint.events import ExportCall
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script
from convlint_rules.rewriting import with_options

BREAKS = Harm(onnx_dynamo=Level.breaks)


class ExporterByDefault(Rule):
    """
    ## What it does
    Finds `torch.onnx.export` without `dynamo=`: which exporter runs then depends on the version of torch.

    ## Why it breaks
    Until torch 2.8 such a call took the TorchScript exporter, since 2.9 it takes the dynamo exporter, which names
    inputs otherwise, writes another opset and puts the weights into a file of their own. A model that `torch.jit` has
    made is refused by it. Other models export by both: reported by `--show-harmless` only.

    ## Fix safety
    Safe for a model of `torch.jit`: `dynamo=False` is what the call meant, and all that can take such a model.
    Otherwise unsafe: `dynamo=True` is what the call means now, not what it meant before torch 2.9.

    ## References
    - https://docs.pytorch.org/docs/stable/onnx.html
    """

    code, name, since = "CVL901", "exporter-by-default", "0.1"
    events, callees = (ExportCall,), ("torch.onnx.export",)
    examples = [
        Example(
            title="A scripted model",
            bad=script("""
                model = Model().eval()
                scripted = torch.jit.script(model)
                x = torch.randn(3, 4)
                torch.onnx.export(scripted, (x,), "model.onnx", input_names=["x"])  # <-
            """),
            good=script("""
                model = Model().eval()
                scripted = torch.jit.script(model)
                x = torch.randn(3, 4)
                torch.onnx.export(scripted, (x,), "model.onnx", input_names=["x"], dynamo=False)
            """),
            inputs="x: float32[3, 4]",
            harm=BREAKS,
            fix=Applicability.safe,
            script=("onnx_dynamo",),
        ),
        Example(
            title="Another model",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx")
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", dynamo=True)
            """),
            inputs="x: float32[3, 4]",
            harm=Harm(),
            script=("onnx_dynamo",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks for what `torch.jit` made, else harmless."""
        if not event.by_default:
            return None
        if _is_scripted(event):
            message = (
                f"`{event.quote(event.arguments[0].span)}` is made by `torch.jit`, and the exporter that "
                f"`torch.onnx.export` takes by default since torch 2.9 refuses it: pass `dynamo=False`"
            )
            return self.finding(event, message, BREAKS, context, fixable=Applicability.safe)
        message = (
            "`torch.onnx.export` without `dynamo=` takes the TorchScript exporter before torch 2.9 and the dynamo "
            "exporter since: name the one that you mean"
        )
        return self.finding(event, message, Harm(), context, fixable=Applicability.unsafe)

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """The exporter by name."""
        if _is_scripted(event):
            option = with_options(event, {"dynamo": "False"})
            return Fix("Pass `dynamo=False`", (option,), Applicability.safe)
        return Fix("Pass `dynamo=True`", (with_options(event, {"dynamo": "True"}),), Applicability.unsafe)


def _is_scripted(event: ExportCall) -> bool:
    return event.model is not None and event.model.scripted
