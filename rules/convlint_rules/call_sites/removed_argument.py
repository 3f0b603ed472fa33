from __future__ import annotations

from convlint.events import Argument, ExportCall
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

BREAKS = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
PARAMETERS = frozenset(
    [
        "args",
        "artifacts_dir",
        "autograd_inlining",
        "custom_opsets",
        "custom_translation_table",
        "do_constant_folding",
        "dump_exported_program",
        "dynamic_axes",
        "dynamic_shapes",
        "dynamo",
        "export_modules_as_functions",
        "export_params",
        "external_data",
        "f",
        "input_names",
        "keep_initializers_as_inputs",
        "kwargs",
        "model",
        "operator_export_type",
        "optimize",
        "opset_version",
        "output_names",
        "profile",
        "report",
        "training",
        "verbose",
        "verify",
    ]
)
"""What `torch.onnx.export` takes (torch 2.13)."""


class RemovedArgument(Rule):
    """
    ## What it does
    Finds arguments that `torch.onnx.export` does not take any more: `example_outputs`, `use_external_data_format`,
    `enable_onnx_checker`, `fallback`..., and options given by position.

    ## Why it breaks
    The call raises a `TypeError` before anything is exported. Everything behind the file name must be a keyword.

    ## Fix safety
    There is no fix: most of these arguments have no successor. Leave them out; name those given by position.

    ## References
    - https://docs.pytorch.org/docs/stable/onnx.html
    """

    code, name, since = "CVL907", "removed-argument", "0.1"
    events, callees = (ExportCall,), ("torch.onnx.export",)
    examples = [
        Example(
            title="An option of torch 1",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, x, "model.onnx", example_outputs=model(x), dynamo=False)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, x, "model.onnx", input_names=["x"], dynamo=False)
            """),
            inputs="x: float32[3, 4]",
            harm=Harm(onnx_torchscript=Level.breaks),
            script=("onnx_torchscript",),
        ),
        Example(
            title="An option by position",
            bad=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", True)  # <-
            """),
            good=script("""
                model = Model().eval()
                x = torch.randn(3, 4)
                torch.onnx.export(model, (x,), "model.onnx", export_params=True)
            """),
            inputs="x: float32[3, 4]",
            harm=Harm(onnx_dynamo=Level.breaks),
            script=("onnx_dynamo",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks whatever the exporter."""
        gone = next((argument for argument in event.arguments if argument.name not in PARAMETERS), None)
        if gone is None:
            return None
        return self.finding(event, _message(event, gone), BREAKS, context, span=gone.span)


def _message(event: ExportCall, gone: Argument) -> str:
    if gone.name:
        return f"`torch.onnx.export` takes no `{gone.name}` any more and raises a `TypeError`: leave it out"
    text = event.quote(gone.span)
    return f"`{text}` is given by position, where `torch.onnx.export` takes keywords only: name it"
