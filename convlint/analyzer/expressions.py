"""Expressions to values."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from convlint.analyzer import bools, calls, checks, data_reads, decisions, dtype_mixes, formats, guards, keys
from convlint.analyzer.arithmetic import binary, compared
from convlint.analyzer.attributes import attribute
from convlint.analyzer.index import FunctionInfo
from convlint.analyzer.indexing import constant_slice, index_shape, index_tensor, loop_of
from convlint.analyzer.iteration import iterate
from convlint.analyzer.run import ALL_ROUTES, EXPRESSIONS, Frame, Run
from convlint.analyzer.shapes import integer
from convlint.analyzer.statements import UNROLLED, bind
from convlint.analyzer.values import (
    FALSE,
    NONE,
    NOWHERE,
    TRUE,
    UNKNOWN,
    Array,
    Class,
    Const,
    Dict,
    Function,
    Guard,
    Instance,
    List,
    Name,
    Number,
    Places,
    Shape,
    Sign,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    join,
    join_all,
    members,
    taint_of,
    with_taint,
)
from convlint.events import Taint
from convlint.source.walk import walk

METADATA = frozenset(
    ["shape", "size", "dtype", "device", "ndim", "dim", "numel", "is_cuda", "requires_grad", "type", "layout"]
)
"""Attributes that say nothing of a tensor's values."""


def _constant(run: Run, frame: Frame, node: ast.Constant) -> Value:
    return Const(node.value)


def _name(run: Run, frame: Frame, node: ast.Name) -> Value:
    value = frame.env.get(node.id) or frame.lookup(node.id)
    if frame.drawn:
        run.use(frame, node.id)
    if value is None:
        value = run.global_name(frame.module, node.id)
    if value is None:
        return Name(f"builtins.{node.id}")
    if run.memory.missed:
        run.read(frame, node, value)
    return value


def _attribute(run: Run, frame: Frame, node: ast.Attribute) -> Value:
    if calls.is_super(node.value):
        return calls.super_attribute(run, frame, node.attr)
    run.only_metadata, outer = run.only_metadata or node.attr in METADATA, run.only_metadata
    owner = run.evaluate(frame, node.value)
    run.only_metadata = outer
    if node.attr in data_reads.READ:
        data_reads.note_data(run, frame, node, owner)
    value = attribute(run, frame, node, owner)
    if run.memory.missed:
        run.read(frame, node, value)
    return value


def _tuple(run: Run, frame: Frame, node: ast.Tuple) -> Value:
    items = _elements(run, frame, node.elts)
    return Tuple(tuple(items)) if items is not None else List(_joined(run, frame, node.elts))


def _list(run: Run, frame: Frame, node: ast.List | ast.Set) -> Value:
    items = _elements(run, frame, node.elts)
    if items is None:
        return List(_joined(run, frame, node.elts))
    return List(join_all(items) if items else None, items)


def _elements(run: Run, frame: Frame, nodes: list[ast.expr]) -> list[Value] | None:
    """The items of a display; None where a starred part has unknown length."""
    items: list[Value] = []
    for node in nodes:
        if not isinstance(node, ast.Starred):
            items.append(run.evaluate(frame, node))
            continue
        value = run.evaluate(frame, node.value)
        known = value.items if isinstance(value, (Tuple, List)) else None
        if known is not None:
            items += known
        else:
            return None
    return items


def _joined(run: Run, frame: Frame, nodes: list[ast.expr]) -> Value:
    values = []
    for node in nodes:
        if isinstance(node, ast.Starred):
            values.append(iterate(run, frame, node.value, run.evaluate(frame, node.value), "star").joined)
        else:
            values.append(run.evaluate(frame, node))
    return join_all(values)


def _dict(run: Run, frame: Frame, node: ast.Dict) -> Value:
    result = Dict()
    for key, item in zip(node.keys, node.values, strict=True):
        value = run.evaluate(frame, item)
        if key is None:
            if isinstance(value, Dict):
                result.items |= value.items
                result.rest = value.rest if result.rest is None else result.rest
            continue
        name = run.evaluate(frame, key)
        if isinstance(name, Const):
            result.items[name.value] = value
        else:
            result.rest = value if result.rest is None else join(result.rest, value)
    return result


