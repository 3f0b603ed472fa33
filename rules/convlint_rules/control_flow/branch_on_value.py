from __future__ import annotations

import ast

from convlint.events import Branch, Taint
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward

HARM = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
STATE = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class BranchOnValue(Rule):
    """
    ## What it does
    Finds `if`, `while`, conditional expressions, `and`, `or` and `not` that decide on the value of a tensor, or on a
    count that depends on values (`len(x[mask])`, `.numel()` of a selection).

    ## Why it breaks
    A graph has no Python branch. The TorchScript routes record the arm that the example input took and use it for
    every input; a count behind a user's own `__len__` does not even print a warning. `torch.export` and the dynamo
    exporter stop with `Could not guard on data-dependent expression`.

    ## Fix safety
    Unsafe: `torch.where` computes both arms, broadcasts them, and lets gradients flow into both. It is offered for
    two returned or conditional tensor expressions under one comparison.

    ## References
    - pytorch/pytorch#143222, #116336
    - `torch.cond` for arms of different shape or cost
    """

    code, name, since = "CVL301", "branch-on-value", "0.1"
    events = (Branch,)
    examples = [
        Example(
            title="Two returns",
            bad=forward("""
                if x.sum() > 0:  # <-
                    return x * 2
                return x - 3
            """),
            good=forward("""
                return torch.where(x.sum() > 0, x * 2, x - 3)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
            fix=Applicability.unsafe,
        ),
        Example(
            title="A count after masking",
            bad=forward("""
                k = x[x > 0.5]
                if k.numel() > 3:  # <-
                    return k.sum()
                return k.sum() * 10
            """),
            good=forward("""
                m = x > 0.5
                s = (x * m).sum()
                return torch.where(m.sum() > 3, s, s * 10)
            """),
            inputs="x: float32[4, 5]",
            harm=HARM,
        ),
        Example(
            title="A flag in a buffer",
            bad=forward(
                """
                if self.on:  # <-
                    return x * 2
                return x - 3
                """,
                init="""
                self.register_buffer("on", torch.tensor(True))
                """,
            ),
            good=forward(
                """
                if self.on:
                    return x * 2
                return x - 3
                """,
                init="""
                self.on = True
                """,
            ),
            inputs="x: float32[N=3, 4]",
            harm=STATE,
        ),
        Example(
            title="A loop until convergence",
            bad=forward("""
                while x.abs().max() > 1:  # <-
                    x = x / 2
                return x
            """),
            good=forward("""
                e = torch.ceil(torch.log2(x.abs().max().clamp(min=1.0)))
                return x / torch.pow(torch.tensor(2.0), e)
            """),
            inputs="x: float32[3, 4]",
            harm=HARM,
        ),
    ]

    def check(self, event: Branch, context: Context) -> Finding | None:
        """Wrong where TorchScript traces, breaks where dynamo does; harmless on a module's own constant tensors."""
        if event.taint not in (Taint.data, Taint.state) or event.form == "assert" or event.only_checks:
            return None
        test = event.short
        if event.taint is Taint.state:
            message = (
                f"`{test}` decides on a parameter or buffer: `torch.export` cannot read its value; "
                f"keep a plain Python flag"
            )
            return self.finding(event, message, STATE, context)
        on_tensor = event.operand.kind == "tensor"
        what = "a tensor's value" if on_tensor else "a count or number that depends on values"
        kept = "number of rounds" if event.form == "while" else "branch"
        message = (
            f"`{test}` decides on {what}: the TorchScript routes keep the traced {kept} for every input, "
            f"`torch.export` stops; {_advice(event.form, on_tensor)}"
        )
        fixable = Applicability.unsafe if self.fix(event, context) else None
        return self.finding(event, message, HARM.without(event.frozen_on), context, fixable=fixable)

    def fix(self, event: Branch, context: Context) -> Fix | None:
        """One `torch.where` for two arms that are plain expressions."""
        if event.taint is not Taint.data or event.operand.kind != "tensor":
            return None
        edit = _returns(event) if event.form == "if" else _ternary(event) if event.form == "ternary" else None
        return Fix("Select with `torch.where`", (edit,), Applicability.unsafe) if edit else None


def _advice(form: str, on_tensor: bool) -> str:
    if form == "while":
        return "run a fixed number of rounds, or leave the loop (an NMS, say) to the runtime"
    if on_tensor:
        return "compute both sides and select with `torch.where`"
    return "keep a fixed size and a mask of what counts"


def _block(event: Branch) -> tuple[ast.If, ast.stmt | None] | None:
    """The parsed ``if`` and the statement behind it."""
    for node in ast.walk(event.document.tree):
        for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
            if not isinstance(body, list):
                continue
            for i, one in enumerate(body):
                is_elif = isinstance(one, ast.If) and event.document.segment(event.statement).startswith("elif")
                if isinstance(one, ast.If) and one.lineno == event.statement.row and not is_elif:
                    return one, body[i + 1] if i + 1 < len(body) else None
    return None


def _returns(event: Branch) -> Edit | None:
    """``if c: return a`` / ``return b`` and ``if c: x = a`` / ``else: x = b``."""
    found = _block(event)
    if found is None or not isinstance(found[0].test, ast.Compare) or len(found[0].test.ops) != 1:
        return None
    node, following = found
    if len(node.body) != 1 or len(node.orelse) > 1:
        return None
    yes = node.body[0]
    no = node.orelse[0] if node.orelse else following
    document = event.document
    comments = document.lines[node.lineno - 1 : (no.end_lineno or no.lineno) if no is not None else node.lineno]
    if no is None or any("#" in line for line in comments):
        return None  # a comment inside would be lost
    start, end = document.span(node), document.span(no)
    if isinstance(yes, ast.Return) and isinstance(no, ast.Return) and yes.value and no.value:
        head = "return "
        a, b = yes.value, no.value
    elif node.orelse and isinstance(yes, ast.Assign) and isinstance(no, ast.Assign):
        if ast.dump(yes.targets[0]) != ast.dump(no.targets[0]) or len(yes.targets) + len(no.targets) != 2:
            return None
        head = f"{document.segment(document.span(yes.targets[0]))} = "
        a, b = yes.value, no.value
    else:
        return None
    if not (_elementwise(a) and _elementwise(b)):
        return None
    test, one, other = (document.segment(document.span(part)) for part in (node.test, a, b))
    span = start._replace(end_row=end.end_row, end_column=end.end_column)
    return Edit(span, f"{head}torch.where({test}, {one}, {other})")


def _ternary(event: Branch) -> Edit | None:
    for node in ast.walk(event.document.tree):
        if isinstance(node, ast.IfExp) and event.document.span(node.test) == event.span:
            if not (_elementwise(node.body) and _elementwise(node.orelse)):
                return None
            parts = [event.document.segment(event.document.span(p)) for p in (node.test, node.body, node.orelse)]
            return Edit(event.document.span(node), f"torch.where({', '.join(parts)})")
    return None


def _elementwise(node: ast.expr) -> bool:
    """Arithmetic on names and numbers: an arm whose shape is that of its operands."""
    return isinstance(node, ast.BinOp) and all(
        isinstance(part, (ast.BinOp, ast.UnaryOp, ast.Name, ast.Constant, ast.operator, ast.unaryop, ast.Load))
        for part in ast.walk(node)
    )
