"""How a value is used after it was made, by the look of the function around it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, lru_cache
from typing import TypeGuard

from convlint.analyzer import torch_facts
from convlint.analyzer.decisions import only_checks
from convlint.analyzer.index import dotted
from convlint.analyzer.run import TORCHSCRIPT, Frame
from convlint.analyzer.torch_facts import Forced
from convlint.analyzer.values import Tensor, members
from convlint.source.walk import walk

Parents = dict[ast.AST, ast.AST]


def only_arithmetic(frame: Frame, node: ast.expr) -> bool:
    """Whether an expression's result goes only into arithmetic with tensors, directly or through one local name."""
    return _all_uses(frame, node, _meets_tensor)


def only_counts(frame: Frame, node: ast.expr) -> bool:
    """Whether a whole number only bounds slices, or says how many `topk` and `arange` give."""
    return _all_uses(frame, node, _is_count)


def _all_uses(frame: Frame, node: ast.expr, is_fine: Callable[[Frame, ast.AST, Parents], bool]) -> bool:
    """Whether an expression's result is used in one way only, directly or through one local name."""
    statement = frame.statement
    if statement is None or frame.function is None:
        return False
    if isinstance(statement, ast.Assign) and statement.value is node and len(statement.targets) == 1:
        parents, uses = _reads(frame, statement.targets[0])
        return bool(uses) and all(is_fine(frame, use, parents) for use in uses)
    return is_fine(frame, node, parents_of(statement))


def _reads(frame: Frame, target: ast.expr) -> tuple[Parents, list[ast.Name]]:
    """Where a local name is read that is assigned once; nothing for another target."""
    assert frame.function is not None
    parents = parents_of(frame.function.node)
    uses = [
        part for part in parents if isinstance(target, ast.Name) and isinstance(part, ast.Name) and part.id == target.id
    ]
    loads = [use for use in uses if isinstance(use.ctx, ast.Load)]
    return parents, loads if len(uses) - len(loads) == 1 else []


def only_checked(frame: Frame, node: ast.expr) -> bool:
    """Whether a value goes into one local name that only checks, messages and prints read."""
    statement = frame.statement
    if frame.function is None or not (isinstance(statement, ast.Assign) and statement.value is node):
        return False
    target = statement.targets[0]
    if len(statement.targets) > 1 or not isinstance(target, ast.Name):
        return False
    tree = frame.function.node
    checked = {id(part) for one in walk(tree) for check in _checks(one) for part in walk(check)}
    uses = [part for part in walk(tree) if isinstance(part, ast.Name) and part.id == target.id]
    return all(use is target or id(use) in checked for use in uses)


def _checks(node: ast.AST) -> Iterator[ast.AST]:
    """What of a statement or call is computed for a check alone."""
    raises = isinstance(node, ast.If) and not node.orelse and only_checks(node.body)
    if raises or isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and only_checks([node])):
        yield node


def made_of(frame: Frame, node: ast.expr) -> tuple[ast.expr, list[ast.Call]]:
    """What NumPy makes of a value around it, and the calls that make tensors of that, at once or behind a name."""
    statement = frame.statement
    if statement is None:
        return node, []
    array = _array_around(node, parents := parents_of(statement))
    around = parents.get(array)
    if _is_rewrap(around, frame):
        return array, [around]
    if frame.function is None or not (isinstance(statement, ast.Assign) and statement.value is array):
        return array, []
    parents, uses = _reads(frame, statement.targets[0]) if len(statement.targets) == 1 else ({}, [])
    wraps = [parents.get(_array_around(use, parents, copied=True)) for use in uses]
    found = [wrap for wrap in wraps if _is_rewrap(wrap, frame)]
    return array, found if len(found) == len(wraps) else []


def meet_tensors(frame: Frame, calls: list[ast.Call]) -> bool:
    """Whether the results of calls go into arithmetic with tensors, all of them."""
    if frame.function is None:
        return False
    parents = parents_of(frame.function.node)
    return bool(calls) and all(_meets_tensor(frame, call, parents) for call in calls)


def _array_around(node: ast.expr, parents: Parents, *, copied: bool = False) -> ast.expr:
    """The outermost of NumPy's functions of one argument, and of methods, around an array; or only of copies of it."""
    current = node
    while isinstance(parent := parents.get(current), ast.expr):
        if isinstance(parent, ast.Call) and parent.args == [current] and not parent.keywords:
            module, _, name = dotted(parent.func).rpartition(".")
            if module not in ("np", "numpy") or (copied and name not in ("array", "asarray")):
                break
        elif isinstance(call := parents.get(parent), ast.Call) and call.func is parent and not copied:
            parent = call
        else:
            break
        current = parent
    return current


def _is_rewrap(node: ast.AST | None, frame: Frame) -> TypeGuard[ast.Call]:
    """Whether a node is ``torch.from_numpy(...)`` or the like, with nothing but the array given to it."""
    if (
        not isinstance(node, ast.Call)
        or len(node.args) != 1
        or node.keywords
        or not isinstance(node.func, ast.Attribute)
    ):
        return False
    to_tensor = node.func.attr in ("from_numpy", "as_tensor", "tensor")
    return to_tensor and dotted(node.func.value) == frame.module.torch


