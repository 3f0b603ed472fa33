from __future__ import annotations

from convlint.events import MaskAmongIndices
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

COLUMNS = Harm(onnx_dynamo=Level.breaks)
DOTS = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
MORE = Harm(onnx_torchscript=Level.wrong)


class MaskedColumns(Rule):
    """
    ## What it does
    Finds assignments under a boolean mask that is one of several indices: `y[:, mask] = 0.0`, `y[mask, 0] = 1.0`.

    ## Why it breaks
    The ONNX exporters write an assignment under a mask for a mask that is the whole index. The dynamo exporter refuses
    one behind a slice or dots. The TorchScript exporter takes the indices behind a mask, and dots before it, for
    others: it sets other elements than eager, or writes a file that ONNX Runtime refuses. Reading `y[:, mask]` is fine
    on all routes.

    ## Fix safety
    There is no fix: where the mask lies in `torch.where(mask, value, y)` depends on how many axes each has.

    ## References
    - `torch.where`
    """

    code, name, since = "CVL108", "mask-among-indices", "0.1"
    events = (MaskAmongIndices,)
    examples = [
        Example(
            title="Columns under a mask",
            bad=forward("""
                y = x.clone()
                y[:, x[0] > 0] = 0.5  # <-
                return y
            """),
            good=forward("return torch.where(x[0] > 0, 0.5, x)"),
            inputs="x: float32[N=3, 4]",
            harm=COLUMNS,
        ),
        Example(
            title="The last axis under a mask",
            bad=forward("""
                y = x.clone()
                y[..., x[0, 0] > 0] = 0.5  # <-
                return y
            """),
            good=forward("return torch.where(x[0, 0] > 0, 0.5, x)"),
            inputs="x: float32[N=3, 4, 4]",
            harm=DOTS,
        ),
        Example(
            title="A column of the rows under a mask",
            bad=forward("""
                y = x.clone()
                y[x[:, 1] > 0, 0] = 0.5  # <-
                return y
            """),
            good=forward("""
                first = torch.where(x[:, 1:2] > 0, 0.5, x[:, :1])
                return torch.cat([first, x[:, 1:]], dim=1)
            """),
            inputs="x: float32[4, 4]",
            harm=MORE,
        ),
    ]

    def check(self, event: MaskAmongIndices, context: Context) -> Finding | None:
        """By where the mask stands."""
        torchscript = Level.breaks if event.after_dots else Level.wrong if event.mistaken else Level.harmless
        dynamo = Level.breaks if event.after_slice else Level.harmless
        who = [
            *(["the TorchScript ONNX exporter sets other elements, or writes what is refused"] * bool(torchscript)),
            *(["the dynamo ONNX exporter refuses it behind a slice"] * event.after_slice),
        ]
        if not who:
            return None  # `y[0, mask]`
        message = (
            f"`{event.quote(event.mask.span)}` is one of several indices of an assignment: "
            f"{', '.join(who)}; select with `torch.where` and the mask expanded"
        )
        return self.finding(event, message, Harm(onnx_torchscript=torchscript, onnx_dynamo=dynamo), context)
