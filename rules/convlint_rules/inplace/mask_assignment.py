from __future__ import annotations

from convlint.events import MaskWrite
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Fact, Rule
from convlint_rules.examples import forward
from convlint_rules.masked import TRUTHS, filled, fits, selected

ROWS = Harm(onnx_torchscript=Level.wrong)
MASKS = Harm(onnx_torchscript=Level.breaks)


class MaskAssignment(Rule):
    """
    ## What it does
    Finds `y[mask] = 0.0` and `y[mask] = self.token` where the mask has fewer axes than `y`, as it selects whole rows;
    `keep[mask] = False` where `keep` is a mask itself; with `--target litert` every `y[mask] = value`.

    ## Why it breaks
    The TorchScript ONNX exporter lays a mask of rows along the last axis: other elements are set than in eager, without
    a warning. One row that is assigned to all that the mask selects is repeated as often as the traced mask selects
    rows, and written over whatever rows another mask selects. For a mask that is written to the same exporter writes a
    `Where` of booleans, which ONNX Runtime does not have (`NOT_IMPLEMENTED`). Numbers under a mask of the tensor's own
    rank are right on all routes of torch 2.13, and nothing is reported. litert-torch 0.10 does not convert assignment
    under a mask, whatever its rank; coremltools did not until version 7 (`--target coreml==7.0`), 9.0 does.

    ## Fix safety
    `y = torch.where(mask, value, y)` makes a new tensor. Safe where only that local name leads to `y`, which was
    computed in the same function and kept nowhere; where the mask is computed from `y`, or has one axis, so that
    nothing is laid out otherwise; where the number fits the dtype of `y`; and where all calls of the function agree.
    Of masks it is `keep = keep & ~mask`, and `keep | mask` for True.
    Unsafe elsewhere: other names of `y` keep the old values, and its dtype may be promoted. There is none where the
    source does not tell how many axes the mask has.

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
                y = x.float().reshape(4, 4) * 2
                y[y[:, 1] > 0] = 9.0  # <-
                return y
            """),
            good=forward("""
                y = x.float().reshape(4, 4) * 2
                y = torch.where((y[:, 1] > 0)[:, None], 9.0, y)
                return y
            """),
            inputs="x: float32[4, 4]",
            harm=ROWS,
            fix=Applicability.safe,
        ),
        Example(
            title="One row for all",
            bad=forward(
                """
                n, channels = x.shape
                y = x * 2
                y[x[:, 0] > 0] = self.token  # <-
                return y
                """,
                init="self.token = nn.Parameter(torch.ones(6))",
            ),
            good=forward(
                """
                n, channels = x.shape
                return torch.where((x[:, 0] > 0)[:, None], self.token, x * 2)
                """,
                init="self.token = nn.Parameter(torch.ones(6))",
            ),
            inputs="x: float32[N=3, 6]",
            harm=ROWS,
        ),
        Example(
            title="A mask of masks",
            bad=forward("""
                n, channels = x.shape
                keep = x > 0
                keep[x > 1] = False  # <-
                return x * keep
            """),
            good=forward("""
                n, channels = x.shape
                keep = x > 0
                keep = keep & ~(x > 1)
                return x * keep
            """),
            inputs="x: float32[N=3, 4]",
            harm=MASKS,
            fix=Applicability.safe,
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
        """Wrong with a mask of lower rank, breaks onnx_torchscript of a mask, and the targets of the facts."""
        rows = event.fewer_axes and (event.value.kind == "number" or event.one_for_all)
        text = event.short
        refusals, told = self.refusals(context)
        masks = _is_of_masks(event)
        fixable = _applicability(event) if rows or refusals or masks else None
        if masks:
            message = (
                f"`{text} = ...` assigns to booleans under a mask, for which the TorchScript exporter writes a `Where` "
                f"that ONNX Runtime does not have: join the masks with `&` or `|`"
            )
            harm = Harm(onnx_torchscript=Level.breaks, targets=refusals)
            return self.finding(event, message, harm, context, fixable=fixable)
        if rows:
            laid = (
                "repeats the value for the rows that the traced mask selected"
                if event.one_for_all
                else "lays it along the last axis"
            )
            message = (
                f"the mask in `{text}` has fewer axes than what it selects from: TorchScript's exporter {laid}; write "
                f"`torch.where` with the mask expanded"
            )
            harm = Harm(onnx_torchscript=Level.wrong, targets=refusals)
            return self.finding(event, message, harm, context, fixable=fixable)
        known = f" ({told})" if told else ""
        message = f"`{text} = ...` assigns under a mask{known}; select with `torch.where`"
        return self.finding(event, message, Harm(targets=refusals), context, fixable=fixable)

    def fix(self, event: MaskWrite, context: Context) -> Fix | None:
        """``y = torch.where(mask, number, y)``, and ``y = y & ~mask`` of masks."""
        applicability = _applicability(event)
        if applicability is None:
            return None
        if _is_of_masks(event):
            name, number = event.cst_at(event.target.span), event.document.segment(event.value.span)
            joined = filled(name, event.cst_at(event.mask.span), number)
            made = edit(event.statement, "{name} = {joined}", name=name, joined=joined)
            return Fix("Join the masks", (made,), applicability)
        made = selected(event, event.mask, event.value, event.missing or 0)
        return Fix("Select with `torch.where`", (made,), applicability)


def _is_of_masks(event: MaskWrite) -> bool:
    return event.target.sure and event.target.dtype == "bool"


def _applicability(event: MaskWrite) -> Applicability | None:
    """Of a whole statement that assigns a number to a part of a tensor with a name."""
    name = event.document.segment(event.target.span)
    if not (event.plain and event.value.kind == "number" and name.isidentifier() and event.torch):
        return None
    if event.missing is None:
        return None  # a mask of rows would be laid along the last axis
    if _is_of_masks(event):
        truth = event.missing == 0 and event.document.segment(event.value.span) in TRUTHS
        return (Applicability.safe if event.replaceable else Applicability.unsafe) if truth else None
    return Applicability.safe if event.replaceable and fits(event, event.value) else Applicability.unsafe
