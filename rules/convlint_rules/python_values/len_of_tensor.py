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
    Finds `len(t)` of a tensor, and `t.shape.numel()`.

    ## Why it breaks
    `len` must return a plain `int`, and so does `numel` of a shape, which multiplies outside of Python. The
    TorchScript routes store what they return for the traced tensor; `t.shape[0]` and `t.numel()` are the same numbers
    and stay in the graph. `torch.export` stops where a size in them is dynamic (`Constraints violated`); the dynamo
    ONNX exporter then tries again with `strict=True` and gets past it.

    ## Fix safety
    Safe: `len(t)` is `t.shape[0]` in eager, and `t.shape.numel()` is `t.numel()`. It is offered where the value is
    known to be a tensor, and not where TorchScript would miss the number: for a key, say. For a part of a shape
    (`t.shape[1:].numel()`) there is no fix: `math.prod(t.shape[1:])` stays in the graph and needs an import.

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
        Example(
            title="As many as there are elements",
            bad=forward("""
                return x.reshape(x.shape.numel())  # <-
            """),
            good=forward("""
                return x.reshape(x.numel())
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.safe,
        ),
        Example(
            title="As many as there are in a row",
            bad=forward("""
                return x.sum() / x.shape[1:].numel()  # <-
            """),
            good=forward(
                """
                return x.sum() / math.prod(x.shape[1:])
                """,
                imports="math",
            ),
            inputs="x: float32[2, H=3, W=4]",
            harm=HARM,
        ),
    ]

    def check(self, event: LeavesGraph, context: Context) -> Finding | None:
        """Frozen, or wrong where the length depends on values."""
        if event.how not in ("len", "numel") or event.operand.taint < Taint.shape:
            return None
        harm = DATA if event.operand.taint is Taint.data else HARM
        name, whole = event.quote(event.operand.span), event.how == "len" or _is_whole(event)
        if event.how == "len":
            message = f"`len({name})` is a plain number: the traced length is kept; write `{name}.shape[0]`"
        else:
            written = f"{name[: name.rindex('.')]}.numel()" if whole else f"math.prod({name})"
            message = f"`{name}.numel()` is a plain number: the traced one is kept; write `{written}`"
        fixable = Applicability.safe if event.operand.sure and whole and not event.must_be_plain else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: LeavesGraph, context: Context) -> Fix | None:
        """``t.shape[0]``, ``t.numel()``."""
        import libcst as cst

        if not event.operand.sure:
            return None
        operand, written = event.cst_at(event.operand.span), "{operand}.shape[0]"
        if event.how == "numel":
            asked = operand.func if isinstance(operand, cst.Call) else operand
            assert isinstance(asked, cst.Attribute)
            operand, written = asked.value, "{operand}.numel()"
        size = edit(event.span, written, operand=primary(operand))
        return Fix(f"Write `{one_line(size.content)}`", (size,), Applicability.safe)


def _is_whole(event: LeavesGraph) -> bool:
    """Whether the shape is that of a tensor, written as one: ``t.shape``, ``t.size()``."""
    return event.document.segment(event.operand.span).endswith((".shape", ".size()"))
