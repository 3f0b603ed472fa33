from __future__ import annotations

from convlint.events import AsksCount
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class AskedCount(Rule):
    """
    ## What it does
    Finds functions and layers that ask how many values they are given, where that number depends on values: batch
    normalisation of what a mask selected, `self.norm(x[mask])`, attention over `x[:, : lengths.max()]`, recurrent
    layers, `max_pool1d`, `cdist`, `roll`, `torch.fft`.

    ## Why it breaks
    `torch.export` follows a selection with a size that it does not know, and most functions take that. These ask
    whether it is 0, or one that a kernel takes, and there it stops (`Could not guard on data-dependent expression
    Eq(8*u0, 0)`), as does the dynamo ONNX exporter, which begins with it. Which functions ask, and along which axes,
    was measured. The TorchScript routes go on.

    ## Fix safety
    There is no fix. Keep all rows and a mask of those that count, or a length that does not depend on values, or export
    with `dynamo=False`. `torch._check(x.shape[0] > 0)` answers some of what is asked.

    ## References
    - pytorch/pytorch#180202
    - pytorch/pytorch#147672
    """

    code, name, since = "CVL403", "asked-count", "0.1"
    events = (AsksCount,)
    examples = [
        Example(
            title="A norm of the rows that count",
            bad=forward(
                "return self.norm(x[x[:, 0] > 0.5])  # <-",
                init="self.norm = nn.BatchNorm1d(4)",
            ),
            good=forward(
                "return torch.where(x[:, :1] > 0.5, self.norm(x), torch.zeros_like(x))",
                init="self.norm = nn.BatchNorm1d(4)",
            ),
            inputs="x: float32[N=5, 4]",
            harm=HARM,
            same_in_eager=False,
        ),
    ]

    def check(self, event: AsksCount, context: Context) -> Finding | None:
        """Breaks `torch.export` and what begins with it."""
        what = event.callee.rpartition(".")[2]
        message = (
            f"`{what}` asks how many values there are, which depends on values here: `torch.export` stops; keep all of "
            f"them and a mask, or export with `dynamo=False`"
        )
        return self.finding(event, message, HARM, context)
