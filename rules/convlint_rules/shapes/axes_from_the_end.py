from __future__ import annotations

from convlint.events import AxesFromEnd
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

REFUSED, TURNED = Harm(onnx_torchscript=Level.breaks), Harm(onnx_torchscript=Level.wrong)


class AxesFromTheEnd(Rule):
    """
    ## What it does
    Finds `permute`, `unfold`, and what `movedim` and `moveaxis` move, of axes that are counted from the end:
    `x.permute(0, -1, 1)`, `x.movedim(-1, 1)`, `x.unfold(-1, 4, 2)`. `transpose` and a destination from the end are no
    such axes.

    ## Why it breaks
    The TorchScript ONNX exporter writes the numbers as they are into the `perm` of a `Transpose`, which must not be
    negative: the export succeeds, and ONNX Runtime refuses the file ("Invalid attribute perm"). Of `unfold` it makes
    slices along the right axis, and puts the windows back into a wrong one: the file is taken, and gives the windows
    with two axes exchanged.

    ## Fix safety
    Safe: the same axes counted from the front. There is one where their number is known, as it always is of `permute`.

    ## References
    - ONNX operators, `Transpose`
    """

    code, name, since = "CVL607", "axes-from-the-end", "0.1"
    events = (AxesFromEnd,)
    examples = [
        Example(
            title="A permutation",
            bad=forward("return x.permute(0, -2, -1, 1) * 2  # <-"),
            good=forward("return x.permute(0, 2, 3, 1) * 2"),
            inputs="x: float32[N=2, 3, 4, 5]",
            harm=REFUSED,
            fix=Applicability.safe,
        ),
        Example(
            title="A function of a list",
            bad=forward("return torch.permute(x, [0, -1, 1]).sum(-1)  # <-"),
            good=forward("return torch.permute(x, [0, 2, 1]).sum(-1)"),
            inputs="x: float32[N=2, 3, 4]",
            harm=REFUSED,
            fix=Applicability.safe,
        ),
        Example(
            title="An axis that is moved",
            bad=forward("return x.movedim(-1, 1)  # <-"),
            good=forward("return x.movedim(3, 1)"),
            inputs="x: float32[N=2, 3, 4, 5]",
            harm=REFUSED,
        ),
        Example(
            title="Windows along the last axis",
            bad=forward("return x.reshape(2, 3, 8).unfold(-1, 4, 2)  # <-"),
            good=forward("return x.reshape(2, 3, 8).unfold(2, 4, 2)"),
            inputs="x: float32[2, 24]",
            harm=TURNED,
            fix=Applicability.safe,
        ),
    ]

    def check(self, event: AxesFromEnd, context: Context) -> Finding | None:
        """Breaks onnx_torchscript; windows are wrong there."""
        message = (
            f"`{event.short}` counts axes from the end: the TorchScript ONNX exporter writes them so into `Transpose`, "
            f"which ONNX Runtime refuses; count them from the front"
        )
        if event.callee == "unfold":
            message = (
                f"`{event.short}` counts the axis from the end: what the TorchScript ONNX exporter writes gives the "
                f"windows with two axes exchanged, without a word; count it from the front"
            )
        harm = TURNED if event.callee == "unfold" else REFUSED
        return self.finding(event, message, harm, context, fixable=Applicability.safe if event.from_front else None)

    def fix(self, event: AxesFromEnd, context: Context) -> Fix | None:
        """The same axes from the front."""
        if not event.from_front:
            return None
        edits = tuple(Edit(span, str(axis)) for span, axis in zip(event.axes, event.from_front, strict=True))
        return Fix("Count the axes from the front", edits, Applicability.safe)
