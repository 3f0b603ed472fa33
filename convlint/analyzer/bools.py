"""Booleans given where torch takes any number, which is none for `torch.jit.trace`, by the facts that were measured."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from convlint.analyzer import torch_facts
from convlint.analyzer.calls import Arguments
from convlint.analyzer.dtype_mixes import OPERATORS
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Const, Number, Tensor, Value
from convlint.events import BoolAsNumber, Taint

_OPERATORS: Mapping[type[ast.operator | ast.cmpop], str] = {
    **OPERATORS,
    ast.FloorDiv: "floor_divide",
    ast.BitAnd: "bitwise_and",
    ast.BitOr: "bitwise_or",
    ast.BitXor: "bitwise_xor",
    ast.Eq: "eq",
    ast.NotEq: "ne",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
}
_NUMBERS = {"True": "1", "False": "0"}
_MEASURED = frozenset(("float", "int", "bool"))
_EITHER_WAY = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor, ast.Eq, ast.NotEq)


def note(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Value | None, arguments: Arguments) -> None:
    """Notes a call of a function (``torch.full``) or a method (``Tensor.eq``) of a tensor."""
    behind = int(name.startswith("Tensor."))
    for parameter in torch_facts.numbers(name):
        at = parameter.at - behind
        value, where = arguments.get(at, parameter.name), arguments.node(at, parameter.name)
        if where is not None and _is_bool(value):
            cast = "dtype" in arguments.keywords
            _emit(run, frame, node, where, parameter, tensor, cast=cast, made=name == "torch.full" and not cast)
            return  # of `torch.where(mask, True, False)` one is enough


def note_operator(
    run: Run,
    frame: Frame,
    node: ast.expr,
    op: ast.operator | ast.cmpop,
    left: tuple[ast.expr, Value],
    right: tuple[ast.expr, Value],
) -> None:
    """``left op right``, each with where it stands."""
    if isinstance(left[1], Tensor):
        tensor, (where, value) = left[1], right
    elif isinstance(right[1], Tensor) and isinstance(op, _EITHER_WAY):
        tensor, (where, value) = right[1], left
    else:
        return
    if tensor.sure and _is_bool(value):
        for parameter in torch_facts.numbers(f"Tensor.{_OPERATORS.get(type(op), '')}"):
            _emit(run, frame, node, where, parameter, tensor)


def _is_bool(value: Value | None) -> bool:
    """Whether it is a bool to Python while a model is traced, as a comparison of sizes is not."""
    if isinstance(value, Const):
        return isinstance(value.value, bool)
    return isinstance(value, Number) and value.kind == "bool" and value.taint is Taint.none


def _emit(
    run: Run,
    frame: Frame,
    node: ast.expr,
    where: ast.expr,
    parameter: torch_facts.AnyNumber,
    tensor: Value | None,
    *,
    cast: bool = False,
    made: bool = False,
) -> None:
    """``cast`` is whether the call names the dtype of its result, ``made`` whether the bool decides it."""
    dtype = tensor.dtype if isinstance(tensor, Tensor) and tensor.sure else None
    run.emit(
        frame,
        BoolAsNumber,
        node,
        parameter.name,
        (),
        value=frame.document.span(where),
        number=_NUMBERS.get(ast.unparse(where), ""),
        refused=parameter.refused,
        same=cast or parameter.same.issuperset({dtype} if dtype in _MEASURED else _MEASURED),
        made=made,
    )
