from __future__ import annotations

from convlint.events import ReshapedInput
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import code, edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import out_of_place

DYNAMO = Harm(onnx_dynamo=Level.breaks)
BOTH = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class ReshapedInputOfModel(Rule):
    """
    ## What it does
    Finds methods that change the axes of an input of a model in place: `mask.unsqueeze_(1)`, `x.transpose_(1, 2)`,
    `t_`, `squeeze_`, `swapaxes_`. Of a tensor that the model computed they are harmless, and of a view too.
    Models that other scanned code contains are not reported.

    ## Why it breaks
    The input is another tensor for the caller afterwards, and an exported program may write the values of its inputs,
    not their axes: the dynamo exporter stops (`Failed to decompose the FX graph`), and for `unsqueeze_` `torch.export`
    does before it, with an `IndexError: list index out of range` that names nothing in the model.

    ## Fix safety
    Unsafe: `mask = mask.unsqueeze(1)` leaves the caller's tensor as it was.

    ## References
    - `torch.Tensor.unsqueeze_`
    """

    code, name, since = "CVL110", "reshaped-input", "0.1"
    events = (ReshapedInput,)
    examples = [
        Example(
            title="A mask gets an axis",
            bad=forward(
                """
                mask.unsqueeze_(1)  # <-
                return self.layer(x) * mask
                """,
                "x: torch.Tensor, mask: torch.Tensor",
                init="self.layer = nn.Linear(4, 4)",
            ),
            good=forward(
                """
                mask = mask.unsqueeze(1)
                return self.layer(x) * mask
                """,
                "x: torch.Tensor, mask: torch.Tensor",
                init="self.layer = nn.Linear(4, 4)",
            ),
            inputs="x: float32[N=3, 2, 4]; mask: float32[N, 4]",
            harm=BOTH,
            fix=Applicability.unsafe,
        ),
        Example(
            title="Channels last",
            bad=forward("return x.transpose_(1, 2) * 2  # <-"),
            good=forward("return x.transpose(1, 2) * 2"),
            inputs="x: float32[N=3, 4, 5]",
            harm=DYNAMO,
        ),
    ]

    def check(self, event: ReshapedInput, context: Context) -> Finding | None:
        """Breaks onnx_dynamo, and where an axis is added torch_export too."""
        harm, stops = (BOTH, "`torch.export`") if event.method == "unsqueeze_" else (DYNAMO, "the dynamo ONNX exporter")
        named = event.text.partition(f".{event.method}")[0].isidentifier()
        message = (
            f"`{event.method}` gives the input `{event.name}` other axes in place, which an exported program cannot: "
            f"{stops} stops; use what `{event.method[:-1]}` returns"
        )
        fixable = Applicability.unsafe if named and event.span == event.statement else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: ReshapedInput, context: Context) -> Fix | None:
        """``mask = mask.unsqueeze(1)``."""
        import libcst as cst

        call = cst.ensure_type(event.cst, cst.Call)
        target = cst.ensure_type(call.func, cst.Attribute).value
        made = edit(event.span, "{target} = {call}", target=target, call=out_of_place(call, target))
        return Fix(f"Assign to `{code(target)}`", (made,), Applicability.unsafe)
