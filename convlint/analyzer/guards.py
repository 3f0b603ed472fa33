"""Flags by which code asks whether it is being exported: what is known of them on each route."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from convlint.analyzer.run import ALL_ROUTES
from convlint.analyzer.values import FALSE, NONE, TRUE, Const, Guard, Number, Value
from convlint.events import Taint

_NO_ROUTE: frozenset[str] = frozenset()


def flag(value: Value) -> Guard | None:
    """A truth value as a flag; None for anything else."""
    if isinstance(value, Guard):
        return value
    if isinstance(value, Const) and isinstance(value.value, bool):
        return Guard(ALL_ROUTES if value.value else _NO_ROUTE, in_eager=value.value)
    if isinstance(value, Number) and value.kind == "bool" and value.taint is Taint.none:
        return Guard(_NO_ROUTE, ALL_ROUTES)
    return None


def truth(guard: Guard) -> bool | Guard | None:
    """What is known of a flag: the same on every route, None for nothing."""
    if guard.true_on >= ALL_ROUTES or not guard.true_on | guard.unknown_on:
        return bool(guard.true_on)
    return None if guard.unknown_on >= ALL_ROUTES else guard


def is_true(value: Value) -> bool:
    """Whether a value is a flag that is true on every route."""
    known = flag(value)
    return known is not None and truth(known) is True


def plain(guard: Guard) -> Value:
    """A flag as a constant where it is the same on every route, or as a number where nothing is known of it."""
    known = truth(guard)
    return known if isinstance(known, Guard) else Number("bool") if known is None else TRUE if known else FALSE


def inverted(guard: Guard) -> Guard:
    """``not flag``."""
    return Guard(ALL_ROUTES - guard.true_on - guard.unknown_on, guard.unknown_on, in_eager=not guard.in_eager)


def both(a: Guard, b: Guard) -> Guard:
    """``a and b``."""
    true_on = a.true_on & b.true_on
    unknown_on = ((a.true_on | a.unknown_on) & (b.true_on | b.unknown_on)) - true_on
    return Guard(true_on, unknown_on, in_eager=a.in_eager and b.in_eager)


def either(a: Guard, b: Guard) -> Guard:
    """``a or b``."""
    true_on = a.true_on | b.true_on
    return Guard(true_on, (a.unknown_on | b.unknown_on) - true_on, in_eager=a.in_eager or b.in_eager)


def folded(values: Sequence[Value], *, is_all: bool) -> Value | None:
    """``any`` or ``all`` of values some of which are flags; None where none is, or others are no truth values."""
    flags = [flag(value) for value in values]
    if not any(isinstance(value, Guard) for value in values) or None in flags:
        return None
    result = Guard(ALL_ROUTES if is_all else _NO_ROUTE, in_eager=is_all)
    for one in flags:
        if one is not None:
            result = both(result, one) if is_all else either(result, one)
    return plain(result)


def compared(guard: Guard, op: ast.cmpop, other: Value) -> Value:
    """``flag is True``, ``flag == False``, ``torch._C._get_tracing_state() is not None``."""
    if other not in (TRUE, FALSE, NONE) or not isinstance(op, (ast.Is, ast.IsNot, ast.Eq, ast.NotEq)):
        return Number("bool")
    is_same = isinstance(op, (ast.Is, ast.Eq)) == (other == TRUE)
    return guard if is_same else inverted(guard)


def by_route(alternatives: Sequence[tuple[frozenset[str], Value]]) -> Value | None:
    """What is one truth value on some routes and another on others, as a flag; None where it is none."""
    flags = [(routes, one) for routes, value in alternatives if (one := flag(value)) is not None]
    if len(flags) < len(alternatives) or len({routes for routes, _ in flags}) < 2:
        return None
    true_on, unknown_on = set(), set()
    for route in ALL_ROUTES:
        met = {_on(one, route) for routes, one in flags if route in routes}
        if met == {True}:
            true_on.add(route)
        elif met - {False}:
            unknown_on.add(route)
    return plain(Guard(frozenset(true_on), frozenset(unknown_on)))


def _on(guard: Guard, route: str) -> bool | None:
    return True if route in guard.true_on else None if route in guard.unknown_on else False


def joined(alternatives: Sequence[tuple[frozenset[str], Mapping[str, Value]]]) -> dict[str, Value]:
    """The names that are flags after branches taken on different routes."""
    if len({routes for routes, _ in alternatives}) < 2:
        return {}
    first = alternatives[0][1]
    found: dict[str, Value] = {}
    for name, value in first.items():
        given = [(routes, env[name]) for routes, env in alternatives if name in env]
        if len(given) == len(alternatives) and any(one != value for _, one in given):
            result = by_route(given)
            if result is not None:
                found[name] = result
    return found
