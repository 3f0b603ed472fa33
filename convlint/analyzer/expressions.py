"""Expressions to values."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from convlint.analyzer import calls, decisions
from convlint.analyzer.attributes import attribute
from convlint.analyzer.index import FunctionInfo
from convlint.analyzer.indexing import constant_slice, index_shape, index_tensor
from convlint.analyzer.iteration import iterate
from convlint.analyzer.run import Frame, Run, join_env
from convlint.analyzer.shapes import broadcast, integer
from convlint.analyzer.statements import UNROLLED, bind
from convlint.analyzer.values import (
    FALSE,
    NONE,
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
    Shape,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    join,
    join_all,
    members,
    number_kind,
    taint_of,
)
from convlint.events import LoopOverDim, Taint

_NUMERIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_BIG = 1 << 40
METADATA = frozenset(
    ["shape", "size", "dtype", "device", "ndim", "dim", "numel", "is_cuda", "requires_grad", "type", "layout"]
)
"""Attributes that say nothing of a tensor's values."""


def evaluate(run: Run, frame: Frame, node: ast.expr) -> Value:
    """The value of an expression."""
    handler = _HANDLERS.get(type(node))
    return handler(run, frame, node) if handler is not None else UNKNOWN


def _constant(run: Run, frame: Frame, node: ast.Constant) -> Value:
    return Const(node.value)


def _name(run: Run, frame: Frame, node: ast.Name) -> Value:
    value = frame.lookup(node.id)
    if value is None:
        value = run.global_name(frame.module, node.id)
    if value is None:
        return Name(f"builtins.{node.id}")
    run.read(frame, node, value)
    return value


def _attribute(run: Run, frame: Frame, node: ast.Attribute) -> Value:
    if calls.is_super(node.value):
        return calls.super_attribute(run, frame, node.attr)
    run.only_metadata, outer = run.only_metadata or node.attr in METADATA, run.only_metadata
    owner = run.evaluate(frame, node.value)
    run.only_metadata = outer
    value = attribute(run, frame, node, owner)
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
    return binary(run, frame, node, left, node.op, right)


def binary(
    run: Run, frame: Frame, node: ast.expr | ast.AugAssign, left: Value, op: ast.operator, right: Value
) -> Value:
    """``left op right``."""
    if isinstance(left, Union) or isinstance(right, Union):
        pairs = [(a, b) for a in members(left) for b in members(right) if a != NONE and b != NONE]
        return join_all(binary(run, frame, node, a, op, b) for a, b in pairs) if pairs else UNKNOWN
    if _is_tensor(left) or _is_tensor(right):
        return elementwise(run, left, right, divides=isinstance(op, ast.Div))
    if isinstance(left, Array) or isinstance(right, Array):
        return Array(max(taint_of(left), taint_of(right)))
    if number_kind(left) is not None and number_kind(right) is not None:
        return arithmetic(left, op, right)
    if (_is_size(left) and right == UNKNOWN) or (_is_size(right) and left == UNKNOWN):
        return arithmetic(_as_number(left), op, _as_number(right))
    return _on_objects(run, frame, node, left, op, right)


def _is_size(value: Value) -> bool:
    return isinstance(value, Number) and value.taint >= Taint.shape


def _as_number(value: Value) -> Value:
    """A configuration value that meets a size is a number."""
    return Number() if value == UNKNOWN else value


def _is_tensor(value: Value) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, Unknown) and value.module)


def _on_objects(
    run: Run, frame: Frame, node: ast.expr | ast.AugAssign, left: Value, op: ast.operator, right: Value
) -> Value:
    if isinstance(op, ast.Add):
        joined = _concatenated(left, right)
        if joined is not None:
            return joined
    if isinstance(op, ast.Mult):
        sequence, count = (left, right) if isinstance(left, (List, Tuple)) else (right, left)
        if isinstance(sequence, (List, Tuple)) and number_kind(count) is not None:
            return _repeated(run, frame, node, sequence, count)
    if isinstance(left, Const) and isinstance(left.value, str):
        return UNKNOWN
    return Unknown(max(taint_of(left), taint_of(right)))


