"""Python deciding on values: truth, narrowing, and the Branch events that tests make."""

from __future__ import annotations

import ast

import msgspec
from msgspec.structs import replace

from convlint.analyzer import checks, dispensable, guards
from convlint.analyzer.run import ALL_ROUTES, Frame, Run
from convlint.analyzer.values import (
    NONE,
    UNKNOWN,
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
    number_kind,
    taint_of,
)
from convlint.events import Branch, Taint
from convlint.source.walk import walk

Truth = bool | Guard | None
"""Known, true on some routes only, or not known."""

CHECKS = frozenset({"warn", "warning", "warning_once", "info", "debug", "error", "critical", "print", "log"})


class Decision(msgspec.Struct, frozen=True):
    """A value that was converted to a bool inside a test."""

    node: ast.expr
    value: Value
    taint: Taint
    frozen_on: frozenset[str]


def decide(run: Run, frame: Frame, node: ast.expr, value: Value, form: str) -> Truth:
    """The truth of a value where Python asks for it; notes the decision if a tensor or dimension makes it."""
    value = checks.applied(run, value)
    if isinstance(value, Union):
        truths = {decide(run, frame, node, member, form) for member in value.members}
        return truths.pop() if len(truths) == 1 else None
    if isinstance(value, Const):
        if value.size:
            _note(run, frame, Decision(node, value, Taint.fixed, frozenset()), form)
        return bool(value.value)
    if isinstance(value, Guard):
        if value.asked is not None:
            decide(run, frame, node, value.asked, form)
        return guards.truth(value)
    if isinstance(value, Tensor) and not value.sure and isinstance(node, (ast.Name, ast.BoolOp)):
        return None  # what is only presumed to be a tensor is none where its truth is asked: many elements have none
    if isinstance(value, (Tensor, Number)):
        if value.taint >= Taint.fixed:
            frozen = value.frozen_on if isinstance(value, Number) else frozenset()
            _note(run, frame, Decision(node, value, value.taint, frozen), form)
        return None
    return _truth_of_object(run, frame, node, value, form)


def compare_sizes(run: Run, frame: Frame, node: ast.expr, left: Value, right: Value, result: Value) -> None:
    """``x.shape == y.shape``: each size is asked for where they are compared, also where the answer is known."""
    if isinstance(result, Const):
        taint = max(taint_of(left), taint_of(right))
        result = Number("bool", min(taint, Taint.fixed))
    decide(run, frame, node, result, "compare")


def check(run: Run, frame: Frame, node: ast.expr, value: Value) -> None:
    """``torch._assert(value)``: a function decides, which no exporter takes for an ``assert``."""
    checking, frame.checking = frame.checking, True
    decide(run, frame, node, value, "check")
    frame.checking = checking


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
        unasked = ALL_ROUTES - frame.routes  # where a flag before it, `not is_exporting() and`, has decided
        frame.tests.append(replace(decision, frozen_on=decision.frozen_on | unasked))
    else:
        _emit(run, frame, decision.node, [decision], form, decision.node)


def _emit(
    run: Run, frame: Frame, node: ast.expr, decisions: list[Decision], form: str, whole: ast.expr | ast.stmt
) -> None:
    for one in decisions:
        if isinstance(one.value, Number) and one.taint is Taint.data:
            run.decide_on(frame, node, one.value)
    worst = max(decisions, key=lambda d: (d.taint, -len(d.frozen_on)))
    degenerate = form not in ("match", "while") and all(
        _is_degenerate(one.value) for one in decisions if one.taint >= Taint.state
    )
    checking = frame.checking
    frame.checking &= not (worst.taint is Taint.data and isinstance(whole, ast.If) and _chooses(whole))
    run.emit(
        frame,
        Branch,
        node,
        form,
        (worst.taint, -len(worst.frozen_on), not degenerate),
        form=form,
        operand=run.operand(frame, worst.node, worst.value),
        taint=worst.taint,
        frozen_on=worst.frozen_on,
        dispensable=isinstance(whole, ast.If) and dispensable.is_dispensable(whole),
        degenerate=degenerate,
        raises=isinstance(whole, ast.Assert) or (isinstance(whole, ast.If) and _raises(whole)),
        whole=frame.document.span(whole),
        following=frame.document.span(frame.following) if frame.following is not None else None,
    )
    frame.checking = checking


def _chooses(branch: ast.If) -> bool:
    """Whether more follows from a test than that a run goes on."""
    return not (only_checks(branch.body) or only_checks(branch.orelse))


def _raises(branch: ast.If) -> bool:
    return isinstance(branch.body[-1], ast.Raise) and only_checks(branch.body)


