from __future__ import annotations

from convlint.events import Taint, TensorFromValues
from convlint.findings import ROUTES, Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.measured import fate_of, harm_of

DIM = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)
EXPORT = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)
LEGACY = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
DATA = Harm(Level.wrong, Level.breaks, Level.wrong)


class TensorFromValuesInForward(Rule):
    """
    ## What it does
    Finds `torch.tensor(...)`, `torch.as_tensor(...)` and `torch.FloatTensor(...)` around sizes, or around lists of
    tensors.

    ## Why it breaks
    These functions read Python values. The TorchScript routes store a list that they read as a constant, so the traced
    sizes or values are used for every input; of one size they keep track. The dynamo routes keep the connection to
    sizes in `torch.tensor`, but stop at a size in `torch.as_tensor`; `torch.export` stops at a list of values, and both
    stop at the old constructors (`torch.Tensor([n])`). `torch.tensor(n)` of one size and `torch.tensor(t)` of one
    tensor are harmless on every route of torch 2.13, whatever the warning says.

    ## Fix safety
    Unsafe: a list of scalar tensors becomes `torch.stack`, through which gradients flow.

    ## References
    - openvinotoolkit/mmdetection#109
    """

    code, name, since = "CVL203", "tensor-from-values", "0.1"
    events = (TensorFromValues,)
    examples = [
        Example(
            title="A tensor of sizes",
            bad=forward("""
                size = torch.tensor([x.shape[0], x.shape[1]])  # <-
                return x / size.sum()
            """),
            good=forward("""
                return x / (x.shape[0] + x.shape[1])
            """),
            inputs="x: float32[N=3, T=4]",
            harm=DIM,
        ),
        Example(
            title="`torch.as_tensor` of one size",
            bad=forward("return x / torch.as_tensor(x.shape[1])  # <-"),
            good=forward("return x / x.shape[1]"),
            inputs="x: float32[2, T=4]",
            harm=EXPORT,
        ),
        Example(
            title="An old constructor",
            bad=forward("return x / torch.FloatTensor([x.shape[1]])  # <-"),
            good=forward("return x / x.shape[1]"),
            inputs="x: float32[2, T=4]",
            harm=LEGACY,
        ),
        Example(
            title="A list of values",
            bad=forward("""
                s = torch.tensor([x.sum(), x.mean()])  # <-
                return x * s[0] + s[1]
            """),
            good=forward("""
                s = torch.stack([x.sum(), x.mean()])
                return x * s[0] + s[1]
            """),
            inputs="x: float32[N=3, 4]",
            harm=DATA,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: TensorFromValues, context: Context) -> Finding | None:
        """Frozen for sizes, wrong for values; ``as_tensor`` of a tensor is that tensor."""
        if event.operand.kind == "tensor":
            return self.finding(event, f"`{event.callee}` of a tensor stays in the graph", Harm(), context)
        text = event.short
        if event.operand.taint < Taint.shape:
            return self.finding(event, f"`{text}` is stored as a constant, which it is", Harm(), context)
        if event.operand.taint is Taint.shape:
            return self._of_sizes(event, context)
        message = (
            f"`{text}` reads values: the TorchScript routes keep the traced ones; use `torch.stack` or `torch.cat`"
        )
        fixable = Applicability.unsafe if self._stackable(event) else None
        return self.finding(event, message, DATA, context, fixable=fixable)

    def _of_sizes(self, event: TensorFromValues, context: Context) -> Finding:
        """As measured, by function and by whether it is given one size or several."""
        if event.callee.endswith("Tensor"):
            message = f"`{event.short}` reads a size: all exporters keep the traced one or stop; use the size itself"
            return self.finding(event, message, LEGACY, context)
        harm = harm_of(event)
        if not harm.worst(ROUTES):
            return self.finding(event, f"`{event.callee}` of a size stays in the graph", harm, context)
        message = f"`{event.short}` reads a size, which is {fate_of(event)}; use the size itself in arithmetic"
        return self.finding(event, message, harm, context, at_most="warning")

    def _stackable(self, event: TensorFromValues) -> bool:
        """Whether scalar tensors are written one by one, and no dtype or device is asked for."""
        return event.display and event.operand.rank == 0 and bool(event.torch)

    def fix(self, event: TensorFromValues, context: Context) -> Fix | None:
        """``torch.stack`` of a display of scalar tensors."""
        if not self._stackable(event):
            return None
        values = event.cst_at(event.operand.span)
        stacked = edit(event.span, "{torch}.stack({values})", torch=event.torch, values=values)
        return Fix("Use `torch.stack`", (stacked,), Applicability.unsafe)
