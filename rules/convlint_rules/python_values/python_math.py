from __future__ import annotations

import ast

from convlint.events import PythonMath, Taint
from convlint.findings import EXPORTERS, Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary, summand
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import stands_alone, takes_root, torch_in

MATH = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
CEIL = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)
EXTREME = Harm(jit_trace=Level.frozen, torch_export=Level.frozen, onnx_torchscript=Level.frozen)
TENSOR_EXTREME = Harm(jit_trace=Level.wrong, onnx_torchscript=Level.wrong)
TENSOR = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
ROUND = Harm(jit_trace=Level.breaks, onnx_torchscript=Level.breaks, onnx_dynamo=Level.breaks)
SORTED = Harm(Level.frozen, Level.frozen, Level.frozen, Level.frozen)
DIVMOD = Harm(Level.breaks, Level.breaks, Level.breaks, Level.breaks)
SYMBOLIC = ("math.ceil", "math.floor", "math.trunc", "math.sqrt")
"""Functions that `torch.export` computes symbolically."""
ALIKE = frozenset(
    [
        "acos",
        "asin",
        "atan",
        "cos",
        "cosh",
        "exp",
        "expm1",
        "log",
        "log10",
        "log1p",
        "log2",
        "sin",
        "sinh",
        "sqrt",
        "tan",
        "tanh",
    ]
)
"""Functions of `math` that torch has by the same name, and that give floats."""


