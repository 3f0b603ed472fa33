"""Whether a local name is the only way to the tensor that it stands for, by the look of the function around it.

Where it is, a new tensor under the name is the same to everybody as a write into the old one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from convlint.analyzer import torch_facts
from convlint.analyzer.index import dotted
from convlint.analyzer.run import Frame, is_literal
from convlint.analyzer.shapes import REDUCTIONS
from convlint.analyzer.usage import Parents, parents_of
from convlint.source.walk import walk

_METADATA = frozenset(["shape", "dtype", "device", "ndim", "layout", "is_cuda", "requires_grad"])
_ASKING = frozenset(["size", "dim", "numel", "item", "tolist", "stride", "is_floating_point"])
"""Methods that give no tensor."""
_MADE = frozenset(["zeros", "ones", "full", "empty", "rand", "randn", "randint", "arange", "eye", "linspace", "tensor"])
_COPYING = frozenset(["clone", "cat", "stack", *(f"{name}_like" for name in _MADE), *(f"new_{name}" for name in _MADE)])
_SAME_IF_REAL = "conj_physical"
"""The one pointwise function that gives what it is given, where that is not complex."""


def is_only_name(frame: Frame, target: ast.expr) -> bool:
    """Whether nothing but a local name leads to the tensor that the current statement writes into.

    All that the name was ever given is surely memory of its own, and nothing kept it on the way to the statement.
    """
    statement, function = frame.statement, frame.function
    if not isinstance(target, ast.Name) or statement is None or function is None:
        return False
    if not _is_local(function.node, target):
        return False
    parents = parents_of(function.node)
    uses = [part for part in parents if isinstance(part, ast.Name) and part.id == target.id]
    given = [use for use in uses if isinstance(use.ctx, ast.Store)]
    reads = [use for use in uses if isinstance(use.ctx, ast.Load) and not _is_behind(use, statement, parents)]
    contexts = _contexts(statement, parents)  # what is written without gradients keeps those that it has
    made_alike = all(_is_given_fresh(frame, one, parents) and _contexts(one, parents) == contexts for one in given)
    return bool(given) and made_alike and all(_keeps_nothing(frame, one, parents) for one in reads)


def is_elementwise_of(frame: Frame, node: ast.expr, of: str) -> bool:
    """Whether a mask is computed element by element from an expression with this source, and from plain numbers."""
    match node:
        case ast.Compare(left=left, comparators=[right]) | ast.BinOp(left=left, right=right):
            sides = [one for one in (left, right) if not is_literal(one)]
            return bool(sides) and all(is_elementwise_of(frame, one, of) for one in sides)
        case ast.UnaryOp(operand=inner):
            return is_elementwise_of(frame, inner, of)
        case ast.Call(func=ast.Attribute(value=owner, attr="isnan" | "isinf" | "isfinite"), args=args, keywords=[]):
            inner = args[0] if len(args) == 1 and dotted(owner) == frame.module.torch else owner
            return len(args) == int(inner is not owner) and is_elementwise_of(frame, inner, of)
    return ast.unparse(node) == of


def _is_local(function: ast.AST, name: ast.Name) -> bool:
    """Whether a name is one of the function's own that no function inside it sees, and no parameter."""
    for part in walk(function):
        match part:
            case ast.arg(arg=name.id) | ast.MatchAs(name=name.id) | ast.MatchStar(name=name.id):
                return False
            case ast.Global(names=names) | ast.Nonlocal(names=names) if name.id in names:
                return False
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda() | ast.ClassDef() if part is not function:
                if any(isinstance(one, ast.Name) and one.id == name.id for one in walk(part)):
                    return False
    return True


def _around(node: ast.AST, parents: Parents) -> Iterator[ast.AST]:
    while node in parents:
        node = parents[node]
        yield node


def _contexts(node: ast.AST, parents: Parents) -> list[ast.AST]:
    return [part for part in _around(node, parents) if isinstance(part, (ast.With, ast.AsyncWith))]


def _is_behind(use: ast.Name, statement: ast.stmt, parents: Parents) -> bool:
    """Whether a name is read only after the statement, in no further round of a loop around both."""
    if use.lineno <= (statement.end_lineno or statement.lineno):
        return False
    loops = {part for part in _around(statement, parents) if isinstance(part, (ast.For, ast.AsyncFor, ast.While))}
    return loops.isdisjoint(_around(use, parents))


def _is_given_fresh(frame: Frame, name: ast.Name, parents: Parents) -> bool:
    match parents.get(name):
        case ast.Assign(targets=[only], value=value) if only is name:
            return is_fresh(frame, value)
        case ast.AnnAssign(target=target, value=ast.expr() as value) if target is name:
            return is_fresh(frame, value)
        case ast.AugAssign():
            return True  # it writes into the tensor, or makes a new one
    return False


def is_fresh(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression that gives a tensor surely gives one with memory of its own."""
    match node:
        case ast.BinOp() | ast.Compare() | ast.UnaryOp(op=ast.USub() | ast.Invert()):
            return True
        case ast.Call(func=ast.Attribute(value=owner, attr=name), keywords=words):
            if any(word.arg in ("out", "inplace", None) for word in words):
                return False
            if dotted(owner) == frame.module.torch:
                return name in _MADE or _computes(f"torch.{name}", name)
            return _is_of_local(frame, owner) and _computes(name, name)
    return False


def _computes(qualified: str, name: str) -> bool:
    """Whether a function of torch, or a method of tensors, writes its result into memory of its own."""
    table = torch_facts.table()
    known = (table.functions if qualified != name else table.methods).get(qualified)
    if known is None or known.view or known.inplace:
        return False
    return name in _COPYING or name in REDUCTIONS or (known.pointwise and name != _SAME_IF_REAL)


def _is_of_local(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression begins with a local name that is no module: its methods are those of tensors."""
    while not isinstance(node, (ast.BinOp, ast.Compare, ast.UnaryOp)):
        if isinstance(node, ast.Name):
            first = frame.function.node.args.args[:1] if frame.function is not None else []
            return node.id not in {one.arg for one in first if one.arg in ("self", "cls")}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            node = node.func.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return False
    return True


def _keeps_nothing(frame: Frame, node: ast.expr, parents: Parents) -> bool:
    """Whether what reads a tensor keeps neither it nor a view of it."""
    while True:
        match parent := parents.get(node):
            case ast.Attribute(attr=name):
                call = parents.get(parent)
                if name in _METADATA:
                    return True
                if not isinstance(call, ast.Call) or call.func is not parent:
                    return False
                if name in _ASKING or is_fresh(frame, call):
                    return True
                known = torch_facts.table().methods.get(name)
                if known is None or not (known.view or (known.inplace and known.pointwise)):
                    return False
                node = call  # a view, or the tensor itself
            case ast.Subscript(value=value, ctx=ast.Load()) if value is node:
                node = parent
            case ast.Subscript(value=value) if value is not node:
                return isinstance(parent.ctx, ast.Load)  # what is assigned to may be a dict, and the tensor its key
            case ast.Tuple() | ast.List() | ast.Slice() | ast.keyword():
                node = parent  # type: ignore[assignment]
            case ast.BinOp() | ast.Compare():
                return not isinstance(node, (ast.Tuple, ast.List))  # which lists joined to others keep
            case ast.UnaryOp(op=op):
                return not isinstance(op, ast.UAdd)
            case ast.Call():
                return is_fresh(frame, parent)
            case ast.Subscript() | ast.Return() | ast.Expr():
                return True
            case _:
                return False
