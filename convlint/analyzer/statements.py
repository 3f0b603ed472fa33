"""Statements: flow, branches, loops, and what they bind."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import reduce
from typing import Any

from msgspec.structs import replace

from convlint.analyzer import decisions, guards, kept, outputs, precision, writes
from convlint.analyzer.arithmetic import binary
from convlint.analyzer.division import note_division
from convlint.analyzer.index import ClassInfo, FunctionInfo, _class_block
from convlint.analyzer.indexing import index_shape
from convlint.analyzer.iteration import QUIET, Elements, iterate
from convlint.analyzer.run import ALL_ROUTES, STATEMENTS, Frame, Run, join_env
from convlint.analyzer.shapes import CHANNELS, OF_SIZES
from convlint.analyzer.values import (
    UNKNOWN,
    Autocast,
    Class,
    Const,
    Dict,
    Function,
    Guard,
    Instance,
    List,
    Name,
    Number,
    Relation,
    Shape,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    Wrapped,
    join,
    join_all,
    members,
    taint_of,
    tensors_in,
)
from convlint.events import IteratesTensor, Taint
from convlint.source.walk import walk


def _expression(run: Run, frame: Frame, node: ast.Expr) -> None:
    run.evaluate(frame, node.value)


def _return(run: Run, frame: Frame, node: ast.Return) -> None:
    value = run.evaluate(frame, node.value) if node.value is not None else Const(None)
    outputs.note(run, frame, node.value, value)
    frame.returns.append(value)
    frame.returned_on.append(frame.routes)
    frame.returned_after.append(run.written)
    frame.live = False


def _stop(run: Run, frame: Frame, node: ast.stmt) -> None:
    frame.live = False


def _assert(run: Run, frame: Frame, node: ast.Assert) -> None:
    decisions.test(run, frame, node.test, "assert", True, node)
    frame.env.update(decisions.narrowed(run, frame, node.test, True))  # it is right where convlint believes otherwise


# --- binding -----------------------------------------------------------------------------------------------------


def _assign(run: Run, frame: Frame, node: ast.Assign) -> None:
    if len(node.targets) == 1 and _bind_aligned(run, frame, node.targets[0], node.value):
        return
    value = run.evaluate(frame, node.value)
    for target in node.targets:
        bind(run, frame, target, value, node.value)


def _annotated(run: Run, frame: Frame, node: ast.AnnAssign) -> None:
    if node.value is not None:
        bind(run, frame, node.target, run.evaluate(frame, node.value), node.value)


def bind(run: Run, frame: Frame, target: ast.expr, value: Value, source: ast.expr | None = None) -> None:
    """Assign ``value`` to a target of any form; ``source`` is the expression that it was."""
    if isinstance(target, ast.Name):
        frame.env[target.id] = _by_name(target.id, value)
        _note_choice(frame, target.id, source)
    elif isinstance(target, (ast.Tuple, ast.List)):
        _unpack(run, frame, target.elts, value, source)
    elif isinstance(target, ast.Starred):
        bind(run, frame, target.value, value)
    elif isinstance(target, ast.Attribute):
        owner = run.evaluate(frame, target.value)
        for one in members(owner):
            if isinstance(one, Instance):
                kept.note_assignment(run, frame, target, one, target.attr, value)
                set_attribute(frame, one, target.attr, value)
            elif isinstance(one, Tensor) and target.attr == "data":
                kept.note_replaced(run, frame, target, one, value)
    elif isinstance(target, ast.Subscript):
        writes.store(run, frame, target, value, source)


def _note_choice(frame: Frame, name: str, source: ast.expr | None) -> None:
    """``x = a if flag else b``: until one of them is assigned again, ``flag`` says which it is."""
    frame.choices = {one: choice for one, choice in frame.choices.items() if name not in (one, choice[0])}
    if frame.choice is not None and frame.choice[0] is source and frame.certain:
        test, (_, yes, no) = frame.choice[0].test, frame.choice
        if isinstance(test, ast.Name):
            frame.choices[name] = (test.id, yes, no)


def set_attribute(frame: Frame, owner: Instance, name: str, value: Value) -> None:
    """Set an attribute: for certain, or as one more possibility."""
    if isinstance(value, Tensor) and value.state.startswith("parameter") is False and value.state:
        value = replace(value, state="")
    if isinstance(value, Wrapped) and value.compiled and not frame.certain:
        value = value.function  # a matter of configuration, as is the method that it stands for
    if isinstance(value, Const) and value.size and not frame.traced:
        value = Const(value.value)  # Python's own number by the time that anything is traced
    old = owner.attributes.get(name)
    owner.attributes[name] = value if old is None or frame.certain else join(old, value)


def _bind_aligned(run: Run, frame: Frame, target: ast.expr, source: ast.expr) -> bool:
    """``b, n, heads = *x.shape, self.heads``: the targets say how many sizes the starred part has."""
    if not (isinstance(target, (ast.Tuple, ast.List)) and isinstance(source, (ast.Tuple, ast.List))):
        return False
    starred = [i for i, part in enumerate(source.elts) if isinstance(part, ast.Starred)]
    count = len(target.elts) - len(source.elts) + 1
    if len(starred) != 1 or count < 0 or any(isinstance(part, ast.Starred) for part in target.elts):
        return False
    values: list[Value] = []
    for part in source.elts:
        if isinstance(part, ast.Starred):
            value = run.evaluate(frame, part.value)
            values += _items(run, frame, value, count, None, part.value) or [UNKNOWN] * count
        else:
            values.append(run.evaluate(frame, part))
    for one, value in zip(target.elts, values, strict=True):
        bind(run, frame, one, value)
    first, spread = starred[0], source.elts[starred[0]]
    if isinstance(spread, ast.Starred):
        _refine_shape(frame, target.elts[first : first + count], spread.value)
    return True


def _by_name(name: str, value: Value) -> Value:
    """What a name says: ``C`` and ``head_dim`` are sizes that the configuration fixes, ``hw_shape`` holds sizes."""
    if isinstance(value, Unknown) and value.taint > Taint.shape and OF_SIZES.fullmatch(name):
        return Shape()
    if isinstance(value, Number) and value.dim and value.taint is Taint.shape and CHANNELS.fullmatch(name):
        return Number("int", Taint.fixed, symbol=value.symbol)
    return value


def _unpack(run: Run, frame: Frame, targets: list[ast.expr], value: Value, source: ast.expr | None) -> None:
    if isinstance(value, Union):
        fitting = [m for m in value.members if not (isinstance(m, Tuple) and len(m.items) != len(targets))]
        tuples = [m for m in fitting if isinstance(m, (Tuple, List))]
        value = join_all(tuples or fitting) if fitting else value
        if isinstance(value, Union):
            value = next((m for m in value.members if isinstance(m, Tensor)), value)
    star = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
    items = _items(run, frame, value, len(targets), star, source)
    if items is None:
        for target in targets:
            bind(run, frame, target, UNKNOWN)
        return
    if star is None:
        for target, item in zip(targets, items, strict=False):
            bind(run, frame, target, item)
    else:
        after = len(targets) - star - 1
        middle = items[star : len(items) - after]
        parts = [*items[:star], List(join_all(middle), list(middle)), *items[len(items) - after :]]
        for target, item in zip(targets, parts, strict=False):
            bind(run, frame, target, item)
    if isinstance(value, Shape) and source is not None and star is None:
        _refine_shape(frame, targets, source)


def _items(
    run: Run, frame: Frame, value: Value, count: int, star: int | None, source: ast.expr | None
) -> list[Value] | None:
    """The elements that an unpacking of ``count`` targets takes."""
    if isinstance(value, Tuple):
        return list(value.items) if star is not None or len(value.items) == count else None
    if isinstance(value, List):
        if value.items is not None and (len(value.items) == count or star is not None):
            return list(value.items)
        return [*value.head[:count], *[value.any()] * (count - len(value.head))]
    if isinstance(value, Shape):
        return [index_shape(value, Const(i)) for i in range(count)]
    if isinstance(value, Tensor):
        if not value.sure:
            return [run.tensor(None, None, value.taint, sure=False)] * count
        node = source if source is not None else frame.statement
        if star is not None and isinstance(node, ast.expr):
            run.emit(
                frame,
                IteratesTensor,
                node,
                "unpack",
                (value.taint,),
                form="unpack",
                operand=run.operand(frame, node, value),
                dynamic=True,
            )
        shape = value.shape[1:] if value.shape else None
        place = source if source is not None else ast.Constant(None, lineno=getattr(frame.statement, "lineno", 0))
        return [run.view(frame, value, "unbind", place, ("part", ((i, None, 1),)), shape=shape) for i in range(count)]
    if isinstance(value, Unknown):
        return [value] * count
    elements = iterate(run, frame, source, value, "unpack") if source is not None else None
    return None if elements is None else [elements.joined] * count


def _refine_shape(frame: Frame, targets: list[ast.expr], source: ast.expr) -> None:
    """After ``b, c, h, w = x.shape`` the rank of ``x`` is known, and its sizes have names."""
    node = source.func if isinstance(source, ast.Call) else source
    if not (isinstance(node, ast.Attribute) and node.attr in ("shape", "size") and isinstance(node.value, ast.Name)):
        return
    name = node.value.id
    tensor = frame.env.get(name)
    if not isinstance(tensor, Tensor) or tensor.shape is not None:
        return
    dims: list[Value] = []
    for i, target in enumerate(targets):
        known = frame.env.get(target.id) if isinstance(target, ast.Name) else None
        named = Number("int", Taint.shape, symbol=f"{tensor.ident}[{i}]", dim=True, of=frozenset({tensor.ident}))
        dims.append(known if known is not None else named)
    frame.env[name] = replace(tensor, shape=tuple(dims), sure=True)


def _augmented(run: Run, frame: Frame, node: ast.AugAssign) -> None:
    load: ast.expr
    if isinstance(node.target, ast.Subscript):
        value = run.evaluate(frame, node.value)
        if type(node.op) in writes.BITWISE:
            writes.note_bitwise(run, frame, node, _quietly(run, frame, node.target.value), value)
        writes.store(run, frame, node.target, value, node.value)
        return
    load = node.target
    old = run.evaluate(frame, load)
    new = run.evaluate(frame, node.value)
    if type(node.op) in writes.BITWISE:
        writes.note_bitwise(run, frame, node, old, new)
    tensors = [m for m in members(old) if isinstance(m, Tensor)]
    if tensors:
        for tensor in tensors:
            writes.note_overlap(run, frame, node.target, tensor, new, node.value, node)
            writes.in_place(run, frame, node.target, tensor, "augmented", node.lineno, node)
            if isinstance(node.op, ast.FloorDiv):
                note_division(run, frame, node, "augmented", (load, tensor), (node.value, new))
        changed = join_all([replace(t, taint=max(t.taint, taint_of(new))) for t in tensors])
        if isinstance(node.target, ast.Name):
            frame.env[node.target.id] = changed
        return
    if isinstance(old, List):
        other = iterate(run, frame, node.value, new, "list").joined if not isinstance(new, List) else new.any()
        if not (isinstance(new, List) and new.element is None):
            old.add(other, False)
        return
    bind(run, frame, node.target, binary(run, frame, node, old, node.op, new))


def _quietly(run: Run, frame: Frame, node: ast.expr) -> Value:
    """What an expression is, without reading its elements."""
    run.only_metadata, outer = True, run.only_metadata
    value = run.evaluate(frame, node)
    run.only_metadata = outer
    return value


def _delete(run: Run, frame: Frame, node: ast.Delete) -> None:
    for target in node.targets:
        if isinstance(target, ast.Name):
            frame.env.pop(target.id, None)


# --- branches ----------------------------------------------------------------------------------------------------


def _if(run: Run, frame: Frame, node: ast.If) -> None:
    truth = decisions.test(run, frame, node.test, "if", _only_checks(node), node)
    if truth is True:
        frame.env.update(decisions.narrowed(run, frame, node.test, True))
        run.execute(frame, node.body)
    elif truth is False:
        frame.env.update(decisions.narrowed(run, frame, node.test, False))
        run.execute(frame, node.orelse)
    else:
        true_on = truth.true_on | truth.unknown_on if isinstance(truth, Guard) else ALL_ROUTES
        false_on = ALL_ROUTES - truth.true_on if isinstance(truth, Guard) else ALL_ROUTES
        arms(
            run,
            frame,
            [
                (true_on, decisions.narrowed(run, frame, node.test, True), lambda: run.execute(frame, node.body)),
                (false_on, decisions.narrowed(run, frame, node.test, False), lambda: run.execute(frame, node.orelse)),
            ],
            in_eager=int(not truth.in_eager) if isinstance(truth, Guard) and not truth.unknown_on else None,
        )


def _only_checks(node: ast.If) -> bool:
    """Whether a branch exports the same on each side: one raises, or it tells declared layouts apart, else raises."""
    if decisions.only_checks(node.body) and (not node.orelse or isinstance(node.body[-1], ast.Raise)):
        return True
    if not node.orelse:
        return False
    if len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If):
        other = node.orelse[0]
        return _is_equality(node.test) and _is_equality(other.test) and bool(other.orelse) and _only_checks(other)
    return decisions.only_checks(node.orelse)


def _is_equality(node: ast.expr) -> bool:
    return isinstance(node, ast.Compare) and all(isinstance(op, (ast.Eq, ast.In)) for op in node.ops)


Arm = tuple[frozenset[str], dict[str, Value], Callable[[], None]]


def arms(run: Run, frame: Frame, alternatives: list[Arm], in_eager: int | None = None) -> None:
    """Run each arm from the same state, on its routes, and join what they leave.

    What the arm checks that is taken ``in_eager`` holds for all valid inputs, on every route.
    """
    env, certain, missed, facts, written = frame.env, frame.certain, run.memory.missed, run.facts, run.written
    after_written: list[frozenset[tuple[int, str]]] = []
    after_missed: dict[int, Any] = {}
    live: list[tuple[frozenset[str], dict[str, Value]]] = []
    held: list[dict[str, Value]] = []
    learnt: list[tuple[frozenset[str], Relation]] = []
    outer_routes = frame.routes
    frame.certain = False
    for i, (routes, narrowed, body) in enumerate(alternatives):
        frame.env = {**env, **narrowed}
        frame.live = True
        run.memory.missed, run.facts, run.written = dict(missed), facts, written
        frame.routes = outer_routes & routes
        if frame.routes:
            body()
            if frame.live:
                live.append((frame.routes, frame.env))
                held.append(narrowed)
                after_written.append(run.written)
                new = run.facts[len(facts) :]
                others = (other for other, _, arm in alternatives if new and arm is not body)
                alone = frame.routes.difference(*others)
                for on, fact in new:
                    holds_on = outer_routes if i == in_eager and on >= frame.routes else on & alone
                    learnt += [(holds_on, fact)] if holds_on else []
                run.memory.merge(after_missed)
                after_missed = run.memory.missed
    frame.routes = outer_routes & frozenset[str]().union(*(routes for routes, _ in live)) if live else outer_routes
    frame.certain, run.facts = certain, (*facts, *learnt)
    frame.live = bool(live)
    if len(live) > 1:
        live = [(on, _as_before(now, narrowed, env)) for (on, now), narrowed in zip(live, held, strict=True)]
    frame.env = reduce(join_env, (now for _, now in live)) | guards.joined(live) if live else env
    run.memory.missed = after_missed if live else missed
    run.written = frozenset.intersection(*after_written) if live else written


def _as_before(now: dict[str, Value], narrowed: dict[str, Value], env: dict[str, Value]) -> dict[str, Value]:
    """The names behind an arm: a size that was known in it alone, under ``n == 1``, is any again."""
    sizes = {
        name: env[name]
        for name, value in narrowed.items()
        if now.get(name) is value and isinstance(env.get(name), (Number, Tensor))
    }
    return now | sizes


def _match(run: Run, frame: Frame, node: ast.Match) -> None:
    decisions.test(run, frame, node.subject, "match", False, node)
    alternatives: list[Arm] = [(ALL_ROUTES, {}, _case(run, frame, case)) for case in node.cases]
    arms(run, frame, [*alternatives, (ALL_ROUTES, {}, lambda: None)])


def _case(run: Run, frame: Frame, case: ast.match_case) -> Callable[[], None]:
    def body() -> None:
        for part in walk(case.pattern):
            name = getattr(part, "name", None)
            if isinstance(name, str):
                frame.env[name] = UNKNOWN
        run.execute(frame, case.body)

    return body


def _try(run: Run, frame: Frame, node: ast.Try) -> None:
    before = dict(frame.env)

    returned = len(frame.returns)

    def main() -> None:
        run.execute(frame, [*node.body, *node.orelse])

    def handler(one: ast.ExceptHandler) -> Callable[[], None]:
        def body() -> None:
            frame.env = join_env(before, frame.env)
            if one.name:
                frame.env[one.name] = UNKNOWN
            run.execute(frame, one.body)

        return body

    def rescue(one: ast.ExceptHandler) -> Callable[[], None]:
        """What is answered when something fails is not what is answered: `try: return is_tracing()`."""
        return lambda: handler(one)() if len(frame.returns) == returned else _stop(run, frame, node)

    arms(run, frame, [(ALL_ROUTES, {}, main), *((ALL_ROUTES, {}, rescue(h)) for h in node.handlers)])
    if node.finalbody:
        live, frame.live = frame.live, True
        run.execute(frame, node.finalbody)
        frame.live = frame.live and live


# --- loops -------------------------------------------------------------------------------------------------------


def _for(run: Run, frame: Frame, node: ast.For) -> None:
    value = run.evaluate(frame, node.iter)
    counter = _counter(node)
    of_size = isinstance(value, List) and value.taint is Taint.shape
    is_fixed = of_size and _picks_layers(run, frame, node, counter)
    elements = iterate(run, frame, node.iter, value, QUIET if is_fixed else "for")

    def once(element: Value) -> Callable[[], None]:
        def body() -> None:
            if counter and run.memory.missed:
                run.memory.next_round((tensor.ident for tensor in tensors_in(element)), frame.counter[1])
            if isinstance(node.target, ast.Name):
                frame.env[node.target.id] = element  # `for dim in x.shape` names no channels
            else:
                bind(run, frame, node.target, element)
            run.execute(frame, node.body)

        return body

    outer = frame.counter, frame.unrolled
    frame.counter = counter, run.memory.fresh()
    frame.unrolled = (counter if of_size else "") or frame.unrolled
    loop(run, frame, elements, once, node)
    frame.counter, frame.unrolled = outer
    if node.orelse and frame.live:
        run.execute(frame, node.orelse)


def _counter(node: ast.For) -> str:
    """The variable of a loop that is another number in each round, `i` of `range` or of `enumerate`, '' for none."""
    called = node.iter.func if isinstance(node.iter, ast.Call) else None
    target = node.target
    if isinstance(called, ast.Name) and called.id == "enumerate" and isinstance(target, ast.Tuple) and target.elts:
        target = target.elts[0]
    elif not (isinstance(called, ast.Name) and called.id == "range"):
        return ""
    stored = (part for statement in node.body for part in walk(statement) if isinstance(part, ast.Name))
    if not isinstance(target, ast.Name) or any(
        one.id == target.id and isinstance(one.ctx, ast.Store) for one in stored
    ):
        return ""
    return target.id


def _picks_layers(run: Run, frame: Frame, node: ast.For, counter: str) -> bool:
    """Whether each round takes its own layer, ``self.heads[i]``: there are as many rounds as layers were made."""
    for part in (one for statement in node.body for one in walk(statement)):
        if isinstance(part, ast.Subscript) and isinstance(part.slice, ast.Name) and part.slice.id == counter:
            owner = run.evaluate(frame, part.value) if isinstance(part.value, ast.Attribute) else UNKNOWN
            if isinstance(owner, List) and owner.registered:
                return True
    return False


def _while(run: Run, frame: Frame, node: ast.While) -> None:
    truth = decisions.test(run, frame, node.test, "while", False, node)
    if truth is False:
        return

    def once(_: Value) -> Callable[[], None]:
        def body() -> None:
            run.execute(frame, node.body)
            if frame.live:
                frame.statement = node
                decisions.test(run, frame, node.test, "while", False, node)

        return body

    frame.counter, outer = ("", 0), frame.counter
    loop(run, frame, Elements(UNKNOWN), once, node)
    frame.counter = outer


UNROLLED = 6


def loop(
    run: Run, frame: Frame, elements: Elements, once: Callable[[Value], Callable[[], None]], node: ast.stmt
) -> None:
    """Run a loop's body: over each of a few known elements, else twice over any of them."""
    known = elements.items
    if known is not None and 0 < len(known) <= UNROLLED and not any(isinstance(n, ast.Break) for n in walk(node)):
        for element in known:
            frame.live = True
            routes = frame.routes
            once(element)()
            frame.routes = routes
        frame.live = True
        return
    if known is not None and not known:
        return
    for _ in range(2):
        statement, written = frame.statement, [run.written]
        body = _continued(run, frame, once(elements.joined), written)
        arms(run, frame, [(ALL_ROUTES, {}, body), (ALL_ROUTES, {}, lambda: None)])
        frame.statement, run.written = statement, written[-1]  # most loops run
    frame.live = True


