"""How a value is used after it was made, by the look of the function around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer.decisions import only_checks
from convlint.analyzer.index import dotted
from convlint.analyzer.run import Frame
from convlint.analyzer.values import Tensor, members
from convlint.findings import Span


def only_arithmetic(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression's result goes only into arithmetic with tensors, directly or through one local name."""
    statement = frame.statement
    if statement is None or frame.function is None:
        return False
    if isinstance(statement, ast.Assign) and statement.value is node and len(statement.targets) == 1:
        target = statement.targets[0]
        return isinstance(target, ast.Name) and _name_only_in_arithmetic(frame, target.id)
    return _meets_tensor(frame, node, _parents(statement))


def only_checked(frame: Frame, node: ast.expr) -> bool:
    """Whether a value goes into one local name that only checks, messages and prints read."""
    statement = frame.statement
    if frame.function is None or not (isinstance(statement, ast.Assign) and statement.value is node):
        return False
    target = statement.targets[0]
    if len(statement.targets) > 1 or not isinstance(target, ast.Name):
        return False
    tree = frame.function.node
    checked = {id(part) for one in ast.walk(tree) for check in _checks(one) for part in ast.walk(check)}
    uses = [part for part in ast.walk(tree) if isinstance(part, ast.Name) and part.id == target.id]
    return all(use is target or id(use) in checked for use in uses)


def _checks(node: ast.AST) -> Iterator[ast.AST]:
    """What of a statement or call is computed for a check alone."""
    raises = isinstance(node, ast.If) and not node.orelse and only_checks(node.body)
    if raises or isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and only_checks([node])):
        yield node


def rewrapped_in(frame: Frame, node: ast.expr) -> Span | None:
    """The ``torch.from_numpy(...)``, with nothing but the array given to it, that an array stands in."""
    for call in ast.walk(frame.statement) if frame.statement is not None else ():
        if (
            isinstance(call, ast.Call)
            and len(call.args) == 1
            and not call.keywords
            and isinstance(call.func, ast.Attribute)
        ):
            to_tensor = call.func.attr in ("from_numpy", "as_tensor", "tensor")
            if to_tensor and dotted(call.func.value) == frame.module.torch and node in ast.walk(call):
                return frame.document.span(call)
    return None


def _name_only_in_arithmetic(frame: Frame, name: str) -> bool:
    assert frame.function is not None
    parents = _parents(frame.function.node)
    uses = [part for part in parents if isinstance(part, ast.Name) and part.id == name]
    loads = [use for use in uses if isinstance(use.ctx, ast.Load)]
    return len(uses) - len(loads) == 1 and bool(loads) and all(_meets_tensor(frame, use, parents) for use in loads)


def _parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    return {child: part for part in ast.walk(tree) for child in ast.iter_child_nodes(part)}


def _meets_tensor(frame: Frame, node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Whether an operand's arithmetic has a tensor on another side."""
    current = node
    while isinstance(parent := parents.get(current), (ast.BinOp, ast.UnaryOp)):
        if isinstance(parent, ast.BinOp):
            other = parent.right if parent.left is current else parent.left
            if any(_is_tensor(frame, name) for name in _operands(other)):
                return True
        current = parent
    return False


def _operands(node: ast.expr) -> Iterator[ast.Name]:
    """The names that stand in arithmetic, on which methods are called or which are indexed there."""
    if isinstance(node, ast.BinOp):
        yield from _operands(node.left)
        yield from _operands(node.right)
    elif isinstance(node, ast.UnaryOp):
        yield from _operands(node.operand)
    elif isinstance(node, ast.Name):
        yield node


def _is_tensor(frame: Frame, name: ast.Name) -> bool:
    value = frame.lookup(name.id)
    return value is not None and all(isinstance(member, Tensor) for member in members(value))