class PythonMathOnTensors(Rule):
    """
    ## What it does
    Finds `math.*`, `min`, `max`, `sorted`, `round`, `divmod` and `pow` with a modulus on tensors and on sizes.

    ## Why it breaks
    These functions need a plain number, or compare and so need a `bool`. The TorchScript routes compute them once,
    with the traced size, and store the result; at `round` they stop, as a size is a tensor to them, and so does the
    dynamo ONNX exporter. `torch.export` follows `ceil`, `floor`, `round`, `min` and `max` of sizes, but neither other
    functions nor comparisons of a tensor's values. At `divmod` of a size every exporter stops with a `TypeError`: what
    stands for a size while a model is traced has `//` and `%`, but no `divmod`. So it is with `pow(n, 2, 5)`.

    ## Fix safety
    Safe for `divmod(n, d)` of a size and an integer, which becomes `n // d, n % d`; unsafe where it is not known
    that the divisor is one. Safe for `math.ceil(n / 4)` and `math.floor(n / 4)` of a size and a positive integer
    constant: integer division gives the same number for every size below 2**53. Unsafe where the divisor has a
    name: it is written twice, and taken for a positive integer. Unsafe for `max(t, 0)` of a tensor, which becomes
    `clamp` and keeps the tensor where the number was returned, and for two scalar tensors of one dtype, which go to
    `torch.maximum`, a new tensor. Unsafe for `math.exp(t)` and its like of a scalar tensor in tensor arithmetic:
    `torch.exp` computes in the tensor's dtype instead of double precision, keeps the gradient, and gives `nan` or
    `inf` where `math` raises.

    ## References
    - pytorch/pytorch#138853
    """

    code, name, since = "CVL204", "python-math", "0.1"
    events = (PythonMath,)
    examples = [
        Example(
            title="Rounding a size up",
            bad=forward(
                """
                p = math.ceil(x.shape[1] / 4) * 4 - x.shape[1]  # <-
                return nn.functional.pad(x, (0, p))
                """,
                imports="math",
            ),
            good=forward(
                """
                p = ((x.shape[1] + 3) // 4) * 4 - x.shape[1]
                return nn.functional.pad(x, (0, p))
                """,
                imports="math",
            ),
            inputs="x: float32[2, T=6]",
            harm=CEIL,
            fix=Applicability.safe,
        ),
        Example(
            title="Rounding up to a multiple with a name",
            bad=forward(
                """
                p = math.ceil(x.shape[1] / self.patch) * self.patch - x.shape[1]  # <-
                return nn.functional.pad(x, (0, p))
                """,
                imports="math",
                init="self.patch = 4",
            ),
            good=forward(
                """
                p = ((x.shape[1] + self.patch - 1) // self.patch) * self.patch - x.shape[1]
                return nn.functional.pad(x, (0, p))
                """,
                imports="math",
                init="self.patch = 4",
            ),
            inputs="x: float32[2, T=6]",
            harm=CEIL,
            fix=Applicability.unsafe,
        ),
        Example(
            title="The larger of two values",
            bad=forward("""
                return x / max(x.sum(), x.abs().max())  # <-
            """),
            good=forward("""
                return x / torch.maximum(x.sum(), x.abs().max())
            """),
            inputs="x: float32[N=3, 4]",
            harm=TENSOR_EXTREME,
            fix=Applicability.unsafe,
        ),
        Example(
            title="The smaller of a size and a number",
            bad=forward("""
                return x[:, : min(x.shape[1], 6)] * x.shape[1]  # <-
            """),
            good=forward("""
                return x[:, :6] * x.shape[1]
            """),
            inputs="x: float32[2, T=4]",
            harm=EXTREME,
            good_routes=("jit_trace", "onnx_torchscript", "onnx_dynamo"),
        ),
        Example(
            title="Rounding a size",
            bad=forward("""
                return x * round(x.shape[1] * 1.5)  # <-
            """),
            good=forward("""
                return x * (x.shape[1] * 3 // 2)
            """),
            inputs="x: float32[2, T=4]",
            harm=ROUND,
            same_in_eager=False,
        ),
        Example(
            title="Quotient and remainder of a size",
            bad=forward("""
                whole, rest = divmod(x.shape[1], 4)  # <-
                return nn.functional.pad(x, (whole, rest))
            """),
            good=forward("""
                whole, rest = x.shape[1] // 4, x.shape[1] % 4
                return nn.functional.pad(x, (whole, rest))
            """),
            inputs="x: float32[2, T=6]",
            harm=DIVMOD,
            fix=Applicability.safe,
        ),
        Example(
            title="The remainder of a power of a size",
            bad=forward("return x * pow(x.shape[1], 2, 5)  # <-"),
            good=forward("return x * (x.shape[1] ** 2 % 5)"),
            inputs="x: float32[2, T=6]",
            harm=DIVMOD,
        ),
        Example(
            title="A smaller size that is checked, and one that is computed with",
            bad=forward("""
                if min(x.shape[0], x.shape[1]) < 1:
                    raise ValueError("empty")
                return x[:, : min(x.shape[1], 6)] * x.shape[1]  # <-
            """),
            good=forward("""
                if min(x.shape[0], x.shape[1]) < 1:
                    raise ValueError("empty")
                return x[:, :6] * x.shape[1]
            """),
            inputs="x: float32[2, T=4]",
            harm=EXTREME,
            good_routes=("jit_trace", "onnx_torchscript", "onnx_dynamo"),
        ),
        Example(
            title="The larger of a tensor and a number",
            bad=forward("""
                return x / max(x.sum(), 1.0)  # <-
            """),
            good=forward("""
                return x / x.sum().clamp(min=1.0)
            """),
            inputs="x: float32[N=3, 4]",
            harm=TENSOR_EXTREME,
            fix=Applicability.unsafe,
        ),
        Example(
            title="An exponential of a tensor",
            bad=forward("return x * math.exp(x.mean())  # <-", imports="math"),
            good=forward("return x * torch.exp(x.mean())", imports="math"),
            inputs="x: float32[N=3, 4]",
            harm=TENSOR,
            fix=Applicability.unsafe,
        ),
        Example(
            title="Values in their order",
            bad=forward("return torch.stack(sorted([x.sum(), x.mean(), x.max()]))  # <-"),
            good=forward("return torch.stack([x.sum(), x.mean(), x.max()]).sort().values"),
            inputs="x: float32[N=3, 4]",
            harm=TENSOR,
        ),
        Example(
            title="Sizes in their order",
            bad=forward("return x * sorted([x.shape[1], 6])[0]  # <-"),
            good=forward("return x * torch.sym_min(x.shape[1], 6)"),
            inputs="x: float32[2, T=4]",
            harm=SORTED,
            good_routes=("torch_export", "onnx_dynamo"),
        ),
        Example(
            title="A logarithm of a size",
            bad=forward("return x * math.log(x.shape[1])  # <-", imports="math"),
            good=forward("return x * torch.ones_like(x).sum(1, keepdim=True).log()", imports="math"),
            inputs="x: float32[2, T=4]",
            harm=MATH,
        ),
    ]

    def check(self, event: PythonMath, context: Context) -> Finding | None:
        """By function and operands."""
        text = event.short
        if event.taint is Taint.state:
            return None
        if event.taint is Taint.fixed:
            return self.finding(event, f"`{text}` takes a size that is the same for every input", Harm(), context)
        if event.callee == "pow":
            message = f"`{text}` stops every exporter: a size has no `pow` with a modulus; write `**` and `%`"
            return self.finding(event, message, DIVMOD, context)
        traced = not event.routes.isdisjoint(EXPORTERS["torchscript"])
        what = "a count or number that depends on values" if event.taint is Taint.data else "a size"
        if event.callee == "divmod":
            stops = "every exporter" if traced else "`torch.export` and the dynamo ONNX exporter"
            message = f"`{text}` stops {stops}: {what} has no `divmod` while it is traced; write `//` and `%`"
            return self.finding(event, message, DIVMOD, context, fixable=_divmod_applicability(event))
        if event.callee == "round":
            stop = "`torch.jit.trace` and the ONNX exporters stop" if traced else "the dynamo ONNX exporter stops"
            repair = "use integer arithmetic on the size" if traced else "keep the tensor, and `torch.round` it"
            message = f"`{text}` rounds {what}, at which {stop}; {repair}"
            return self.finding(event, message, ROUND, context)
        if event.taint is Taint.data:
            kept = "and the traced result is used for every input" if traced else "at which `torch.export` stops"
            of_tensor = any(one.kind == "tensor" for one in event.operands)
            what = "a tensor's value" if of_tensor else "a count or number that depends on values"
            repair = f"use {_torch(event.callee)}" if of_tensor else "compute it on a tensor"
            message = f"`{text}` needs {what}, {kept}; {repair}"
            harm = TENSOR_EXTREME if event.callee in ("min", "max") else TENSOR
        else:
            message = f"`{text}` needs a plain number: the graph keeps the traced result; {_advice(event)}"
            harm = CEIL if event.callee in SYMBOLIC else MATH
            if event.callee in ("min", "max"):
                harm = Harm() if event.only_checks else EXTREME
            elif event.callee == "sorted":
                harm = SORTED
        return self.finding(event, message, harm, context, fixable=_applicability(event))

    def fix(self, event: PythonMath, context: Context) -> Fix | None:
        """Integer division, ``//`` and ``%``, ``clamp``, ``maximum``, or torch's function of the same name."""
        if _divmod_applicability(event) is not None:
            return _quotient_and_remainder(event)
        if _division_applicability(event) is not None:
            return _division(event)
        if _is_clamp(event):
            return _clamp(event)
        return _in_torch(event) if _is_alike(event) or _is_of_two_tensors(event) else None


