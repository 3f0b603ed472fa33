from __future__ import annotations

from convlint.events import Distances
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

DYNAMO = Harm(onnx_dynamo=Level.breaks)
WRONG = Harm(onnx_torchscript=Level.wrong, onnx_dynamo=Level.breaks)


class PairwiseDistances(Rule):
    """
    ## What it does
    Finds `torch.cdist` of another norm than the Euclidean one (`p=1`), with
    `compute_mode="donot_use_mm_for_euclid_dist"`, and of inputs that may have 25 rows or fewer. Where a number of rows
    is not known to be that of an input, nothing is reported.

    ## Why it breaks
    For the Euclidean norm torch multiplies matrices as soon as one side has more than 25 rows, and the exporters write
    what they see. Pair by pair it calls `aten::_cdist_forward`, for which the dynamo ONNX exporter has no operator: it
    stops with `ConversionError` if the example has few rows; otherwise the file is for many rows. The TorchScript ONNX
    exporter writes the norm itself, but leaves out the absolute values: what it computes is wrong for `p=1`, `p=3` and
    the maximum norm, without a word.

    ## Fix safety
    There is no fix: `compute_mode="use_mm_for_euclid_dist"` always multiplies, with other rounding, which matters for
    points that are close to each other. For other norms subtract and sum, `(a[:, None] - b[None]).abs().sum(-1)`.

    ## References
    - `torch.cdist`, `compute_mode`
    """

    code, name, since = "CVL806", "pairwise-distances", "0.1"
    events = (Distances,)
    examples = [
        Example(
            title="Distances along the axes",
            bad=forward("return torch.cdist(x, y, p=1)  # <-", parameters="x, y"),
            good=forward("return (x[:, None] - y[None]).abs().sum(-1)", parameters="x, y"),
            inputs="x: float32[N=3, 4]; y: float32[M=5, 4]",
            harm=WRONG,
        ),
        Example(
            title="Few points",
            bad=forward("return torch.cdist(x, y)  # <-", parameters="x: torch.Tensor, y: torch.Tensor"),
            good=forward(
                'return torch.cdist(x, y, compute_mode="use_mm_for_euclid_dist")',
                parameters="x: torch.Tensor, y: torch.Tensor",
            ),
            inputs="x: float32[N=3, 4]; y: float32[M=5, 4]",
            harm=DYNAMO,
        ),
    ]

    def check(self, event: Distances, context: Context) -> Finding | None:
        """Breaks onnx_dynamo; other norms are wrong on onnx_torchscript."""
        text = event.short
        if event.norm:
            lost = ", and the TorchScript one leaves out the absolute values" if event.wrong else ""
            message = (
                f"the dynamo ONNX exporter has no operator for `{text}` with `p={event.norm}`{lost}: subtract and sum, "
                f"`(a[:, None] - b[None]).abs()`"
            )
            return self.finding(event, message, WRONG if event.wrong else DYNAMO, context)
        few = "" if event.certain else ", where both have 25 rows or fewer"
        message = (
            f"the dynamo ONNX exporter has no operator for `{text}`{few}, which torch computes pair by pair: pass "
            f'`compute_mode="use_mm_for_euclid_dist"`'
        )
        return self.finding(event, message, DYNAMO, context, at_most="error" if event.certain else "warning")
