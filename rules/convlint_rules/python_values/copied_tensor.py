from __future__ import annotations

from convlint.events import LeavesGraph, Taint
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
SHALLOW = Harm(Level.breaks, Level.breaks, Level.breaks, Level.breaks)


class CopiedTensor(Rule):
    """
    ## What it does
    Finds `copy.copy` and `copy.deepcopy` of a tensor, and `copy.deepcopy` of a list or dict that holds tensors, in what
    is traced.

    ## Why it breaks
    A copy is made of a tensor's memory, which no exporter sees. `torch.jit.trace` keeps the copy of the traced tensor
    as a constant, without a warning: the graph answers the same for every input. So does the TorchScript ONNX exporter,
    whose file may lose the input altogether. Of a tensor that `copy.copy` gives the constant has not even the shape,
    and the trace stops. `torch.export` has no memory to copy and stops (`Cannot access data pointer`).

    ## Fix safety
    Unsafe for a tensor, which becomes `t.clone()`: the values are the same, a gradient flows through it, and what
    `copy.copy` gives shares its memory no more. There is no fix for what holds tensors: copy the list, and clone what
    is written to.

    ## References
    - `torch.Tensor.clone`
    """

    code, name, since = "CVL211", "copied-tensor", "0.1"
    events = (LeavesGraph,)
    examples = [
        Example(
            title="A tensor that is kept",
            bad=forward(
                """
                kept = copy.deepcopy(x)  # <-
                return torch.relu(x) - kept
                """,
                imports="copy",
            ),
            good=forward(
                """
                kept = x.clone()
                return torch.relu(x) - kept
                """,
                imports="copy",
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A tensor that shares its memory",
            bad=forward("return torch.relu(x) - copy.copy(x)  # <-", imports="copy"),
            good=forward("return torch.relu(x) - x.clone()", imports="copy"),
            inputs="x: float32[N=3, 4]",
            harm=SHALLOW,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A dict of tensors",
            bad=forward(
                """
                parts = copy.deepcopy({"x": x, "scale": 2.0})  # <-
                return parts["x"] * parts["scale"]
                """,
                imports="copy",
            ),
            good=forward(
                """
                parts = copy.copy({"x": x, "scale": 2.0})
                return parts["x"] * parts["scale"]
                """,
                imports="copy",
            ),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: LeavesGraph, context: Context) -> Finding | None:
        """Wrong where TorchScript traces, breaks where dynamo does."""
        if event.how != "copy" or event.operand.taint < Taint.shape:
            return None
        deep = event.callee == "copy.deepcopy"
        kept = "the TorchScript routes keep the traced values for every input, `torch.export` stops"
        does = kept if deep else "every exporter stops, TorchScript's at a constant of another shape"
        of_tensor = event.operand.kind == "tensor"
        advice = "write `clone()`" if of_tensor else "copy what holds the tensors or sizes, not these"
        message = f"`{event.short}` copies memory that no exporter sees: {does}; {advice}"
        fixable = Applicability.unsafe if of_tensor else None
        return self.finding(event, message, HARM if deep else SHALLOW, context, fixable=fixable)

    def fix(self, event: LeavesGraph, context: Context) -> Fix | None:
        """``t.clone()``."""
        if event.operand.kind != "tensor":
            return None
        cloned = edit(event.span, "{operand}.clone()", operand=primary(event.cst_at(event.operand.span)))
        return Fix("Write `clone()`", (cloned,), Applicability.unsafe)
