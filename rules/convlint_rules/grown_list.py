"""A list that grows under a condition: what is appended is selected by the condition instead."""

from __future__ import annotations

import ast
from typing import NamedTuple

from convlint.events import Branch, Taint
from convlint.findings import Edit
from convlint.rewrite import edit, primary
from convlint_rules.rewriting import function_around

_PLAIN: tuple[type[ast.AST], ...] = (ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Tuple, ast.Constant)
_PLAIN += (ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.expr_context)
"""What may be computed twice."""


class _Grown(NamedTuple):
    name: str
    value: ast.expr


def selected(event: Branch) -> Edit | None:
    """``if c: parts.append(v)`` as ``parts.append(v[c.expand(v.shape[0])])``: all rows of ``v``, or none.

    Only for one truth value, and for a list that nothing but ``torch.cat`` along the first axis reads.
    """
    one = event.operand
    scalar = (one.kind, one.dtype, one.rank, one.sure) == ("tensor", "bool", 0, True) and one.span == event.span
    if event.form != "if" or event.taint is not Taint.data or not scalar or not event.torch:
        return None
    document = event.document
    if "#" in document.segment(event.whole) or not document.segment(event.whole).startswith("if"):
        return None
    grown = _grown(event)
    if grown is None:
        return None
    template = "{name}.append({value}[{test}.expand({value}.shape[0])])"
    value = primary(event.cst_at(document.span(grown.value)))
    return edit(event.whole, template, name=grown.name, value=value, test=primary(event.cst))


def _grown(event: Branch) -> _Grown | None:
    """What the branch appends, where that is all that it does."""
    function = function_around(event, event.whole)
    if function is None:
        return None
    branches = (node for node in ast.walk(function) if isinstance(node, ast.If))
    match next((node for node in branches if event.document.span(node) == event.whole), None):
        case ast.If(
            body=[ast.Expr(ast.Call(func=ast.Attribute(ast.Name(name), "append"), args=[value], keywords=[]))],
            orelse=[],
        ) if all(isinstance(part, _PLAIN) for part in ast.walk(value)):
            return _Grown(name, value) if _is_only_joined(function, name, event.torch) else None
    return None


def _is_only_joined(function: ast.AST, name: str, torch: str) -> bool:
    """Whether a name is a list that is written there, grows, and is joined along the first axis: nothing else."""
    allowed: set[ast.AST] = set()
    joined = False
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=one) as target], value=ast.List()) if one == name:
                allowed.add(target)
            case ast.Call(func=ast.Attribute(ast.Name(id=one) as owner, "append")) if one == name:
                allowed.add(owner)
            case ast.Call(
                func=ast.Attribute(ast.Name(id=module), "cat" | "concat" | "concatenate"),
                args=[ast.Name(id=one) as given, *rest],
                keywords=words,
            ) if one == name and module == torch and _is_first_axis(rest, words):
                allowed.add(given)
                joined = True
    return joined and all(
        node in allowed for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name
    )


def _is_first_axis(rest: list[ast.expr], words: list[ast.keyword]) -> bool:
    given = [*rest, *(word.value for word in words if word.arg in ("dim", "axis"))]
    return len(given) == len(rest) + len(words) and all(isinstance(v, ast.Constant) and v.value == 0 for v in given)
