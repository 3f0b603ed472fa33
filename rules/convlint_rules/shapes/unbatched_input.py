from __future__ import annotations

from convlint.events import Unbatched
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

REFUSED = Harm(onnx_torchscript=Level.breaks)
WRONG = Harm(onnx_torchscript=Level.wrong)


class UnbatchedInput(Rule):
    """
    ## What it does
    Finds pooling, `PixelShuffle`, `F.unfold` and the like of an input without a batch axis: `max_pool2d` of a tensor
    with three axes. Which these are was measured.

    ## Why it breaks
    Eager takes the tensor for one sample. The TorchScript ONNX exporter writes the same operator as for a batch: ONNX
    Runtime refuses the file (`Attribute dilations has incorrect size`), or with adaptive pooling to one value takes the
    channels for a batch and answers wrongly. The dynamo exporter adds the axis and takes it off again.

    ## Fix safety
    There is no fix: add a batch axis (`x[None]`) and take it off behind (`[0]`).

    ## References
    - ONNX operators, `MaxPool`
    """

    code, name, since = "CVL602", "unbatched-input", "0.1"
    events = (Unbatched,)
    examples = [
        Example(
            title="The greatest of the neighbours",
            bad=forward("""
                scores = x.reshape(-1, 8, 8)
                return nn.functional.max_pool2d(scores, 3, 1, 1)  # <-
            """),
            good=forward("""
                scores = x.reshape(-1, 8, 8)
                return nn.functional.max_pool2d(scores[None], 3, 1, 1)[0]
            """),
            inputs="x: float32[N=3, 64]",
            harm=REFUSED,
        ),
        Example(
            title="One value for each channel",
            bad=forward(
                """
                channels = x.reshape(-1, 8, 8)
                return self.pool(channels)  # <-
            """,
                init="self.pool = nn.AdaptiveAvgPool2d(1)",
            ),
            good=forward(
                """
                channels = x.reshape(-1, 8, 8)
                return self.pool(channels[None])[0]
            """,
                init="self.pool = nn.AdaptiveAvgPool2d(1)",
            ),
            inputs="x: float32[N=3, 64]",
            harm=WRONG,
        ),
    ]

    def check(self, event: Unbatched, context: Context) -> Finding | None:
        """Breaks onnx_torchscript, or is wrong there."""
        what = "answers wrongly" if event.wrong else "ONNX Runtime refuses"
        message = (
            f"`{event.callee}` is given a tensor with {event.operand.rank} axes, so without a batch: the file of the "
            f"TorchScript ONNX exporter is one that {what}; add a batch axis (`x[None]`) and take it off behind"
        )
        return self.finding(event, message, WRONG if event.wrong else REFUSED, context)
