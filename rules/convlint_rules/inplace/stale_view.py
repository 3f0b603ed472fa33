from __future__ import annotations

from convlint.events import InplaceWrite
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward


class StaleView(Rule):
    """
    ## What it does
    Finds writes to a tensor of which a view, made before the write, is read after it: the order of slicing and
    writing matters.

    ## Why it breaks
    In eager the view shows the new values. The TorchScript ONNX exporter computes the view where it stands, from the
    values before the write, so the exported graph goes on with the old ones: wrong on the traced input itself,
    without a warning. A view of another part (`y[..., 0::2]` beside a write to `y[..., 1::2]`) is not reported.

    ## Fix safety
    There is no fix: whether the old or the new values are wanted is for the author to say. For the old ones write
    `a = y[:, :2].clone()`; for the new ones take the view after the write.

    ## References
    - pytorch/pytorch#95050
    """

    code, name, since = "CVL103", "stale-view", "0.1"
    events = (InplaceWrite,)
    examples = [
        Example(
            title="A slice taken before the write",
            bad=forward("""
                y = x.clone()
                first = y[:, :2]
                y[:, :3] = 1.0  # <-
                return first + y[:, 2:]
            """),
            good=forward("""
                y = x.clone()
                y[:, :3] = 1.0
                first = y[:, :2]
                return first + y[:, 2:]
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong),
        ),
    ]

    def check(self, event: InplaceWrite, context: Context) -> Finding | None:
        """Wrong on onnx_torchscript."""
        if not event.stale or event.read is None:
            return None
        message = (
            f"`{event.read_name}` is a view of `{event.name}` made before this write and read after it "
            f"({event.read_at}): the TorchScript exporter keeps the old values for it; slice after the write, or "
            f"`clone()` what must stay"
        )
        return self.finding(event, message, Harm(onnx_torchscript=Level.wrong), context)
