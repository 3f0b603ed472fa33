from __future__ import annotations

from convlint.events import Branch, Taint
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

ASSERT = Harm(torch_export=Level.breaks)
RAISE = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class AssertOnValue(Rule):
    """
    ## What it does
    Finds `assert` statements and `if ...: raise` on a tensor's value. A bare `assert n > 0` on a number that was taken
    out of a tensor (`.item()`, the size of a selection) is kept by `torch.export` as a check and not reported; with a
    message, `and` or `not` it is.

    ## Why it breaks
    `torch.export` must know the value and stops with a data-dependent guard. The dynamo ONNX exporter then tries again
    with `strict=True`, which gets past an `assert`. The TorchScript routes drop the check, which changes no result on
    valid inputs.

    ## Fix safety
    There is no fix: only the author can say whether the check may go. `torch._check(...)` is the form that
    `torch.export` understands.

    ## References
    - pytorch/pytorch#150891
    """

    code, name, since = "CVL305", "assert-on-value", "0.1"
    events = (Branch,)
    examples = [
        Example(
            title="An assertion",
            bad=forward("""
                assert x.min() >= -1000, "out of range"  # <-
                return torch.sqrt(x.abs())
            """),
            good=forward("""
                return torch.sqrt(x.abs())
            """),
            inputs="x: float32[N=3, 4]",
            harm=ASSERT,
        ),
        Example(
            title="A number, with a message",
            bad=forward("""
                y = x[x > -1000]
                assert y.shape[0] > 0, "empty"  # <-
                return y.exp()
            """),
            good=forward("""
                y = x[x > -1000]
                torch._check(y.shape[0] > 0)
                return y.exp()
            """),
            inputs="x: float32[N=3, 4]",
            harm=ASSERT,
            good_routes=("torch_export", "onnx_dynamo"),
        ),
        Example(
            title="A raise",
            bad=forward("""
                if x.isnan().any():  # <-
                    raise ValueError("not a number")
                return x * 2
            """),
            good=forward("""
                return x * 2
            """),
            inputs="x: float32[N=3, 4]",
            harm=RAISE,
        ),
    ]

    def check(self, event: Branch, context: Context) -> Finding | None:
        """Breaks the dynamo routes."""
        if event.taint is not Taint.data or not (event.form == "assert" or event.only_checks):
            return None
        message = (
            f"`{event.short}` checks a tensor's value, which stops `torch.export`; check before the model, "
            f"or use `torch._check`"
        )
        harm = ASSERT if event.form == "assert" else RAISE
        return self.finding(event, message, harm.without(event.frozen_on), context)