# --- operators ---------------------------------------------------------------------------------------------------


def _binary(run: Run, frame: Frame, node: ast.BinOp) -> Value:
    left, right = run.evaluate(frame, node.left), run.evaluate(frame, node.right)
    formats.note_percent(run, frame, node, left, right)
    return binary(run, frame, node, left, node.op, right)


def _unary(run: Run, frame: Frame, node: ast.UnaryOp) -> Value:
    value = run.evaluate(frame, node.operand)
    if isinstance(node.op, ast.Not):
        truth = decisions.decide(run, frame, node.operand, value, "not")
        if isinstance(truth, bool):
            return FALSE if truth else TRUE
        return guards.inverted(truth) if isinstance(truth, Guard) else Number("bool")
    if isinstance(value, Const) and isinstance(value.value, (int, float)) and isinstance(node.op, ast.USub):
        return Const(-value.value)
    if isinstance(value, Tensor):
        if isinstance(node.op, ast.USub) and value.exact == "bfloat16":
            dtype_mixes.note(run, frame, node, "neg", [value])
        sign: Sign = "-" if isinstance(node.op, ast.USub) and value.sign else ""
        made = run.tensor(value.dtype, value.shape, value.taint, counted=value.counted, sign=sign)
        return replace(made, squeezed=value.squeezed)
    if isinstance(value, Number):
        symbol = f"-{value.symbol}" if value.symbol else ""
        return Number(value.kind, value.taint, value.frozen_on, symbol, of=value.of, stepwise=value.stepwise)
    return value if isinstance(value, (Array, Unknown)) else UNKNOWN


def _boolean(run: Run, frame: Frame, node: ast.BoolOp) -> Value:
    is_and = isinstance(node.op, ast.And)
    kept: list[Value] = []
    env = frame.env
    guard: Guard | None = None
    routes = frame.routes
    for i, part in enumerate(node.values):
        value = run.evaluate(frame, part)
        last = i == len(node.values) - 1
        truth = (
            decisions.decide(run, frame, part, value, "and" if is_and else "or")
            if not last
            else bool(value.value)
            if isinstance(value, Const)
            else value
            if isinstance(value, Guard)
            else None
        )
        if isinstance(truth, Guard):
            guard = truth if guard is None else guards.both(guard, truth) if is_and else guards.either(guard, truth)
            frame.routes &= truth.true_on | truth.unknown_on if is_and else ALL_ROUTES - truth.true_on
        elif truth is not is_and:
            if truth is not None:
                kept.append(value)
                break
            kept.append(Number("bool") if not last and isinstance(value, (Tensor, Number)) else value)
        elif last:
            kept.append(value)
        narrowed = decisions.narrowed(run, frame, part, is_and)
        if narrowed:
            frame.env = {**frame.env, **narrowed}
    decided = guard is not None and not frame.routes
    skipped = routes - frame.routes
    frame.routes = routes
    if frame.env is not env:
        bound = {k: v for k, v in frame.env.items() if k not in env}  # walrus
        frame.env = env
        frame.env.update(bound)
    if guard is not None and decided:  # on every route, so that nothing else is asked
        return guard
    if is_and and kept and _never(kept[-1]):
        return FALSE  # whatever the other parts are
    if not is_and and kept and kept[-1] == TRUE:
        return TRUE
    if not kept:
        return guard if guard is not None else (TRUE if is_and else FALSE)
    if guard is not None and all(isinstance(v, Const) for v in kept):
        # every other part is decided: `is_tracing() and True`
        return guard if all(bool(v.value) is is_and for v in kept if isinstance(v, Const)) else kept[-1]
    if guard is not None and all(isinstance(v, (Number, Unknown, Const)) and not taint_of(v) for v in kept):
        # `is_tracing() or isinstance(x, Proxy)`: where no exporter is met, taken for false
        return guard if not is_and else Guard(frozenset(), guard.true_on | guard.unknown_on)
    if isinstance(kept[-1], Number) and kept[-1].degenerate:
        kept = [_decided(one) for one in kept]
    result = join_all(kept)
    others = [one for one in members(result) if isinstance(one, (Number, Tensor))]
    if skipped and others:
        # where the flag had decided already, nothing else is asked
        worst = max(others, key=taint_of)
        frozen = worst.frozen_on if isinstance(worst, Number) else frozenset()
        asked = Number("bool", taint_of(worst), frozen | skipped)
        if guard is None:
            return asked
        if is_and:
            return Guard(frozenset(), guard.true_on | guard.unknown_on, asked)
        return Guard(guard.true_on, ALL_ROUTES - guard.true_on, asked)
    return result


