from __future__ import annotations

from convlint.events import InplaceWrite
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = {"basic": Level.breaks, "mask": Level.wrong, "tensor": Level.wrong}


class ChainedIndexAssignment(Rule):
    """
    ## What it does
    Finds assignments to an index of a slice: `y[:, 0][mask] = v`, `y[:2][0] = v`, also as `+=`.

    ## Why it breaks
    In eager the first index makes a view and the second writes through it. The TorchScript ONNX exporter cannot
    combine a slice with a further index: with a mask or an index tensor it drops the write (the ONNX file gives the
    old values, without a warning), with a slice or an integer its pass stops with
    `cur_dim == dim INTERNAL ASSERT FAILED`. Leading integers may be chained (`y[0][1:] = v` is exported correctly).

    ## Fix safety
    Unsafe: a mask and a plain number become `torch.where`, which computes every element and may promote the dtype
    before the result is stored.

    ## References
    - pytorch/pytorch#91990, apple/coremltools#2188
    """

    code, name, since = "CVL102", "chained-index-assignment", "0.1"
    events = (InplaceWrite,)
    examples = [
        Example(
            title="A mask on a column",
            bad=forward("""
                y = x.clone()
                y[:, 0][y[:, 0] > 0] = 9.0  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[:, 0] = torch.where(y[:, 0] > 0, 9.0, y[:, 0])
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong),
            fix=Applicability.unsafe,
        ),
        Example(
            title="A row of the first rows",
            bad=forward("""
                y = x.clone()
                y[:2][0] = 9.0  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[0] = 9.0
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.breaks),
        ),
    ]

    def check(self, event: InplaceWrite, context: Context) -> Finding | None:
        """Breaks or is wrong on onnx_torchscript, by what the last index is."""
        level = HARM.get(event.chained)
        if level is None:
            return None
        consequence = "stops at this write" if level is Level.breaks else "drops this write"
        message = (
            f"`{event.name}` is a slice that is indexed again: the TorchScript exporter {consequence}; "
            f"write with one index into `{event.base or event.name}`"
        )
        fixable = Applicability.unsafe if _is_selection(event) else None
        return self.finding(event, message, Harm(onnx_torchscript=level), context, fixable=fixable)

    def fix(self, event: InplaceWrite, context: Context) -> Fix | None:
        """A masked number as ``torch.where``: ``y[:, 0] = torch.where(mask, number, y[:, 0])``."""
        if not _is_selection(event) or event.index is None or event.value is None:
            return None
        template = "{name} = {torch}.where({mask}, {value}, {name})"
        name, mask, value = (event.cst_at(part.span) for part in (event.target, event.index, event.value))
        selected = edit(event.statement, template, torch=event.torch, name=name, mask=mask, value=value)
        return Fix("Select with `torch.where`", (selected,), Applicability.unsafe)


def _is_selection(event: InplaceWrite) -> bool:
    """Whether a plain number is assigned under a mask."""
    return event.chained == "mask" and event.value is not None and event.value.literal and bool(event.torch)
