from __future__ import annotations

from convlint.events import DividesSize
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class SizeDividedByTorch(Rule):
    """
    ## What it does
    Finds `torch.div(x.shape[1], 2, rounding_mode="floor")` and `torch.floor_divide` of a size.

    ## Why it breaks
    They make a tensor of the size. Where it is used as a size again, `torch.export` reads the tensor's value, and for
    it this is a number that depends on data: whatever must be known of it stops the export
    (`GuardOnDataDependentSymNode`). `n // 2` stays a size. Older versions of torch warned of `//` on traced sizes, and
    so such calls came into many models.

    ## Fix safety
    Safe: sizes are not negative, so that both ways of rounding are those of `//`.

    ## References
    - huggingface/transformers#20473
    """

    code, name, since = "CVL206", "size-divided-by-torch", "0.1"
    events = (DividesSize,)
    examples = [
        Example(
            bad=forward("""
                n = torch.div(x.shape[1], 4, rounding_mode="floor")  # <-
                return nn.functional.max_pool1d(x.reshape(x.shape[0], n, 4), 2)
            """),
            good=forward("""
                n = x.shape[1] // 4
                return nn.functional.max_pool1d(x.reshape(x.shape[0], n, 4), 2)
            """),
            inputs="x: float32[2, T=24]",
            harm=HARM,
            fix=Applicability.safe,
        ),
    ]

    def check(self, event: DividesSize, context: Context) -> Finding | None:
        """Breaks torch_export and onnx_dynamo."""
        message = (
            f"`{event.short}` makes a tensor of a size, which `torch.export` takes for a number that depends on values "
            f"where it is a size again; use `//`"
        )
        return self.finding(event, message, HARM, context, fixable=_applicability(event))

    def fix(self, event: DividesSize, context: Context) -> Fix | None:
        """Python's own division."""
        if _applicability(event) is None:
            return None
        dividend, divisor = (event.cst_at(part.span) for part in (event.dividend, event.divisor))
        number = event.document.segment(event.divisor.span).isdecimal()
        parts = {"dividend": primary(dividend), "divisor": divisor if number else primary(divisor)}
        whole = edit(event.span, "{dividend} // {divisor}", **parts)
        return Fix("Use `//`", (whole,), Applicability.safe)


def _applicability(event: DividesSize) -> Applicability | None:
    sure = event.dividend.sure and event.divisor.sure and event.divisor.dtype == "int"
    return Applicability.safe if sure else None
