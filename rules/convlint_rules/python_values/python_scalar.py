from __future__ import annotations

from convlint.events import LeavesGraph, Taint, one_line
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import in_its_place, takes_root

ITEM = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong)
SCALAR = Harm(Level.wrong, Level.breaks, Level.wrong)
TOLIST = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong)
DIM = Harm(Level.frozen, Level.breaks, Level.frozen)
COMPUTED = Harm(Level.frozen, Level.frozen, Level.frozen, Level.frozen)
READ = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)
STATE = Harm(torch_export=Level.breaks)
FORMS = ("item", "tolist", "int", "float", "bool", "complex")


class PythonScalar(Rule):
    """
    ## What it does
    Finds tensors and sizes that become Python numbers: `.item()`, `.tolist()`, `int(t)`, `float(t)`, `bool(t)`,
    `int(x.shape[0])`.

    ## Why it breaks
    The TorchScript routes store the number of the traced input as a constant. `torch.export` follows `.item()` and
    `.tolist()` symbolically, but stops at `int()`, `float()` and `bool()`, also of a size (`Constraints violated`); the
    dynamo ONNX exporter then tries again with `strict=True` and gets past them. `int()` of what is computed from a size
    both of them export, for the traced size only.

    ## Fix safety
    Safe for `int(x.shape[0])` and `int(x.shape[0] // 2)`: these are `int` already. Not offered where TorchScript would
    miss the number: for a key, and for what its ONNX exporter takes a constant for (the shape of `layer_norm`). Unsafe
    where a number in it is a parameter's that is not annotated `int`, as other callers may give a float, and for a
    value that is used in arithmetic only, or only to bound slices and to count (`topk`, `arange`): the tensor takes its
    place, which keeps the gradient, may change the result's dtype, and is another number where it is written in place
    in between.

    ## References
    - pytorch/pytorch#138853, #119321
    """

    code, name, since = "CVL202", "python-scalar", "0.1"
    events = (LeavesGraph,)
    examples = [
        Example(
            title="A scale taken out of the graph",
            bad=forward("""
                s = x.abs().max().item()  # <-
                return x / s
            """),
            good=forward("""
                s = x.abs().max()
                return x / s
            """),
            inputs="x: float32[N=3, 4]",
            harm=ITEM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="`float()` of a tensor",
            bad=forward("""
                return x * float(x.abs().max())  # <-
            """),
            good=forward("""
                return x * x.abs().max()
            """),
            inputs="x: float32[N=3, 4]",
            harm=SCALAR,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A number out of a constant tensor",
            bad=forward("""
                n = int(torch.tensor([2, 2]).prod())  # <-
                return x * n
            """),
            good=forward("""
                n = torch.tensor([2, 2]).prod()
                return x * n
            """),
            inputs="x: float32[N=3, 4]",
            harm=STATE,
            fix=Applicability.unsafe,
        ),
        Example(
            title="How many to keep",
            bad=forward("""
                k = int((x > 0).sum())  # <-
                values, _ = x.reshape(-1).topk(k)
                return values.sum() * x
            """),
            good=forward("""
                k = (x > 0).sum()
                values, _ = x.reshape(-1).topk(k)
                return values.sum() * x
            """),
            inputs="x: float32[3, 8]",
            harm=SCALAR,
            fix=Applicability.unsafe,
        ),
        Example(
            title="`int()` of a size",
            bad=forward("""
                return x + torch.arange(int(x.shape[1]), dtype=torch.float32)  # <-
            """),
            good=forward("""
                return x + torch.arange(x.shape[1], dtype=torch.float32)
            """),
            inputs="x: float32[2, T=6]",
            harm=DIM,
            fix=Applicability.safe,
        ),
        Example(
            title="`int()` of a part of a size",
            bad=forward("""
                return x[:, : int(x.shape[1] * 0.5)]  # <-
            """),
            good=forward("""
                return x[:, : x.shape[1] // 2]
            """),
            inputs="x: float32[2, T=6]",
            harm=COMPUTED,
            good_routes=("jit_trace", "onnx_torchscript", "onnx_dynamo"),
        ),
        Example(
            title="A list of numbers",
            bad=forward("""
                a, b = x.mean(0).tolist()  # <-
                return x.sum() * a + b
            """),
            good=forward("""
                a, b = x.mean(0)
                return x.sum() * a + b
            """),
            inputs="x: float32[3, 2]",
            harm=TOLIST,
        ),
        Example(
            title="A number kept in a buffer",
            bad=forward("return x * float(self.scale)  # <-", init='self.register_buffer("scale", torch.tensor(2.0))'),
            good=forward("return x * self.scale", init='self.register_buffer("scale", torch.tensor(2.0))'),
            inputs="x: float32[N=3, 4]",
            harm=STATE,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A number of a tensor that is made of sizes",
            bad=forward("""
                last = torch.arange(x.shape[1]).max().item()  # <-
                return x * last
            """),
            good=forward("""
                last = torch.arange(x.shape[1]).max()
                return x * last
            """),
            inputs="x: float32[2, T=4]",
            harm=READ,
            fix=Applicability.unsafe,
        ),
        Example(
            title="The same by a conversion",
            bad=forward("""
                last = float(torch.arange(x.shape[1]).max())  # <-
                return x * last
            """),
            good=forward("""
                last = torch.arange(x.shape[1]).max()
                return x * last
            """),
            inputs="x: float32[2, T=4]",
            harm=DIM,
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: LeavesGraph, context: Context) -> Finding | None:
        """By what is converted, and how."""
        if event.how not in FORMS:
            return None
        taint = event.operand.taint
        text = event.short
        if taint is Taint.state:
            harm = STATE if event.how in ("int", "float", "bool", "complex") else Harm()
            consequence = (
                "`torch.export` cannot read its value; keep a plain Python number"
                if harm.on("torch_export")
                else "it is stored as a constant"
            )
            message = f"`{text}` reads a tensor that no input changes, a parameter or constant: {consequence}"
        elif taint is Taint.shape and event.operand.kind == "tensor":
            harm = READ if event.how in ("item", "tolist") else DIM
            message = (
                f"`{text}` takes a value out of the graph that was computed from sizes: the traced number is kept; "
                f"compute with the sizes themselves, or keep the tensor"
            )
        elif taint is Taint.shape:
            harm = DIM if event.operand.kind == "dim" else COMPUTED
            message = f"`{text}` turns a size into a plain number: the graph keeps the traced size; {_advice(event)}"
        else:
            harm = {"item": ITEM, "tolist": TOLIST}.get(event.how, SCALAR)
            message = (
                f"`{text}` takes a value out of the graph: the traced number is used for every input; keep the tensor"
            )
        return self.finding(event, message, harm, context, fixable=self._applicability(event))

    def _applicability(self, event: LeavesGraph) -> Applicability | None:
        if not event.operand.sure or event.operand.span == event.span:  # a conversion by `map(int, ...)`
            return None
        if event.how == "int" and event.operand.taint is Taint.shape and event.operand.dtype == "int":
            if event.operand.kind == "tensor" or event.must_be_plain:
                return None
            return Applicability.unsafe if event.left_open else Applicability.safe
        if event.how in ("item", "int") and event.only_counts and event.operand.kind == "tensor":
            return Applicability.unsafe if (event.operand.dtype, event.operand.rank) == ("int", 0) else None
        if event.how in ("item", "float", "int") and event.only_arithmetic and event.operand.kind == "tensor":
            whole = event.how == "int" and event.operand.dtype != "int"  # int() cuts off the fraction
            return None if whole or event.operand.rank not in (0, None) else Applicability.unsafe
        return None

    def fix(self, event: LeavesGraph, context: Context) -> Fix | None:
        """The operand instead of the conversion."""
        applicability = self._applicability(event)
        if applicability is None:
            return None
        kept = edit(event.span, "{operand}", operand=in_its_place(event, event.cst_at(event.operand.span)))
        return Fix(f"Keep `{one_line(kept.content)}`", (kept,), applicability)


def _advice(event: LeavesGraph) -> str:
    """What to write instead of a conversion of a size."""
    if event.how != "int":
        return "arithmetic works on the size itself"
    if event.operand.dtype == "int":
        return "write the size itself"
    if takes_root(event.text):
        return "take the number from the configuration, or compute it on a tensor"
    return "use integer arithmetic (`//`)"
