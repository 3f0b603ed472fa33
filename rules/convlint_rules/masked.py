"""``y[mask] = number`` written as a selection that gives a new tensor: ``y = torch.where(mask, number, y)``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from convlint.events import InplaceWrite, MaskWrite, Operand
from convlint.findings import Edit
from convlint.rewrite import edit, primary
from convlint_rules.rewriting import DTYPES

if TYPE_CHECKING:
    import libcst as cst

TRUTHS = {"False": False, "0": False, "True": True, "1": True}
_SPECIAL = re.compile(r"""-?(float\(["'][-+]?(inf|infinity|nan)["']\)|(math|torch|np|numpy)\.(inf|nan))""")


def fits(event: InplaceWrite | MaskWrite, value: Operand) -> bool:
    """Whether a number that is written there is one of the target's dtype, or of a lesser: both forms store the same.

    Of truth values ONNX Runtime has no `Where`, so that they are left alone.
    """
    target = event.target
    special = _SPECIAL.fullmatch(event.document.segment(value.span))
    dtype = "float" if special else value.dtype if value.literal else ""
    if not target.sure or target.dtype not in ("int", "float") or dtype not in DTYPES:
        return False
    return DTYPES.index(dtype) <= DTYPES.index(target.dtype)


def selected(event: InplaceWrite | MaskWrite, mask: Operand, value: Operand, missing: int = 0) -> Edit:
    """The statement as ``y = torch.where(mask, number, y)``, the mask with the axes that it lacks."""
    name, by, number = (event.cst_at(part.span) for part in (event.target, mask, value))
    template = "{name} = {torch}.where({mask}, {value}, {name})"
    if missing:
        by = _with_axes(by, missing, mask.rank)
    return edit(event.statement, template, torch=event.torch, name=name, mask=by, value=number)


def filled(keep: cst.BaseExpression, mask: cst.BaseExpression, number: str) -> cst.BaseExpression:
    """``keep & ~mask`` where a mask is filled with False, ``keep | mask`` where with True."""
    import libcst as cst

    left, by = primary(keep), primary(mask)
    if TRUTHS[number]:
        return cst.BinaryOperation(left, cst.BitOr(), by)
    return cst.BinaryOperation(left, cst.BitAnd(), cst.UnaryOperation(cst.BitInvert(), by))


def _with_axes(mask: cst.BaseExpression, count: int, rank: int | None) -> cst.BaseExpression:
    """``mask[:, None]``, or ``mask[..., None]`` of a mask with several axes."""
    import libcst as cst

    first = ":" if rank == 1 else "..."
    index = cst.ensure_type(cst.parse_expression(f"m[{', '.join([first, *['None'] * count])}]"), cst.Subscript)
    return index.with_changes(value=primary(mask))