def _concatenated(left: Value, right: Value) -> Value | None:
    if isinstance(left, Tuple) and isinstance(right, Tuple):
        return Tuple(left.items + right.items)
    if isinstance(left, (List, Tuple, Shape)) and isinstance(right, (List, Tuple, Shape)):
        a, b = _listed(left), _listed(right)
        items = a.items + b.items if a.items is not None and b.items is not None else None
        return List(join(a.any(), b.any()), items)
    return None


def _listed(value: List | Tuple | Shape) -> List:
    if isinstance(value, List):
        return value
    if isinstance(value, Shape):
        return List(Number("int", value.taint, dim=True))
    return List(join_all(value.items) if value.items else None, list(value.items))


def _repeated(run: Run, frame: Frame, node: ast.expr | ast.AugAssign, sequence: List | Tuple, count: Value) -> Value:
    items = _listed(sequence)
    times = integer(count)
    if times is not None and items.items is not None and 0 <= times * len(items.items) <= 64:
        repeated = items.items * times
        return Tuple(tuple(repeated)) if isinstance(sequence, Tuple) else List(items.element, repeated)
    if isinstance(count, Number) and count.taint >= Taint.shape and isinstance(node, ast.expr):
        with run.on_routes(frame, frame.routes - count.frozen_on):
            run.emit(
                frame,
                LoopOverDim,
                node,
                "list-repeat",
                (count.taint,),
                form="list-repeat",
                operand=run.operand(frame, node, count),
                taint=count.taint,
            )
    return List(items.element)


def elementwise(run: Run, left: Value, right: Value, *, divides: bool = False, dtype: str | None = None) -> Tensor:
    """The tensor that an elementwise operation on tensors and numbers makes."""
    shapes = [v.shape if isinstance(v, Tensor) else () if number_kind(v) is not None else None for v in (left, right)]
    ragged = any(isinstance(v, Tensor) and v.ragged for v in (left, right))
    if dtype is None:
        dtype = promoted(left, right)
        if divides and dtype in ("int", "bool"):
            dtype = "float"
    indices = any(isinstance(v, Tensor) and v.mask_index for v in (left, right))
    shape = broadcast(shapes[0], shapes[1])
    if shape is None and () in shapes:
        shape = shapes[0] if shapes[1] == () else shapes[1]
    taint = max(taint_of(left), taint_of(right))
    return run.tensor(dtype, shape, taint, ragged=ragged, mask_index="some" if indices and dtype == "int" else "")


_ORDER = {"bool": 0, "int": 1, "float": 2, "complex": 3}


def promoted(left: Value, right: Value) -> str | None:
    """The dtype class of an arithmetic result."""
    found = []
    for value in (left, right):
        if isinstance(value, Tensor):
            found.append(value.dtype)
        else:
            kind = number_kind(value)
            found.append(kind if kind in _ORDER else None)
    if None in found:
        return "float" if "float" in found else None
    return max((f for f in found if f is not None), key=lambda k: _ORDER[k])


def arithmetic(left: Value, op: ast.operator, right: Value) -> Value:
    """Arithmetic on Python numbers and dimensions."""
    if isinstance(left, Const) and isinstance(right, Const):
        return _folded(left.value, op, right.value)
    kinds = (number_kind(left), number_kind(right))
    if isinstance(op, ast.Div) or "float" in kinds:
        kind = "float"
    elif "number" in kinds:
        kind = "number"
    else:
        kind = "int"
    taint = max(taint_of(left), taint_of(right))
    return Number(kind, taint, _frozen(left, right), _symbol(left, op, right))


def _folded(left: Any, op: ast.operator, right: Any) -> Value:
    function = _NUMERIC.get(type(op))
    if function is None or abs(left) > _BIG or abs(right) > _BIG or (isinstance(op, ast.Pow) and abs(right) > 64):
        return Number("int" if isinstance(left, int) and isinstance(right, int) else "float")
    try:
        return Const(function(left, right))
    except (ArithmeticError, ValueError, TypeError):
        return Number("number")


def _frozen(*values: Value) -> frozenset[str]:
    """Routes on which everything that varies is a plain number already."""
    tainted = [v for v in values if isinstance(v, Number) and v.taint >= Taint.state]
    return frozenset.intersection(*(v.frozen_on for v in tainted)) if tainted else frozenset()


