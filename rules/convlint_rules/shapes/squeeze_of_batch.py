from __future__ import annotations

from convlint.events import SqueezesBatch
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

FROZEN = Level.frozen
HARM = {
    "": Harm(),
    "index": Harm(FROZEN, FROZEN, FROZEN, FROZEN),
    "convolution": Harm(jit_trace=FROZEN, onnx_torchscript=FROZEN, onnx_dynamo=FROZEN),
    "transpose": Harm(onnx_torchscript=FROZEN, onnx_dynamo=FROZEN),
    "linear": Harm(onnx_torchscript=FROZEN, onnx_dynamo=FROZEN),
}
CONSEQUENCE = {
    "index": "the axes that `...` stands for are counted on in the graph, which fails for one",
    "convolution": "the convolution of a graph fails for one, where eager takes it for a sample without a batch",
    "transpose": "the axes to swap are counted from the front in an ONNX file, which fails for one",
    "linear": "an ONNX file keeps the batch, so that one sample comes out with another shape",
}


class SqueezeOfBatch(Rule):
    """
    ## What it does
    Finds `x.squeeze()` where the first size of `x` is one of an input, as a batch is, and what follows goes by the
    number of axes: `...` in an index, a linear layer, a convolution, a swap of the last axes.

    ## Why it breaks
    Without an axis `squeeze` drops all of size 1: for a batch of one the batch as well. The operator in the graph does
    so too, but what follows was written down for the axes of the traced batch. `[..., None]` is by then an axis counted
    from the front, and the run stops (`Dimension out of range`); the matrix product of a linear layer gives a row where
    eager gives a vector. Where nothing that follows goes by the number of axes all routes equal eager, and it is shown
    by `--show-harmless` only.

    ## Fix safety
    Unsafe: `squeeze(3).squeeze(2)` names the axes that are 1 by the code before it, so that a batch of one stays, which
    eager dropped (`squeeze((2, 3))` is refused by the TorchScript ONNX exporter). It is offered where all
    sizes but the first are known, and all calls of the function agree.

    ## References
    - `torch.squeeze`
    """

    code, name, since = "CVL604", "squeeze-of-batch", "0.1"
    events = (SqueezesBatch,)
    examples = [
        Example(
            title="Channels to be weighed",
            bad=forward(
                """
                weights = self.pool(x).squeeze().sigmoid()  # <-
                return x * weights[..., None, None]
                """,
                init="self.pool = nn.AdaptiveAvgPool2d(1)",
                parameters="x: torch.Tensor",
            ),
            good=forward(
                """
                weights = self.pool(x).squeeze(3).squeeze(2).sigmoid()
                return x * weights[..., None, None]
                """,
                init="self.pool = nn.AdaptiveAvgPool2d(1)",
                parameters="x: torch.Tensor",
            ),
            inputs="x: float32[N=3, 4, 6, 6]",
            harm=HARM["index"],
        ),
        Example(
            title="A linear layer",
            bad=forward(
                """
                x = self.conv(x).mean((2, 3), keepdim=True)
                return self.layer(x.squeeze())  # <-
                """,
                init="self.conv, self.layer = nn.Conv2d(4, 8, 1), nn.Linear(8, 5)",
            ),
            good=forward(
                """
                x = self.conv(x).mean((2, 3), keepdim=True)
                return self.layer(x.squeeze(3).squeeze(2))
                """,
                init="self.conv, self.layer = nn.Conv2d(4, 8, 1), nn.Linear(8, 5)",
            ),
            inputs="x: float32[N=3, 4, 6, 6]",
            harm=HARM["linear"],
            same_in_eager=False,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A convolution over time",
            bad=forward(
                """
                x = torch.squeeze(self.conv(x).reshape(-1, 8, 36, 1))  # <-
                return self.layer(x)
                """,
                init="self.conv, self.layer = nn.Conv2d(4, 8, 1), nn.Conv1d(8, 5, 1)",
            ),
            good=forward(
                """
                x = torch.squeeze(self.conv(x).reshape(-1, 8, 36, 1), 3)
                return self.layer(x)
                """,
                init="self.conv, self.layer = nn.Conv2d(4, 8, 1), nn.Conv1d(8, 5, 1)",
            ),
            inputs="x: float32[N=3, 4, 6, 6]",
            harm=HARM["convolution"],
            same_in_eager=False,
            fix=Applicability.unsafe,
        ),
        Example(
            title="The last two axes, swapped",
            bad=forward(
                """
                x = self.conv(x).reshape(-1, 8, 1, 36)
                return x.squeeze().transpose(-1, -2) * 2  # <-
                """,
                init="self.conv = nn.Conv2d(4, 8, 1)",
            ),
            good=forward(
                """
                x = self.conv(x).reshape(-1, 8, 1, 36)
                return x.squeeze(2).transpose(-1, -2) * 2
                """,
                init="self.conv = nn.Conv2d(4, 8, 1)",
            ),
            inputs="x: float32[N=3, 4, 6, 6]",
            harm=HARM["transpose"],
            same_in_eager=False,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: SqueezesBatch, context: Context) -> Finding | None:
        """By what follows."""
        applicability = _applicability(event)
        advice = f"write `{_named(event)}`" if applicability else "name the axes to drop"
        if event.certain and not event.ones:
            advice = "leave it out, as no other size is 1"
        if not event.use:
            message = f"`{event.short}` drops a batch of one, as what every exporter writes does: {advice}"
            return self.finding(event, message, Harm(), context)
        elsewhere = event.used is not None and event.used[1].row != event.span.row
        where = f" (line {event.used[1].row})" if event.used is not None and elsewhere else ""
        message = f"`{event.short}` drops a batch of one, and {CONSEQUENCE[event.use]}{where}: {advice}"
        return self.finding(event, message, HARM[event.use], context, fixable=applicability)

    def fix(self, event: SqueezesBatch, context: Context) -> Fix | None:
        """The axes by name, the last one first."""
        import libcst as cst

        applicability = _applicability(event)
        if applicability is None:
            return None
        call = cst.ensure_type(event.cst, cst.Call)
        if call.args and len(event.ones) == 1:
            made = edit(
                event.span,
                "{function}({tensor}, {axis})",
                function=call.func,
                tensor=call.args[0].value,
                axis=str(event.ones[0]),
            )
        else:
            made = edit(event.span, f"{{tensor}}{_named(event)}", tensor=primary(event.cst_at(event.operand.span)))
        return Fix("Name the axes to drop", (made,), applicability)


def _applicability(event: SqueezesBatch) -> Applicability | None:
    return Applicability.unsafe if event.ones and event.certain and event.operand.sure else None


def _named(event: SqueezesBatch) -> str:
    return "".join(f".squeeze({axis})" for axis in reversed(event.ones))
