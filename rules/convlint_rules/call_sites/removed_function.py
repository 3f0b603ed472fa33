from __future__ import annotations

from convlint.events import Call
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

ONNX = "torch.onnx.export(model, args, file, dynamo=True)"
EXPORT = "torch.export.export(model, args)"
REMOVED = {
    "torch._export.capture_pre_autograd_graph": (EXPORT, "torch_export"),
    "torch.export.export_for_inference": (EXPORT, "torch_export"),
    "torch.export.export_for_training": (EXPORT, "torch_export"),
    "torch.onnx.dynamo_export": (ONNX, "onnx_dynamo"),
    "torch.onnx.enable_fake_mode": (ONNX, "onnx_dynamo"),
    "torch.onnx.export_to_pretty_string": (ONNX, "onnx_torchscript"),
    "torch.onnx._export": ("torch.onnx.export(model, args, file, dynamo=False)", "onnx_torchscript"),
}
"""Functions that torch 2.13 has no more, what to call instead, and the route that they took."""

HARM = {
    "torch_export": Harm(torch_export=Level.breaks),
    "onnx_torchscript": Harm(onnx_torchscript=Level.breaks),
    "onnx_dynamo": Harm(onnx_dynamo=Level.breaks),
}
LOOKS = ("torch.__version__", "hasattr(torch")
"""What stands in files that know several versions of torch."""


class RemovedFunction(Rule):
    """
    ## What it does
    Finds calls of exporting functions that torch once had: `torch.onnx.dynamo_export`, `torch.onnx._export`,
    `torch.export.export_for_training`, `torch._export.capture_pre_autograd_graph`. Calls inside of `try`, and in files
    that look at the version of torch, are not reported.

    ## Why it breaks
    Torch 2.13 does not have them: the script stops with an `AttributeError` or an `ImportError` before anything is
    exported. What `torch.onnx.dynamo_export` did `torch.onnx.export` does, by default since torch 2.9; the two others
    are `torch.export.export`.

    ## Fix safety
    There is no fix: the functions take other arguments, and give other objects.

    ## References
    - https://docs.pytorch.org/docs/stable/onnx_export.html
    """

    code, name, since = "CVL914", "removed-function", "0.1"
    events, callees = (Call,), tuple(REMOVED)
    examples = [
        Example(
            title="The exporter before it was the default",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.dynamo_export(model, x).save("model.onnx")  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", dynamo=True)
            """),
            inputs="x: float32[3, 4]",
            harm=Harm(onnx_dynamo=Level.breaks),
            script=("onnx_dynamo",),
        ),
        Example(
            title="A program for quantization",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export_for_training(model, (x,))  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, (x,))
            """),
            inputs="x: float32[3, 4]",
            harm=Harm(torch_export=Level.breaks),
            script=("torch_export",),
        ),
    ]

    def check(self, event: Call, context: Context) -> Finding | None:
        """Breaks the route that it took."""
        if event.attempted or any(look in event.document.text for look in LOOKS):
            return None
        instead, route = REMOVED[event.callee]
        message = f"torch 2.13 has no `{event.callee}`, at which this stops: call `{instead}`"
        return self.finding(event, message, HARM[route], context)
