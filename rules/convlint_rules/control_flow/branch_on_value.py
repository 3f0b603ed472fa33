from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from convlint.events import Branch, Taint
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level, Span
from convlint.rewrite import SourceError, code, edit
from convlint.rule import Context, Example, Rule
from convlint_rules import grown_list
from convlint_rules.examples import forward
from convlint_rules.rewriting import torch_in

if TYPE_CHECKING:
    import libcst as cst

HARM = Harm(Level.wrong, Level.breaks, Level.wrong, Level.breaks)
STATE = Harm(torch_export=Level.breaks, onnx_dynamo=Level.breaks)


class BranchOnValue(Rule):
    """
    ## What it does
    Finds `if`, `while`, conditional expressions, `and`, `or` and `not` that decide on the value of a tensor, or on a
    count or answer that depends on values (`len(x[mask])`, `.numel()` of a selection, `torch.equal`, `in`).

    ## Why it breaks
    A graph has no Python branch. The TorchScript routes record the arm that the example input took and use it for
    every input; a count behind a user's own `__len__` and `torch.equal` do not even print a warning. `torch.export`
    and the dynamo exporter stop with `Could not guard on data-dependent expression`.

    ## Fix safety
    Unsafe: `torch.where` computes both arms, broadcasts them, and lets gradients flow into both. It is offered for
    two returned or conditional tensor expressions under one comparison. A part that a comparison appends to a list,
    which nothing but `torch.cat` along the first axis reads, is indexed by the comparison: all of its rows or none.
    Where nothing at all passes, `torch.cat` then gives an empty tensor instead of an error.

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
            title="What Python is told of two tensors",
            bad=forward("""
                if torch.allclose(x, x.abs()):  # <-
                    return x * 2
                return x - 3
            """),
            good=forward("""
                return torch.where((x - x.abs()).abs().max() < 1e-6, x * 2, x - 3)
            """),
            inputs="x: float32[N=3, 4]",
            harm=HARM,
        ),
        Example(
            title="A list that grows under a condition",
            bad=forward("""
                parts = [x[:1]]
                for r in range(1, 3):
                    if x[r].mean() > 0:  # <-
                        parts.append(x[r : r + 1])
                return torch.cat(parts)
            """),
            good=forward("""
                parts = [x[:1]]
                for r in range(1, 3):
                    parts.append(x[r : r + 1][(x[r].mean() > 0).expand(x[r : r + 1].shape[0])])
                return torch.cat(parts)
            """),
            inputs="x: float32[3, 4]",
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
                f"`{test}` decides on a tensor that no input changes, a parameter or constant: `torch.export` cannot "
                f"read its value; keep a plain Python flag"
            )
            return self.finding(event, message, STATE, context)
        on_tensor = event.operand.kind == "tensor"
        what = "a tensor's value" if on_tensor else "a count or number that depends on values"
        kept = "number of rounds" if event.form == "while" else "branch"
        message = (
            f"`{test}` decides on {what}: the TorchScript routes keep the traced {kept} for every input, "
            f"`torch.export` stops; {_advice(event.form, on_tensor)}"
        )
        fixable = Applicability.unsafe if _edits(event) else None
        return self.finding(event, message, HARM.without(event.frozen_on), context, fixable=fixable)

    def fix(self, event: Branch, context: Context) -> Fix | None:
        """One `torch.where` for two arms that are plain expressions; an index for what a list is given."""
        edits = _edits(event)
        message = "Select with `torch.where`" if _selection(event, "torch") else "Select the rows by the condition"
        return Fix(message, edits, Applicability.unsafe) if edits else None


def _edits(event: Branch) -> tuple[Edit, ...]:
    """The repair, with the import that it needs."""
    torch = torch_in(event)
    if torch is None:
        return ()
    name, imported = torch
    selected = _selection(event, name)
    if selected is not None:
        return (*imported, selected)
    appended = grown_list.selected(event)
    return (appended,) if appended is not None else ()


def _advice(form: str, on_tensor: bool) -> str:
    if form == "while":
        return "run a fixed number of rounds, or leave the loop (an NMS, say) to the runtime"
    if on_tensor:
        return "compute both sides and select with `torch.where`"
    return "keep a fixed size and a mask of what counts"


def _selection(event: Branch, torch: str) -> Edit | None:
    """`torch.where` instead of the branch; what stands in the arms is no fact of the event but looked up."""
    if event.taint is not Taint.data or event.operand.kind != "tensor":
        return None
    try:
        arms = _ternary(event) if event.form == "ternary" else _statements(event) if event.form == "if" else None
    except SourceError:  # an `elif`, or too long
        return None
    if arms is None or not (_is_elementwise(arms.one) and _is_elementwise(arms.other)):
        return None
    template = arms.before + "{torch}.where({test}, {one}, {other})"
    return edit(arms.span, template, torch=torch, test=event.cst, one=arms.one, other=arms.other)


class _Arms(NamedTuple):
    span: Span
    before: str
    """What stands before either arm: `return `, `x = `, or nothing."""
    one: cst.BaseExpression
    other: cst.BaseExpression


def _ternary(event: Branch) -> _Arms:
    import libcst as cst

    chosen = cst.ensure_type(event.cst_at(event.whole), cst.IfExp)
    return _Arms(event.whole, "", chosen.body, chosen.orelse)


def _statements(event: Branch) -> _Arms | None:
    """``if c: return a`` / ``return b`` and ``if c: x = a`` / ``else: x = b``, without a comment that would be lost."""
    import libcst as cst

    document, end = event.document, event.whole
    branch = cst.ensure_type(document.statement(event.whole), cst.If)
    one = _only(branch.body)
    if isinstance(branch.orelse, cst.Else):
        other = _only(branch.orelse.body)
    elif isinstance(one, cst.Return) and branch.orelse is None and event.following is not None:
        end = event.following
        other = _only(document.statement(end))
    else:
        return None
    span = event.whole._replace(end_row=end.end_row, end_column=end.end_column)
    if not isinstance(branch.test, cst.Comparison) or "#" in "".join(document.lines[span.row - 1 : span.end_row]):
        return None
    if isinstance(one, cst.Return) and isinstance(other, cst.Return) and one.value and other.value:
        return _Arms(span, "return ", one.value, other.value)
    if isinstance(one, cst.Assign) and isinstance(other, cst.Assign) and len(one.targets) + len(other.targets) == 2:
        name = code(one.targets[0].target)
        return _Arms(span, f"{name} = ", one.value, other.value) if name == code(other.targets[0].target) else None
    return None


def _only(block: cst.CSTNode) -> cst.BaseSmallStatement | None:
    """The one simple statement of a block."""
    import libcst as cst

    if isinstance(block, cst.IndentedBlock) and len(block.body) == 1:
        block = block.body[0]
    if isinstance(block, (cst.SimpleStatementLine, cst.SimpleStatementSuite)) and len(block.body) == 1:
        return block.body[0]
    return None


def _is_elementwise(node: cst.BaseExpression) -> bool:
    """Arithmetic on names and numbers: an arm whose shape is that of its operands."""
    import libcst as cst

    return isinstance(node, cst.BinaryOperation) and _is_arithmetic(node)


def _is_arithmetic(node: cst.BaseExpression) -> bool:
    import libcst as cst

    if isinstance(node, cst.BinaryOperation):
        return _is_arithmetic(node.left) and _is_arithmetic(node.right)
    if isinstance(node, cst.UnaryOperation):
        return _is_arithmetic(node.expression)
    return isinstance(node, (cst.Name, cst.BaseNumber))