def _never(value: Value) -> bool:
    return isinstance(value, Const) and not value.value


def _decided(value: Value) -> Value:
    """A part of a test that was decided on for itself: what it is says nothing about sizes."""
    return join_all(replace(one, degenerate=True) if isinstance(one, Number) else one for one in members(value))


_SIZES = (Shape, Tuple, List)
_LAYOUTS = range(2, 10)
"""How many coordinates or channels there are: of images, points, boxes, small matrices."""


def _asks_for_layout(size: Value, op: ast.cmpop, bound: ast.expr) -> bool:
    """Whether the size of an axis that is not the first is asked to be one small number, or one of a few.

    ``boxes.shape[-1] == 4``, ``x.shape[1] in (3, 4)``: that tells kinds of inputs, and a model is exported for one.
    """
    asked = bound.elts if isinstance(bound, (ast.Tuple, ast.List, ast.Set)) else [bound]
    return (
        isinstance(op, (ast.Eq, ast.NotEq, ast.In, ast.NotIn))
        and isinstance(size, Number)
        and size.dim
        and size.taint is Taint.shape
        and not size.symbol.endswith(("[0]", "@0"))
        and all(isinstance(one, ast.Constant) and one.value in _LAYOUTS for one in asked)
    )


def _is_of_round(frame: Frame, node: ast.expr) -> bool:
    """Whether a test tells one round of an unrolled loop from others: ``if i < n - 1``."""
    return bool(frame.unrolled) and any(isinstance(part, ast.Name) and part.id == frame.unrolled for part in walk(node))


def _compare(run: Run, frame: Frame, node: ast.Compare) -> Value:
    left_node, left = node.left, run.evaluate(frame, node.left)
    results: list[Value] = []
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = run.evaluate(frame, right_node)
        truth = checks.applied(run, compared(run, left, op, right))
        if _is_device_nobody_exports_on(left_node, right):
            truth = FALSE if isinstance(op, ast.Eq) else TRUE if isinstance(op, ast.NotEq) else truth
        bools.note_operator(run, frame, node, op, (left_node, left), (right_node, right))
        if isinstance(truth, Number) and _asks_for_layout(left, op, right_node):
            truth = replace(truth, taint=Taint.fixed)
        elif isinstance(truth, Number) and truth.taint is Taint.shape and _is_of_round(frame, node):
            truth = replace(truth, frozen_on=ALL_ROUTES)  # the finding is the loop's
        results.append(truth)
        if isinstance(op, (ast.In, ast.NotIn)):
            keys.note_key(run, frame, node, right, left, node.left)
            keys.note_set(run, frame, node, right_node, left, node.left)
        if isinstance(left, _SIZES) and isinstance(right, _SIZES):
            decisions.compare_sizes(run, frame, node, left, right, results[-1])
        left_node, left = right_node, right
    if len(results) == 1:
        return results[0]
    if any(isinstance(r, Const) and r.value is False for r in results):
        return FALSE
    tainted = [r for r in results if taint_of(r) >= Taint.fixed]
    if not tainted:
        return results[-1]
    return max(tainted, key=lambda one: (taint_of(one), not (isinstance(one, Number) and one.degenerate)))


def _is_device_nobody_exports_on(node: ast.expr, compared_with: Value) -> bool:
    """Whether ``x.device.type`` is compared with another kind of device than the CPU and CUDA: ``"mps"``."""
    if not (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)):
        return False
    asked = (node.value.attr, node.attr) == ("device", "type")
    return asked and isinstance(compared_with, Const) and compared_with.value not in ("cpu", "cuda")


