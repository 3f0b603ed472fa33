"""What ``torch._check`` and ``assert`` say of numbers: branches that follow from it decide nothing any more.

Measured on torch 2.13: `torch.export` proves ``if n == 0`` from ``torch._check(n > 0)``, through calls and names.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable

from msgspec.structs import replace

from convlint.analyzer import guards
from convlint.analyzer.run import ALL_ROUTES, Frame, Run
from convlint.analyzer.values import Const, Guard, Number, Relation, Tensor, Value, taint_of
from convlint.events import Taint

CHECKS = frozenset(
    f"torch.{name}"
    for name in (
        "_check",
        "_check_index",
        "_check_is_size",
        "_check_not_implemented",
        "_check_tensor_all",
        "_check_type",
        "_check_value",
        "_check_with",
        "_assert",
        "_assert_async",
    )
)
"""Functions that only check what they are given."""

_LESS, _EQUAL, _MORE = 1, 2, 4
_WAYS: dict[type[ast.cmpop], int] = {
    ast.Lt: _LESS,
    ast.LtE: _LESS | _EQUAL,
    ast.Eq: _EQUAL,
    ast.NotEq: _LESS | _MORE,
    ast.GtE: _MORE | _EQUAL,
    ast.Gt: _MORE,
}
"""In which ways a number may then stand to another."""
_MIRRORED = {_LESS: _MORE, _MORE: _LESS, _EQUAL: _EQUAL}


def relation(left: Value, op: ast.cmpop, right: Value) -> Relation | None:
    """What a comparison of numbers asks, None where one of them has no name."""
    ways = _WAYS.get(type(op))
    if ways is None or not isinstance(left, (Number, Const)) or not isinstance(right, (Number, Const)):
        return None
    if isinstance(left, Const):
        left, ways, right = right, _mirrored(ways), left
    if not isinstance(left, Number) or not left.symbol:
        return None
    if isinstance(right, Number):
        return (left.symbol, ways, right.symbol) if right.symbol else None
    if not isinstance(right.value, (int, float)):
        return None
    if left.kind == "int" and ways in (_LESS, _MORE):  # `n > 1` of whole numbers is `n >= 2`
        return (left.symbol, ways | _EQUAL, right.value + (1 if ways == _MORE else -1))
    return (left.symbol, ways, right.value)


def _mirrored(ways: int) -> int:
    return sum(_MIRRORED[way] for way in _MIRRORED if ways & way)


def note(run: Run, frame: Frame, value: Value) -> None:
    """From here on a condition holds."""
    asked = _asked(value)
    if asked is not None:
        run.facts = (*run.facts, (frame.routes, asked))


def note_size(run: Run, frame: Frame, value: Value, most: Value | None) -> None:
    """``torch._check_is_size(n, max=9)``."""
    for op, bound in ((ast.GtE(), Const(0)), (ast.LtE(), most)):
        asked = relation(value, op, bound) if bound is not None else None
        if asked is not None:
            run.facts = (*run.facts, (frame.routes, asked))


def _asked(value: Value) -> Relation | None:
    if not isinstance(value, Number):
        return None
    return value.relation or ((value.symbol, _LESS | _MORE, 0) if value.symbol else None)


def about(run: Run, env: dict[str, Value]) -> tuple[tuple[object, ...], ...]:
    """What was checked of the numbers that are given (which are nameless in a key)."""
    if not run.facts:
        return ()
    given = {name: value for name, value in env.items() if isinstance(value, (Number, Tensor))}
    return tuple(
        (name, on, fact[1:])
        for name, value in given.items()
        for on, fact in run.facts
        if fact[0] == (value.symbol if isinstance(value, Number) else "") or _is_of(fact[0], value)
    )


def _is_of(symbol: str, value: Value) -> bool:
    """Whether a symbol names a size of a tensor."""
    return isinstance(value, Tensor) and symbol.startswith((f"{value.ident}[", f"{value.ident}@"))


def is_decision(value: Value) -> bool:
    """Whether Python must know a value: a tensor, or a number taken out of one (a list of sizes is known)."""
    return (isinstance(value, Tensor) or _asked(value) is not None) and taint_of(value) is Taint.data


def applied(run: Run, value: Value) -> Value:
    """A truth value, decided on the routes on which what was checked before decides it."""
    asked = _asked(value)
    if not run.facts or asked is None or not isinstance(value, Number):
        return value
    known = {route: _follows(asked, [fact for on, fact in run.facts if route in on]) for route in ALL_ROUTES}
    true_on = frozenset(route for route, truth in known.items() if truth is True)
    unknown_on = frozenset(route for route, truth in known.items() if truth is None)
    if unknown_on == ALL_ROUTES:
        return value
    if not unknown_on:
        return guards.plain(Guard(true_on))
    elsewhere = replace(value, frozen_on=value.frozen_on | (ALL_ROUTES - unknown_on), symbol="", relation=None)
    return Guard(true_on, unknown_on, elsewhere)


def _follows(asked: Relation, facts: Iterable[Relation]) -> bool | None:
    name, ways, other = asked
    if isinstance(other, str):
        possible = _LESS | _EQUAL | _MORE
        for left, allowed, right in facts:
            if (left, right) == (name, other):
                possible &= allowed
            elif (left, right) == (other, name):
                possible &= _mirrored(allowed)
    else:
        possible = _possible(other, [(ways, bound) for left, ways, bound in facts if left == name])
    return True if not possible & ~ways else False if not possible & ways else None


def _possible(other: float, facts: Iterable[tuple[int, str | float]]) -> int:
    """In which ways a number may stand to a constant, as others bound it."""
    low, high, equal = -math.inf, math.inf, True
    for ways, bound in facts:
        if isinstance(bound, str):
            continue
        if not ways & _LESS:
            low = max(low, bound)
        if not ways & _MORE:
            high = min(high, bound)
        equal &= bool(ways & _EQUAL) or bound != other
    less, more = low < other, high > other
    return _LESS * less | _EQUAL * (equal and low <= other <= high) | _MORE * more


def is_kept(node: ast.Assert, value: Value) -> bool:
    """Whether exporters keep an ``assert`` as a check: of a number, by a plain comparison, without a message."""
    plain = isinstance(node.test, (ast.Name, ast.Attribute, ast.Call)) or (
        isinstance(node.test, ast.Compare) and len(node.test.ops) == 1 and type(node.test.ops[0]) in _WAYS
    )
    return plain and node.msg is None and isinstance(value, Number) and value.taint is Taint.data
