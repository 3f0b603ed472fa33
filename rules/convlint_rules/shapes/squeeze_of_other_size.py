from __future__ import annotations

from convlint.events import SqueezesNothing
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(onnx_dynamo=Level.breaks)


class SqueezeOfOtherSize(Rule):
    """
    ## What it does
    Finds `x.squeeze(1)` where that size of `x` is another constant than 1.

    ## Why it breaks
    Eager leaves such a tensor as it is, and so do `torch.jit.trace` and `torch.export`. The dynamo ONNX exporter writes
    an ONNX `Squeeze`, which is an error for any size but 1: the export succeeds, and ONNX Runtime refuses the file, or
    the run. The TorchScript exporter asks for the size in the graph.

    ## Fix safety
    Safe: the call does nothing.

    ## References
    - ONNX operators, `Squeeze`
    """

    code, name, since = "CVL601", "squeeze-of-other-size", "0.1"
    events = (SqueezesNothing,)
    examples = [
        Example(
            bad=forward("""
                y = x.reshape(x.shape[0], 2, 3)
                return y.squeeze(1) * 2  # <-
            """),
            good=forward("""
                y = x.reshape(x.shape[0], 2, 3)
                return y * 2
            """),
            inputs="x: float32[N=3, 6]",
            harm=HARM,
            fix=Applicability.safe,
        ),
    ]

    def check(self, event: SqueezesNothing, context: Context) -> Finding | None:
        """Breaks onnx_dynamo."""
        message = (
            f"axis {event.axis} of `{event.quote(event.operand.span)}` is not 1, so `squeeze` does nothing; "
            f"but ONNX Runtime refuses the `Squeeze` that the dynamo exporter writes: leave it out"
        )
        return self.finding(event, message, HARM, context, fixable=_applicability(event))

    def fix(self, event: SqueezesNothing, context: Context) -> Fix | None:
        """The tensor alone."""
        applicability = _applicability(event)
        if applicability is None:
            return None
        whole = edit(event.span, "{tensor}", tensor=primary(event.cst_at(event.operand.span)))
        return Fix("Leave `squeeze` out", (whole,), applicability)


def _applicability(event: SqueezesNothing) -> Applicability | None:
    return Applicability.safe if event.operand.sure else None
