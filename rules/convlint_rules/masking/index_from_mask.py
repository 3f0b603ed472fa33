from __future__ import annotations

import ast

from convlint.events import DynamicShape
from convlint.findings import Applicability, Edit, Finding, Fix, Harm
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward


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
        fixable = Applicability.unsafe if _direct(event) else None
        return self.finding(event, message, Harm(), context, fixable=fixable)

    def fix(self, event: DynamicShape, context: Context) -> Fix | None:
        """The mask instead of its positions, where they are written in the index itself."""
        edit = _direct(event)
        return Fix("Index with the mask", (edit,), Applicability.unsafe) if edit else None


def _direct(event: DynamicShape) -> Edit | None:
    text = event.document.segment(event.operand.span)
    node = ast.parse(f"({text})", mode="eval").body
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("squeeze", "flatten", "view")
    ):
        inner = node.func.value
        if (
            isinstance(inner, ast.Call)
            and isinstance(inner.func, ast.Attribute)
            and inner.func.attr == "nonzero"
            and not inner.args
        ):
            mask = ast.get_source_segment(f"({text})", inner.func.value)
            return Edit(event.operand.span, mask) if mask else None
    return None
