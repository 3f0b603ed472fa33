"""What repairs are written with: LibCST nodes of the user's own source, put together and turned into edits.

LibCST takes as long to import as everything else together, so it is imported when the first repair is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from convlint.findings import Edit, Span
from convlint.source.document import SourceError as SourceError  # what `event.cst` raises

if TYPE_CHECKING:
    import libcst as cst


def code(node: cst.CSTNode) -> str:
    """The source text of a node, its own spacing and comments kept."""
    import libcst as cst

    return cst.Module([]).code_for_node(node)


def edit(span: Span, template: str, **parts: cst.BaseExpression | str) -> Edit:
    """The edit that puts a template, ``{torch}.where({test}, 1, {other})``, in the place of a range.

    A part is a node, or the source of one. A node goes in as it is: see ``primary``.
    """
    import libcst as cst
    from libcst.helpers import parse_template_statement

    nodes = {name: cst.parse_expression(part) if isinstance(part, str) else part for name, part in parts.items()}
    return Edit(span, code(parse_template_statement(template, cst.PartialParserConfig(), **nodes)).strip())


def primary(node: cst.BaseExpression) -> cst.BaseExpression:
    """The expression as something that an attribute, an index or an operator may follow: in parentheses if need be."""
    import libcst as cst

    strong = (cst.Name, cst.Attribute, cst.Subscript, cst.Call, cst.List, cst.Dict, cst.Set, cst.Float)
    if isinstance(node, strong) or node.lpar:
        return node
    return node.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])


def summand(node: cst.BaseExpression) -> cst.BaseExpression:
    """The expression as something that a sum begins with: ``(a - b)`` as ``a - b``, where it is on one line."""
    import libcst as cst

    tight = (cst.Add, cst.Subtract, cst.Multiply, cst.FloorDivide, cst.Divide, cst.Modulo)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, tight) and "\n" not in code(node):
        return node.with_changes(lpar=[], rpar=[])
    return primary(node)


def on_one_line(node: cst.BaseExpression) -> cst.BaseExpression:
    """The expression without the line breaks inside its brackets."""
    import libcst as cst

    fresh: dict[type[cst.CSTNode], Callable[[], cst.CSTNode]] = {
        cst.ParenthesizedWhitespace: lambda: cst.SimpleWhitespace(" "),
        cst.LeftSquareBracket: cst.LeftSquareBracket,
        cst.RightSquareBracket: cst.RightSquareBracket,
    }

    class Joiner(cst.CSTTransformer):
        def on_leave(self, original_node: cst.CSTNodeT, updated_node: cst.CSTNodeT) -> cst.CSTNode:  # type: ignore[override]  # noqa: ARG002
            make = fresh.get(type(updated_node))
            return make() if make is not None else updated_node

    joined = node.visit(Joiner())
    assert isinstance(joined, cst.BaseExpression)
    return joined
