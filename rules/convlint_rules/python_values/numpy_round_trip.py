from __future__ import annotations

import ast
from collections.abc import Callable

from convlint.events import LeavesGraph, Taint
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

DATA = Harm(Level.wrong, Level.breaks, Level.wrong)
DIM = Harm(Level.frozen, Level.breaks, Level.frozen, Level.breaks)
METHODS = frozenset(["mean", "sum", "max", "min", "std", "var", "prod", "clip", "reshape", "transpose"])
FUNCTIONS = frozenset(
    [
        "exp",
        "log",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "tanh",
        "abs",
        "floor",
        "ceil",
        "round",
        "square",
        "sign",
        "maximum",
        "minimum",
        "clip",
    ]
)
DROPPED = frozenset({"detach", "cpu", "numpy"})


class NumPyRoundTrip(Rule):
    """
    ## What it does
    Finds `.numpy()` and NumPy functions given tensors or sizes.

    ## Why it breaks
    NumPy is not traced. On the TorchScript routes the array of the traced input enters the graph as a constant, and
    every other input gets the same one. `torch.export` stops; the dynamo ONNX exporter gets past `.numpy()` of a
    tensor by its strict fallback, but not past a NumPy function of a size.

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
        edit = _round_trip(event)
        return Fix("Use torch's functions", (edit,), Applicability.unsafe) if edit else None


def _round_trip(event: LeavesGraph) -> Edit | None:
    """``torch.from_numpy(...)`` around the event, with every NumPy call in it replaced."""
    if event.how != "numpy":
        return None
    for node in ast.walk(event.document.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "torch.from_numpy",
            "torch.as_tensor",
            "torch.tensor",
        ):
            span = event.document.span(node)
            inside = span[:2] <= event.span[:2] and event.span[2:] <= span[2:]
            if inside and len(node.args) == 1 and not node.keywords:
                text = _torch(node.args[0], lambda part: event.document.segment(event.document.span(part)))
                return Edit(span, text) if text else None
    return None


def _torch(node: ast.expr, source: Callable[[ast.expr], str]) -> str | None:
    """An expression of NumPy calls on one converted tensor, in torch; None where a part has no equal."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return None
    name, owner = node.func.attr, node.func.value
    if isinstance(owner, ast.Name) and owner.id in ("np", "numpy"):
        if name not in FUNCTIONS or len(node.args) != 1 or node.keywords:
            return None
        inner = _torch(node.args[0], source)
        return f"torch.{name}({inner})" if inner else None
    if name in DROPPED and not node.args:
        own = source(owner)
        return _torch(owner, source) or (own if name != "numpy" or not _is_array(owner) else None)
    if name in METHODS:
        inner = _torch(owner, source)
        words = [f"dim={source(k.value)}" if k.arg == "axis" else "" for k in node.keywords]
        if inner is None or node.args or "" in words or name in ("max", "min", "std", "var"):
            return None
        return f"{inner}.{name}({', '.join(words)})"
    return None


def _is_array(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
