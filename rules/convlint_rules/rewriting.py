"""What repairs of several rules have in common: torch by its name in the file, the function around, calls, roots."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from convlint.events import Event
from convlint.findings import Edit, Span
from convlint.rewrite import code, primary

if TYPE_CHECKING:
    import libcst as cst

DTYPES = ("bool", "int", "float")
"""Classes of dtypes: where two meet, eager makes the earlier one the later."""


def torch_in(event: Event) -> tuple[str, tuple[Edit, ...]] | None:
    """What the file calls torch, and the edit that imports it where it imports only parts of it.

    None where it imports nothing of torch at its top level, or calls something else so.
    """
    if event.torch:
        return event.torch, ()
    tree = event.document.tree
    imports = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom)) and not node.col_offset]
    first = next((node for node in imports if _is_of_torch(node)), None)
    if first is None or any(_binds_torch(node) for node in ast.walk(tree)):
        return None
    at = Span(first.lineno, 1, first.lineno, 1)
    return "torch", (Edit(at, f"import torch{event.document.newline}"),)


def _is_of_torch(node: ast.Import | ast.ImportFrom) -> bool:
    names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
    return names[0].partition(".")[0] == "torch" and not (isinstance(node, ast.ImportFrom) and node.level)


def _binds_torch(node: ast.AST) -> bool:
    """Whether a node gives the name to something."""
    match node:
        case ast.Name(id="torch", ctx=ast.Store() | ast.Del()) | ast.arg(arg="torch") | ast.alias(asname="torch"):
            return True
        case ast.alias(name="torch", asname=None) | ast.FunctionDef(name="torch") | ast.ClassDef(name="torch"):
            return True
    return False


def function_around(event: Event, span: Span) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """The innermost function that a range of the event's file stands in."""
    found = None
    for node in ast.walk(event.document.tree):  # outer ones first
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            whole = event.document.span(node)
            if whole[:2] <= span[:2] and span[2:] <= whole[2:]:
                found = node
    return found


def stands_alone(event: Event, span: Span) -> bool:
    """Whether nothing around an expression could take it apart: it is all of an argument, an item or a value."""
    lines, (row, column, end_row, end_column) = event.document.lines, span
    before, after = lines[row - 1][: column - 1].rstrip(), lines[end_row - 1][end_column - 1 :].lstrip()
    opened = before.endswith(("(", "[", ",")) or re.search(r"(^|\s)return$|(?<![=!<>:])=$", before) is not None
    return opened and (after.startswith((")", "]", ",")) or span[2:] == event.statement[2:])


def in_its_place(event: Event, node: cst.BaseExpression) -> cst.BaseExpression:
    """An expression that takes the place of the event: in parentheses only where it needs them."""
    import libcst as cst

    plain = isinstance(node, (cst.BinaryOperation, cst.UnaryOperation)) and "\n" not in code(node)
    return node if plain and stands_alone(event, event.span) else primary(node)


def with_options(event: Event, options: Mapping[str, cst.BaseExpression | str], without: str = "") -> Edit:
    """The call with further keyword arguments, laid out as its own are; the first takes the place of ``without``."""
    import libcst as cst

    call = cst.ensure_type(event.cst, cst.Call)
    args = list(call.args)
    todo = {name: cst.parse_expression(value) if isinstance(value, str) else value for name, value in options.items()}
    for i, arg in enumerate(args):
        if without and arg.keyword is not None and arg.keyword.value == without:
            name = next(iter(todo))
            args[i] = arg.with_changes(keyword=cst.Name(name), value=todo.pop(name))
    for name, value in todo.items():
        if not args:
            args = [cst.Arg(value, cst.Name(name), equal=_tight())]
            continue
        *before, last = args
        comma = before[-1].comma if before else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        added = last.with_changes(keyword=cst.Name(name), value=value, equal=_tight(), star="")
        args = [*before, last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace("")), added]
    return Edit(event.span, code(call.with_changes(args=args)))


def _tight() -> cst.AssignEqual:
    import libcst as cst

    none = cst.SimpleWhitespace("")
    return cst.AssignEqual(whitespace_before=none, whitespace_after=none)


def out_of_place(call: cst.Call, owner: cst.BaseExpression) -> cst.Call:
    """``owner.mul(2)`` for a call ``....mul_(2)``."""
    import libcst as cst

    name = cst.ensure_type(call.func, cst.Attribute).attr.value
    return call.with_changes(func=cst.Attribute(owner, cst.Name(name.removesuffix("_"))))


def laid_out(event: Event, function: str, elements: Sequence[str]) -> Edit:
    """A function of a list in the place of the event: on one line, or an element a line where that is too long."""
    document = event.document
    row, column, end_row, end_column = event.span
    line = document.lines[row - 1]
    flat = f"{function}([{', '.join(elements)}])"
    behind = document.lines[end_row - 1][end_column - 1 :].rstrip()
    if column - 1 + len(flat) + len(behind) <= document.line_length:
        return Edit(event.span, flat)
    margin = line[: len(line) - len(line.lstrip())]
    inner = [f"{margin}    [", *(f"{margin}        {one}," for one in elements), f"{margin}    ]", f"{margin})"]
    return Edit(event.span, document.newline.join([f"{function}(", *inner]))


def takes_root(text: str) -> bool:
    """Whether an expression takes a root, which no integer arithmetic does: ``n ** 0.5``, ``math.sqrt(n)``."""
    parts = list(ast.walk(ast.parse(f"({text})", mode="eval")))
    exponents = [part.right for part in parts if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Pow)]
    names = [part.func for part in parts if isinstance(part, ast.Call)]
    return any(isinstance(one, ast.Constant) and isinstance(one.value, float) for one in exponents) or any(
        ast.unparse(name).rpartition(".")[2] == "sqrt" for name in names
    )
