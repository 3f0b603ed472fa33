from __future__ import annotations

from convlint.events import AxisFromTensor
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

EXPORT = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class AxisOutOfTensor(Rule):
    """
    ## What it does
    Finds axes that are taken out of a tensor which no input changes: `x.mean(dim=torch.arange(1, x.dim()).tolist())`,
    `x.cumsum(dim=self.axis.item())` of a buffer.

    ## Why it breaks
    `torch.export` knows no values of tensors, neither of those that the model makes itself nor of buffers: what
    `.item()` and `.tolist()` give is a number whose value is open. Arithmetic, indices and sizes take such a number, an
    axis must be known (`Could not extract specialized integer from data-dependent expression`). The TorchScript routes
    keep the number as it is.

    ## Fix safety
    There is no fix: which plain numbers the tensor holds, the code that makes it knows.

    ## References
    - pytorch/pytorch#126685
    """

    code, name, since = "CVL210", "axis-from-tensor", "0.1"
    events = (AxisFromTensor,)
    examples = [
        Example(
            title="All axes but the first",
            bad=forward("""
                axes = torch.arange(1, x.dim()).tolist()
                return x - x.mean(dim=axes, keepdim=True)  # <-
            """),
            good=forward("""
                axes = list(range(1, x.dim()))
                return x - x.mean(dim=axes, keepdim=True)
            """),
            inputs="x: float32[2, 3, 4]",
            harm=EXPORT,
        ),
        Example(
            title="An axis in a buffer",
            bad=forward(
                "return x.cumsum(dim=self.axis.item())  # <-", init='self.register_buffer("axis", torch.tensor(1))'
            ),
            good=forward("return x.cumsum(dim=self.axis)", init="self.axis = 1"),
            inputs="x: float32[2, 3]",
            harm=EXPORT,
        ),
    ]

    def check(self, event: AxisFromTensor, context: Context) -> Finding | None:
        """Breaking wherever it is met."""
        message = (
            f"`{event.short}`, the `{event.parameter}` of `{event.callee}`, was taken out of a tensor, whose values "
            f"`torch.export` does not know: keep plain numbers, as `range` and the configuration give them"
        )
        return self.finding(event, message, EXPORT, context)
