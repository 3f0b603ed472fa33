from __future__ import annotations

from convlint.events import UnusedInput
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import script

HARM = Harm(onnx_torchscript=Level.breaks)
_RUN = """
    import onnxruntime

    model = Model().eval()
    x, lengths = torch.randn(3, 4), torch.ones(3)
    torch.onnx.export(model, (x, lengths), "model.onnx", input_names=["x", "lengths"], dynamo=False)
    session = onnxruntime.InferenceSession("model.onnx")
    session.run(None, {"x": x.numpy(), "lengths": lengths.numpy()})
"""


class VanishingInput(Rule):
    """
    ## What it does
    Finds inputs without a default that the `forward` of a model does nothing with: they are not read at all, or only
    their device and dtype are. Models that other scanned code contains are not reported, nor is what is one of several
    classes with the same inputs (by a base with a `forward`, a table of classes, a decorator), nor are names that
    begin with an underscore.

    ## Why it breaks
    The TorchScript ONNX exporter keeps only the inputs that an operator of the graph reads. The others are gone without
    a word, and with them their `input_names`: whoever feeds them meets ONNX Runtime's `Invalid input name`. The graphs
    of the other exporters keep them.

    ## Fix safety
    There is no fix: whether the input is to be used or to go is not in the source.

    ## References
    - `torch.onnx.export`, `input_names`
    """

    code, name, since = "CVL708", "vanishing-input", "0.1"
    events = (UnusedInput,)
    examples = [
        Example(
            title="An input that training needed",
            bad=script(_RUN, "return self.layer(x)", parameters="x, lengths").replace("lengths):", "lengths):  # <-"),
            good=script(_RUN, "return self.layer(x) * lengths[:, None]", parameters="x, lengths"),
            inputs="x: float32[3, 4]; lengths: float32[3]",
            harm=HARM,
            script=("onnx_torchscript",),
            same_in_eager=False,
        ),
    ]

    def check(self, event: UnusedInput, context: Context) -> Finding | None:
        """Gone from the TorchScript exporter's graph."""
        message = (
            f"nothing is computed from the input `{event.name}`: the TorchScript ONNX exporter leaves it out of the "
            f"graph, and ONNX Runtime then refuses to be given it; use it, or take it out of `forward`"
        )
        return self.finding(event, message, HARM, context)