def _symbol(left: Value, op: ast.operator, right: Value) -> str:
    names = []
    for value in (left, right):
        if isinstance(value, Number):
            if not value.symbol or len(value.symbol) > 40:
                return ""
            names.append(value.symbol)
        else:
            names.append(repr(value.value) if isinstance(value, Const) else "?")
    return f"({names[0]} {type(op).__name__} {names[1]})"


def _unary(run: Run, frame: Frame, node: ast.UnaryOp) -> Value:
    value = run.evaluate(frame, node.operand)
    if isinstance(node.op, ast.Not):
        truth = decisions.decide(run, frame, node.operand, value, "not")
        if isinstance(truth, bool):
            return FALSE if truth else TRUE
        if isinstance(truth, frozenset):
            from convlint.analyzer.run import ALL_ROUTES

            return Guard(ALL_ROUTES - truth)
        return Number("bool")
    if isinstance(value, Const) and isinstance(value.value, (int, float)) and isinstance(node.op, ast.USub):
        return Const(-value.value)
    if isinstance(value, Tensor):
        return run.tensor(value.dtype, value.shape, value.taint, ragged=value.ragged)
    if isinstance(value, Number):
        symbol = f"-{value.symbol}" if value.symbol else ""
        return Number(value.kind, value.taint, value.frozen_on, symbol)
    return value if isinstance(value, (Array, Unknown)) else UNKNOWN


def _boolean(run: Run, frame: Frame, node: ast.BoolOp) -> Value:
    is_and = isinstance(node.op, ast.And)
    kept: list[Value] = []
    env = frame.env
    guard: frozenset[str] | None = None
    routes = frame.routes
    for i, part in enumerate(node.values):
        value = run.evaluate(frame, part)
        last = i == len(node.values) - 1
        truth = (
            decisions.decide(run, frame, part, value, "and" if is_and else "or")
            if not last
            else bool(value.value)
            if isinstance(value, Const)
            else value.true_on
            if isinstance(value, Guard)
            else None
        )
        if isinstance(truth, frozenset):
            passing = truth if is_and else routes - truth
            guard = truth if guard is None else (guard & truth if is_and else guard | truth)
            frame.routes = frame.routes & passing
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
    skipped = routes - frame.routes
    frame.routes = routes
    if frame.env is not env:
        bound = {k: v for k, v in frame.env.items() if k not in env}  # walrus
        frame.env = env
        frame.env.update(bound)
    if is_and and kept and _never(kept[-1]):
        return FALSE  # whatever the other parts are
    if not is_and and kept and kept[-1] == TRUE:
        return TRUE
    if not kept:
        return Guard(guard) if guard is not None else (TRUE if is_and else FALSE)
    if guard is not None and all(isinstance(v, Const) for v in kept):
        # every other part is decided: `is_tracing() and True`
        return Guard(guard) if all(bool(v.value) is is_and for v in kept if isinstance(v, Const)) else kept[-1]
    result = join_all(kept)
    if skipped and isinstance(result, (Number, Tensor)):
        # where the flag had decided already, nothing else is asked
        frozen = result.frozen_on if isinstance(result, Number) else frozenset()
        return Number("bool", result.taint, frozen | skipped)
    if len(node.values) > 1 and isinstance(result, Number) and len(kept) > 1 and result.taint >= Taint.state:
        return Number(result.kind)  # decided here, and reported here
    return result


def _never(value: Value) -> bool:
    return isinstance(value, Const) and not value.value


def _compare(run: Run, frame: Frame, node: ast.Compare) -> Value:
    left = run.evaluate(frame, node.left)
    results: list[Value] = []
    for op, right_node in zip(node.ops, node.comparators, strict=True):
        right = run.evaluate(frame, right_node)
        results.append(_compared(run, left, op, right))
        left = right
    if len(results) == 1:
        return results[0]
    if any(isinstance(r, Const) and r.value is False for r in results):
        return FALSE
    tainted = [r for r in results if taint_of(r) >= Taint.state]
    return max(tainted, key=taint_of) if tainted else results[-1]