# --- scopes ------------------------------------------------------------------------------------------------------


def _conditional(run: Run, frame: Frame, node: ast.IfExp) -> Value:
    truth = decisions.test(run, frame, node.test, "ternary", False, node)
    if isinstance(truth, bool):
        return _under(run, frame, node.test, truth, node.body if truth else node.orelse)
    if isinstance(truth, Guard):
        true_on, false_on = truth.true_on | truth.unknown_on, ALL_ROUTES - truth.true_on
        with run.on_routes(frame, true_on):
            yes = _under(run, frame, node.test, True, node.body)
        with run.on_routes(frame, false_on):
            no = _under(run, frame, node.test, False, node.orelse)
        return guards.by_route([(true_on, yes), (false_on, no)]) or _one_size(yes, no) or join(yes, no)
    yes = _under(run, frame, node.test, True, node.body)
    no = _under(run, frame, node.test, False, node.orelse)
    frame.choice = (node, yes, no)
    return join(yes, no)


def _one_size(yes: Value, no: Value) -> Value | None:
    """A size, also where code makes a tensor of it for one exporter: `torch.tensor(n) if is_tracing() else n`."""
    for tensor, number in ((yes, no), (no, yes)):
        if isinstance(tensor, Tensor) and tensor.taint <= Taint.shape:
            if isinstance(number, Number) and tensor.taint is Taint.shape:
                return with_taint(number, Taint.shape)
            if isinstance(number, (Number, Const)) or number == UNKNOWN:
                return number
    return None


def _under(run: Run, frame: Frame, test: ast.expr, truth: bool, node: ast.expr) -> Value:
    """An expression evaluated where a test came out one way."""
    narrowed = decisions.narrowed(run, frame, test, truth)
    before = {name: frame.env.get(name) for name in narrowed}
    frame.env.update(narrowed)
    tests, frame.tests = frame.tests, None
    try:
        return run.evaluate(frame, node)
    finally:
        frame.tests = tests
        for name, value in before.items():
            if value is None:
                frame.env.pop(name, None)
            else:
                frame.env[name] = value


def _lambda(run: Run, frame: Frame, node: ast.Lambda) -> Value:
    outer = f"{frame.function.qualname}.<locals>." if frame.function else ""
    return Function(FunctionInfo(frame.module, f"{outer}<lambda:{node.col_offset}>", node), None, frame)


