from __future__ import annotations

from convlint.events import Taint, TensorFromValues
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

DIM = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)
DATA = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong)


class TensorFromValuesInForward(Rule):
    """
    ## What it does
    Finds `torch.tensor(...)` and `torch.as_tensor(...)` around sizes, or around tensors.

    ## Why it breaks
    These functions read Python values. The TorchScript routes store what they read as a constant, so the traced size
    or values are used for every input. The dynamo routes keep the connection.

    ## Fix safety
    Unsafe for `torch.tensor(t)` of a tensor: the tensor itself takes the place of a detached copy.

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
            title="A copy of a tensor",
            bad=forward("""
                s = torch.tensor(x.sum())  # <-
                return x * s
            """),
            good=forward("""
                s = x.sum()
                return x * s
            """),
            inputs="x: float32[N=3, 4]",
            harm=DATA,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: TensorFromValues, context: Context) -> Finding | None:
        """Frozen for sizes, wrong for values; ``as_tensor`` of a tensor is that tensor."""
        kind = event.operand.kind
        if kind == "tensor" and not event.callee.endswith(".tensor"):
            return self.finding(event, f"`{event.callee}` of a tensor is that tensor", Harm(), context)
        text = " ".join(event.text.split())[:60]
        if event.operand.taint is Taint.shape:
            message = f"`{text}` reads a size: the TorchScript routes keep the traced one; use the size itself in arithmetic"
            return self.finding(event, message, DIM, context)
        message = f"`{text}` reads values: the TorchScript routes keep the traced ones; use the tensor itself, or `torch.stack`"
        fixable = Applicability.unsafe if self.fix(event, context) else None
        return self.finding(event, message, DATA, context, fixable=fixable)

    def fix(self, event: TensorFromValues, context: Context) -> Fix | None:
        """The tensor itself, where nothing else is asked."""
        import libcst as cst

        node = event.cst
        if event.operand.kind != "tensor" or not isinstance(node, cst.Call) or len(node.args) != 1:
            return None
        text = event.document.segment(event.operand.span)
        return Fix(f"Keep `{text}`", (Edit(event.span, text),), Applicability.unsafe)
