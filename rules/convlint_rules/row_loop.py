"""A loop that computes each row of a tensor for itself: the same arithmetic on all rows at once."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from convlint.events import LoopOverDim, Taint
from convlint.findings import Edit, Span
from convlint.rewrite import code
from convlint_rules.rewriting import function_around

if TYPE_CHECKING:
    import libcst as cst

_ELEMENTWISE = {"abs", "exp", "log", "neg", "relu", "rsqrt", "sigmoid", "sqrt", "square", "tanh"}
_REDUCED = {"mean": "mean", "sum": "sum", "amax": "amax", "amin": "amin", "max": "amax", "min": "amin"}
"""By the method that makes one number of a row, the method that does it along an axis."""


class _Loop(NamedTuple):
    """``out = []``, ``for i in range(x.shape[0]): out.append(value)``, and ``torch.stack(out)`` right behind."""

    tensor: str
    name: str
    value: ast.expr
    kind: str
    """What ``value`` is: row, reduced."""
    removed: Span
    stack: ast.Call
    chained: bool
    """Whether something is done to the stack at once."""


def is_vectorisable(event: LoopOverDim) -> bool:
    """Whether there is such an arithmetic, known from the loop alone."""
    return _loop(event) is not None


def vectorised(event: LoopOverDim) -> tuple[Edit, ...]:
    """``torch.stack(out)`` becomes the appended arithmetic on the tensor; the loop goes.

    A row is only read as a whole, with numbers: what is computed of it is the same for all of them together. A mean or
    a maximum of a row is one along the flattened rest, which stops where there is no rest.
    """
    loop = _loop(event)
    if loop is None:
        return ()
    document = event.document
    reduces = any(isinstance(node, ast.Call) and _method(node) in _REDUCED for node in ast.walk(loop.value))
    value = event.cst_at(document.span(loop.value))
    lifted = code(_on_all_rows(value, loop.name if reduces else loop.tensor))
    start = ""
    if reduces:
        margin = document.lines[loop.removed.row - 1][: loop.removed.column - 1]
        start = f"{loop.name} = {loop.tensor}.flatten(1){document.newline}{margin}"
    if loop.kind == "row":
        lifted = f"({lifted}).reshape({loop.tensor}.shape)" if reduces else f"({lifted})" if loop.chained else lifted
    return Edit(loop.removed, start), Edit(document.span(loop.stack), lifted)


class Guess(NamedTuple):
    """What a loop may be on all rows at once, if what it calls treats each row alone: nobody has proven that."""

    stacked: str
    """What it takes the place of: ``torch.stack(out)``."""
    lifted: str
    edits: tuple[Edit, ...]


def guessed(event: LoopOverDim) -> Guess | None:
    """``out.append(f(x[i]))`` and later ``torch.stack(out)``, as ``f(x)``: to be shown."""
    around = _around(event)
    grown = _appended(around[0], around[1]) if around is not None else None
    if around is None or grown is None:
        return None
    (made, loop, after, function), (name, index, value) = around, grown
    used = [node for statement in after for node in ast.walk(statement) if _is_stack(node, name, event.torch)]
    tensor = _counted(loop.iter, function)
    rows = [node for node in ast.walk(value) if _is_row(node, tensor, index)]
    if tensor is None or len(used) != 1 or not rows:
        return None
    if not len(rows) == _count(value, index) == _count(value, tensor):
        return None
    document, stack = event.document, event.document.span(used[0])
    lifted = _with(event, value, [Edit(document.span(row), tensor) for row in rows])
    start, end = document.span(made), document.span(after[0])
    removed = Edit(Span(start.row, start.column, end.row, end.column), "")
    return Guess(document.segment(stack), lifted, (removed, Edit(stack, lifted)))


def _with(event: LoopOverDim, node: ast.expr, edits: list[Edit]) -> str:
    """The text of an expression after edits inside it."""
    document, span = event.document, event.document.span(node)
    behind = len(document.text) - document.offset(span.end_row, span.end_column)
    text = document.apply(edits)
    return text[document.offset(span.row, span.column) : len(text) - behind]


def _appended(made: ast.stmt, loop: ast.stmt) -> tuple[str, str, ast.expr] | None:
    """``out``, ``i`` and ``value`` of ``out = []`` and a loop over ``i`` that only does ``out.append(value)``."""
    match made, loop:
        case (
            ast.Assign(targets=[ast.Name(name)], value=ast.List(elts=[])),
            ast.For(
                target=ast.Name(index),
                body=[ast.Expr(ast.Call(func=ast.Attribute(ast.Name(grown), "append"), args=[value], keywords=[]))],
                orelse=[],
            ),
        ) if grown == name:
            return name, index, value
    return None


def _loop(event: LoopOverDim) -> _Loop | None:
    """The loop around the event, where all that it does can be done to all rows at once."""
    around = _around(event)
    if around is None or event.operand.kind != "dim" or not event.operand.sure or event.taint is not Taint.shape:
        return None
    made, loop, after, function = around
    return _of_rows(event, made, loop, after[0], function)


def _around(event: LoopOverDim) -> tuple[ast.stmt, ast.For, list[ast.stmt], ast.AST | None] | None:
    """The statement before the loop of the event, the loop, those behind it in its block, and the function."""
    function = function_around(event, event.span) if event.form == "for" else None
    for block in _blocks(function) if function else ():
        for at, loop in enumerate(block[1:-1], 1):
            if isinstance(loop, ast.For) and event.document.span(loop.iter) == event.span:
                return block[at - 1], loop, block[at + 1 :], function
    return None


def _blocks(function: ast.AST) -> list[list[ast.stmt]]:
    blocks = [getattr(node, name, None) for node in ast.walk(function) for name in ("body", "orelse", "finalbody")]
    return [block for block in blocks if isinstance(block, list)]


def _of_rows(
    event: LoopOverDim, made: ast.stmt, loop: ast.For, user: ast.stmt, function: ast.AST | None
) -> _Loop | None:
    grown, tensor = _appended(made, loop), _rows(loop.iter)
    if grown is None or tensor is None or len({*grown[:2], tensor}) != 3:
        return None
    name, index, value = grown
    kind = _kind(value, tensor, index)
    if kind == "reduced" and not isinstance(value, ast.Call):
        return None
    stack = _stacked(user, name, event.torch)
    used = [node.id for node in ast.walk(function) if isinstance(node, ast.Name)] if function else []
    lonely = used.count(name) == 3 and used.count(index) == 1 + _count(value, index)
    document = event.document
    start, end = document.span(made), document.span(user)
    removed = Span(start.row, start.column, end.row, end.column)
    own_lines = all(
        not document.lines[span.row - 1][: span.column - 1].strip() for span in (start, document.span(loop), end)
    )
    if kind in ("row", "reduced") and stack and lonely and own_lines and "#" not in document.segment(removed):
        return _Loop(tensor, name, value, kind, removed, stack, stack is not getattr(user, "value", None))
    return None


def _rows(node: ast.expr) -> str | None:
    """``x`` of ``range(x.shape[0])``, ``range(x.size(0))``, ``range(len(x))``."""
    match node:
        case ast.Call(
            func=ast.Name("range"), args=[ast.Subscript(ast.Attribute(ast.Name(x), "shape"), ast.Constant(0))]
        ):
            return x
        case ast.Call(
            func=ast.Name("range"), args=[ast.Call(func=ast.Attribute(ast.Name(x), "size"), args=[ast.Constant(0)])]
        ):
            return x
        case ast.Call(func=ast.Name("range"), args=[ast.Call(func=ast.Name("len"), args=[ast.Name(x)])]):
            return x
    return None


def _stacked(statement: ast.stmt, name: str, torch: str) -> ast.Call | None:
    """``torch.stack(out)`` along the first axis, where a simple statement begins with it."""
    node = statement.value if isinstance(statement, (ast.Return, ast.Assign)) else None
    while node is not None:
        match node:
            case ast.Call(func=ast.Attribute(ast.Name(module), "stack"), args=[ast.Name(one)], keywords=[]):
                return node if (module, one) == (torch, name) else None
            case ast.Call(func=inner) | ast.Attribute(value=inner) | ast.Subscript(value=inner):
                node = inner
            case _:
                return None
    return None


def _kind(node: ast.expr, tensor: str, index: str) -> str | None:
    """Whether an expression is a number, a row, or one number of a row (reduced); None if it may be anything else."""
    match node:
        case ast.Constant(value=int() | float()):
            return "number"
        case ast.Subscript(ast.Name(one), ast.Name(at)) if (one, at) == (tensor, index):
            return "row"
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _kind(operand, tensor, index)
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.Div() | ast.Pow(), right):
            kinds = {_kind(left, tensor, index), _kind(right, tensor, index)}
            return None if None in kinds else next(one for one in ("row", "reduced", "number") if one in kinds)
        case ast.Call(func=ast.Attribute(value), args=[], keywords=[]) if _kind(value, tensor, index) == "row":
            return "row" if _method(node) in _ELEMENTWISE else "reduced" if _method(node) in _REDUCED else None
    return None


def _method(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""


def _is_stack(node: ast.AST, name: str, torch: str) -> TypeGuard[ast.expr]:
    match node:
        case ast.Call(func=ast.Attribute(ast.Name(module), "stack"), args=[ast.Name(one)], keywords=[]):
            return (module, one) == (torch, name)
    return False


def _is_row(node: ast.AST, tensor: str | None, index: str) -> TypeGuard[ast.expr]:
    match node:
        case ast.Subscript(ast.Name(one), ast.Name(at)):
            return (one, at) == (tensor, index)
    return False


def _counted(node: ast.expr, function: ast.AST | None) -> str | None:
    """The tensor whose rows ``range`` counts, also where their number has a name (``b, c = x.shape``)."""
    match node:
        case ast.Call(func=ast.Name("range"), args=[ast.Name(name)]) if function is not None:
            found = {tensor for part in ast.walk(function) if (tensor := _names_rows(part, name)) is not None}
            return found.pop() if len(found) == 1 else None
    return _rows(node)


def _names_rows(node: ast.AST, name: str) -> str | None:
    """``x`` of ``name = x.shape[0]`` and ``name, c = x.shape``; of another assignment to the name nothing that is."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=[ast.Name(one), *_])], value=ast.Attribute(ast.Name(x), "shape")):
            return x if one == name else None
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(one), *_])], value=ast.Call(ast.Attribute(ast.Name(x), "size"))
        ):
            return x if one == name else None
        case ast.Assign(targets=[ast.Name(one)], value=value) if one == name:
            return _rows(ast.Call(ast.Name("range"), [value], [])) or ""
    return None


def _count(node: ast.AST, name: str) -> int:
    return sum(isinstance(one, ast.Name) and one.id == name for one in ast.walk(node))


def _on_all_rows(node: cst.BaseExpression, rows: str) -> cst.BaseExpression:
    """An expression with the tensor in the place of its row, and along the axis what is made of a row."""
    import libcst as cst

    class Lifter(cst.CSTTransformer):
        def leave_Subscript(self, original_node: cst.Subscript, updated_node: cst.Subscript) -> cst.BaseExpression:  # noqa: N802
            return cst.Name(rows)

        def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:  # noqa: N802
            method = cst.ensure_type(updated_node.func, cst.Attribute)
            name = _REDUCED.get(method.attr.value)
            if name is None:
                return updated_node
            axis = "1" if original_node is node else "1, keepdim=True"  # else it meets the rows again
            return cst.parse_expression(f"{code(method.value)}.{name}({axis})")

    lifted = node.visit(Lifter())
    assert isinstance(lifted, cst.BaseExpression)
    return lifted
