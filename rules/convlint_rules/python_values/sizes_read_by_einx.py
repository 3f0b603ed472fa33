from __future__ import annotations

from convlint.events import SizesRead
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

FROZEN = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
EXPORT = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class SizesReadByEinx(Rule):
    """
    ## What it does
    Finds functions of `einx` that are given a tensor whose sizes are those of an input.

    ## Why it breaks
    `einx` solves a pattern with the sizes of its tensors as plain numbers, and writes Python code for them, also while
    it is traced. Where a tensor is reshaped or broadcast by them the TorchScript routes keep the traced sizes, and the
    graph fails on every other one; `torch.export` stops where an axis is declared dynamic (`Constraints violated`).
    `einops` works on symbolic sizes and does neither. For one fixed size both are fine, and the finding is a warning.

    ## Fix safety
    There is no fix: what computes the same by broadcasting depends on the pattern.

    ## References
    - https://einx.readthedocs.io
    """

    code, name, since = "CVL209", "sizes-read-by-einx", "0.1"
    events = (SizesRead,)
    examples = [
        Example(
            title="Differences of all pairs",
            bad=forward('return einx.subtract("b i, b j -> b i j", x, x)  # <-', imports="einx"),
            good=forward("return x[:, :, None] - x[:, None]"),
            inputs="x: float32[N=2, T=6]",
            harm=FROZEN,
        ),
        Example(
            title="Axes that become one",
            bad=forward('return einx.id("b (t c) -> b t c", x, c=2)  # <-', imports="einx"),
            good=forward('return einops.rearrange(x, "b (t c) -> b t c", c=2)', imports="einops"),
            inputs="x: float32[N=2, T=8]",
            harm=FROZEN,
        ),
        Example(
            title="Nothing is reshaped",
            bad=forward('return einx.sum("b [t]", x)  # <-', imports="einx"),
            good=forward("return x.sum(1)"),
            inputs="x: float32[N=2, T=8]",
            harm=EXPORT,
        ),
    ]

    def check(self, event: SizesRead, context: Context) -> Finding | None:
        """Harmful only where the sizes vary, and so a warning."""
        frozen = "frozen by the TorchScript routes and " if event.reshapes else ""
        message = (
            f"`{event.short}` reads the sizes of its tensors as plain numbers: where they vary they are {frozen}"
            f"refused by the dynamo routes; write it with `einops` or torch"
        )
        return self.finding(event, message, FROZEN if event.reshapes else EXPORT, context, at_most="warning")
