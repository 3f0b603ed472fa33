from __future__ import annotations

import ast

from convlint.events import CropsPadding
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import torch_in

HARM = Harm(torch_export=Level.frozen)


class CropOfPadding(Rule):
    """
    ## What it does
    Finds slices that cut off again what the sizes of an input made `F.pad` add: `x[..., :h, :w]` behind
    `F.pad(x, (0, -w % 4, 0, -h % 4))`.

    ## Why it breaks
    A slice up to `h` of an axis that is longer is another graph than one of an axis of just that length. For a size
    that is symbolic `torch.export` therefore asks which it is, and keeps the answer as a guard: a program that was
    made with a size that needs no padding refuses all that need some, and the other way round. The other routes keep
    a slice that works for both. `F.pad` by less than nothing cuts without being asked.

    ## Fix safety
    The fix is unsafe, and offered where the axes are counted from the end or the rank is known: `F.pad` makes a new
    tensor, the slice was a view of the old one.

    ## References
    - `torch.nn.functional.pad`
    - `torch.export.Dim`
    """

    code, name, since = "CVL606", "crop-of-padding", "0.1"
    events = (CropsPadding,)
    examples = [
        Example(
            title="Padded to a multiple of four",
            bad=forward(
                """
                n = x.shape[2]
                x = nn.functional.pad(x, (0, -n % 4))
                x = self.up(self.down(x))
                return x[:, :, :n]  # <-
                """,
                init="self.down, self.up = nn.Conv1d(3, 8, 4, 4), nn.ConvTranspose1d(8, 3, 4, 4)",
            ),
            good=forward(
                """
                n = x.shape[2]
                x = nn.functional.pad(x, (0, -n % 4))
                x = self.up(self.down(x))
                return torch.nn.functional.pad(x, (0, n - x.shape[-1]))
                """,
                init="self.down, self.up = nn.Conv1d(3, 8, 4, 4), nn.ConvTranspose1d(8, 3, 4, 4)",
            ),
            inputs="x: float32[2, 3, T=7..16]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: CropsPadding, context: Context) -> Finding | None:
        """Frozen by `torch.export`."""
        repair = _repair(event)
        made = f"write `F.pad{repair}`" if repair else "cut by `F.pad` with a negative amount"
        message = (
            f"`{event.short}` cuts padding off: `torch.export` asks whether there is any, and its program takes only "
            f"sizes for which the answer is the same; {made}"
        )
        return self.finding(event, message, HARM, context, fixable=Applicability.unsafe if repair else None)

    def fix(self, event: CropsPadding, context: Context) -> Fix | None:
        """`F.pad` by the size that is wanted less the one that is there, the last axis first."""
        torch, repair = torch_in(event), _repair(event)
        if torch is None or not repair:
            return None
        name, imported = torch
        edits = (*imported, Edit(event.span, f"{name}.nn.functional.pad{repair}"))
        return Fix("Cut by `F.pad` with a negative amount", edits, Applicability.unsafe)


def _repair(event: CropsPadding) -> str:
    """The arguments of `F.pad`, where what is cut has a name and the axes are known from the end."""
    wanted = {axis: size for axis, size in event.bounds if axis is not None}
    if not event.name.isidentifier() or len(wanted) < len(event.bounds):
        return ""
    axes = range(-1, min(wanted) - 1, -1)
    amounts = [_less(wanted[axis], f"{event.name}.shape[{axis}]") if axis in wanted else "0" for axis in axes]
    return f"({event.name}, ({', '.join(f'0, {amount}' for amount in amounts)}))"


def _less(one: str, other: str) -> str:
    first, second = (ast.parse(text, mode="eval").body for text in (one, other))
    return ast.unparse(ast.BinOp(first, ast.Sub(), second))
