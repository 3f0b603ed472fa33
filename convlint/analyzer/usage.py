"""How a value is used after it was made, by the look of the function around it."""

from __future__ import annotations

import ast

from convlint.analyzer.run import Frame


def only_arithmetic(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression's result goes into arithmetic only, directly or through one local name."""
    statement = frame.statement
    if statement is None or frame.function is None:
        return False
    if isinstance(statement, ast.Assign) and statement.value is node and len(statement.targets) == 1:
        target = statement.targets[0]
        if not isinstance(target, ast.Name):
            return False
        return _name_only_in_arithmetic(frame.function.node, target.id)
    return any(isinstance(p, ast.BinOp) and node in (p.left, p.right) for p in ast.walk(statement))


def _name_only_in_arithmetic(function: ast.AST, name: str) -> bool:
    stores = loads = operands = 0
    for part in ast.walk(function):
        if isinstance(part, ast.Name) and part.id == name:
            if isinstance(part.ctx, ast.Load):
                loads += 1
            else:
                stores += 1
        if isinstance(part, ast.BinOp):
            operands += sum(isinstance(side, ast.Name) and side.id == name for side in (part.left, part.right))
        elif isinstance(part, ast.UnaryOp):
            operands += isinstance(part.operand, ast.Name) and part.operand.id == name
    return stores == 1 and 0 < loads == operands
