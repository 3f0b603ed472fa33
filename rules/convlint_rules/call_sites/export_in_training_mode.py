from __future__ import annotations

from convlint.events import Argument, ExportCall, Named
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

HARM = {
    "jit_trace": Harm(jit_trace=Level.wrong),
    "torch_export": Harm(torch_export=Level.wrong),
    "onnx_torchscript": Harm(onnx_torchscript=Level.wrong),
}
NORM = "self.norm = nn.BatchNorm1d(4)"


class ExportInTrainingMode(Rule):
    """
    ## What it does
    Finds exports of a model that is seen to be made, never put into evaluation mode (`.eval()`), and has layers that
    compute otherwise while training: dropout, batch norm, `RReLU`, `TransformerEncoderLayer`.

    ## Why it breaks
    `torch.jit.trace` and `torch.export.export` keep the mode: the graph drops values at random and normalises by each
    batch, and `.eval()` on the result changes nothing. `torch.onnx.export(dynamo=False)` takes evaluation mode unless
    `training=` says otherwise. The dynamo exporter warns; its batch norm is that of evaluation, and
    ONNX Runtime leaves its dropout out where other operators stand around it: not reported.

    ## Fix safety
    Unsafe: `model.eval()` in the call leaves the model in evaluation mode for what follows.

    ## References
    - pytorch/pytorch#169178, #166797
    """

    code, name, since = "CVL905", "export-in-training-mode", "0.1"
    events, callees = (ExportCall,), ("torch.jit.trace", "torch.export.export", "torch.onnx.export")
    examples = [
        Example(
            title="A trace",
            bad=script(
                """
                model = Model()
                x = torch.randn(3, 4)
                exported = torch.jit.trace(model, (x,))  # <-
                """,
                "return self.norm(x)",
                NORM,
            ),
            good=script(
                """
                model = Model()
                x = torch.randn(3, 4)
                exported = torch.jit.trace(model.eval(), (x,))
                """,
                "return self.norm(x)",
                NORM,
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM["jit_trace"],
            fix=Applicability.unsafe,
            script=("jit_trace",),
        ),
        Example(
            title="An exported program",
            bad=script(
                """
                model = Model()
                x = torch.randn(3, 4)
                exported = torch.export.export(model, (x,))  # <-
                """,
                "return self.drop(x)",
                "self.drop = nn.Dropout(0.5)",
            ),
            good=script(
                """
                model = Model()
                x = torch.randn(3, 4)
                exported = torch.export.export(model.eval(), (x,))
                """,
                "return self.drop(x)",
                "self.drop = nn.Dropout(0.5)",
            ),
            inputs="x: float32[3, 4]",
            harm=HARM["torch_export"],
            fix=Applicability.unsafe,
            script=("torch_export",),
        ),
        Example(
            title="The mode as it is",
            bad=script(
                """
                model = Model()
                x = torch.randn(3, 4)
                mode = torch.onnx.TrainingMode.PRESERVE
                torch.onnx.export(model, (x,), "model.onnx", input_names=["x"], training=mode, dynamo=False)  # <-
                """,
                "return self.norm(x)",
                NORM,
            ),
            good=script(
                """
                model = Model()
                x = torch.randn(3, 4)
                mode = torch.onnx.TrainingMode.PRESERVE
                torch.onnx.export(model.eval(), (x,), "model.onnx", input_names=["x"], training=mode, dynamo=False)
                """,
                "return self.norm(x)",
                NORM,
            ),
            inputs="x: float32[3, 4]",
            harm=HARM["onnx_torchscript"],
            fix=Applicability.unsafe,
            script=("onnx_torchscript",),
        ),
    ]

    def check(self, event: ExportCall, context: Context) -> Finding | None:
        """Wrong on the routes that keep the mode."""
        route = next(iter(event.routes)) if len(event.routes) == 1 else ""
        model, given = event.model, _model(event)
        if route not in HARM or model is None or given is None or not (model.training and model.modal):
            return None
        if route == "onnx_torchscript" and not _keeps_mode(event):
            return None
        message = (
            f"`{event.quote(given.span)}` is in training mode here, where its `{model.modal}` computes "
            f"otherwise, and the graph keeps that: call `.eval()` before"
        )
        return self.finding(event, message, HARM[route], context, fixable=Applicability.unsafe)

    def fix(self, event: ExportCall, context: Context) -> Fix | None:
        """The model in evaluation mode, in the call itself."""
        given = _model(event)
        if given is None:
            return None
        model = edit(given.span, "{model}.eval()", model=primary(event.cst_at(given.span)))
        return Fix("Call `.eval()`", (model,), Applicability.unsafe)


def _model(event: ExportCall) -> Argument | None:
    return event.argument("func") or event.argument("mod") or event.argument("model")


def _keeps_mode(event: ExportCall) -> bool:
    training = event.argument("training")
    keeping = ("TrainingMode.PRESERVE", "TrainingMode.TRAINING")
    return training is not None and isinstance(training.value, Named) and training.value.qualified.endswith(keeping)
