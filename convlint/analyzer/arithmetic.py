"""Arithmetic and comparisons of values: tensors, sizes, Python numbers and sequences."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from convlint.analyzer import bools, checks, dtype_mixes, guards, precision, signs
from convlint.analyzer.division import note_division, note_remainder
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.shapes import broadcast, integer, multiplied
from convlint.analyzer.squeezes import passed_on
from convlint.analyzer.values import (
    FALSE,
    NONE,
    NOWHERE,
    TRUE,
    UNKNOWN,
    Array,
    Const,
    Dict,
    Guard,
    List,
    MaskIndex,
    Name,
    Number,
    Places,
    Shape,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    counted_in,
    is_stepwise,
    join,
    join_all,
    measured_in,
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
_CANCELLING = (ast.Div, ast.FloorDiv, ast.Mod, ast.Sub)
_STEPWISE = (ast.FloorDiv, ast.Mod)


def binary(
    run: Run, frame: Frame, node: ast.expr | ast.AugAssign, left: Value, op: ast.operator, right: Value
) -> Value:
    """``left op right``."""
    dtype_mixes.doubt_sum(run, frame, node, left, right)
    if isinstance(left, Union) or isinstance(right, Union):
        pairs = [(a, b) for a in members(left) for b in members(right) if a != NONE and b != NONE]
        return join_all(binary(run, frame, node, a, op, b) for a, b in _alike(op, pairs)) if pairs else UNKNOWN
    if isinstance(op, ast.BitOr) and (guards.is_true(left) or guards.is_true(right)) and not isinstance(right, Tensor):
        return TRUE  # `tracing |= ...`
    if isinstance(op, ast.FloorDiv) and isinstance(node, ast.BinOp):
        note_division(run, frame, node, "operator", (node.left, left), (node.right, right))
    if isinstance(op, ast.Mod) and isinstance(node, ast.BinOp):
        note_remainder(run, frame, node, (node.left, left), (node.right, right))
    if isinstance(op, ast.Add):
        left, right = _as_sequence(left, right), _as_sequence(right, left)
    if _is_tensor(left) or _is_tensor(right):
        dtype_mixes.note_operator(run, frame, node, op, left, right)
        if isinstance(node, ast.BinOp):
            bools.note_operator(run, frame, node, op, (node.left, left), (node.right, right))
        made = elementwise(run, left, right, divides=isinstance(op, ast.Div))
        if isinstance(left, Tensor) and isinstance(right, Tensor) and not (left.sure or right.sure):
            made = replace(made, sure=False)  # `h * w` of what may be a list of numbers
        if isinstance(op, ast.MatMult):
            precision.note_operator(run, "torch.matmul")
            made = replace(made, shape=_product_shape(left, right))
        return replace(made, sign=signs.of_binary(op, left, right))
    if isinstance(left, Array) or isinstance(right, Array):
        return Array(max(taint_of(left), taint_of(right)))
    if isinstance(op, ast.BitOr) and (isinstance(left, Guard) or isinstance(right, Guard)):
        return guards.folded((left, right), is_all=False) or UNKNOWN
    if number_kind(left) is not None and number_kind(right) is not None:
        return arithmetic(left, op, right)
    if (_is_size(left) and right == UNKNOWN) or (_is_size(right) and left == UNKNOWN):
        return arithmetic(_as_number(left), op, _as_number(right))
    return _on_objects(run, frame, node, left, op, right)


def _alike(op: ast.operator, pairs: list[tuple[Value, Value]]) -> list[tuple[Value, Value]]:
    """What may be multiplied, without sequences that numbers repeat where there may as well be two numbers.

    A factor that is one number for all axes, or one for each, is multiplied where it is a number.
    """
    numbers = [pair for pair in pairs if all(number_kind(one) is not None for one in pair)]
    if not (isinstance(op, ast.Mult) and numbers):
        return pairs
    return [pair for pair in pairs if not any(isinstance(one, (List, Tuple)) for one in pair)]


def _product_shape(left: Value, right: Value) -> tuple[Value, ...] | None:
    if isinstance(left, Tensor) and isinstance(right, Tensor):
        return multiplied(left.shape, right.shape)
    return None


def _is_size(value: Value) -> bool:
    return isinstance(value, Number) and value.taint >= Taint.fixed


def _as_number(value: Value) -> Value:
    """A configuration value that meets a size is a number."""
    return Number() if value == UNKNOWN else value


def _is_tensor(value: Value) -> bool:
    return isinstance(value, Tensor) or (isinstance(value, Unknown) and value.module)


def _as_sequence(value: Value, other: Value) -> Value:
    """What is added to a tuple or list: no tensor, which Python's sequences refuse."""
    if isinstance(other, (List, Tuple)) and _is_tensor(value) and not (isinstance(value, Tensor) and value.sure):
        taint = taint_of(value)
        return List(Unknown(taint, True))
    return value


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
        head = left.items if isinstance(left, Tuple) else left.head if isinstance(left, List) else ()
        return List(join(a.any(), b.any()), items, head=() if items is not None else head)
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
    counted = _counts(left) | _counts(right)
    if dtype is None:
        dtype = promoted(left, right)
        if divides and dtype in ("int", "bool"):
            dtype = "float"
    indices = any(isinstance(v, Tensor) and v.mask_index for v in (left, right))
    shape = broadcast(shapes[0], shapes[1])
    if shape is None and () in shapes:
        shape = shapes[0] if shapes[1] == () else shapes[1]
    taint = max(taint_of(left), taint_of(right))
    chosen: MaskIndex = "some" if indices and dtype == "int" else ""
    return run.tensor(
        dtype,
        shape,
        taint,
        counted=counted,
        mask_index=chosen,
        below=_below(left, right),
        squeezed=passed_on(left, right),
    )


