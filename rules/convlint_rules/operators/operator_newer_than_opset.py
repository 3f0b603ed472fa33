from __future__ import annotations

from convlint.events import UnsupportedOperator
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(onnx_torchscript=Level.breaks)


class OperatorNewerThanOpset(Rule):
    """
    ## What it does
    Finds functions and layers that the TorchScript ONNX exporter (`dynamo=False`) writes only from a newer opset on
    than the one asked for (`--opset 11`): `grid_sample` from 16, `bitwise_and` from 18. Which opset each needs was
    measured by exporting calls of each. Without `--opset` nothing is reported.

    ## Why it breaks
    The export stops with `UnsupportedOperatorError`: ONNX has no operator for it at that opset, or the exporter does
    not know how to write it with those that there are. The other ONNX exporter does not write old opsets (CVL903).

    ## Fix safety
    There is no fix. Ask for the newer opset if the target takes it, or write it with older operators.

    ## References
    - pytorch/pytorch#27212
    """

    code, name, since = "CVL805", "operator-newer-than-opset", "0.1"
    events = (UnsupportedOperator,)
    examples = [
        Example(
            title="Sampling from a grid at opset 11",
            bad=forward(
                "return nn.functional.grid_sample(x, grid, align_corners=False)  # <-",
                parameters="x, grid",
            ),
            good=forward(
                """
                height, width = x.shape[-2:]
                columns = ((grid[..., 0] + 1) * width / 2 - 0.5).round()
                rows = ((grid[..., 1] + 1) * height / 2 - 0.5).round()
                flat = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
                index = flat.long().reshape(x.shape[0], 1, -1).expand(-1, x.shape[1], -1)
                return x.flatten(2).gather(2, index).reshape(*x.shape[:2], *grid.shape[1:3])
                """,
                parameters="x, grid",
            ),
            inputs="x: float32[2, 3, 5, 6]; grid: float32[2, 4, 4, 2]",
            harm=HARM,
            same_in_eager=False,
            opset=11,
        ),
    ]

    def check(self, event: UnsupportedOperator, context: Context) -> Finding | None:
        """Breaks onnx_torchscript below the opset that has the operator."""
        if context.opset is None or context.opset >= event.since:
            return None
        message = (
            f"the TorchScript ONNX exporter writes `{event.callee}` from opset {event.since} on and stops at "
            f"{context.opset}: ask for {event.since} if the target takes it, or write it with older operators"
        )
        return self.finding(event, message, HARM, context)
