from __future__ import annotations

from convlint.events import StateWrite
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

BUFFER = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong)
DATA = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


MODULE = Harm(torch_export=Level.breaks)


class StateWriteInForward(Rule):
    """
    ## What it does
    Finds in-place writes to parameters and buffers in `forward`: `self.n += 1`, `self.layer.weight.data.clamp_(...)`,
    and modules that are converted there: `self.layer = self.layer.to(dtype)`.

    ## Why it breaks
    An ONNX graph keeps nothing between calls, and the tracers run `forward` more than once, so what is exported is the
    state after some of those runs. A write through `.data` stops `torch.export`, and kills the whole process
    (a segmentation fault) under the dynamo exporter. `module.to(...)` replaces weights, which `torch.export` refuses.

    ## Fix safety
    Unsafe: `.data` becomes `.detach()`, whose writes autograd counts: it refuses to differentiate through what was
    computed from the weight before. `torch.export` then goes on; the TorchScript routes still keep what the weight had
    become. There is no other fix: make the state an input and an output, or compute the changed weight as a new tensor.
    (The example's counter shows what a first call computes; whoever needs the second call must pass the count in and
    out.)

    ## References
    - pytorch/pytorch#106217, #111676
    """

    code, name, since = "CVL104", "state-write-in-forward", "0.1"
    events = (StateWrite,)
    examples = [
        Example(
            title="A counter",
            bad=forward(
                """
                self.n += 1  # <-
                return x * self.n
                """,
                init='self.register_buffer("n", torch.zeros(()))',
            ),
            good=forward(
                """
                return x * (self.n + 1)
                """,
                init='self.register_buffer("n", torch.zeros(()))',
            ),
            inputs="x: float32[N=3, 4]",
            harm=BUFFER,
        ),
        Example(
            title="A weight clamped through `.data`",
            bad=forward(
                """
                self.layer.weight.data.clamp_(-0.1, 0.1)  # <-
                return self.layer(x)
                """,
                init="self.layer = nn.Linear(4, 4)",
            ),
            good=forward(
                """
                self.layer.weight.detach().clamp_(-0.1, 0.1)
                return self.layer(x)
                """,
                init="self.layer = nn.Linear(4, 4)",
            ),
            inputs="x: float32[N=3, 4]",
            harm=DATA,
            fix=Applicability.unsafe,
            good_routes=("torch_export", "onnx_dynamo"),
        ),
        Example(
            title="A layer that is converted on every call",
            bad=forward(
                """
                self.layer = self.layer.to(self.kind)  # <-
                return self.layer(x)
                """,
                init="self.layer, self.kind = nn.Linear(4, 4), torch.float32",
            ),
            good=forward("return self.layer(x)", init="self.layer = nn.Linear(4, 4).to(torch.float32)"),
            inputs="x: float32[N=3, 4]",
            harm=MODULE,
        ),
    ]

    def check(self, event: StateWrite, context: Context) -> Finding | None:
        """By what is written, and how."""
        if event.what == "module":
            message = (
                f"`{event.text}` converts the weights of `{event.name}` in `forward`: `torch.export` stops at it; "
                f"convert them when the model is made"
            )
            return self.finding(event, message, MODULE, context)
        harm = DATA if event.through_data else BUFFER
        message = (
            f"`{event.name}`, a {event.what}, changes in `forward`: an exported graph keeps nothing between calls; "
            f"compute a new tensor, or make it an input and an output"
        )
        fixable = Applicability.unsafe if event.data else None
        return self.finding(event, message, harm, context, fixable=fixable)

    def fix(self, event: StateWrite, context: Context) -> Fix | None:
        """A write that the dynamo routes can follow."""
        if event.data is None:
            return None
        return Fix("Write through `.detach()`", (Edit(event.data, "detach()"),), Applicability.unsafe)
