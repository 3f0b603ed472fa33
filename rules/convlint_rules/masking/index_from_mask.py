from __future__ import annotations

from typing import TYPE_CHECKING

from convlint.events import DynamicShape
from convlint.findings import Applicability, Finding, Fix, Harm
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

if TYPE_CHECKING:
    import libcst as cst


class IndexFromMask(Rule):
    """
    ## What it does
    Finds `x[mask.nonzero().squeeze(1)]`: a mask turned into positions only to select with them.

    ## Why it breaks
    `x[mask]` selects the same elements with one operator less, and is what a later rewriting for a target with
    fixed shapes begins with. With torch 2.13 and ONNX Runtime both forms export: shown by `--show-harmless`.

    ## Fix safety
    Unsafe: `squeeze()` without a dimension selects otherwise where exactly one element passes.

    ## References
    - https://docs.pytorch.org/docs/stable/generated/torch.nonzero.html
    """

    code, name, since = "CVL402", "index-from-mask", "0.1"
    events = (DynamicShape,)
    examples = [
        Example(
            title="Positions of large scores",
            bad=forward("""
                keep = (x[:, 0] > 0).nonzero().squeeze(1)
                return x[keep]
            """),
            good=forward("""
                keep = x[:, 0] > 0
                return x[keep]
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(),
        ),
        Example(
            title="Positions written in the index",
            bad=forward("return x[(x[:, 0] > 0).nonzero().squeeze(1)]"),
            good=forward("return x[x[:, 0] > 0]"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(),
        ),
    ]

    def check(self, event: DynamicShape, context: Context) -> Finding | None:
        """Harmless, with a hint and often a repair."""
        if event.how != "index-from-mask" or not event.whole:
            return None
        text = event.short
        message = f"`{text}` selects by positions made from a mask: index with the mask itself"
        fixable = Applicability.unsafe if _mask(event) else None
        return self.finding(event, message, Harm(), context, fixable=fixable)

    def fix(self, event: DynamicShape, context: Context) -> Fix | None:
        """The mask instead of its positions, where they are written in the index itself."""
        mask = _mask(event)
        if mask is None:
            return None
        return Fix("Index with the mask", (edit(event.operand.span, "{mask}", mask=mask),), Applicability.unsafe)


def _mask(event: DynamicShape) -> cst.BaseExpression | None:
    """The ``m`` of ``m.nonzero().squeeze()``."""
    if "nonzero" not in event.document.segment(event.operand.span):
        return None
    import libcst as cst

    match event.cst_at(event.operand.span):
        case cst.Call(
            func=cst.Attribute(
                value=cst.Call(func=cst.Attribute(value=mask, attr=cst.Name(value="nonzero")), args=[]),
                attr=cst.Name(value="squeeze" | "flatten" | "view"),
            )
        ):
            return mask
    return None
