from __future__ import annotations

from convlint.events import Argument, ExportCall
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

TORCHSCRIPT = Harm(onnx_torchscript=Level.breaks)
BOTH = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
_RUN = """
    import onnxruntime

    model = Model().eval()
    x, mask = torch.randn(3, 4), torch.ones(3, 4)
    torch.onnx.export(model, (x,), "model.onnx", kwargs={"mask": mask}, input_names=["x", "mask"], dynamo=False)
    session = onnxruntime.InferenceSession("model.onnx")
    session.run(None, {"x": x.numpy(), "mask": mask.numpy()})
"""


class KeywordInput(Rule):
    """
    ## What it does
    Finds inputs that `torch.onnx.export` is given by name, by `kwargs=` or as a dict at the end of `args`, and that do
    not reach the model so: those that `forward` takes by `**options` or by name only (`*, mask`), and a dict that is
    itself an input.

    ## Why it breaks
    The TorchScript exporter calls `forward` with a list: it puts what is given by name in the place of the parameter of
    that name. What stands for no such parameter is dropped without a word, so that the file is that of a call without
    it, and ONNX Runtime knows no such input (`Invalid input name`); a parameter that takes names only stops it with a
    `TypeError`. Both exporters take a dict at the end of `args` for inputs by name, so that a model that wants the dict
    itself stops them.

    ## Fix safety
    There is no fix: give such inputs parameters of their own. An empty dict behind one that is an input,
    `(x, batch, {})`, leaves that where it is.

    ## References
    - https://docs.pytorch.org/docs/stable/onnx_export.html
    """

    code, name, since = "CVL908", "keyword-input", "0.1"
    events, callees = (ExportCall,), ("torch.onnx.export",)
    examples = [
        Example(
            title="A mask among options",
            bad=script(
                _RUN.replace("dynamo=False)", "dynamo=False)  # <-"),
                'return self.layer(x * options.get("mask", 1))',
                parameters="x, **options",
            ),
            good=script(_RUN, "return self.layer(x * mask)", parameters="x, mask=1"),
            inputs="x: float32[3, 4]; mask: float32[3, 4]",
            good_inputs="x: float32[3, 4]; mask: float32[3, 4]",
            harm=TORCHSCRIPT,
            script=("onnx_torchscript",),
            same_in_eager=False,
        ),
        Example(
            title="By name only",
            bad=script(
                _RUN.replace("dynamo=False)", "dynamo=False)  # <-"),
                "return self.layer(x * mask)",
                parameters="x, *, mask=1",
            ),
            good=script(_RUN, "return self.layer(x * mask)", parameters="x, mask=1"),
            inputs="x: float32[3, 4]; mask: float32[3, 4]",
            good_inputs="x: float32[3, 4]; mask: float32[3, 4]",
            harm=TORCHSCRIPT,
            script=("onnx_torchscript",),
            same_in_eager=False,
        ),
        Example(
            title="A dict that is an input",
            bad=script(
                """
                model = Model().eval()
                x, scale = torch.randn(3, 4), torch.randn(3, 4)
                torch.onnx.export(model, (x, {"scale": scale}), "model.onnx", dynamo=True)  # <-
                """,
                'return x * batch["scale"]',
                "",
                "x, batch",
            ),
            good=script(
                """
                model = Model().eval()
                x, scale = torch.randn(3, 4), torch.randn(3, 4)
                torch.onnx.export(model, (x, scale), "model.onnx", dynamo=True, input_names=["x", "scale"])
                """,
                "return x * scale",
                "",
                "x, scale",
            ),
            inputs="x: float32[3, 4]; scale: float32[3, 4]",
            good_inputs="x: float32[3, 4]; scale: float32[3, 4]",
            harm=Harm(onnx_dynamo=Level.breaks),
            script=("onnx_dynamo",),
            same_in_eager=False,
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Breaks where a name leads to no parameter that the exporter can give it to."""
        model, given = event.model, _by_name(event)
        if model is None or not model.parameters or given is None or event.of_program:
            return None
        names = [name for name in given.value if isinstance(name, str)]
        if any(name in (*model.parameters, *model.by_name) for name in names) or model.any_name:
            astray = next((name for name in names if name not in model.parameters), None)
            if astray is None or event.routes != {"onnx_torchscript"}:
                return None
            why = (
                "which stops it, since `forward` takes that by name only"
                if astray in model.by_name
                else "and drops it, since `forward` takes that by `**` only"
            )
            message = (
                f"the TorchScript ONNX exporter gives `{astray}` to `{model.name}.forward` by position, {why}: make it "
                f"a parameter that may be given by position"
            )
            return self.finding(event, message, TORCHSCRIPT, context)
        if not names or event.argument("kwargs") is not None:
            return None
        text = event.quote(given.span)
        message = (
            f"a dict at the end of `args` is taken for inputs by name, and `{model.name}.forward` has none of those of "
            f"`{text}`: put an empty dict behind it, or give its tensors as inputs of their own"
        )
        return self.finding(event, message, BOTH, context)


def _by_name(event: ExportCall) -> Argument | None:
    """The dict of inputs that are given by name, where it is written there or before."""
    given = event.argument("kwargs")
    if given is None and event.examples is not None and event.examples.parts:
        given = event.examples.parts[-1]
    return given if given is not None and isinstance(given.value, dict) else None
