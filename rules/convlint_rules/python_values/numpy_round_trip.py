from __future__ import annotations

from typing import TYPE_CHECKING

from convlint.events import LeavesGraph, Taint
from convlint.findings import Applicability, Finding, Fix, Harm, Level
from convlint.rewrite import edit
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

if TYPE_CHECKING:
    import libcst as cst

DATA = Harm(Level.wrong, Level.breaks, Level.wrong)
DIM = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
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
    Unsafe: `torch.from_numpy(np.f(x.detach().numpy()))` becomes `torch.f(x)`. NumPy's and torch's functions are not
    equal to the last bit, and the gradient is no longer cut.

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
            title="A square root of a size",
            bad=forward("return x / float(np.sqrt(np.array(x.shape[1])))  # <-", imports="numpy as np"),
            good=forward("return x / x.shape[1] ** 0.5", imports="numpy as np"),
            inputs="x: float32[2, T=4]",
            harm=DIM,
        ),
    ]

    def check(self, event: LeavesGraph, context: Context) -> Finding | None:
        """Wrong for values, frozen for sizes."""
        if event.how not in ("numpy", "numpy-call") or event.operand.taint < Taint.shape:
            return None
        text = event.short
        if event.operand.taint is Taint.shape:
            message = f"`{text}` computes on a size in NumPy: the traced size is kept; use integer or torch arithmetic"
            return self.finding(event, message, DIM, context)
        message = (
            f"`{text}` leaves the graph for NumPy: the traced array is used for every input; use torch's functions"
        )
        fixable = Applicability.unsafe if _round_trip(event) else None
        return self.finding(event, message, DATA, context, fixable=fixable)

    def fix(self, event: LeavesGraph, context: Context) -> Fix | None:
        """The same functions of torch."""
        tensor = _round_trip(event)
        if tensor is None or event.rewrapped is None:
            return None
        return Fix("Use torch's functions", (edit(event.rewrapped, "{tensor}", tensor=tensor),), Applicability.unsafe)


def _round_trip(event: LeavesGraph) -> cst.BaseExpression | None:
    """The value of ``torch.from_numpy(...)`` around the event, with every NumPy call in it replaced."""
    if event.how != "numpy" or event.rewrapped is None:
        return None
    import libcst as cst

    call = cst.ensure_type(event.cst_at(event.rewrapped), cst.Call)
    return _torch(call.args[0].value, event.torch)


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
