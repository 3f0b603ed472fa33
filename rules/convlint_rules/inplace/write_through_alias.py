from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from convlint.events import InplaceWrite
from convlint.findings import Applicability, Edit, Finding, Fix, Harm, Level, Span
from convlint.rewrite import edit, on_one_line
from convlint.rule import Context, Example, Rule
from convlint_rules.examples import forward
from convlint_rules.rewriting import function_around, out_of_place

if TYPE_CHECKING:
    import libcst as cst

INDEXING = ("select", "slice")
INVERSE = {"view", "reshape", "flatten", "squeeze", "unsqueeze"}


class WriteThroughAlias(Rule):
    """
    ## What it does
    Finds in-place writes to a view (`v = y[1]`, `y.view(-1)`, `y.chunk(2)`, `y.detach()`, a row of a loop over `y`)
    where the tensor that it is a view of is read afterwards.

    ## Why it breaks
    In eager both names look at one memory. The TorchScript ONNX exporter replays the write on the view only; on the
    indexed tensor too if indexing and writing stand on *one source line*, unless it is the next method of a chain that
    writes, `y[:, 0].add_(1).mul_(2)`. Otherwise the exported graph goes on with the old values: a wrong result on the
    very input that was traced, without a warning, and the checker accepts it. So `y[:, 0].mul_(2)` is exported
    correctly, and the same expression wrapped over several lines is not: running a code formatter can break an export.
    Through `view`, `t`, `unsqueeze`, `chunk` and the like the write is lost on any layout. `torch.jit.trace` itself,
    `torch.export` and the dynamo exporter keep the write.

    ## Fix safety
    Unsafe. Behind a write through an index, the fix assigns the view back to where it came from (`y[1] = v`): the
    values in eager stay the same, but one more copy is made and autograd sees it. Behind a write through `view` and
    its like it binds the base's name anew (`y = v.view(y.shape)`), which is another tensor object. An in-place method
    on an index that is wrapped over lines becomes an index assignment of the out-of-place result.

    ## References
    - pytorch/pytorch#122290, #95050
    - `torch.onnx.export`, "Avoiding pitfalls"
    """

    code, name, since = "CVL101", "write-through-alias", "0.1"
    events = (InplaceWrite,)
    examples = [
        Example(
            title="A row kept in a variable",
            bad=forward("""
                y = x.clone()
                v = y[1]
                v += 2  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                v = y[1]
                v += 2
                y[1] = v
                return y
            """),
            inputs="x: float32[3, N=4]",
            harm=Harm(onnx_torchscript=Level.wrong),
            fix=Applicability.unsafe,
        ),
        Example(
            title="The same memory in another shape",
            bad=forward("""
                y = x * 1.0
                v = y.view(-1)
                v.clamp_(min=0)  # <-
                return y
            """),
            good=forward("""
                y = x * 1.0
                v = y.view(-1)
                v.clamp_(min=0)
                y = v.view(y.shape)
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong),
            fix=Applicability.unsafe,
        ),
        Example(
            title="A line break between index and method",
            bad=forward("""
                y = x.clone()
                y[  # <-
                    :, 0
                ].mul_(2)
                return y
            """),
            good=forward("""
                y = x.clone()
                y[:, 0] = y[:, 0].mul(2)
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong),
            fix=Applicability.unsafe,
        ),
        Example(
            title="A chain of methods",
            bad=forward("""
                y = x.clone()
                y[:, 0].sub_(2).neg_()  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                y[:, 0] = y[:, 0].sub(2).neg()
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong),
            fix=Applicability.unsafe,
        ),
        Example(
            title="Rows written in a loop",
            bad=forward("""
                y = x.clone()
                for i in range(2):
                    row = y[:, i]
                    row *= i + 2  # <-
                return y
            """),
            good=forward("""
                y = x.clone()
                for i in range(2):
                    row = y[:, i]
                    row *= i + 2
                    y[:, i] = row
                return y
            """),
            inputs="x: float32[N=3, 4]",
            harm=Harm(onnx_torchscript=Level.wrong),
            fix=Applicability.unsafe,
        ),
    ]

    def check(self, event: InplaceWrite, context: Context) -> Finding | None:
        """A lost write is wrong on onnx_torchscript; one that every exporter keeps is harmless."""
        if event.stale or event.chained or event.view == "data":  # `data-read`
            return None
        if not event.lost:
            where = f"a view of `{event.base}`" if event.base else "indexed"
            return self.finding(
                event, f"`{event.name}` is {where} and written in place: no exporter loses the write", Harm(), context
            )
        repair = self._repair(event)
        made = f"`{event.view_text}`" if event.view_text not in ("", event.name) else f"a view of `{event.base}`"
        message = (
            f"`{event.name}` is {made} ({event.view_at}): the TorchScript exporter loses this write for "
            f"`{event.read_name}`, read on {event.read_at}; {_advice(event, repair)}"
        )
        fixable = Applicability.unsafe if repair else None
        return self.finding(event, message, Harm(onnx_torchscript=Level.wrong), context, fixable=fixable)

    def _repair(self, event: InplaceWrite) -> tuple[str, str] | None:
        """(how, statement) of the repair: ``after`` the write or ``replace`` it."""
        if not _base_is_at_hand(event):
            return None
        indexed = event.view in INDEXING and event.view_text.endswith("]")  # `y.select(0, 1)` cannot be assigned to
        if indexed and event.name.isidentifier():
            return "after", f"{event.view_text} = {event.name}"
        if event.view in INVERSE and event.name.isidentifier() and event.base.isidentifier():
            return "after", f"{event.base} = {event.name}.view({event.base}.shape)"
        if indexed and event.method and event.span == event.statement and _is_of(event.name, event.view_text):
            if event.method in ("fill_", "copy_") and not _is_given(event):
                return None
            value = {"zero_": "0", "fill_": "...", "copy_": "..."}.get(event.method)
            name = event.name.replace("_(", "(")
            return "replace", f"{event.view_text} = {value or f'{name}.{event.method[:-1]}(...)'}"
        return None

    def fix(self, event: InplaceWrite, context: Context) -> Fix | None:
        """Bring the written values back to the base."""
        repair = self._repair(event)
        if repair is None:
            return None
        how, statement = repair
        row, column, end_row, end_column = event.statement
        if how == "replace":
            return Fix(f"Assign to `{event.name}`", (_out_of_place(event),), Applicability.unsafe)
        line = event.document.lines[row - 1]
        if line[: column - 1].strip():  # behind a semicolon or a colon: one more statement on the same line
            content = f"; {statement}"
        else:
            content = f"{event.document.newline}{line[: column - 1]}{statement}"
        at = Span(end_row, end_column, end_row, end_column)
        return Fix(f"Write `{event.name}` back to `{event.base}`", (Edit(at, content),), Applicability.unsafe)


def _advice(event: InplaceWrite, repair: tuple[str, str] | None) -> str:
    if repair is None:
        named = event.base.replace(".", "").isidentifier()
        base = f"`{event.base}`" if named else "the tensor that it is a view of"
        return f"write to {base} itself, or compute a new tensor"
    how, statement = repair
    return f"write `{statement}`" + ("" if how == "replace" else " after it")


def _base_is_at_hand(event: InplaceWrite) -> bool:
    """Whether the base's name stands, at the write, for what the view was made of.

    It does so neither in another function than that which made the view nor after ``y = y[1:]``.
    """
    function, base = function_around(event, event.span), event.base.partition(".")[0].partition("[")[0]
    walked = ast.walk(function or event.document.tree)
    names = [node for node in walked if isinstance(node, ast.Name) and node.id == base]
    if function and not (names and function.lineno <= event.view_row <= (function.end_lineno or 0)):
        return False
    last = event.span.row
    return not any(isinstance(n.ctx, ast.Store) and event.view_row <= n.lineno <= last for n in names)


def _is_given(event: InplaceWrite) -> bool:
    """Whether a call has the value first: ``y[0].copy_(x)``."""
    call = ast.parse(f"({event.text})", mode="eval").body
    if not isinstance(call, ast.Call):
        return False
    if call.args:
        return not isinstance(call.args[0], ast.Starred)
    return bool(call.keywords) and call.keywords[0].arg in ("src", "value")


def _is_of(name: str, view: str) -> bool:
    """Whether what is written to is the view itself, or what in-place methods of it give: ``y[0].add_(1)``."""
    return name == view or name.startswith(f"{view}.")


def _out_of_place(event: InplaceWrite) -> Edit:
    """``y[:, 0].mul_(2)`` as ``y[:, 0] = y[:, 0].mul(2)``, where the call is the whole statement."""
    import libcst as cst

    call = cst.ensure_type(event.cst, cst.Call)
    owner = cst.ensure_type(call.func, cst.Attribute).value
    target = on_one_line(_written(owner))
    if event.method == "zero_":
        return edit(event.statement, "{target} = 0", target=target)
    if event.method in ("fill_", "copy_"):
        return edit(event.statement, "{target} = {value}", target=target, value=call.args[0].value)
    return edit(event.statement, "{target} = {call}", target=target, call=_computed(call))


def _written(owner: cst.BaseExpression) -> cst.BaseExpression:
    """What a chain of in-place methods begins with."""
    import libcst as cst

    while isinstance(owner, cst.Call) and isinstance(owner.func, cst.Attribute):
        owner = owner.func.value
    return owner


def _computed(node: cst.BaseExpression) -> cst.BaseExpression:
    """A chain of in-place methods out of place."""
    import libcst as cst

    if not isinstance(node, cst.Call):
        return on_one_line(node)
    return out_of_place(node, _computed(cst.ensure_type(node.func, cst.Attribute).value))