def _is_count(frame: Frame, node: ast.AST, parents: Parents) -> bool:
    parent = parents.get(node)
    if isinstance(parent, ast.Slice):
        return node is not parent.step
    if isinstance(parent, ast.keyword) and parent.arg == "k":
        node, parent = parent, parents.get(parent)
    if not isinstance(parent, ast.Call) or not isinstance(parent.func, ast.Attribute):
        return False
    of_torch = dotted(parent.func.value) == frame.module.torch
    if parent.func.attr == "topk":
        return node in parent.keywords or node in parent.args[int(of_torch) : int(of_torch) + 1]
    return of_torch and parent.func.attr == "arange" and parent.args == [node]


@lru_cache(maxsize=8)  # one function is asked about several times in a row, by each call of it
def parents_of(tree: ast.AST) -> Parents:
    """What each node below a node stands in."""
    return {child: part for part in walk(tree) for child in ast.iter_child_nodes(part)}


def _meets_tensor(frame: Frame, node: ast.AST, parents: Parents) -> bool:
    """Whether an operand's arithmetic has a tensor on another side."""
    current = node
    while isinstance(parent := parents.get(current), (ast.BinOp, ast.UnaryOp)):
        if isinstance(parent, ast.BinOp):
            other = parent.right if parent.left is current else parent.left
            if any(_is_tensor(frame, name) for name in operands(other)):
                return True
        current = parent
    return False


def operands(node: ast.expr) -> Iterator[ast.Name]:
    """The names that stand in arithmetic."""
    if isinstance(node, ast.BinOp):
        yield from operands(node.left)
        yield from operands(node.right)
    elif isinstance(node, ast.UnaryOp):
        yield from operands(node.operand)
    elif isinstance(node, ast.Name):
        yield node


def _is_tensor(frame: Frame, name: ast.Name) -> bool:
    value = frame.lookup(name.id)
    return value is not None and all(isinstance(member, Tensor) for member in members(value))


_PASSED_ON = (ast.BinOp, ast.UnaryOp, ast.IfExp, ast.Tuple, ast.List, ast.Starred)
_NUMBERS = frozenset(["int", "min", "max", "round", "abs"])
_HASHES = frozenset(["add", "discard", "get", "pop", "setdefault", "isinstance", "hash"])


def must_be_plain(frame: Frame, node: ast.expr) -> bool:
    """Whether a number goes, maybe behind local names, where a traced size would not do: a key, an exporter's constant.

    TorchScript's sizes are tensors while they are traced: two of them are never one key, and some parameters take none.
    """
    if frame.function is None:
        return False
    tree = frame.function.node
    parents, todo, seen = parents_of(tree), [node], set[str]()
    while todo:
        use = _passed_on(todo.pop(), parents)
        parent = parents.get(use)
        if _is_key(use, parent) or (isinstance(parent, (ast.Call, ast.keyword)) and _is_constant(use, parents)):
            return True
        targets = parent.targets if isinstance(parent, ast.Assign) else [getattr(parent, "target", None)]
        names = {one.id for target in targets if target for one in walk(target) if isinstance(one, ast.Name)} - seen
        seen |= names
        todo += [one for one in parents if isinstance(one, ast.Name) and one.id in names and type(one.ctx) is ast.Load]
    return False


def _passed_on(node: ast.expr, parents: Parents) -> ast.expr:
    """The expression that an operand ends up in, as arithmetic and displays pass it on."""
    while isinstance(parent := parents.get(node), ast.expr):
        numbers = isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in _NUMBERS
        if not numbers and not isinstance(parent, _PASSED_ON):
            break
        node = parent
    return node


def _is_key(node: ast.expr, parent: ast.AST | None) -> bool:
    match parent:
        case ast.Compare(left=left, ops=[ast.In() | ast.NotIn()], comparators=[among]):
            return left is node and not isinstance(among, (ast.List, ast.Tuple))
        case ast.Set() | ast.SetComp(elt=ast.expr()):
            return True
        case ast.Dict(keys=keys):
            return any(key is node for key in keys)
        case ast.DictComp(key=key):
            return key is node
        case ast.Subscript(slice=index):
            return index is node and not isinstance(node, ast.Tuple)
        case ast.Call(func=ast.Attribute(attr=name) | ast.Name(id=name)):
            return name in _HASHES
    return False


def _is_constant(node: ast.expr, parents: Parents) -> bool:
    """Whether an argument is for a parameter that a TorchScript route refuses a size for."""
    word = parents[node] if isinstance(parents[node], ast.keyword) else None
    call = parents.get(word) if word is not None else parents[node]
    if not isinstance(call, ast.Call) or (word is None and node not in call.args):
        return False
    name = dotted(call.func).rpartition(".")[2]
    place = call.args.index(node) if word is None else -1
    keyword = word.arg if isinstance(word, ast.keyword) else None
    return any(keyword == one.name or (place >= 0 and place in one.at) for one in _refused().get(name, ()))


@cache
def _refused() -> dict[str, list[Forced]]:
    """By a function's last name the parameters that a TorchScript route refuses; of a method, of either call."""
    found: dict[str, list[Forced]] = {}
    for full, parameters in torch_facts.forced().items():
        owner, _, name = full.rpartition(".")
        for one in parameters:
            if one.refused & TORCHSCRIPT:
                moved = replace(one, at=(*one.at, *(at + 1 for at in one.at)))  # torch.unfold(x, n), x.unfold(n)
                found.setdefault(name.lower(), []).append(one if owner.startswith("torch") else moved)
    return found