def _comprehension(run: Run, frame: Frame, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
    result = List(None, [])
    form = "unpack" if _is_unpacked(frame.statement, node) else "comprehension"
    _generate(run, _inner(frame), node.generators, lambda f: result.add(run.evaluate(f, node.elt), f.certain), form)
    if isinstance(node, ast.SetComp):
        keys.note_elements(run, frame, node, result.any())
    return result


def _is_unpacked(statement: ast.stmt | None, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> bool:
    """Whether it is ``h, w = (int(side) for side in sides)``: as many as there are names."""
    if not isinstance(statement, ast.Assign) or statement.value is not node or len(node.generators) > 1:
        return False
    targets = [target.elts for target in statement.targets if isinstance(target, (ast.Tuple, ast.List))]
    plain = bool(targets) and not any(isinstance(one, ast.Starred) for elts in targets for one in elts)
    return plain and not node.generators[0].ifs


def _dict_comprehension(run: Run, frame: Frame, node: ast.DictComp) -> Value:
    result = Dict()

    def add(inner: Frame) -> None:
        key, value = run.evaluate(inner, node.key), run.evaluate(inner, node.value)
        if isinstance(key, Const):
            result.items[key.value] = value
        else:
            result.rest = value if result.rest is None else join(result.rest, value)

    _generate(run, _inner(frame), node.generators, add)
    return result


def _inner(frame: Frame) -> Frame:
    return Frame(
        frame.module, frame.function, frame, routes=frame.routes, traced=frame.traced, statement=frame.statement
    )


def _generate(
    run: Run,
    frame: Frame,
    generators: list[ast.comprehension],
    body: Callable[[Frame], None],
    form: str = "comprehension",
) -> None:
    if not generators:
        body(frame)
        return
    first = generators[0]
    value = run.evaluate(frame, first.iter)
    elements = iterate(run, frame, first.iter, value, form)
    known = elements.items if elements.items is not None and len(elements.items) <= UNROLLED else None
    certain = frame.certain
    for element in known if known is not None else [elements.joined]:
        frame.certain = certain and known is not None
        bind(run, frame, first.target, element)
        truths = []
        for condition in first.ifs:
            truths.append(decisions.test(run, frame, condition, "filter", False, condition))
            frame.env.update(decisions.narrowed(run, frame, condition, True))
        if any(t is False for t in truths):
            continue
        if any(t is not True for t in truths):
            frame.certain = False
        _generate(run, frame, generators[1:], body)
    frame.certain = certain


def _walrus(run: Run, frame: Frame, node: ast.NamedExpr) -> Value:
    value = run.evaluate(frame, node.value)
    bind(run, frame, node.target, value, node.value)
    return value


def _string(run: Run, frame: Frame, node: ast.JoinedStr) -> Value:
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            formats.note_field(run, frame, part, run.evaluate(frame, part.value))
    return UNKNOWN


def _slice(run: Run, frame: Frame, node: ast.Slice) -> Value:
    parts = (node.lower, node.upper, node.step)
    return Tuple(tuple(run.evaluate(frame, p) if p is not None else NONE for p in parts))


def _yield(run: Run, frame: Frame, node: ast.Yield) -> Value:
    frame.yields.append(run.evaluate(frame, node.value) if node.value is not None else NONE)
    return UNKNOWN


def _yield_from(run: Run, frame: Frame, node: ast.YieldFrom) -> Value:
    frame.yields.append(iterate(run, frame, node.value, run.evaluate(frame, node.value), "for").joined)
    return UNKNOWN


def _await(run: Run, frame: Frame, node: ast.Await) -> Value:
    return run.evaluate(frame, node.value)


def _starred(run: Run, frame: Frame, node: ast.Starred) -> Value:
    return run.evaluate(frame, node.value)


# --- subscripts --------------------------------------------------------------------------------------------------


def _subscript(run: Run, frame: Frame, node: ast.Subscript) -> Value:
    owner = _indexed_owner(run, frame, node)
    index = run.evaluate(frame, node.slice)
    vague = isinstance(owner, (Union, Unknown)) or isinstance(index, (Union, Unknown))
    if vague and isinstance(node.slice, (ast.Name, ast.Call)):
        run.doubt(frame, node)  # it may be no selection by a mask of one axis, as it is in another call
    return join_all(_indexed(run, frame, node, one, index) for one in members(owner) if one != NONE)


def _indexed_owner(run: Run, frame: Frame, node: ast.Subscript) -> Value:
    """``x`` of ``x[i]``: in a loop over ``i`` earlier rounds have written nothing of what is read of it."""
    loop = loop_of(frame, node.slice) if isinstance(node.value, ast.Name) else 0
    if not loop:
        return run.evaluate(frame, node.value)
    run.only_metadata, outer = True, run.only_metadata
    owner = run.evaluate(frame, node.value)
    run.only_metadata = outer
    run.read(frame, node.value, owner, (loop, node))
    return owner


def _at_key(run: Run, owner: Dict, key: Any) -> Value:
    """What a dict has under a key; the tensors under two keys are two."""
    value = owner.items.get(key, owner.rest)
    if key not in owner.items and isinstance(value, Tensor) and value.ident:
        ident = run.memory.fresh()
        value = owner.items[key] = replace(value, ident=ident, storage=ident)
    return owner.any() if value is None else value


def _indexed(run: Run, frame: Frame, node: ast.Subscript, owner: Value, index: Value) -> Value:
    if isinstance(owner, Tensor):
        if isinstance(index, Const) and isinstance(index.value, str):  # it was presumed to be a tensor
            owner = Dict(rest=run.tensor(None, None, owner.taint, sure=False))
            if isinstance(node.value, ast.Name) and node.value.id in frame.env:
                frame.env[node.value.id] = owner
            return _at_key(run, owner, index.value)
        return index_tensor(run, frame, node, owner, index)
    if isinstance(owner, Tuple):
        return _indexed_items(owner.items, node, index)
    if isinstance(owner, List):
        if owner.items is not None:
            return _indexed_items(tuple(owner.items), node, index)
        at = integer(index)
        if at is not None and 0 <= at < len(owner.head):
            return owner.head[at]
        if at is not None and at < 0:  # by another number a part is asked for that is there in any case
            iterate(run, frame, node.value, owner, "part")
        return List(owner.element) if isinstance(node.slice, ast.Slice) else owner.any()
    if isinstance(owner, Dict):
        keys.note_key(run, frame, node, owner, index, node.slice)
        return _at_key(run, owner, index.value) if isinstance(index, Const) else owner.any()
    if isinstance(owner, Shape):
        return _indexed_shape(owner, node, index)
    if isinstance(owner, Instance):
        field = _output_field(run, owner, integer(index))
        if field is not None:
            return field
        info = run.method(owner.cls, "__getitem__")
        return calls.call_value(run, frame, node, Function(info, owner), [index]) if info is not None else UNKNOWN
    if isinstance(owner, Array):
        return owner
    if isinstance(owner, (Name, Class)):
        return owner  # a generic: list[Tensor]
    if isinstance(owner, Unknown):
        return Unknown(max(owner.taint, taint_of(index)), owner.module)
    return UNKNOWN


def _output_field(run: Run, owner: Instance, at: int | None) -> Value | None:
    """``outputs[0]`` of an ordered dict with declared fields (a model's output): the first that is not None."""
    if at != 0 or not any(base.rpartition(".")[2] == "OrderedDict" for base in run.outside_bases(owner.cls)):
        return None
    names = [name for cls in reversed(run.mro(owner.cls)) for name in cls.annotations]
    given = [owner.attributes[name] for name in names if owner.attributes.get(name, NONE) != NONE]
    return given[0] if given else None


def _indexed_items(items: tuple[Value, ...], node: ast.Subscript, index: Value) -> Value:
    if isinstance(node.slice, ast.Slice):
        part = constant_slice(items, index)
        return Tuple(part) if part is not None else List(join_all(items))
    at = integer(index)
    if at is not None and -len(items) <= at < len(items):
        return items[at]
    return join_all(items) if items else UNKNOWN


def _counted_behind(owner: Shape, start: int | None) -> tuple[Taint, Places]:
    """What the sizes from an axis on depend on: a selection changes the first."""
    first = owner.taint is not Taint.data or not start or start < 0
    return (owner.taint, owner.counted) if first else (Taint.shape, NOWHERE)


def _indexed_shape(owner: Shape, node: ast.Subscript, index: Value) -> Value:
    if isinstance(node.slice, ast.Slice) and isinstance(index, Tuple):
        start, stop = integer(index.items[0]), integer(index.items[1])
        if start is not None and start < 0 and index.items[1] == NONE and index.items[2] == NONE:
            dims = [index_shape(owner, Const(i)) for i in range(start, 0)]
            return Tuple(tuple(dims))
        if index.items[0] == NONE and stop is not None and stop > 0:
            dims = [index_shape(owner, Const(i)) for i in range(stop)]
            return Tuple(tuple(dims))
        return Shape("", *_counted_behind(owner, start), owner.of)
    return index_shape(owner, index)


EXPRESSIONS |= {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Tuple: _tuple,
    ast.List: _list,
    ast.Set: _list,
    ast.Dict: _dict,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _boolean,
    ast.Compare: _compare,
    ast.Call: calls.call,
    ast.IfExp: _conditional,
    ast.Lambda: _lambda,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _dict_comprehension,
    ast.NamedExpr: _walrus,
    ast.JoinedStr: _string,
    ast.Slice: _slice,
    ast.Subscript: _subscript,
    ast.Yield: _yield,
    ast.YieldFrom: _yield_from,
    ast.Await: _await,
    ast.Starred: _starred,
}
