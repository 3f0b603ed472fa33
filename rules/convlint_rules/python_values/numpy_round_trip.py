from __future__ import annotations

from typing import TYPE_CHECKING

from convlint.events import LeavesGraph, Taint
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit, primary
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

if TYPE_CHECKING:
    import libcst as cst

DATA = Harm(Level.wrong, Level.breaks, Level.wrong)
DIM = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
FOLLOWED = Harm(jit_trace=Level.frozen, onnx_torchscript=Level.frozen)
SYMBOLIC = ("numpy.ceil", "numpy.floor", "numpy.prod")
"""What computes with the objects that stand for sizes in `torch.export`."""
FUNCTIONS = frozenset(
    ["exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "abs", "floor", "ceil", "round", "square", "sign"]
)
"""Functions of one array that torch has under the same name."""
REDUCTIONS = frozenset(["mean", "sum", "prod"])
CONVERSIONS = frozenset(["detach", "cpu", "numpy"])


class NumPyRoundTrip(Rule):
    """
    ## What it does
    Finds `.numpy()` and NumPy functions given tensors or sizes.

    ## Why it breaks
    NumPy is not traced. On the TorchScript routes the array of the traced input enters the graph as a constant, and
    every other input gets the same one. `torch.export` stops; the dynamo ONNX exporter then tries again with
    `strict=True`, which gets past `.numpy()` of a tensor, but not past a NumPy function of a size.

    ## Fix safety
    Unsafe: `torch.from_numpy(np.f(x.detach().numpy()))` becomes `torch.f(x)`, also where the array has a name in
    between that nothing else reads. NumPy's and torch's functions are not equal to the last bit, and the gradient is no
    longer cut. `np.sqrt(n)` of a size, used in arithmetic with tensors only, becomes `n ** 0.5`.

    ## References
    - openvinotoolkit/mmdetection#109
    """

    code, name, since = "CVL201", "numpy-round-trip", "0.1"
    events = (LeavesGraph,)
    examples = [
        Example(
            title="There and back",
            bad=forward(
                """
                w = torch.from_numpy(np.exp(x.detach().numpy().mean(axis=1)))  # <-
                return x * w[:, None]
                """,
                imports="numpy as np",
            ),
            good=forward(
                """
                w = torch.exp(x.mean(dim=1))
                return x * w[:, None]
                """,
                imports="numpy as np",
            ),
            inputs="x: float32[N=3, 4]",
            harm=DATA,
            fix=Applicability.unsafe,
        ),
        Example(
            title="An array with a name",
            bad=forward(
                """
                w = np.exp(x.detach().numpy().mean(axis=1))  # <-
                return x * torch.from_numpy(w)[:, None]
                """,
                imports="numpy as np",
            ),
            good=forward(
                """
                w = torch.exp(x.mean(dim=1))
                return x * w[:, None]
                """,
                imports="numpy as np",
            ),
            inputs="x: float32[N=3, 4]",
            harm=DATA,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A tensor of a square root of a size",
            bad=forward(
                """
                d = np.sqrt(np.array(x.shape[1]))  # <-
                return x / torch.from_numpy(np.asarray(d))
                """,
                imports="numpy as np",
            ),
            good=forward(
                """
                d = x.shape[1] ** 0.5
                return x / d
                """,
                imports="numpy as np",
            ),
            inputs="x: float32[2, T=4]",
            harm=DIM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A square root of a size",
            bad=forward("return x / float(np.sqrt(np.array(x.shape[1])))  # <-", imports="numpy as np"),
            good=forward("return x / x.shape[1] ** 0.5", imports="numpy as np"),
            inputs="x: float32[2, T=4]",
            harm=DIM,
        ),
        Example(
            title="A product of sizes, and half of one",
            bad=forward(
                """
                n = np.prod(x.shape[1:])  # <-
                return x.reshape(-1, n) * np.ceil(x.shape[1] / 2) * np.floor(x.shape[1] / 2)  # <-
                """,
                imports="numpy as np",
            ),
            good=forward(
                """
                n = x.shape[1] * x.shape[2]
                return x.reshape(-1, n) * ((x.shape[1] + 1) // 2) * (x.shape[1] // 2)
                """,
                imports="numpy as np",
            ),
            inputs="x: float32[2, T=5, 3]",
            harm=FOLLOWED,
        ),
    ]

    def check(self, event: LeavesGraph, context: Context) -> Finding | None:
        """Wrong for values, frozen for sizes."""
        if event.how not in ("numpy", "numpy-call") or event.operand.taint < Taint.shape:
            return None
        text = event.short
        if event.operand.taint is not Taint.shape:
            harm = DATA
            message = (
                f"`{text}` leaves the graph for NumPy: the traced array is used for every input; use torch's functions"
            )
        elif event.operand.kind == "tensor":
            harm = DIM
            message = (
                f"`{text}` takes a tensor that was computed from sizes to NumPy: the traced array is kept; "
                f"use torch's functions"
            )
        else:
            harm = FOLLOWED if event.callee in SYMBOLIC else DIM
            message = f"`{text}` computes on a size in NumPy: the traced size is kept; use integer or torch arithmetic"
        return self.finding(event, message, harm, context, fixable=_applicability(event))

    def fix(self, event: LeavesGraph, context: Context) -> Fix | None:
        """The same functions of torch, or a power."""
        converted = _converted(event)
        if converted is None or event.array is None:
            return None
        message = "Use torch's functions" if event.how == "numpy" else "Use `** 0.5`"
        around = [span for span in event.rewrapped if span[:2] <= event.array[:2] and span[2:] >= event.array[2:]]
        if around:
            return Fix(message, (edit(around[0], "{value}", value=converted),), Applicability.unsafe)
        edits = [edit(event.array, "{value}", value=converted)]
        edits += [edit(span, "{name}", name=_innermost(event.cst_at(span))) for span in event.rewrapped]
        return Fix(message, tuple(edits), Applicability.unsafe)


def _applicability(event: LeavesGraph) -> Applicability | None:
    return Applicability.unsafe if _converted(event) is not None else None


def _converted(event: LeavesGraph) -> cst.BaseExpression | None:
    """What NumPy makes of the value, in torch, where a tensor is made of it or it meets one."""
    if event.array is None:
        return None
    if event.how == "numpy":
        return _torch(event.cst_at(event.array), event.torch) if event.rewrapped else None
    number = event.operand.kind in ("dim", "number") and event.operand.sure
    if event.operand.taint is not Taint.shape or not number or not event.only_arithmetic:
        return None
    size = event.cst_at(event.operand.span)
    return _power(event.cst_at(event.array), size, whole=event.statement[2:] == event.array[2:])


def _innermost(node: cst.BaseExpression) -> cst.BaseExpression:
    """The first argument that is no call itself."""
    import libcst as cst

    while isinstance(node, cst.Call):
        node = node.args[0].value
    return node


def _power(node: cst.BaseExpression, size: cst.BaseExpression, *, whole: bool) -> cst.BaseExpression | None:
    """``np.sqrt`` of a size, or of an array of it, as a power."""
    import libcst as cst
    from libcst.helpers import parse_template_expression

    match node:
        case cst.Call(func=cst.Attribute(attr=cst.Name(value="sqrt")), args=[cst.Arg(value=inner)]):
            while isinstance(inner, cst.Call):
                if not isinstance(inner.func, cst.Attribute) or inner.func.attr.value not in ("array", "asarray"):
                    return None
                inner = inner.args[0].value
            if isinstance(inner, (cst.List, cst.Tuple)) or not inner.deep_equals(size):
                return None
            template = "{size} ** 0.5" if whole else "({size} ** 0.5)"
            return parse_template_expression(template, size=primary(inner))
    return None


def _torch(node: cst.BaseExpression, torch: str) -> cst.BaseExpression | None:
    """An expression of NumPy calls on one converted tensor, in torch; None where a part has no equal."""
    import libcst as cst
    from libcst.helpers import parse_template_expression

    match node:
        case cst.Call(
            func=cst.Attribute(value=cst.Name(value="np" | "numpy"), attr=cst.Name(value=name)),
            args=[cst.Arg(keyword=None, star="", value=array)],
        ) if name in FUNCTIONS:
            inner = _torch(array, torch)
            return inner and parse_template_expression(f"{torch}.{name}({{inner}})", inner=inner)
        case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value=name)), args=[]) if name in CONVERSIONS:
            return _torch(owner, torch) or owner
        case cst.Call(
            func=cst.Attribute(value=owner, attr=cst.Name(value=name)),
            args=[cst.Arg(keyword=cst.Name(value="axis"), value=axis)],
        ) if name in REDUCTIONS:
            inner = _torch(owner, torch)
            return inner and parse_template_expression(f"{{inner}}.{name}(dim={{axis}})", inner=inner, axis=axis)
        case cst.Call(func=cst.Attribute(value=owner, attr=cst.Name(value=name)), args=[]) if name in REDUCTIONS:
            inner = _torch(owner, torch)
            return inner and parse_template_expression(f"{{inner}}.{name}()", inner=inner)
    return None
