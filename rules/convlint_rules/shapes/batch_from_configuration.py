from __future__ import annotations

from convlint.events import FixedBatch
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

INFERRED = Harm(torch_export=Level.breaks)
EXACT = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class BatchFromConfiguration(Rule):
    """
    ## What it does
    Finds shapes that are made with a batch size that the module was given: `x.view(self.batch_size, 2, -1)`,
    `torch.zeros(1, self.batch_size, 64)`, `weight.expand(self.bs, -1)`.

    ## Why it breaks
    The exported model takes that batch only. `torch.export` stops where the batch is declared dynamic, since the code
    makes it a constant, and so does the dynamo ONNX exporter where no size is -1. With a -1 the graphs of the other
    exporters take any batch, as eager does, and put parts of different samples into one row.

    ## Fix safety
    There is no fix, since the tensor whose batch is meant may be another: write `x.shape[0]`.

    ## References
    - `torch.export`, "Constraints violated"
    """

    code, name, since = "CVL603", "batch-from-configuration", "0.1"
    events = (FixedBatch,)
    examples = [
        Example(
            title="A view",
            bad=forward("return x.view(self.batch, 2, -1).mean(2)  # <-", init="self.batch = 2"),
            good=forward("return x.view(x.shape[0], 2, -1).mean(2)", init="self.batch = 2"),
            inputs="x: float32[N=2, 8]",
            harm=INFERRED,
            same_in_eager=False,
        ),
        Example(
            title="A first hidden state",
            bad=forward(
                "return self.cell(x, torch.zeros(self.batch_size, 4))  # <-",
                init="self.batch_size, self.cell = 3, nn.GRUCell(4, 4)",
            ),
            good=forward(
                "return self.cell(x, torch.zeros(x.shape[0], 4))",
                init="self.batch_size, self.cell = 3, nn.GRUCell(4, 4)",
            ),
            inputs="x: float32[N=3, 4]",
            harm=EXACT,
        ),
    ]

    def check(self, event: FixedBatch, context: Context) -> Finding | None:
        """Breaks where the batch is declared dynamic, as it mostly is."""
        size = event.quote(event.size.span)
        message = (
            f"`{size}` makes the batch in `{event.short}` a constant: `torch.export` stops where the batch is dynamic; "
            f"write the size of the input, `x.shape[0]`"
        )
        return self.finding(event, message, INFERRED if event.inferred else EXACT, context, at_most="warning")
