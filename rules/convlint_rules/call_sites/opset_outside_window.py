from __future__ import annotations

from convlint.events import ExportCall
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script
from convlint_rules.rewriting import with_options

WINDOWS = {"onnx_torchscript": (7, 23), "onnx_dynamo": (18, 28)}
"""The opsets that each exporter writes so that ONNX Runtime runs them (torch 2.13, onnx 1.23)."""
HARM = {
    "onnx_torchscript": Harm(onnx_torchscript=Level.breaks),
    "onnx_dynamo": Harm(onnx_dynamo=Level.frozen),
}


class OpsetOutsideWindow(Rule):
    """
    ## What it does
    Finds an `opset_version` that the exporter of the call does not write.

    ## Why it breaks
    The TorchScript exporter writes the opsets 7 to 23: others it refuses, or ONNX Runtime refuses the file. The dynamo
    exporter writes 18 and later. For a lower one it makes a graph of opset 18 and has it converted. Where that
    fails the file stays at 18, and nothing but a log message says so, as in the examples: 11 becomes 18 for a linear
    layer, 17 for a convolution with batch norm. The file then runs on runtimes that know opset 18 only, which is not
    what was asked for.

    ## Fix safety
    Unsafe: `dynamo=False`, where the call does not name an exporter and the TorchScript one writes that opset, changes
    the exporter.

    ## References
    - pytorch/pytorch#161056
    """

    code, name, since = "CVL903", "opset-outside-window", "0.1"
    events, callees = (ExportCall,), ("torch.onnx.export",)
    examples = [
        Example(
            title="An old opset and the default exporter",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], opset_version=11)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], opset_version=11, dynamo=False)
            """),
            inputs="x: float32[3, 4]",
            harm=HARM["onnx_dynamo"],
            fix=Applicability.unsafe,
            opset=11,
            script=("onnx_dynamo",),
        ),
        Example(
            title="A convolution that cannot be converted down",
            bad=script(
                """
                model = Model().eval()
                x = torch.randn(2, 3, 8, 8)
                torch.onnx.export(model, (x,), "model.onnx", opset_version=17, dynamo=True)  # <-
                """,
                "return self.norm(self.conv(x)).relu().mean((2, 3))",
                "self.conv = nn.Conv2d(3, 4, 3)\nself.norm = nn.BatchNorm2d(4)",
            ),
            good=script(
                """
                model = Model().eval()
                x = torch.randn(2, 3, 8, 8)
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], opset_version=17, dynamo=False)
                """,
                "return self.norm(self.conv(x)).relu().mean((2, 3))",
                "self.conv = nn.Conv2d(3, 4, 3)\nself.norm = nn.BatchNorm2d(4)",
            ),
            inputs="x: float32[2, 3, 8, 8]",
            harm=HARM["onnx_dynamo"],
            opset=17,
            script=("onnx_dynamo",),
        ),
        Example(
            title="A new opset and the TorchScript exporter",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", opset_version=24, dynamo=False)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", opset_version=24, dynamo=True)
            """),
            inputs="x: float32[3, 4]",
            harm=HARM["onnx_torchscript"],
            opset=24,
            script=("onnx_torchscript",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks the TorchScript exporter; what the dynamo exporter writes runs on fewer runtimes than asked for."""
        opset = event.argument("opset_version")
        route = next(iter(event.routes)) if len(event.routes) == 1 else ""
        if opset is None or route not in WINDOWS or not isinstance(opset.value, int):
            return None
        low, high = WINDOWS[route]
        if low <= opset.value <= high:
            return None
        wanted = opset.value
        if route == "onnx_torchscript":
            message = f"the TorchScript exporter writes the opsets {low} to {high}, not {wanted}: choose one of them"
            return self.finding(event, message, HARM[route], context, span=opset.span)
        instead = "choose 18 or a later one, or pass `dynamo=False`" if wanted < low else f"choose {high} at most"
        message = f"the dynamo exporter writes opset 18, without an error, where it cannot write {wanted}: {instead}"
        fixable = Applicability.unsafe if _has_other(event, wanted) else None
        return self.finding(event, message, HARM[route], context, span=opset.span, fixable=fixable)

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """The exporter that writes this opset."""
        return Fix("Pass `dynamo=False`", (with_options(event, {"dynamo": "False"}),), Applicability.unsafe)


def _has_other(event: ExportCall, opset: int) -> bool:
    """Whether the call leaves the exporter open, and the TorchScript one writes this opset."""
    low, high = WINDOWS["onnx_torchscript"]
    return event.by_default and low <= opset <= high and event.argument("dynamic_shapes") is None