def _torch(callee: str) -> str:
    """torch's own function for one of Python's."""
    if callee in ("min", "max"):
        return f"`torch.{callee}imum` or `clamp`"
    if callee == "sorted":
        return "`torch.sort` of one tensor"
    return f"`torch.{callee.removeprefix('math.')}`"


def _advice(event: PythonMath) -> str:
    """What to write instead of a Python function of sizes."""
    if event.callee in ("min", "max"):
        return "export for fixed sizes, or leave it out where it only bounds a slice, which stops at the end by itself"
    if event.callee in SYMBOLIC and not takes_root(event.text):
        return "use integer arithmetic on the size"
    return "take the number from the configuration, or compute it on a tensor"


def _applicability(event: PythonMath) -> Applicability | None:
    division = _division_applicability(event)
    if division is not None:
        return division
    repaired = _is_clamp(event) or _is_of_two_tensors(event) or _is_alike(event)
    return Applicability.unsafe if repaired else None


def _division_applicability(event: PythonMath) -> Applicability | None:
    """Whether a size, surely an integer, is divided by a plain positive number and rounded; unsafe for one by name."""
    if event.callee not in ("math.ceil", "math.floor") or event.taint is not Taint.shape:
        return None
    dividend, divisor = event.dividend, event.divisor
    if dividend is None or divisor is None or not dividend.sure or dividend.dtype != "int":
        return None
    text = event.document.segment(divisor.span)
    if text.isdecimal():
        return Applicability.safe
    number = divisor.kind != "tensor" and divisor.dtype not in ("float", "bool", "complex")
    return Applicability.unsafe if number and text.replace(".", "").isidentifier() else None


