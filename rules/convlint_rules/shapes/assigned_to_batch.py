from __future__ import annotations

from convlint.events import BroadcastWrite
from convlint.findings import Finding, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)


class AssignedToBatch(Rule):
    """
    ## What it does
    Finds values that are broadcast to sizes of an input where they are assigned: a parameter to a part of every sample,
    `y[:, 0] = self.token`, one column to several, `y[:, :3] = x[:, 3:4]`.

    ## Why it breaks
    In eager the value takes the shape of what it is assigned to. While `torch.jit.trace` records, that shape is a
    plain list of numbers, the traced batch among them: another batch fails. The dynamo routes keep the batch symbolic.
    A value that has the shape already is copied as it is, and so is a plain number.

    ## Fix safety
    There is no fix: how many axes the value is to be expanded by depends on what it is assigned to.

    ## References
    - `torch.Tensor.expand`
    """

    code, name, since = "CVL605", "assigned-to-batch", "0.1"
    events = (BroadcastWrite,)
    examples = [
        Example(
            title="A token in the first place",
            bad=forward(
                """
                y = x.clone()
                y[:, 0] = self.token  # <-
                return y
                """,
                init="self.token = nn.Parameter(torch.ones(4))",
            ),
            good=forward(
                """
                y = x.clone()
                y[:, 0] = self.token.expand(x.shape[0], -1)
                return y
                """,
                init="self.token = nn.Parameter(torch.ones(4))",
            ),
            inputs="x: float32[N=3, 6, 4]",
            harm=HARM,
        ),
        Example(
            title="A row with axes of its own",
            bad=forward(
                """
                y = torch.zeros_like(x)
                y[:, 1:3] = self.rows  # <-
                return x + y
                """,
                init='self.register_buffer("rows", torch.ones(1, 2, 4))',
            ),
            good=forward(
                """
                y = torch.zeros_like(x)
                y[:, 1:3] = self.rows.expand(x.shape[0], -1, -1)
                return x + y
                """,
                init='self.register_buffer("rows", torch.ones(1, 2, 4))',
            ),
            inputs="x: float32[N=3, 6, 4]",
            harm=HARM,
        ),
        Example(
            title="One column for several",
            bad=forward("""
                rows, columns = x.shape
                y = x.clone()
                y[:, :3] = x.mean(1, keepdim=True)  # <-
                return y
            """),
            good=forward("""
                rows, columns = x.shape
                y = x.clone()
                y[:, :3] = x.mean(1, keepdim=True).expand(-1, 3)
                return y
            """),
            inputs="x: float32[N=3, 6]",
            harm=HARM,
        ),
    ]

    def check(self, event: BroadcastWrite, context: Context) -> Finding | None:
        """Frozen on the TorchScript routes."""
        text = event.quote(event.value.span)
        message = (
            f"`{text}` is broadcast to `{event.name}`: the TorchScript routes do so for the traced sizes only; expand "
            f"it by the sizes of the tensor first, `.expand(...)`"
        )
        return self.finding(event, message, HARM, context)