def _continued(
    run: Run, frame: Frame, body: Callable[[], None], written: list[frozenset[tuple[int, str]]]
) -> Callable[[], None]:
    """A loop's body, after which the loop goes on (``break`` and ``continue`` end the body only)."""

    def run_body() -> None:
        body()
        frame.live = True
        written.append(run.written)

    return run_body


def _with(run: Run, frame: Frame, node: ast.With | ast.AsyncWith) -> None:
    entered = len(run.autocast)
    try:
        for item in node.items:
            value = run.evaluate(frame, item.context_expr)
            if item.optional_vars is not None:
                bind(run, frame, item.optional_vars, value)
            if isinstance(value, Autocast):
                precision.enter(run, frame, item.context_expr, value)
        run.execute(frame, node.body)
    finally:  # code too deep to follow is left by an exception
        del run.autocast[entered:]


# --- definitions -------------------------------------------------------------------------------------------------


def _function(run: Run, frame: Frame, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    outer = f"{frame.function.qualname}.<locals>." if frame.function else ""
    info = FunctionInfo(frame.module, outer + node.name, node)
    frame.env[node.name] = Function(info, None, frame)


def _class(run: Run, frame: Frame, node: ast.ClassDef) -> None:
    info = ClassInfo(frame.module, node.name, node)
    _class_block(info, node.body)
    frame.env[node.name] = Class(info)


def _import(run: Run, frame: Frame, node: ast.Import) -> None:
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        frame.env[name] = Name(alias.name if alias.asname else name)


def _import_from(run: Run, frame: Frame, node: ast.ImportFrom) -> None:
    source = frame.module.absolute(node.module, node.level)
    for alias in node.names:
        if alias.name != "*":
            frame.env[alias.asname or alias.name] = run.imported(source, alias.name)


STATEMENTS |= {
    ast.Expr: _expression,
    ast.Return: _return,
    ast.Raise: _stop,
    ast.Break: _stop,
    ast.Continue: _stop,
    ast.Assert: _assert,
    ast.Assign: _assign,
    ast.AnnAssign: _annotated,
    ast.AugAssign: _augmented,
    ast.Delete: _delete,
    ast.If: _if,
    ast.Match: _match,
    ast.Try: _try,
    ast.For: _for,
    ast.AsyncFor: _for,
    ast.While: _while,
    ast.With: _with,
    ast.AsyncWith: _with,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.ClassDef: _class,
    ast.Import: _import,
    ast.ImportFrom: _import_from,
}
if hasattr(ast, "TryStar"):
    STATEMENTS[ast.TryStar] = _try

__all__ = ["Dict", "bind", "loop", "set_attribute"]
