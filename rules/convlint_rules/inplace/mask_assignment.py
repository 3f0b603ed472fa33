from __future__ import annotations

from convlint.events import MaskWrite
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Fact, Rule
from convlint_rules.examples import forward

ROWS = Harm(onnx_torchscript=Level.wrong)


class MaskAssignment(Rule):
    """
    ## What it does
    Finds `y[mask] = 0.0` where the mask has fewer axes than `y`, as it selects whole rows; with `--target litert` every
    `y[mask] = value`.

    ## Why it breaks
    The TorchScript ONNX exporter lays a mask of rows along the last axis: other elements are set than in eager, without
    a warning. With a mask of the tensor's own rank every exporter of torch 2.13 is right for ONNX Runtime, and nothing
    is reported. litert-torch 0.10 does not convert assignment under a mask, whatever its rank; coremltools did not
    until version 7 (`--target coreml==7.0`), 9.0 does.

    ## Fix safety
    Unsafe: `torch.where` makes a new tensor, so other names of `y` keep the old values, and may promote the dtype.

    ## References
    - apple/coremltools#1132, #2040
    - pytorch/pytorch#126856
    """

    code, name, since = "CVL105", "mask-assignment", "0.1"
    events = (MaskWrite,)
    facts = (
        Fact("coreml", "index_put with a boolean mask is not converted", "apple/coremltools#2040", "2023-11", "7"),
        Fact("litert", "a mask must be a constant", "litert-torch 0.10.0", "2026-11-25", "0.10", True),
    )
    examples = [
        Example(
            title="A mask of rows",
            bad=forward("""
                y = x.reshape(4, 4) * 2
                y[y[:, 1] > 0] = 9.0  # <-
                return y
            """),
            good=forward("""
                y = x.reshape(4, 4) * 2
                return torch.where((y[:, 1] > 0)[:, None], 9.0, y)
            """),
            inputs="x: float32[4, 4]",
            harm=ROWS,
        ),
        Example(
            title="A mask of the same rank, for LiteRT",
            bad=forward("""
                y = x.clone()
                y[y < 0] = 0.5  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y = torch.where(y < 0, 0.5, y)
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(),
            fix=Applicability.unsafe,
            targets=("litert",),
        ),
    ]

    def check(self, event: MaskWrite, context: Context) -> Finding | None:
        """Wrong with a mask of lower rank, breaks the targets of the facts."""
        rows = event.fewer_axes and event.value.kind == "number"
        text = event.short
        refusals, told = self.refusals(context)
        if rows:
            message = (
                f"the mask in `{text}` has fewer axes than what it selects from: TorchScript's exporter lays it along "
                f"the last axis; write `torch.where` with the mask expanded"
            )
            return self.finding(event, message, Harm(onnx_torchscript=Level.wrong, targets=refusals), context)
        message = f"`{text} = ...` assigns under a mask{f' ({told})' if told else ''}; select with `torch.where`"
        fixable = Applicability.unsafe if refusals and _is_selection(event) else None
        return self.finding(event, message, Harm(targets=refusals), context, fixable=fixable)

    def fix(self, event: MaskWrite, context: Context) -> Fix | None:
        """``y = torch.where(mask, number, y)``."""
        if not _is_selection(event):
            return None
        name, mask, value = (event.cst_at(part.span) for part in (event.target, event.mask, event.value))
        template = "{name} = {torch}.where({mask}, {value}, {name})"
        selected = edit(event.statement, template, torch=event.torch, name=name, mask=mask, value=value)
        return Fix("Select with `torch.where`", (selected,), Applicability.unsafe)


def _is_selection(event: MaskWrite) -> bool:
    """Whether a whole statement assigns a number to a part of a tensor with a name."""
    name = event.document.segment(event.target.span)
    return event.plain and event.value.kind == "number" and name.isidentifier() and bool(event.torch)
