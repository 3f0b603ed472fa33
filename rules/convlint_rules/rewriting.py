"""How repairs change the arguments of a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from convlint.events import Event
from convlint.findings import Edit
from convlint.rewrite import code

if TYPE_CHECKING:
    import libcst as cst


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
        *before, last = args
        comma = before[-1].comma if before else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
        added = last.with_changes(keyword=cst.Name(name), value=value, equal=_tight(), star="")
        args = [*before, last.with_changes(comma=comma, whitespace_after_arg=cst.SimpleWhitespace("")), added]
    return Edit(event.span, code(call.with_changes(args=args)))


def _tight() -> cst.AssignEqual:
    import libcst as cst

    none = cst.SimpleWhitespace("")
    return cst.AssignEqual(whitespace_before=none, whitespace_after=none)