def _division(event: PythonMath) -> Fix:
    assert event.dividend is not None
    assert event.divisor is not None
    size, divisor = (event.cst_at(part.span) for part in (event.dividend, event.divisor))
    # not `-(-n // 4)`: measured, ONNX divides negative integers towards zero
    divided, dividend = "{size} // {divisor}", primary(size)
    if event.callee == "math.ceil":
        dividend = summand(size)
        text = event.document.segment(event.divisor.span)
        divided = f"({{size}} + {int(text) - 1 if text.isdecimal() else f'{text} - 1'}) // {{divisor}}"
    template = divided if stands_alone(event, event.span) else f"({divided})"
    whole = edit(event.span, template, size=dividend, divisor=divisor)
    return Fix("Divide integers", (whole,), _division_applicability(event) or Applicability.unsafe)


def _divmod_applicability(event: PythonMath) -> Applicability | None:
    """Whether both numbers may be written twice; unsafe where the divisor may be no integer."""
    if event.callee != "divmod" or len(event.operands) != 2 or not event.plain:
        return None
    if not all(one.sure and _may_be_repeated(event.document.segment(one.span)) for one in event.operands):
        return None
    dtypes = [one.dtype for one in event.operands]
    return Applicability.safe if dtypes == ["int", "int"] else Applicability.unsafe


def _may_be_repeated(text: str) -> bool:
    """Whether an expression does nothing but compute: no more is called than what tells a size."""
    calls = [node.func for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Call)]
    return "\n" not in text and all(isinstance(one, ast.Attribute) and one.attr in ("size", "numel") for one in calls)


def _quotient_and_remainder(event: PythonMath) -> Fix:
    parts = [event.cst_at(one.span) for one in event.operands]
    dividend, divisor = (
        node if one.literal else primary(node) for one, node in zip(event.operands, parts, strict=True)
    )
    unpacked = event.span[2:] == event.statement[2:] and stands_alone(event, event.span)
    template = "{n} // {d}, {n} % {d}" if unpacked else "({n} // {d}, {n} % {d})"
    whole = edit(event.span, template, n=dividend, d=divisor)
    return Fix("Divide with `//` and `%`", (whole,), _divmod_applicability(event) or Applicability.unsafe)


def _is_clamp(event: PythonMath) -> bool:
    """Whether one scalar tensor and one plain number are compared, for tensor arithmetic only."""
    if event.callee not in ("min", "max") or event.taint is not Taint.data or len(event.operands) != 2:
        return False
    scalars = [one for one in event.operands if one.kind == "tensor" and one.rank == 0 and one.sure]
    return event.only_arithmetic and len(scalars) == 1 and any(one.literal for one in event.operands)


def _clamp(event: PythonMath) -> Fix:
    tensor, bound = sorted(event.operands, key=lambda one: one.literal)
    template = "{tensor}.clamp(max={bound})" if event.callee == "min" else "{tensor}.clamp(min={bound})"
    parts = {"tensor": primary(event.cst_at(tensor.span)), "bound": event.cst_at(bound.span)}
    return Fix("Use `clamp`", (edit(event.span, template, **parts),), Applicability.unsafe)


def _is_of_two_tensors(event: PythonMath) -> bool:
    """Whether two scalar tensors of one dtype are compared."""
    if event.callee not in ("min", "max") or len(event.operands) != 2 or not event.plain:
        return False
    scalars = all(one.kind == "tensor" and one.rank == 0 and one.sure for one in event.operands)
    return scalars and event.operands[0].dtype == event.operands[1].dtype and torch_in(event) is not None


def _is_alike(event: PythonMath) -> bool:
    """Whether a function that torch has too is called with a scalar tensor, for tensor arithmetic only."""
    module, _, name = event.callee.rpartition(".")
    if module != "math" or name not in ALIKE or not event.plain or not event.only_arithmetic:
        return False
    scalar = [(one.kind, one.rank, one.sure, one.taint) for one in event.operands] == [("tensor", 0, True, Taint.data)]
    return scalar and torch_in(event) is not None


def _in_torch(event: PythonMath) -> Fix | None:
    """The function of torch, given the same."""
    torch = torch_in(event)
    if torch is None:
        return None
    name, imported = torch
    short = event.callee.removeprefix("math.")
    function = f"{name}.{short}imum" if short in ("min", "max") else f"{name}.{short}"
    parts = {f"part{i}": event.cst_at(part.span) for i, part in enumerate(event.operands)}
    called = edit(event.span, f"{function}({', '.join(f'{{{part}}}' for part in parts)})", **parts)
    return Fix(f"Use `torch.{function.partition('.')[2]}`", (*imported, called), Applicability.unsafe)
