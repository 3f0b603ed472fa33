from __future__ import annotations

from convlint.events import Branch, Taint
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(Level.frozen, Level.frozen, Level.frozen, Level.frozen)
TENSOR = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)


class BranchOnShape(Rule):
    """
    ## What it does
    Finds branches on a size of an input: `if x.shape[1] > 6`, `if pad > 0`, `while n % 8`.

    ## Why it breaks
    Every route keeps the arm that the traced size took. The TorchScript routes use it for every size.
    `torch.export` notes a guard (`7 <= t`), which its own program checks; the ONNX file made from it has lost the
    guard and answers wrongly outside the range, and `verify=True` passes. It stops where the size was made a tensor
    before. Checks that only raise, warn or log are harmless and not reported by default. Nor are branches that
    could as well go, since they only pad, expand or copy: the sizes that a model is made for mostly need the same.

    ## Fix safety
    There is no fix. Often the branch can go: `F.pad` by zero, a slice beyond the end or `interpolate` to the same size
    change nothing.

    ## References
    - pytorch/pytorch#133653
    """

    code, name, since = "CVL302", "branch-on-shape", "0.1"
    events = (Branch,)
    examples = [
        Example(
            title="Another computation for long inputs",
            bad=forward("""
                if x.shape[1] > 6:  # <-
                    return x[:, :6].sum(1)
                return x.sum(1) * 10
            """),
            good=forward("""
                n = torch.ones_like(x).sum(1)
                s = (x * (torch.arange(x.shape[1]) < 6)).sum(1)
                return torch.where(n > 6, s, s * 10)
            """),
            inputs="x: float32[2, T=8]",
            harm=HARM,
        ),
        Example(
            title="A branch that only pads",
            bad=forward("""
                if x.shape[1] % 4 != 0:  # <-
                    x = nn.functional.pad(x, (0, 4 - x.shape[1] % 4))
                return x * x.shape[1]
            """),
            good=forward("""
                x = nn.functional.pad(x, (0, -x.shape[1] % 4))
                return x * x.shape[1]
            """),
            inputs="x: float32[2, T=8]",
            harm=HARM,
        ),
        Example(
            title="A tensor made of a size",
            bad=forward("""
                steps = torch.arange(x.shape[1])
                if (steps > 6).any():  # <-
                    return x.sum(1)
                return x.sum(1) * 10
            """),
            good=forward("""
                steps = torch.arange(x.shape[1])
                return torch.where((steps > 6).any(), x.sum(1), x.sum(1) * 10)
            """),
            inputs="x: float32[2, T=8]",
            harm=TENSOR,
        ),
    ]

    def check(self, event: Branch, context: Context) -> Finding | None:
        """Frozen on every route, harmless where the branch only checks."""
        text = event.short
        if event.form == "inside":
            return self.finding(event, f"`{text}` checks sizes in the library's own code", Harm(), context)
        if event.taint is Taint.fixed:
            return self.finding(event, f"`{text}` decides on a size that the architecture fixes", Harm(), context)
        if event.taint is not Taint.shape:
            return None
        if event.form == "compare":
            return self.finding(event, f"`{text}` compares sizes while tracing, and decides nothing", Harm(), context)
        if event.form == "assert" or event.only_checks:
            return self.finding(event, f"`{text}` checks a size: the check is not exported", Harm(), context)
        if event.degenerate:
            message = (
                f"`{text}` tells a size of 0 or 1 from all others, as exporters do themselves: trace with sizes from 2"
            )
            return self.finding(event, message, Harm(), context)
        if event.dispensable and not (event.operand.kind == "tensor" and event.operand.sure):
            message = (
                f"`{text}` decides whether to pad, expand or copy, and the graph does what the traced size needed; "
                f"drop the test if the code behind it changes nothing where it is false (a negative padding cuts)"
            )
            return self.finding(event, message, HARM.without(event.frozen_on), context, at_most="info")
        if event.operand.kind == "tensor":
            message = (
                f"`{text}` decides on a tensor that was computed from sizes: the TorchScript routes keep the branch of "
                f"the traced shape, `torch.export` stops; compare the sizes themselves"
            )
            return self.finding(event, message, TENSOR.without(event.frozen_on), context)
        message = (
            f"`{text}` decides on a size: the exported graph keeps the branch of the traced shape for every shape; "
            f"compute without the branch, or export for fixed sizes"
        )
        return self.finding(event, message, HARM.without(event.frozen_on), context)
