"""Python deciding on values: truth, narrowing, and the Branch events that tests make."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from convlint.analyzer.run import ALL_ROUTES, Frame, Run
from convlint.analyzer.values import (
    NONE,
    Class,
    Const,
    Dict,
    Function,
    Guard,
    Instance,
    Layer,
    List,
    Name,
    Number,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    join_all,
    members,
)
from convlint.events import Branch, Taint

Truth = bool | frozenset[str] | None
"""Known, true on some routes only, or not known."""

CHECKS = frozenset({"warn", "warning", "warning_once", "info", "debug", "error", "critical", "print", "log"})


@dataclass(frozen=True)
class Decision:
    """A value that was converted to a bool inside a test."""

    node: ast.expr
    value: Value
    taint: Taint
    frozen_on: frozenset[str]


def decide(run: Run, frame: Frame, node: ast.expr, value: Value, form: str) -> Truth:
    """The truth of a value where Python asks for it; notes the decision if a tensor or dimension makes it."""
    if isinstance(value, Union):
        truths = {decide(run, frame, node, member, form) for member in value.members}
        return truths.pop() if len(truths) == 1 else None
    if isinstance(value, Const):
        return bool(value.value)
    if isinstance(value, Guard):
        return value.true_on
    if isinstance(value, (Tensor, Number)):
        if value.taint >= Taint.state:
            frozen = value.frozen_on if isinstance(value, Number) else frozenset()
            _note(run, frame, Decision(node, value, value.taint, frozen), form)
        return None
    return _truth_of_object(run, frame, node, value, form)


def _truth_of_object(run: Run, frame: Frame, node: ast.expr, value: Value, form: str) -> Truth:
    if isinstance(value, Tuple):
        return bool(value.items)
    if isinstance(value, List):
        return bool(value.items) if value.items is not None and frame.certain else None
    if isinstance(value, Dict):
        return True if value.items and frame.certain else None
    if isinstance(value, Instance):
        for name in ("__bool__", "__len__"):
            info = run.method(value.cls, name)
            if info is not None:
                from convlint.analyzer.calls import call_value

                return decide(run, frame, node, call_value(run, frame, node, Function(info, value)), form)
        return True
    if isinstance(value, (Function, Class, Layer, Name)):
        return True
    return None


def _note(run: Run, frame: Frame, decision: Decision, form: str) -> None:
    if decision.frozen_on >= ALL_ROUTES:
        return
    if frame.tests is not None:
        frame.tests.append(decision)
    else:
        _emit(run, frame, decision.node, [decision], form, False)


def _emit(run: Run, frame: Frame, node: ast.expr, decisions: list[Decision], form: str, only_raises: bool) -> None:
    worst = max(decisions, key=lambda d: (d.taint, -len(d.frozen_on)))
    run.emit(
        frame,
        Branch,
        node,
        form,
        (worst.taint, -len(worst.frozen_on)),
        form=form,
        operand=run.operand(frame, worst.node, worst.value),
        taint=worst.taint,
        only_raises=only_raises,
        frozen_on=worst.frozen_on,
    )


def test(run: Run, frame: Frame, node: ast.expr, form: str, only_raises: bool) -> Truth:
    """The truth of a test; whatever tensors and dimensions decide in it make one event."""
    outer, frame.tests = frame.tests, []
    try:
        value = run.evaluate(frame, node)
        truth = decide(run, frame, node, value, form)
        decisions = frame.tests
    finally:
        frame.tests = outer
    if decisions and isinstance(truth, frozenset):
        truth = None
    if decisions:
        _emit(run, frame, node, decisions, form, only_raises)
    return truth


def only_checks(body: list[ast.stmt]) -> bool:
    """Whether statements only raise, warn or log."""
    for statement in body:
        if isinstance(statement, (ast.Raise, ast.Pass)):
            continue
        if isinstance(statement, ast.Assert):
            continue
        if isinstance(statement, ast.Expr):
            value = statement.value
            if isinstance(value, ast.Constant):
                continue
            if isinstance(value, ast.Call):
                name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
                if name in CHECKS or name.startswith(("_check", "check_")):
                    continue
        return False
    return bool(body)


# --- narrowing ---------------------------------------------------------------------------------------------------


def narrowed(run: Run, frame: Frame, node: ast.expr, truth: bool) -> dict[str, Value]:
    """The names that a test's outcome says more about."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return narrowed(run, frame, node.operand, not truth)
    if isinstance(node, ast.BoolOp):
        if isinstance(node.op, ast.And) == truth:
            found: dict[str, Value] = {}
            for part in node.values:
                found |= narrowed(run, frame, part, truth)
            return found
        return {}
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return _narrow_none(frame, node, truth)
    if isinstance(node, ast.Call):
        return _narrow_type(run, frame, node, truth)
    if isinstance(node, ast.Name) and truth:
        value = frame.lookup(node.id)
        if isinstance(value, Union):
            return {node.id: _without_none(value)}
    return {}


def _narrow_none(frame: Frame, node: ast.Compare, truth: bool) -> dict[str, Value]:
    left, op, right = node.left, node.ops[0], node.comparators[0]
    if not (isinstance(left, ast.Name) and isinstance(right, ast.Constant) and right.value is None):
        return {}
    if not isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
        return {}
    value = frame.lookup(left.id)
    if value is None:
        return {}
    is_none = isinstance(op, (ast.Is, ast.Eq)) == truth
    if is_none:
        return {left.id: NONE}
    return {left.id: _without_none(value)}


def _without_none(value: Value) -> Value:
    kept = [m for m in members(value) if m != NONE]
    return join_all(kept) if kept else Unknown()


def _narrow_type(run: Run, frame: Frame, node: ast.Call, truth: bool) -> dict[str, Value]:
    function = ast.unparse(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else ""
    if not node.args or not isinstance(node.args[0], ast.Name):
        return {}
    name = node.args[0].id
    value = frame.lookup(name)
    if value is None:
        return {}
    if function == "torch.is_tensor":
        wanted = "Tensor"
    elif function == "isinstance" and len(node.args) == 2:
        wanted = ast.unparse(node.args[1])
    else:
        return {}
    if wanted.rpartition(".")[2] == "Tensor":
        if truth:
            tensors = [m for m in members(value) if isinstance(m, Tensor)]
            return {name: join_all(tensors) if tensors else run.tensor(None, None, Taint.data)}
        others = [m for m in members(value) if not isinstance(m, Tensor) or not m.sure]
        return {name: join_all(others) if others else Unknown()}
    if truth and wanted.strip("()").replace(" ", "") in ("list", "tuple", "list,tuple", "tuple,list"):
        kept = [m for m in members(value) if isinstance(m, (List, Tuple))]
        if kept:
            return {name: join_all(kept)}
        if isinstance(value, (Tensor, Unknown)):
            return {name: List(run.tensor(None, None, Taint.data))}
    return {}