def _is_degenerate(value: Value) -> bool:
    """Whether a decision is the same for all sizes but 0 and 1; a size itself is false for 0 alone."""
    return isinstance(value, Number) and value.taint is Taint.shape and (value.degenerate or value.dim)


def test(run: Run, frame: Frame, node: ast.expr, form: str, only_checks: bool, whole: ast.expr | ast.stmt) -> Truth:
    """The truth of a test (of ``whole``); whatever tensors and dimensions decide in it make one event."""
    outer, frame.tests = frame.tests, []
    checking, frame.checking = frame.checking, only_checks
    try:
        value = run.evaluate(frame, node)
        kept = isinstance(whole, ast.Assert) and checks.is_kept(whole, value)
        truth = None if kept else decide(run, frame, node, value, form)
        if form == "assert":
            checks.note(run, frame, value)
        decisions = frame.tests
        if isinstance(truth, bool):  # decided whatever the sizes are, which are asked for all the same
            decisions = [one if one.taint is Taint.data else replace(one, taint=Taint.fixed) for one in decisions]
        if decisions:
            _emit(run, frame, node, decisions, form, whole)
    finally:
        frame.tests, frame.checking = outer, checking
    by_route_alone = isinstance(truth, Guard) and not truth.unknown_on
    return None if by_route_alone and any(d.taint >= Taint.state for d in decisions) else truth


def only_checks(body: list[ast.stmt]) -> bool:
    """Whether statements only raise, warn or log (and, where they may raise, else return a constant)."""
    if body and isinstance(body[-1], ast.Raise):
        return True  # what stands before it makes the message
    for statement in body:
        if isinstance(statement, (ast.Raise, ast.Pass, ast.Assert)):
            continue
        if isinstance(statement, ast.If) and all(map(only_checks, filter(None, (statement.body, statement.orelse)))):
            continue
        if isinstance(statement, ast.Return) and isinstance(statement.value, (ast.Constant, type(None))):
            if any(isinstance(part, ast.Raise) for one in body for part in walk(one)):
                continue
            return False
        if isinstance(statement, ast.Expr):
            value = statement.value
            if isinstance(value, ast.Constant):
                continue
            if isinstance(value, ast.Call):
                name = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
                if name in CHECKS or name.startswith(("_check", "check_", "_assert")):
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
        return _narrow_none(frame, node, truth) or _narrow_size(run, frame, node, truth)
    if isinstance(node, ast.Call):
        return _narrow_type(run, frame, node, truth)
    if isinstance(node, ast.Name):
        chosen = {name: yes if truth else no for name, (flag, yes, no) in frame.choices.items() if flag == node.id}
        value = frame.lookup(node.id)
        return chosen | ({node.id: _without_none(value)} if truth and isinstance(value, Union) else {})
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


def _narrow_size(run: Run, frame: Frame, node: ast.Compare, truth: bool) -> dict[str, Value]:
    """Under ``n == 1`` the size is known, also of the tensors that have it; ``n == self.n`` fixes it as well."""
    left, op, right = node.left, node.ops[0], node.comparators[0]
    equal = isinstance(op, ast.Eq) if truth else isinstance(op, ast.NotEq)
    if not equal or not isinstance(left, ast.Name):
        return {}
    size, known = frame.lookup(left.id), _configured(run, frame, right)
    if size is None or known is None or not any(_is_size_of_input(one) for one in members(size)):
        return {}
    symbol = size.symbol if isinstance(size, Number) else ""
    others = {name: _with_size(value, symbol, known) for name, value in frame.env.items() if symbol}
    return {left.id: known} | {name: value for name, value in others.items() if value is not frame.env[name]}


