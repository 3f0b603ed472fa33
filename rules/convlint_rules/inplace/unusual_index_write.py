from __future__ import annotations

from convlint.events import UnusualIndexWrite
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

WRONG = Harm(onnx_torchscript=Level.wrong)
REFUSED = Harm(onnx_torchscript=Level.breaks)
TOLD = {
    "none": ("has `None` among its indices", "sets other elements", "leave `None` out"),
    "dots": ("has dots before positions", "writes a file that is refused", "write a `:` for each axis"),
    "apart": ("has something between two positions", "stops", "make one index of them, or write by `scatter`"),
    "broadcast": (
        "gives fewer axes than there are at the positions",
        "writes a file that ONNX Runtime refuses",
        "expand the value first",
    ),
    "whole": ("copies into all of it", "has no operator for that (`aten::copy`)", "write `[:]`, or use what is copied"),
}


class IndexWriteForm(Rule):
    """
    ## What it does
    Finds index assignments of forms that the TorchScript ONNX exporter lays out otherwise: `y[None, 0] = v`, and under
    positions (a tensor or list of integers) `y[..., positions] = v`, `y[rows, :, columns] = v`, and
    `y[positions] = row`; and `y[...] = v` of a tensor.

    ## Why it breaks
    The exporter writes an assignment as one `ScatterND`, whose indices it puts together from those in brackets. It
    takes `None` for an axis that there is, does not know how many axes dots stand for, wants positions side by side,
    and reshapes the value to that of the positions without broadcasting it. What is assigned under dots alone it takes
    for a copy of the whole, for which it has no operator; `y[:] = v` is an assignment to it. The dynamo exporter is
    right.

    ## Fix safety
    There is no fix: how many axes there are is seldom known.

    ## References
    - `torch.Tensor.index_put_`
    """

    code, name, since = "CVL109", "unusual-index-write", "0.1"
    events = (UnusualIndexWrite,)
    examples = [
        Example(
            title="None among the indices",
            bad=forward("""
                y = x.clone()
                y[None, :, 0] = 0.5  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[:, 0] = 0.5
                return y
            """),
            inputs="x: float32[4, 4]",
            harm=WRONG,
        ),
        Example(
            title="Positions on the last axis",
            bad=forward("""
                y = x.clone()
                y[..., [0, 2]] = 0.5  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[:, :, [0, 2]] = 0.5
                return y
            """),
            inputs="x: float32[N=3, 4, 4]",
            harm=REFUSED,
        ),
        Example(
            title="Positions on two axes apart",
            bad=forward("""
                y = x.clone()
                i = torch.arange(3)
                y[i, :, i + 1] = 0.5  # <-
                return y
            """),
            good=forward("return torch.where(torch.eye(4)[1:][:3, None, :] > 0, 0.5, x)"),
            inputs="x: float32[3, 4, 4]",
            harm=REFUSED,
        ),
        Example(
            title="One row for several",
            bad=forward("""
                y = x.reshape(3, 4) * 2
                y[[0, 2]] = x.reshape(3, 4)[1]  # <-
                return y
            """),
            good=forward("""
                y = x.reshape(3, 4) * 2
                y[[0, 2]] = x.reshape(3, 4)[1].expand(2, -1)
                return y
            """),
            inputs="x: float32[3, 4]",
            harm=REFUSED,
        ),
        Example(
            title="A tensor for all",
            bad=forward("""
                y = torch.zeros_like(x)
                y[...] = x * 2  # <-
                return y + 1
            """),
            good=forward("""
                y = torch.zeros_like(x)
                y[:] = x * 2
                return y + 1
            """),
            inputs="x: float32[N=3, 4]",
            harm=REFUSED,
        ),
    ]

    def check(self, event: UnusualIndexWrite, context: Context) -> Finding | None:
        """Wrong or refused by the TorchScript ONNX exporter."""
        what, does, repair = TOLD[event.how]
        message = f"the assignment to `{event.short}` {what}: the TorchScript ONNX exporter {does}; {repair}"
        return self.finding(event, message, WRONG if event.how == "none" else REFUSED, context)
