from __future__ import annotations

from convlint.events import SumsByIndex
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = {
    "index": Harm(onnx_torchscript=Level.wrong),
    "axis": Harm(onnx_torchscript=Level.breaks),
    "scaled": Harm(onnx_torchscript=Level.breaks),
    "whole": Harm(onnx_dynamo=Level.wrong),
    "mean": Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.wrong),
    "without": Harm(onnx_torchscript=Level.breaks),
    "scatter": Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks),
}
TOLD = {
    "index": (
        "adds for each index: the TorchScript ONNX exporter keeps one of several for the same index; "
        "use `scatter_add`, or export with `dynamo=True`"
    ),
    "axis": (
        "counts the axis from the end: what the TorchScript ONNX exporter writes is refused, or it stops; "
        "count it from the front, or use `scatter_add`"
    ),
    "scaled": "scales what it adds: the TorchScript ONNX exporter stops at `alpha`; multiply before",
    "whole": "adds at each place of the axis: the dynamo ONNX exporter keeps only what is added; write `+`",
    "mean": (
        "takes means: the TorchScript ONNX exporter stops, and what the dynamo one writes gives other values; "
        "divide a `scatter_add` by one of ones"
    ),
    "without": "leaves out what was there: the TorchScript ONNX exporter stops; begin with what changes nothing",
    "scatter": "reduces: both ONNX exporters stop; use `scatter_add` or `scatter_reduce`",
}
INDEX = "index = (x[:, 0] > 0).long()"


class SumByIndex(Rule):
    """
    ## What it does
    Finds sums by index of which an exporter writes something else: `index_add` and `index_put` with
    `accumulate=True`, unless the index only counts (`torch.arange`) or says where a mask holds; `scatter_reduce` with
    `reduce="mean"` or `include_self=False`; `scatter` with `reduce=`. Of `index_add` also an axis that is counted from
    the end, `alpha`, and an index that names each place of the axis, `torch.arange(4)` of four.

    ## Why it breaks
    The TorchScript exporter writes `index_add` as a `ScatterND` of the sums of old and new values: of several with the
    same index one is left. It has no `alpha`, and takes the axis for one from the front. Where a constant index names
    each place, the dynamo exporter drops the tensor that is added to. ONNX has no mean among the reductions of
    `ScatterElements`: the TorchScript exporter stops, and what the dynamo one writes gives other values. `scatter` with
    `reduce=` has no ONNX function at all. `scatter_add`, and `scatter_reduce` of sums, products and extremes, are right
    on all routes.

    ## Fix safety
    There is no fix: `scatter_add` wants an index of the value's own shape.

    ## References
    - `torch.Tensor.scatter_add`
    """

    code, name, since = "CVL807", "sum-by-index", "0.1"
    events = (SumsByIndex,)
    examples = [
        Example(
            title="Rows added by index",
            bad=forward(f"{INDEX}\nreturn x.index_add(0, index, x)  # <-"),
            good=forward(f"{INDEX}\nreturn x.scatter_add(0, index[:, None].expand(-1, 4), x)"),
            inputs="x: float32[6, 4]",
            harm=HARM["index"],
        ),
        Example(
            title="Accumulated by index",
            bad=forward(f"{INDEX}\nreturn torch.zeros(2, 4).index_put((index,), x, accumulate=True)  # <-"),
            good=forward(f"{INDEX}\nreturn torch.zeros(2, 4).scatter_add(0, index[:, None].expand(-1, 4), x)"),
            inputs="x: float32[6, 4]",
            harm=HARM["index"],
        ),
        Example(
            title="Along the last axis, counted from the end",
            bad=forward("index = (x[0] > 0).long()\nreturn torch.zeros(6, 2).index_add(-1, index, x)  # <-"),
            good=forward("""
                index = (x[0] > 0).long()
                return torch.zeros(6, 2).scatter_add(1, index.expand(6, -1), x)
            """),
            inputs="x: float32[6, 4]",
            harm=HARM["axis"],
        ),
        Example(
            title="Scaled",
            bad=forward("return x.index_add(0, torch.arange(3), x[:3], alpha=0.5)  # <-"),
            good=forward("return x.index_add(0, torch.arange(3), x[:3] * 0.5)"),
            inputs="x: float32[6, 4]",
            harm=HARM["scaled"],
        ),
        Example(
            title="At each place",
            bad=forward("x = x.reshape(6, 4) * 2\nreturn x.index_add(0, torch.arange(6), x)  # <-"),
            good=forward("x = x.reshape(6, 4) * 2\nreturn x + x"),
            inputs="x: float32[6, 4]",
            harm=HARM["whole"],
        ),
        Example(
            title="Means by index",
            bad=forward('return torch.zeros(6, 2).scatter_reduce(1, (x > 0).long(), x, reduce="mean")  # <-'),
            good=forward("""
                index = (x > 0).long()
                total = torch.zeros(6, 2).scatter_add(1, index, x)
                return total / torch.ones(6, 2).scatter_add(1, index, torch.ones_like(x))
            """),
            inputs="x: float32[6, 4]",
            harm=HARM["mean"],
        ),
        Example(
            title="The largest by index, of new ones only",
            bad=forward("""
                index = (x > 0).long()
                return torch.ones(6, 2).scatter_reduce(1, index, x, reduce="sum", include_self=False)  # <-
            """),
            good=forward('return torch.zeros(6, 2).scatter_reduce(1, (x > 0).long(), x, reduce="sum")'),
            inputs="x: float32[6, 4]",
            harm=HARM["without"],
            same_in_eager=False,
        ),
        Example(
            title="Added by scatter",
            bad=forward('return torch.zeros(6, 2).scatter(1, (x > 0).long(), x, reduce="add")  # <-'),
            good=forward("return torch.zeros(6, 2).scatter_add(1, (x > 0).long(), x)"),
            inputs="x: float32[6, 4]",
            harm=HARM["scatter"],
        ),
    ]

    def check(self, event: SumsByIndex, context: Context) -> Finding | None:
        """As measured."""
        message = f"`{event.short}` {TOLD[event.how]}"
        return self.finding(event, message, HARM[event.how], context)
