from convlint.events import DynamicShape
from convlint.findings import Finding, Harm
from convlint.rule import Context, Example, Rule

MODEL = """\
import torch
from torch import nn


class Model(nn.Module):
    def forward(self, x):
        return {}
"""


class SelectsByMask(Rule):
    """
    ## What it does
    Finds selections by a mask, `x[x > 0]`, in what is exported; under other names and through other functions, too.

    ## Why it breaks
    ONNX Runtime runs them. Acme's camera does not: its compiler plans memory ahead and needs every size.

    ## Fix safety
    There is no fix: only the author knows a value that the other elements may have.
    """

    code, name = "ACME101", "selects-by-mask"
    events = (DynamicShape,)
    examples = [
        Example(
            bad=MODEL.format("x[x > 0].sum()  # <-"),
            good=MODEL.format("torch.where(x > 0, x, 0.0).sum()"),
            inputs="x: float32[N=3, 4]",
            harm=Harm(),  # none on the way to ONNX Runtime, as the tracers show
        )
    ]

    def check(self, event: DynamicShape, context: Context) -> Finding | None:
        """A convention of ours, not a harm that a tracer could show."""
        if event.how != "mask":
            return None
        message = (
            f"`{event.short}` has as many elements as the mask says, which the camera cannot plan; use `torch.where`"
        )
        return self.finding(event, message, None, context)
