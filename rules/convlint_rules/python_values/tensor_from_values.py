from __future__ import annotations

from convlint.events import Taint, TensorFromValues
from convlint.findings import ROUTES, Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rewrite import code, edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.measured import fate_of, harm_of
from convlint_rules.rewriting import laid_out, torch_in

DIM = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)
LEGACY = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
NEW = Harm(torch_export=Level.breaks)
EXPORT = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)
DATA = Harm(Level.wrong, Level.breaks, Level.wrong)
COUNTS = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong)


class TensorFromValuesInForward(Rule):
    """
    ## What it does
    Finds `torch.tensor([...])`, `torch.as_tensor(...)` and `torch.FloatTensor(...)` around sizes and counts, or around
    lists of tensors.

    ## Why it breaks
    These functions read Python values. The TorchScript routes store a list that they read as a constant, so the traced
    sizes or values are used for every input. The dynamo routes keep the connection to sizes in `torch.tensor`, but stop
    at `as_tensor`; `torch.export` stops at a list of values, and both stop at the old constructors
    (`torch.Tensor([n])`). One size alone (`torch.tensor(n)`) and one tensor (`torch.tensor(t)`) are harmless on every
    route of torch 2.13, whatever its warning says.

    ## Fix safety
    Safe for sizes: each becomes a tensor by itself, and `torch.stack` of these has the same values, dtype and device.
    Offered where every element is surely a number, and all are of one kind or a dtype is given. Unsafe for a list of
    scalar tensors, which becomes `torch.stack`: gradients flow through it.

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
                size = torch.stack([torch.tensor(x.shape[0]), torch.tensor(x.shape[1])])
                return x / size.sum()
            """),
            inputs="x: float32[N=3, T=4]",
            harm=DIM,
            fix=Applicability.safe,
        ),
        Example(
            title="Sizes of a given dtype",
            bad=forward("""
                size = torch.as_tensor([x.shape[1], 0.5], dtype=x.dtype, device=x.device)  # <-
                return x * size.sum()
            """),
            good=forward("""
                size = torch.stack(
                    [
                        torch.tensor(x.shape[1], dtype=x.dtype, device=x.device),
                        torch.tensor(0.5, dtype=x.dtype, device=x.device),
                    ]
                )
                return x * size.sum()
            """),
            inputs="x: float32[2, T=4]",
            harm=LEGACY,
            fix=Applicability.safe,
        ),
        Example(
            title="One size",
            bad=forward("return x / torch.as_tensor(x.shape[1])  # <-"),
            good=forward("return x / torch.tensor(x.shape[1])"),
            inputs="x: float32[2, T=4]",
            harm=EXPORT,
            fix=Applicability.safe,
        ),
        Example(
            title="One size, as another tensor is",
            bad=forward("return x / x.new_tensor(x.shape[1])  # <-"),
            good=forward("return x / torch.tensor(x.shape[1], dtype=x.dtype, device=x.device)"),
            inputs="x: float32[2, T=4]",
            harm=NEW,
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
        Example(
            title="Counts",
            bad=forward("""
                n = torch.tensor([x[x > 0].shape[0], x[x > 1].shape[0]])  # <-
                return x * n.sum()
            """),
            good=forward("""
                n = torch.stack([(x > 0).sum(), (x > 1).sum()])
                return x * n.sum()
            """),
            inputs="x: float32[N=3, 4]",
            harm=COUNTS,
        ),
    ]

    def check(self, event: TensorFromValues, context: Context) -> Finding | None:
        """Frozen for sizes, wrong for values; a tensor stays in the graph."""
        if event.operand.kind == "tensor":
            return self.finding(event, f"`{event.callee}` of a tensor stays in the graph", Harm(), context)
        text = event.short
        if event.operand.taint < Taint.shape:
            return self.finding(event, f"`{text}` is stored as a constant, which it is", Harm(), context)
        if event.operand.kind == "unknown":  # as likely a tensor as a list of values
            return self.finding(event, f"`{text}` stays in the graph if it is given a tensor", Harm(), context)
        if event.operand.taint is Taint.shape:
            return self._of_sizes(event, context)
        if event.numbers:
            return self._of_counts(event, context)
        remedy = "use `torch.stack` or `torch.cat`"
        if not event.elements:  # they may be tensors or plain numbers, which nothing can stack
            remedy = f"{remedy} for tensors, and take numbers as one tensor from the caller"
        message = f"`{text}` reads values: the TorchScript routes keep the traced ones; {remedy}"
        return self.finding(event, message, DATA, context, fixable=_applicability(event))

    def _of_sizes(self, event: TensorFromValues, context: Context) -> Finding:
        """As measured, by function and by whether it is given one size or several."""
        fixable = _applicability(event)
        if event.callee.endswith("Tensor"):
            message = f"`{event.short}` reads a size: all exporters keep the traced one or stop; use the size itself"
            return self.finding(event, message, LEGACY, context)
        harm = harm_of(event)
        if not harm.worst(ROUTES):
            return self.finding(event, f"`{event.callee}` of a size stays in the graph", harm, context)
        remedy = "use the size itself in arithmetic"
        if fixable:
            remedy = "stack a tensor of each" if event.elements else "use `torch.tensor`"
        message = f"`{event.short}` reads a size, which is {fate_of(event)}; {remedy}"
        return self.finding(event, message, harm, context, at_most="warning", fixable=fixable)

    def _of_counts(self, event: TensorFromValues, context: Context) -> Finding:
        """As sizes are; what is frozen is a value."""
        harm = harm_of(event, Level.wrong)
        if not harm.worst(ROUTES):
            return self.finding(event, f"`{event.callee}` of a count stays in the graph", harm, context)
        message = (
            f"`{event.short}` reads numbers that depend on values, which are {fate_of(event)}; compute them as "
            f"tensors, a count as the `sum()` of a mask"
        )
        return self.finding(event, message, harm, context)

    def fix(self, event: TensorFromValues, context: Context) -> Fix | None:
        """``torch.stack`` of what stands in the list; ``torch.tensor`` of one size."""
        applicability, torch = _applicability(event), torch_in(event)
        if applicability is None or torch is None:
            return None
        name, imported = torch
        if applicability is Applicability.unsafe:
            made = edit(event.span, "{torch}.stack({values})", torch=name, values=event.cst_at(event.operand.span))
        else:
            made = _of_sizes(event, name)
        return Fix("Use `torch.stack`" if event.elements else "Use `torch.tensor`", (*imported, made), applicability)


