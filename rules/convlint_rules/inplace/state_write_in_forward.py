from __future__ import annotations

from convlint.events import StateWrite
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.as_buffer import registered
from convlint_rules.examples import forward

KEPT = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong, onnx_dynamo=Level.wrong)
COPIED = Harm(onnx_torchscript=Level.breaks)
CONSTANT = Harm(onnx_dynamo=Level.breaks)
COPIED_CONSTANT = Harm(onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
KEPT_CONSTANT = Harm(Level.wrong, Level.wrong, Level.wrong, Level.breaks)
DATA = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)
REPLACED = Harm(Level.wrong, Level.wrong, Level.wrong, Level.wrong)
MODULE = Harm(torch_export=Level.breaks)


class StateWriteInForward(Rule):
    """
    ## What it does
    Finds in-place writes in `forward` to parameters, buffers and other tensors that a module keeps: `self.n += 1`,
    `self.layer.weight.data.clamp_(...)`, and modules that are converted there: `self.layer = self.layer.to(dtype)`.
    What is read again only after it was wholly overwritten in the same call is not reported.

    ## Why it breaks
    An ONNX graph keeps nothing between calls: each run starts from what was there at the export. And the TorchScript
    tracer runs `forward` more than once, so that it exports the state after some of those runs, wrong from the first
    call on. `torch.export` keeps buffers, but takes other tensors for constants; the dynamo ONNX exporter refuses to
    write to these. The TorchScript ONNX exporter has no operator for `copy_` into a buffer. A write through `.data`
    stops `torch.export`, and kills the whole process (a segmentation fault) under the dynamo exporter. What is made of
    inputs and assigned to `.data` itself is lost on every route without a word. `module.to(...)`
    replaces weights, which `torch.export` refuses.

    ## Fix safety
    Unsafe: `.data` becomes `.detach()`, whose writes autograd counts: it refuses to differentiate through what was
    computed from the weight before. `torch.export` then goes on; the TorchScript routes still keep what the weight had
    become. Unsafe too: a tensor that each call overwrites becomes a buffer, which goes where the module goes
    (`.to(...)`) and stands among its `buffers()`, though not in its `state_dict` (`persistent=False`). One that a call
    reads before it writes does not: the exporter would go on, and lose what calls leave, without a word. There is no
    other fix: make the state an input and an output, or compute the changed weight as a new tensor.

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
                n = n + 1
                return x * n, n
                """,
                parameters="x, n",
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; n: float32[]",
            harm=KEPT,
            same_in_eager=False,
        ),
        Example(
            title="A running mean that is read before it is set",
            bad=forward(
                """
                y = x - self.mean
                self.mean.copy_(x.mean())  # <-
                return y
                """,
                init='self.register_buffer("mean", torch.zeros(()))',
            ),
            good=forward("return x - mean, x.mean()", parameters="x, mean"),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; mean: float32[]",
            harm=KEPT,
            same_in_eager=False,
        ),
        Example(
            title="A buffer that is overwritten in each call",
            bad=forward(
                """
                self.mean.copy_(x.mean())  # <-
                return x - self.mean
                """,
                init='self.register_buffer("mean", torch.zeros(()))',
            ),
            good=forward("return x - x.mean()", init='self.register_buffer("mean", torch.zeros(()))'),
            inputs="x: float32[N=3, 4]",
            harm=COPIED,
        ),
        Example(
            title="A tensor that is no buffer",
            bad=forward(
                """
                self.scale += 1  # <-
                return x * self.scale
                """,
                init="self.scale = torch.ones(4)",
            ),
            good=forward(
                """
                scale = scale + 1
                return x * scale, scale
                """,
                parameters="x, scale",
            ),
            inputs="x: float32[N=3, 4]",
            good_inputs="x: float32[N=3, 4]; scale: float32[4]",
            harm=KEPT_CONSTANT,
            same_in_eager=False,
        ),
        Example(
            title="A tensor that is no buffer, overwritten in each call",
            bad=forward(
                """
                self.scale[:] = x.mean(0)  # <-
                return x * self.scale
                """,
                init="self.scale = torch.ones(4)",
            ),
            good=forward(
                """
                self.scale[:] = x.mean(0)
                return x * self.scale
                """,
                init='self.register_buffer("scale", torch.ones(4), persistent=False)',
            ),
            inputs="x: float32[N=3, 4]",
            harm=CONSTANT,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A tensor that is no buffer, copied to",
            bad=forward(
                """
                self.scale.copy_(x.mean(0))  # <-
                return x * self.scale
                """,
                init="self.scale = torch.ones(4)",
            ),
            good=forward(
                """
                self.scale.copy_(x.mean(0))
                return x * self.scale
                """,
                init='self.register_buffer("scale", torch.ones(4), persistent=False)',
            ),
            inputs="x: float32[N=3, 4]",
            harm=COPIED_CONSTANT,
            fix=Applicability.unsafe,
            good_routes=("jit_trace", "torch_export", "onnx_dynamo"),
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
            title="A buffer that is given other data",
            bad=forward(
                """
                self.mean.data = x.mean(0)  # <-
                return x - self.mean
                """,
                init='self.register_buffer("mean", torch.zeros(4))',
            ),
            good=forward("return x - x.mean(0)", init='self.register_buffer("mean", torch.zeros(4))'),
            inputs="x: float32[N=3, 4]",
            harm=REPLACED,
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
                f"`{event.short}` converts the weights of `{event.name}` in `forward`: `torch.export` stops at it; "
                f"convert them when the model is made"
            )
            return self.finding(event, message, MODULE, context)
        if event.assigned or event.what in ("list", "dict"):
            return None  # `kept-between-calls`
        what = "a tensor that is no buffer" if event.what == "attribute" else f"a {event.what}"
        buffer = _buffer(event)
        message = f"`{event.name}`, {what}, changes in `forward`: {_why(event, buffer)}"
        fixable = Applicability.unsafe if event.data or buffer else None
        return self.finding(event, message, _harm(event), context, fixable=fixable)

    def fix(self, event: StateWrite, context: Context) -> Fix | None:
        """A write that the dynamo routes can follow, or a tensor that they let be written to."""
        if event.data is not None:
            return Fix("Write through `.detach()`", (Edit(event.data, "detach()"),), Applicability.unsafe)
        buffer = _buffer(event)
        return Fix("Register it as a buffer", (buffer,), Applicability.unsafe) if buffer else None


def _buffer(event: StateWrite) -> Edit | None:
    """The tensor as a buffer; not where a call leaves something to the next, which a buffer would lose in silence."""
    if event.what != "attribute" or event.kept or event.through_data:
        return None
    return registered(event, event.name)


def _harm(event: StateWrite) -> Harm:
    if event.replaced:
        return REPLACED
    if event.through_data:
        return DATA
    if event.what == "attribute":
        return KEPT_CONSTANT if event.kept else COPIED_CONSTANT if event.method == "copy_" else CONSTANT
    if event.kept:
        return KEPT
    return COPIED if event.method == "copy_" else Harm()


def _why(event: StateWrite, buffer: Edit | None) -> str:
    if event.replaced:
        return "no exporter follows what is assigned to `.data`, and the traced values stay; compute a new tensor"
    if event.kept or event.through_data:
        return "an exported graph keeps nothing between calls; compute a new tensor, or make it an input and an output"
    if event.what == "attribute":
        remedy = "register it as a buffer, or compute a new tensor" if buffer else "compute a new tensor"
        return f"the dynamo ONNX exporter takes it for a constant and stops; {remedy}"
    return "the TorchScript ONNX exporter cannot write into it; compute a new tensor"
