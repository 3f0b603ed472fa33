from __future__ import annotations

import ast

from convlint.events import Branch, Taint
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level, Span
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import torch_in

ASSERT = Harm(torch_export=Level.breaks)
RAISE = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class AssertOnValue(Rule):
    """
    ## What it does
    Finds `assert` statements and `if ...: raise` on a tensor's value, or on a count that depends on values. A bare
    `assert n > 0` on a number that was taken out of a tensor (`.item()`, the size of a selection) is kept by
    `torch.export` as a check and not reported; with a message, `and` or `not` it is.

    ## Why it breaks
    `torch.export` must know the value and stops with a data-dependent guard. The dynamo ONNX exporter then tries again
    with `strict=True`, which gets past an `assert`. The TorchScript routes drop the check, which changes no result on
    valid inputs.

    ## Fix safety
    Unsafe: the check is left out while `torch.export` runs (`torch.compiler.is_exporting() or ...`). Eager checks as
    before, but needs torch 2.7, and only the author can say whether what is exported may go without.
    `torch._check(...)` is the form that `torch.export` understands.

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
                assert torch.compiler.is_exporting() or x.min() >= -1000, "out of range"
                return torch.sqrt(x.abs())
            """),
            inputs="x: float32[N=3, 4]",
            harm=ASSERT,
            fix=Applicability.unsafe,
        ),
        Example(
            title="Alternatives in a test",
            bad=forward("""
                if x.isnan().any() or x.isinf().any():  # <-
                    raise ValueError("not a number")
                return x * 2
            """),
            good=forward("""
                if not torch.compiler.is_exporting() and (x.isnan().any() or x.isinf().any()):
                    raise ValueError("not a number")
                return x * 2
            """),
            inputs="x: float32[N=3, 4]",
            harm=RAISE,
            fix=Applicability.unsafe,
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
                assert torch.compiler.is_exporting() or y.shape[0] > 0, "empty"
                return y.exp()
            """),
            inputs="x: float32[N=3, 4]",
            harm=ASSERT,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A raise",
            bad=forward("""
                if x.isnan().any():  # <-
                    raise ValueError("not a number")
                return x * 2
            """),
            good=forward("""
                if not torch.compiler.is_exporting() and x.isnan().any():
                    raise ValueError("not a number")
                return x * 2
            """),
            inputs="x: float32[N=3, 4]",
            harm=RAISE,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: Branch, context: Context) -> Finding | None:
        """Breaks the dynamo routes; nothing where it only looks as if a tensor were checked."""
        if event.taint is not Taint.data or not (event.form == "assert" or event.only_checks):
            return None
        on_tensor = event.operand.kind == "tensor"
        if on_tensor and not event.operand.sure:
            return None
        what = "a tensor's value" if on_tensor else "a count or number that depends on values"
        message = (
            f"`{event.short}` checks {what}, which stops `torch.export`; check before the model, or use `torch._check`"
        )
        harm = (ASSERT if event.form == "assert" else RAISE).without(event.frozen_on)
        stops = harm.worst(event.routes)  # nothing, where it is left out already
        fixable = Applicability.unsafe if stops and _edits(event) else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: Branch, context: Context) -> Fix | None:
        """The test, not asked while exporting."""
        edits = _edits(event)
        return Fix("Leave the check out of the export", edits, Applicability.unsafe) if edits else None


def _edits(event: Branch) -> tuple[Edit, ...]:
    """What to write before the test (and around it, where it would be read otherwise), none where nothing will do."""
    torch = torch_in(event)
    asked = "is_exporting" in event.text
    if torch is None or asked or event.form not in ("assert", "if") or not event.raises:
        return ()
    name, imported = torch
    asks = (
        f"{name}.compiler.is_exporting() or " if event.form == "assert" else f"not {name}.compiler.is_exporting() and "
    )
    row, column, end_row, end_column = event.span
    opening, closing = ("(", ")") if _is_loose(event) else ("", "")
    before = Edit(Span(row, column, row, column), asks + opening)
    return (*imported, before, *([Edit(Span(end_row, end_column, end_row, end_column), closing)] if closing else []))


def _is_loose(event: Branch) -> bool:
    """Whether a test would be torn apart by an operator before it, or be hard to read behind it."""
    test = ast.parse(f"({event.text})", mode="eval").body
    mixed = isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) == (event.form == "if")
    return mixed or isinstance(test, (ast.IfExp, ast.Lambda, ast.NamedExpr))
