from __future__ import annotations

from convlint.events import Taint, TensorFromValues
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

DIM = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)
LEGACY = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
DATA = Harm(Level.wrong, Level.breaks, Level.wrong)


class TensorFromValuesInForward(Rule):
    """
    ## What it does
    Finds `torch.tensor(...)`, `torch.as_tensor(...)` and `torch.FloatTensor(...)` around sizes, or around lists of
    tensors.

    ## Why it breaks
    These functions read Python values. The TorchScript routes store what they read as a constant, so the traced size
    or values are used for every input. The dynamo routes keep the connection to sizes; `torch.export` stops at a list
    of values, and both stop at the old constructors (`torch.Tensor([n])`). Around one tensor (`torch.tensor(t)`) they
    are harmless on every route of torch 2.13, whatever its warning says.

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
            message = (
                f"`{text}` reads a size: the TorchScript routes keep the traced one; use the size itself in arithmetic"
            )
            old = event.callee.endswith("Tensor")
            return self.finding(event, message, LEGACY if old else DIM, context)
        message = (
            f"`{text}` reads values: the TorchScript routes keep the traced ones; use `torch.stack` or `torch.cat`"
        )
        fixable = Applicability.unsafe if self._stackable(event) else None
        return self.finding(event, message, DATA, context, fixable=fixable)

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