def _counts(value: Value) -> Places:
    return value.counted if isinstance(value, Tensor) else NOWHERE


def _below(left: Value, right: Value) -> int:
    """Of what the result has fewer axes: of what each tensor among the operands has."""
    found = {v.below for v in (left, right) if isinstance(v, Tensor)}
    return found.pop() if len(found) == 1 else 0


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
        made = _folded(left.value, op, right.value)
        return replace(made, size=True) if isinstance(made, Const) and (left.size or right.size) else made
    kinds = (number_kind(left), number_kind(right))
    if isinstance(op, ast.Div) or "float" in kinds:
        kind = "float"
    elif "number" in kinds:
        kind = "number"
    else:
        kind = "int"
    if isinstance(op, _CANCELLING) and isinstance(left, Number) and left.symbol and left == right:
        return Number(kind, min(left.taint, Taint.fixed), left.frozen_on)  # `n / n`, `n - n`, `n % n`
    taint = max(taint_of(left), taint_of(right))
    return Number(
        kind,
        taint,
        _frozen(left, right),
        _symbol(left, op, right),
        counted=counted_in(left, right),
        of=measured_in(left, right),
        stepwise=isinstance(op, _STEPWISE) or is_stepwise(left, right),
    )


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


def compared(run: Run, left: Value, op: ast.cmpop, right: Value) -> Value:
    """``left op right`` of a comparison."""
    if isinstance(left, Guard):
        return guards.compared(left, op, right)
    if isinstance(op, (ast.Is, ast.IsNot)):
        return _identical(left, right, isinstance(op, ast.IsNot))
    if isinstance(op, (ast.In, ast.NotIn)):
        return _contained(left, right, isinstance(op, ast.NotIn))
    if isinstance(left, Union) or isinstance(right, Union):
        pairs = [(a, b) for a in members(left) for b in members(right)]
        if not isinstance(op, (ast.Eq, ast.NotEq)):  # where there is an order, neither is None
            pairs = [pair for pair in pairs if NONE not in pair] or pairs
        return join_all(compared(run, a, op, b) for a, b in pairs)
    if _is_tensor(left) or _is_tensor(right):
        one, other = (left, right) if _is_tensor(left) else (right, left)
        if isinstance(other, Const) and (other.value is None or isinstance(other.value, str)):
            if other.value is not None and not (isinstance(one, Tensor) and one.sure):
                return Number("bool")  # what is compared with a text is most likely one
            return FALSE if isinstance(op, ast.Eq) else TRUE
        sure = any(isinstance(one, Tensor) and one.sure for one in (left, right))
        sized = _is_size(left) or _is_size(right)  # what is compared with a size may be a number as well
        return replace(elementwise(run, left, right, dtype="bool"), sure=sure or not sized)
    if isinstance(left, Const) and isinstance(right, Const):
        try:
            return Const(bool(_COMPARE[type(op)](left.value, right.value)), left.size or right.size)
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
        return _compared_shapes(left, op, right)
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
    taint = max(taint_of(left), taint_of(right))
    return Number(
        "bool",
        taint,
        _frozen(left, right),
        degenerate=_is_degenerate(left, op, right),
        counted=counted_in(left, right),
        relation=checks.relation(left, op, right),
    )