def _compared(run: Run, left: Value, op: ast.cmpop, right: Value) -> Value:
    if isinstance(op, (ast.Is, ast.IsNot)):
        return _identical(left, right, isinstance(op, ast.IsNot))
    if isinstance(op, (ast.In, ast.NotIn)):
        return _contained(left, right, isinstance(op, ast.NotIn))
    if isinstance(left, Union) or isinstance(right, Union):
        return join_all(_compared(run, a, op, b) for a in members(left) for b in members(right))
    if _is_tensor(left) or _is_tensor(right):
        other = right if _is_tensor(left) else left
        if isinstance(other, Const) and (other.value is None or isinstance(other.value, str)):
            return FALSE if isinstance(op, ast.Eq) else TRUE
        return elementwise(run, left, right, dtype="bool")
    if isinstance(left, Const) and isinstance(right, Const):
        try:
            return Const(bool(_COMPARE[type(op)](left.value, right.value)))
        except TypeError:
            return UNKNOWN
    if isinstance(left, Array) or isinstance(right, Array):
        return Array(max(taint_of(left), taint_of(right)))
    if isinstance(left, Number) and isinstance(right, Number) and left.symbol and left.symbol == right.symbol:
        return Const(isinstance(op, (ast.Eq, ast.LtE, ast.GtE)))
    if _half_precision(left) or _half_precision(right):
        return FALSE if isinstance(op, ast.Eq) else TRUE
    if _is_size(left) or _is_size(right):
        left, right = _as_number(left), _as_number(right)
    if isinstance(left, (Number, Const)) and isinstance(right, (Number, Const)):
        return _compared_numbers(left, op, right)
    if isinstance(left, (Shape, Tuple, List)) and isinstance(right, (Shape, Tuple, List)):
        return _compared_shapes(left, right)
    return UNKNOWN


def _half_precision(value: Value) -> bool:
    """A reduced-precision dtype: models are exported in float32 unless they say otherwise."""
    return isinstance(value, Name) and value.qualified in ("torch.float16", "torch.bfloat16", "torch.half")


def _compared_numbers(left: Value, op: ast.cmpop, right: Value) -> Value:
    if number_kind(left) is None or number_kind(right) is None:
        # a number against None or a string
        return FALSE if isinstance(op, ast.Eq) else TRUE if isinstance(op, ast.NotEq) else UNKNOWN
    sizes = [v for v in (left, right) if isinstance(v, Number) and v.dim]
    bounds = [c for v in (left, right) if (c := integer(v)) is not None]
    if sizes and bounds and bounds[0] < 0 and isinstance(op, (ast.Eq, ast.NotEq)):
        return Const(isinstance(op, ast.NotEq))
    return Number("bool", max(taint_of(left), taint_of(right)), _frozen(left, right))


def _compared_shapes(left: Value, right: Value) -> Value:
    if left == right and isinstance(left, (Shape, Tuple)):
        return TRUE if isinstance(left, Tuple) or left.symbol else UNKNOWN
    if isinstance(left, Tuple) and isinstance(right, Tuple) and len(left.items) == len(right.items):
        pairs = [(a, b) for a, b in zip(left.items, right.items, strict=True) if a != b]
        return Number("bool", max((max(taint_of(a), taint_of(b)) for a, b in pairs), default=Taint.none))
    return Number("bool", max(taint_of(left), taint_of(right)))


def _identical(left: Value, right: Value, negated: bool) -> Value:
    a, b = members(left), members(right)
    if right == NONE or left == NONE:
        others = a if right == NONE else b
        if all(v == NONE for v in others):
            return FALSE if negated else TRUE
        if not any(v == NONE or isinstance(v, Unknown) for v in others):
            return TRUE if negated else FALSE
        return Number("bool")
    if isinstance(left, Const) and isinstance(right, Const):
        return Const((left.value is right.value) != negated)
    return Number("bool")


def _contained(left: Value, right: Value, negated: bool) -> Value:
    items = right.items if isinstance(right, (Tuple, List)) else None
    if isinstance(left, Const) and items is not None and all(isinstance(i, Const) for i in items):
        return Const((left in items) != negated)
    if isinstance(right, (Tuple, List)) and right.items and all(_half_precision(i) for i in right.items):
        return TRUE if negated else FALSE
    if isinstance(left, Const) and isinstance(right, Const) and isinstance(right.value, str):
        return Const((str(left.value) in right.value) != negated)
    if isinstance(left, Const) and isinstance(right, Dict) and right.rest is None:
        return Const((left.value in right.items) != negated) if left.value in right.items else Number("bool")
    if isinstance(left, Number) and isinstance(right, (Tuple, List)):
        return Number("bool", left.taint, left.frozen_on)
    return Number("bool")


