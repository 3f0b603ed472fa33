from __future__ import annotations

from convlint.events import RemainderOfSize
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(onnx_dynamo=Level.breaks)


class RemainderOfSizeRule(Rule):
    """
    ## What it does
    Finds `places % width` and `torch.remainder` of an integer tensor by a size of an input: columns from the positions
    that `argmax` or `topk` gave in a flattened map.

    ## Why it breaks
    The dynamo ONNX exporter translates the remainder of an integer tensor for a plain number only. A size that is
    declared dynamic is none, and it stops with a `ConversionError`. `places // width` it takes, and the remainder of
    floats too; the other routes take all of them.

    ## Fix safety
    There is no fix: write the remainder as what is left of the division, `places - places // width * width`, or take
    `argmax` along each axis.

    ## References
    - `torch.remainder`
    """

    code, name, since = "CVL511", "remainder-of-size", "0.1"
    status = "preview"
    events = (RemainderOfSize,)
    examples = [
        Example(
            title="The column of a maximum",
            bad=forward("""
                place = x.flatten(1).argmax(1)
                return torch.stack((place % x.shape[2], place // x.shape[2]), dim=1)  # <-
            """),
            good=forward("""
                place = x.flatten(1).argmax(1)
                row = place // x.shape[2]
                return torch.stack((place - row * x.shape[2], row), dim=1)
            """),
            inputs="x: float32[2, H=5, W=6]",
            harm=HARM,
        ),
        Example(
            title="By a function",
            bad=forward("return x * torch.remainder(torch.arange(4), x.shape[0])  # <-"),
            good=forward("""
                n = x.shape[0]
                return x * (torch.arange(4) - torch.arange(4) // n * n)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: RemainderOfSize, context: Context) -> Finding | None:
        """Breaks onnx_dynamo."""
        dividend, divisor = (event.quote(one.span) for one in (event.dividend, event.divisor))
        message = (
            f"the dynamo ONNX exporter cannot take the remainder of the integers `{dividend}` by the size `{divisor}`: "
            f"write it as what is left of `//`"
        )
        return self.finding(event, message, HARM, context)
