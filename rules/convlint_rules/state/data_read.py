from __future__ import annotations

from convlint.events import DataRead, Taint
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level, Span
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

VALUES = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
SIZES = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
STATE = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)
ONLY_SIZES = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)


class DataOfTensor(Rule):
    """
    ## What it does
    Finds `.data` of tensors in `forward`: `x.data * 2`, `self.weight.data`, `x.data.size(0)`, and writes through it to
    what the model has made. Writes to parameters and buffers through `.data` are those of `state-write-in-forward`;
    what goes to NumPy or Python anyhow (`x.data.cpu().numpy()`) is not reported here.

    ## Why it breaks
    `.data` is a tensor that no tracer sees being made. The TorchScript tracer takes it for a constant: the traced
    values stay in the graph for every input, without a warning, and so do its sizes. `torch.export` and the dynamo
    exporter stop at it: `We found a fake tensor in the exported program constant's list`.

    ## Fix safety
    Unsafe: `.detach()` has the same values and the same memory, and cuts the gradient as well, but shares the counter
    of writes: autograd refuses to differentiate what was computed from it and written to later, where `.data` says
    nothing and the gradient is wrong. Before a size, and before `new_zeros` and its like, `.data` is left out, which is
    safe. A write through `.data` has no fix: write to the tensor itself, under `torch.no_grad()`, or compute a new one.

    ## References
    - `torch.Tensor.detach`
    """

    code, name, since = "CVL710", "data-read", "0.1"
    events = (DataRead,)
    examples = [
        Example(
            title="Values of an input",
            bad=forward("return x - x.data.mean()  # <-"),
            good=forward("return x - x.detach().mean()"),
            inputs="x: float32[N=3, 4]",
            harm=VALUES,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A weight",
            bad=forward(
                "return nn.functional.linear(x, self.layer.weight.data)  # <-", init="self.layer = nn.Linear(4, 4)"
            ),
            good=forward(
                "return nn.functional.linear(x, self.layer.weight.detach())", init="self.layer = nn.Linear(4, 4)"
            ),
            inputs="x: float32[N=3, 4]",
            harm=STATE,
            fix=Applicability.unsafe,
        ),
        Example(
            title="As many zeros as rows",
            bad=forward("return x + torch.zeros(x.shape[0], 1).data  # <-"),
            good=forward("return x + torch.zeros(x.shape[0], 1).detach()"),
            inputs="x: float32[N=3, 4]",
            harm=SIZES,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A size",
            bad=forward("return x.view(x.data.size(0), 2, 2)  # <-"),
            good=forward("return x.view(x.size(0), 2, 2)"),
            inputs="x: float32[N=3, 4]",
            harm=ONLY_SIZES,
            fix=Applicability.safe,
        ),
        Example(
            title="A new tensor like another",
            bad=forward("return x + x.data.new_zeros(4)  # <-"),
            good=forward("return x + x.new_zeros(4)"),
            inputs="x: float32[N=3, 4]",
            harm=STATE,
            fix=Applicability.safe,
        ),
        Example(
            title="A write",
            bad=forward("""
                y = x * 2
                y.data[:, 0] = 0  # <-
                return y
            """),
            good=forward("""
                y = x * 2
                y[:, 0] = 0
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=VALUES,
        ),
    ]

    def check(self, event: DataRead, context: Context) -> Finding | None:
        """By what the tensor depends on, and whether more than its sizes is read."""
        name, text = event.quote(event.operand.span), event.short
        safe = Applicability.safe if event.operand.sure else None
        if event.only == "sizes":
            message = f"`{text}` is beside the graph, so that its sizes are those of the traced input: write `{name}`"
            return self.finding(event, message, ONLY_SIZES, context, fixable=safe)
        if event.only == "kind":
            message = f"`{text}` is beside the graph: `torch.export` stops at it; write `{name}`"
            return self.finding(event, message, STATE, context, fixable=safe)
        if event.written:
            message = (
                f"what is written through `{text}` is in no exported graph, and `torch.export` stops: write to "
                f"`{name}` itself, or compute a new tensor"
            )
            return self.finding(event, message, _harm(event), context)
        kept = _KEPT.get(event.operand.taint, "")
        message = f"`{text}` is beside the graph: {kept}`torch.export` stops at it; write `.detach()`"
        return self.finding(event, message, _harm(event), context, fixable=Applicability.unsafe)

    def fix(self, event: DataRead, context: Context) -> Fix | None:
        """``.detach()``; or nothing, before a size and ``new_zeros``."""
        if event.written:
            return None
        if not event.only:
            return Fix("Write `.detach()`", (Edit(event.data, "detach()"),), Applicability.unsafe)
        end = event.operand.span
        dot = Span(end.end_row, end.end_column, event.data.end_row, event.data.end_column)
        return Fix("Leave `.data` out", (Edit(dot, ""),), Applicability.safe)


_KEPT = {
    Taint.data: "the TorchScript routes keep the traced values, and ",
    Taint.shape: "the TorchScript routes keep the traced sizes, and ",
}


def _harm(event: DataRead) -> Harm:
    return {Taint.data: VALUES, Taint.shape: SIZES}.get(event.operand.taint, STATE)