# --- scopes ------------------------------------------------------------------------------------------------------


def _conditional(run: Run, frame: Frame, node: ast.IfExp) -> Value:
    truth = decisions.test(run, frame, node.test, "ternary", False)
    if isinstance(truth, bool):
        return _under(run, frame, node.test, truth, node.body if truth else node.orelse)
    if isinstance(truth, frozenset):
        with run.on_routes(frame, truth):
            yes = _under(run, frame, node.test, True, node.body)
        with run.on_routes(frame, frame.routes - truth):
            no = _under(run, frame, node.test, False, node.orelse)
        return join(yes, no)
    return join(_under(run, frame, node.test, True, node.body), _under(run, frame, node.test, False, node.orelse))


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
    _generate(run, _inner(frame), node.generators, lambda f: result.add(run.evaluate(f, node.elt), f.certain))
    return result


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


def _generate(run: Run, frame: Frame, generators: list[ast.comprehension], body: Callable[[Frame], None]) -> None:
    if not generators:
        body(frame)
        return
    first = generators[0]
    value = run.evaluate(frame, first.iter)
    elements = iterate(run, frame, first.iter, value, "comprehension")
    known = elements.items if elements.items is not None and len(elements.items) <= UNROLLED else None
    certain = frame.certain
    for element in known if known is not None else [elements.joined]:
        frame.certain = certain and known is not None
        bind(run, frame, first.target, element)
        truths = []
        for condition in first.ifs:
            truths.append(decisions.test(run, frame, condition, "filter", False))
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
            run.evaluate(frame, part.value)
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
    owner = run.evaluate(frame, node.value)
    index = run.evaluate(frame, node.slice)
    return join_all(_indexed(run, frame, node, one, index) for one in members(owner) if one != NONE)


def _indexed(run: Run, frame: Frame, node: ast.Subscript, owner: Value, index: Value) -> Value:
    if isinstance(owner, Tensor):
        return index_tensor(run, frame, node, owner, index)
    if isinstance(owner, Tuple):
        return _indexed_items(owner.items, node, index)
    if isinstance(owner, List):
        if owner.items is not None:
            return _indexed_items(tuple(owner.items), node, index)
        return List(owner.element) if isinstance(node.slice, ast.Slice) else owner.any()
    if isinstance(owner, Dict):
        if isinstance(index, Const) and index.value in owner.items:
            return owner.items[index.value]
        return owner.rest if isinstance(index, Const) and owner.rest is not None else owner.any()
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
    if at is None or not any(base.rpartition(".")[2] == "OrderedDict" for base in run.outside_bases(owner.cls)):
        return None
    names = [name for cls in reversed(run.mro(owner.cls)) for name in cls.annotations]
    given = [owner.attributes[name] for name in names if owner.attributes.get(name, NONE) != NONE]
    return given[at] if -len(given) <= at < len(given) else None


def _indexed_items(items: tuple[Value, ...], node: ast.Subscript, index: Value) -> Value:
    if isinstance(node.slice, ast.Slice):
        part = constant_slice(items, index)
        return Tuple(part) if part is not None else List(join_all(items))
    at = integer(index)
    if at is not None and -len(items) <= at < len(items):
        return items[at]
    return join_all(items) if items else UNKNOWN


def _indexed_shape(owner: Shape, node: ast.Subscript, index: Value) -> Value:
    if isinstance(node.slice, ast.Slice) and isinstance(index, Tuple):
        start, stop = integer(index.items[0]), integer(index.items[1])
        if start is not None and start < 0 and index.items[1] == NONE and index.items[2] == NONE:
            dims = [index_shape(owner.symbol, owner.taint, Const(i)) for i in range(start, 0)]
            return Tuple(tuple(dims))
        if index.items[0] == NONE and stop is not None and stop > 0:
            dims = [index_shape(owner.symbol, owner.taint, Const(i)) for i in range(stop)]
            return Tuple(tuple(dims))
        return Shape("", owner.taint)
    return index_shape(owner.symbol, owner.taint, index)


_HANDLERS: dict[type[ast.expr], Callable[[Run, Frame, Any], Value]] = {
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

__all__ = ["arithmetic", "binary", "elementwise", "evaluate", "join_env", "promoted"]
