from __future__ import annotations

from convlint.events import PlainOutput
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

NUMBER = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
WORDS = {"number": "number", "bool": "truth value", "text": "text"}
TEXT = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.wrong, onnx_dynamo=Level.breaks)


class PlainOutputOfModel(Rule):
    """
    ## What it does
    Finds numbers, truth values and texts of Python's own among what the `forward` of a model returns:
    `return logits, self.stride`. Models that other scanned code contains are not reported, nor is what is one of
    several classes with the same outputs.

    ## Why it breaks
    A graph gives tensors. `torch.jit.trace` refuses the outputs (`Only tensors, lists, tuples of tensors, or dictionary
    of tensors can be output`), the TorchScript ONNX exporter a number that depends on no input (`did not have
    observable data dependence`), the dynamo exporter fails while it converts them. A text is left out of the
    TorchScript exporter's file without a word, so that later outputs move up. `torch.export` returns the values as they
    were. A size of an input is exported as a tensor, and `None` refused by `torch.jit.trace` alone: neither is
    reported.

    ## Fix safety
    There is no fix: who calls the model knows the value, or wants it as a tensor.

    ## References
    - `torch.jit.trace`
    """

    code, name, since = "CVL711", "plain-output", "0.1"
    events = (PlainOutput,)
    examples = [
        Example(
            title="A number of the configuration",
            bad=forward("return self.layer(x), self.stride  # <-", init="self.layer, self.stride = nn.Linear(4, 4), 8"),
            good=forward("return self.layer(x)", init="self.layer, self.stride = nn.Linear(4, 4), 8"),
            inputs="x: float32[N=3, 4]",
            harm=NUMBER,
            same_in_eager=False,
        ),
        Example(
            title="A text in a dict",
            bad=forward(
                """
                return {
                    "scores": x.softmax(1),
                    "kind": "softmax",  # <-
                }
                """
            ),
            good=forward("return x.softmax(1)"),
            inputs="x: float32[N=3, 4]",
            harm=TEXT,
            same_in_eager=False,
        ),
    ]

    def check(self, event: PlainOutput, context: Context) -> Finding | None:
        """Breaks all routes but torch_export."""
        what = f"a {WORDS[event.kind]} of Python's own"
        told = f"`{event.short}` holds {what}" if event.inside else f"`{event.short}` is {what}"
        if event.kind == "text":
            message = (
                f"{told}, among the outputs of `{event.model}`: `torch.jit.trace` and the dynamo ONNX exporter stop at "
                f"it, the TorchScript ONNX exporter leaves it out; keep it outside of `forward`"
            )
            return self.finding(event, message, TEXT, context)
        message = (
            f"{told}, among the outputs of `{event.model}`: `torch.jit.trace` and both ONNX exporters stop at it; "
            f"keep it outside of `forward`, or return a tensor"
        )
        return self.finding(event, message, NUMBER, context)