def _applicability(event: TensorFromValues) -> Applicability | None:
    if event.operand.taint is Taint.data:
        # scalar tensors, written one by one, for which no dtype or device is asked
        wanted = event.given == ("",) and bool(event.elements) and event.operand.rank == 0
        applicability = Applicability.unsafe
    else:
        wanted, applicability = _is_of_sizes(event), Applicability.safe
    return applicability if wanted and torch_in(event) is not None else None


def _is_of_sizes(event: TensorFromValues) -> bool:
    """Whether each number that is read becomes a tensor by itself, of the same dtype and on the same device."""
    if event.callee not in ("torch.tensor", "torch.as_tensor") or not (
        event.elements or event.callee.endswith("as_tensor")
    ):
        return False
    options = frozenset(event.given[1:])
    if not options <= {"dtype", "device"}:
        return False
    numbers = event.elements or (event.operand,)
    kinds = {one.dtype for one in numbers}
    known = all(one.kind in ("dim", "number") and one.sure for one in numbers) and kinds <= {"int", "float", "bool"}
    return known and (len(kinds) == 1 or "dtype" in options)


def _of_sizes(event: TensorFromValues, torch: str) -> Edit:
    import libcst as cst

    call = cst.ensure_type(event.cst, cst.Call)
    rest = "".join(f", {code(arg.with_changes(comma=cst.MaybeSentinel.DEFAULT)).strip()}" for arg in call.args[1:])
    tensors = [f"{torch}.tensor({event.document.segment(one.span)}{rest})" for one in event.elements]
    if not tensors:
        return edit(event.span, f"{torch}.tensor({{number}}{rest})", number=call.args[0].value)
    return laid_out(event, f"{torch}.stack", tensors)
