from __future__ import annotations

from convlint.events import LeavesGraph, Taint, one_line
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(Level.frozen, Level.breaks, Level.frozen)
DATA = Harm(Level.wrong, Level.breaks, Level.wrong)


class LenOfTensor(Rule):
    """
    ## What it does
    Finds `len(t)` of a tensor.

    ## Why it breaks
    `len` must return a plain `int`, so the TorchScript routes store the traced length; `t.shape[0]` is the same number
    and stays in the graph. `torch.export` stops at a dynamic length (`Constraints violated`); the dynamo ONNX exporter
    then tries again with `strict=True` and gets past it.

    ## Fix safety
    Safe: `len(t)` is `t.shape[0]` in eager. It is offered where the value is known to be a tensor,
    and not where TorchScript would miss the number: for a key, say.

    ## References
    - microsoft/scene_graph_benchmark#96
    """

    code, name, since = "CVL205", "len-of-tensor", "0.1"
    events = (LeavesGraph,)
    examples = [
        Example(
            title="A mean by hand",
            bad=forward("""
                return x.sum(0) / len(x)  # <-
            """),
            good=forward("""
                return x.sum(0) / x.shape[0]
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.safe,
        ),
        Example(
            title="How many a mask selects",
            bad=forward("""
                k = x[x > 0]
                return x / (1 + len(k))  # <-
            """),
            good=forward("""
                k = x[x > 0]
                return x / (1 + k.shape[0])
            """),
            inputs="x: float32[N=3, 4]",
            harm=DATA,
            fix=Applicability.safe,
        ),
    ]

    def check(self, event: LeavesGraph, context: Context) -> Finding | None:
        """Frozen, or wrong where the length depends on values."""
        if event.how != "len" or event.operand.taint < Taint.shape:
            return None
        harm = DATA if event.operand.taint is Taint.data else HARM
        name = event.quote(event.operand.span)
        message = f"`len({name})` is a plain number: the traced length is kept; write `{name}.shape[0]`"
        fixable = Applicability.safe if event.operand.sure and not event.must_be_plain else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: LeavesGraph, context: Context) -> Fix | None:
        """``t.shape[0]``."""
        if not event.operand.sure:
            return None
        size = edit(event.span, "{operand}.shape[0]", operand=primary(event.cst_at(event.operand.span)))
        return Fix(f"Write `{one_line(size.content)}`", (size,), Applicability.safe)