def _configured(run: Run, frame: Frame, node: ast.expr) -> Value | None:
    """A constant, or what a module or its configuration has for a number; None for anything else."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return Const(node.value, size=True)
    if not isinstance(node, ast.Attribute):
        return None
    value = run.evaluate(frame, node)
    given = value == UNKNOWN or (number_kind(value) is not None and taint_of(value) is Taint.none)
    return Number("int", Taint.fixed) if given else None


def _is_size_of_input(value: Value) -> bool:
    return isinstance(value, Number) and value.taint is Taint.shape


def _with_size(value: Value, symbol: str, known: Value) -> Value:
    """A value in which a size is known that has a name."""
    if isinstance(value, Number):
        return known if value.symbol == symbol else value
    if isinstance(value, Tensor) and value.shape is not None:
        shape = tuple(_with_size(one, symbol, known) for one in value.shape)
        return replace(value, shape=shape) if shape != value.shape else value
    return value


def _without_none(value: Value) -> Value:
    kept = [m for m in members(value) if m != NONE]
    return join_all(kept) if kept else Unknown()


def _narrow_type(run: Run, frame: Frame, node: ast.Call, truth: bool) -> dict[str, Value]:
    function = ast.unparse(node.func) if isinstance(node.func, (ast.Name, ast.Attribute)) else ""
    if not node.args:
        return {}
    if isinstance(node.args[0], ast.Subscript) and function == "isinstance" and len(node.args) == 2:
        return _narrow_elements(frame, node.args[0].value, _type_names(node.args[1]), truth)
    if not isinstance(node.args[0], ast.Name):
        return {}
    name = node.args[0].id
    value = frame.lookup(name)
    if value is None:
        return {}
    if function == "torch.is_tensor":
        wanted = {"Tensor"}
    elif function == "isinstance" and len(node.args) == 2:
        wanted = _type_names(node.args[1])
    else:
        return {}
    kept = [m for m in members(value) if _one_of(m, wanted) is not (not truth)]
    if wanted == {"Tensor"}:
        if truth and isinstance(value, Number):
            return {}  # a size, which is one while `torch.jit.trace` records
        if truth:
            tensors = [replace(m, sure=True) for m in kept if isinstance(m, Tensor)]
            return {name: join_all(tensors) if tensors else run.tensor(None, None, Taint.data)}
        others = [m for m in members(value) if not isinstance(m, Tensor)]
        return {name: join_all(others) if others else Unknown(taint_of(value))}
    if wanted <= _NUMBERS:
        if truth:
            numbers = [m for m in kept if number_kind(m) is not None]
            return {name: join_all(numbers) if numbers else Number(min(wanted) if len(wanted) == 1 else "number")}
        return {name: join_all(kept)} if kept else {}
    if wanted <= {"list", "tuple"} and truth:
        lists = [m for m in kept if isinstance(m, (List, Tuple))]
        if lists:
            return {name: join_all(lists)}
        if isinstance(value, Tensor):
            return {name: List(run.tensor(None, None, Taint.data, sure=False))}
        others = [m for m in members(value) if not isinstance(m, Tensor) or not m.sure]
        taint = max(map(taint_of, others), default=Taint.none)
        return {name: List(Unknown(taint, True) if taint else UNKNOWN)}
    if truth and wanted <= _PLAIN - {"Tensor"}:
        others = [m for m in kept if not isinstance(m, Tensor)]
        return {name: join_all(others) if others else Unknown(taint_of(value))}
    if not truth and not wanted & _PLAIN:
        # what may be an object is annotated carelessly where it is not: `Tensor`, and a tuple is passed
        return {name: join_all(replace(m, sure=False) if isinstance(m, Tensor) else m for m in members(value))}
    return {}


def _narrow_elements(frame: Frame, node: ast.expr, wanted: set[str], truth: bool) -> dict[str, Value]:
    """After ``isinstance(ys[0], list)``: the elements of a list are all lists, or all something else."""
    value = frame.lookup(node.id) if isinstance(node, ast.Name) else None
    if not isinstance(node, ast.Name) or not isinstance(value, List) or not wanted <= {"list", "tuple"}:
        return {}
    kept = [one for one in members(value.any()) if isinstance(one, (List, Tuple)) is truth]
    return {node.id: List(join_all(kept), taint=value.taint, frozen_on=value.frozen_on)} if kept else {}


_NUMBERS = frozenset({"int", "float", "bool", "Number", "Integral", "Real"})
_INSTANCES = {
    "int": frozenset({"int", "Integral", "Real", "Number"}),
    "float": frozenset({"float", "Real", "Number"}),
    "bool": frozenset({"bool", "int", "Integral", "Real", "Number"}),
}
"""What a Python number is an instance of."""
_PLAIN = _NUMBERS | {
    "Tensor",
    "str",
    "bytes",
    "list",
    "tuple",
    "dict",
    "set",
    "ndarray",
    "Image",
    "Sequence",
    "Iterable",
}


def _type_names(node: ast.expr) -> set[str]:
    """The last names of the types in ``isinstance``'s second argument."""
    if isinstance(node, ast.BinOp):
        return _type_names(node.left) | _type_names(node.right)
    if isinstance(node, ast.Tuple):
        return {name for part in node.elts for name in _type_names(part)}
    return {ast.unparse(node).rpartition(".")[2]}


def _one_of(value: Value, wanted: set[str]) -> bool | None:
    """Whether a value is of one of these built-in types, None where that cannot be told."""
    kind = number_kind(value)
    if kind is not None:
        plain = kind in _INSTANCES and not wanted - _NUMBERS - {"str", "Tensor"}
        return bool(_INSTANCES[kind] & wanted) if plain else None
    return None