def _is_degenerate(left: Value, op: ast.cmpop, right: Value) -> bool:
    """Whether a size is compared so that only 0 and 1 come out differently: ``n == 1``, ``n > 0``, ``n >= 2``.

    Not where the batch is told from 1: a model is traced with a batch of 1, and runs with others.
    """
    if isinstance(left, Const):
        left, op, right = right, _MIRRORED.get(type(op), type(op))(), left
    bound = integer(right)
    if bound is None or not (isinstance(left, Number) and left.dim):
        return False
    if bound == 0 or (bound == 1 and isinstance(op, (ast.Lt, ast.GtE))):
        return True
    return not left.symbol.endswith("[0]") and (bound == 1 or (bound == 2 and isinstance(op, (ast.Lt, ast.GtE))))


_MIRRORED: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE}


def _compared_shapes(left: Shape | Tuple | List, op: ast.cmpop, right: Shape | Tuple | List) -> Value:
    if isinstance(op, (ast.Eq, ast.NotEq)) and (_is_empty(left) or _is_empty(right)):
        other = left if _is_empty(right) else right
        if not isinstance(other, Shape) and other.items is not None:
            return Const((not other.items) == isinstance(op, ast.Eq))
        return Number("bool", other.taint, other.frozen_on) if isinstance(other, List) else Number("bool")
    if left == right and isinstance(left, (Shape, Tuple)):
        return Const(isinstance(op, ast.Eq)) if isinstance(left, Tuple) or left.symbol else UNKNOWN
    if isinstance(left, Tuple) and isinstance(right, Tuple) and len(left.items) == len(right.items):
        pairs = [(a, b) for a, b in zip(left.items, right.items, strict=True) if a != b]
        return Number("bool", max((max(taint_of(a), taint_of(b)) for a, b in pairs), default=Taint.none))
    return Number("bool", max(taint_of(left), taint_of(right)))


def _is_empty(value: Value) -> bool:
    """Whether ``[]`` or ``()``: what is compared with it is asked for its length alone."""
    return isinstance(value, (Tuple, List)) and value.items is not None and not value.items


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
    if isinstance(left, Const) and isinstance(right, Dict) and right.rest is None and right.items:
        return Const((left.value in right.items) != negated)
    if isinstance(left, (Number, Const)) and isinstance(right, (Tuple, List, Shape)):
        degenerate = integer(left) == 0 and isinstance(right, (Tuple, Shape))
        return Number("bool", max(taint_of(left), taint_of(right)), _frozen(left), degenerate=degenerate)
    if any(isinstance(one, Tensor) and one.sure for one in (left, right)):
        return Number("bool", max(taint_of(left), taint_of(right)))  # `==` of each, and the truth of that
    return Number("bool")
