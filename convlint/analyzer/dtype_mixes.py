"""Operators on tensors of dtypes that an ONNX exporter, or ONNX Runtime, was seen to refuse."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import Literal

from convlint.analyzer import torch_facts
from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.usage import parents_of
from convlint.analyzer.values import Tensor, Value, number_kind
from convlint.events import RefusedDtypes
from convlint.source.walk import walk

OPERATORS: Mapping[type[ast.operator | ast.cmpop], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Mod: "remainder",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
}
"""What Python's operators are called in the measured table."""
_OF_TWO = frozenset(["add", "mul", "maximum", "minimum", "max", "min", "pow", "matmul"])
_MEASURED = {"int64": "int", "bfloat16": "bfloat16"}
"""The dtypes that are measured apart from others of their class."""
_TERMS = 16
"""How far a sum is looked through: each sum inside another is asked as well."""


def note_method(run: Run, frame: Frame, node: ast.expr, name: str, tensor: Tensor, arguments: Arguments) -> None:
    """A method or function of one tensor, or of two."""
    given, words = arguments.positional, arguments.keywords
    if name in ("masked_fill", "masked_fill_"):
        _note_fill(run, frame, node, tensor, arguments)
        return
    tensors = [value for value in given if isinstance(value, Tensor)]
    if "dtype" in words or (tensors and (name not in _OF_TWO or len(given) != 1 or words)):
        return
    along = " dim" if (given or words) and not tensors else ""
    if along and name in ("max", "min") and tensor.dtype == "bool" and _gives_values(frame, node):
        return  # refused is `ArgMax`, which finds the places
    note(run, frame, node, name + along, [tensor, *tensors], arguments.receiver)


def _gives_values(frame: Frame, node: ast.expr) -> bool:
    """Whether nothing but the first of a call's two results is used: ``mask.max(1)[0]``."""
    parent = parents_of(frame.function.node).get(node) if frame.function is not None else None
    match parent:
        case ast.Subscript(slice=ast.Constant(value=0)) | ast.Attribute(attr="values"):
            return True
    return False


def _note_fill(run: Run, frame: Frame, node: ast.expr, tensor: Tensor, arguments: Arguments) -> None:
    """``mask.masked_fill(where, False)``: refused whatever number it is filled with."""
    mask, value = arguments.get(0, "mask"), arguments.get(1, "value")
    if isinstance(mask, Tensor) and value is not None and number_kind(value) is not None:
        note(run, frame, node, "masked_fill", [tensor, mask], arguments.receiver, mask)


def note_operator(
    run: Run, frame: Frame, node: ast.expr | ast.AugAssign, op: ast.operator, left: Value, right: Value
) -> None:
    """``left + right``."""
    name, tensors = OPERATORS.get(type(op)), [one for one in (left, right) if isinstance(one, Tensor)]
    if name is not None and (len(tensors) == 2 or any(one.exact == "bfloat16" for one in tensors)):
        note(run, frame, node, name, [tensors[0], tensors[-1]])


def doubt_sum(run: Run, frame: Frame, node: ast.AST, left: Value, right: Value) -> None:
    """A sum that looks like one of masks, and is none in this call."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) and _is_sum_of_masks(node):
        masks = (isinstance(one, Tensor) and one.sure and one.dtype == "bool" for one in (left, right))
        if not all(masks):
            run.doubt(frame, node)


def _is_sum_of_masks(node: ast.BinOp) -> bool:
    """Whether one of the last terms of a sum is written as a mask: it compares, inverts, or joins masks."""
    terms: list[ast.expr] = []
    while len(terms) < _TERMS and isinstance(node.left, ast.BinOp) and isinstance(node.left.op, ast.Add):
        terms.append(node.right)
        node = node.left
    return any(map(_is_mask, (*terms, node.left, node.right)))


def _is_mask(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, (ast.BitAnd, ast.BitOr))
    return isinstance(node, ast.Compare) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert))


def note(
    run: Run,
    frame: Frame,
    node: ast.expr | ast.AugAssign,
    name: str,
    tensors: Sequence[Tensor],
    receiver: ast.expr | None = None,
    mask: Tensor | None = None,
) -> None:
    """Notes a call whose tensors are surely of dtypes that are refused. Of several the first two that differ count.

    ``mask`` is what decides between them.
    """
    dtypes = _dtypes(tensors)
    refusing = torch_facts.refusing(name, dtypes)
    if refusing:
        of_masks_or_mixed = "bool" in dtypes or len({*dtypes}) > 1
        repair = _repair(node, name, tensors, receiver, mask) if of_masks_or_mixed else ""
        run.emit(frame, RefusedDtypes, node, "", (), dtypes=dtypes, refusing=refusing, repair=repair)


def _dtypes(tensors: Sequence[Tensor]) -> tuple[str, ...]:
    """The dtypes as they are measured, of several tensors those of the first two that differ; nothing where one is not
    known, or only that all are integers of some width.
    """
    exactly = {tensor.exact for tensor in tensors}
    known = _MEASURED.get(exactly.pop()) if len(exactly) == 1 else None
    dtypes = [known or tensor.dtype or "" for tensor in tensors if tensor.sure]
    if len(dtypes) != len(tensors) or not all(dtypes) or (known is None and {*dtypes} == {"int"}):
        return ()
    others = [dtype for dtype in dtypes[1:] if dtype != dtypes[0]] or dtypes[1:]
    return (dtypes[0], *others[:1])


Repair = Literal["", "receiver", "argument", "select", "convert", "join", "fill"]


def _repair(
    node: ast.AST, name: str, tensors: Sequence[Tensor], receiver: ast.expr | None, mask: Tensor | None
) -> Repair:
    if isinstance(node, ast.BinOp) and name == "add":
        return "join" if _is_sum_of_masks(node) and all(one.dtype == "bool" for one in tensors) else ""
    if not isinstance(node, ast.Call):
        return ""
    if name == "cumsum dim":
        return _counted(node, receiver)
    if name == "where" and mask is not None and mask.sure and mask.dtype == "bool":
        plain = len(node.args) == 3 and not node.keywords and not any(isinstance(a, ast.Starred) for a in node.args)
        return "select" if plain and node.args[0] is receiver and is_repeatable(receiver) else ""
    if name == "masked_fill":
        return _filled(node, receiver)
    if name == "stack" and len(tensors) == 2 and node.args and isinstance(node.args[0], (ast.Tuple, ast.List)):
        parts = node.args[0].elts
        return "convert" if len(parts) == 2 and all(map(is_repeatable, parts)) else ""
    return ""


def _counted(node: ast.Call, receiver: ast.expr | None) -> Repair:
    if receiver is None:
        return ""
    if isinstance(node.func, ast.Attribute) and node.func.value is receiver:
        return "receiver"
    return "argument" if node.args and node.args[0] is receiver else ""


def _filled(node: ast.Call, receiver: ast.expr | None) -> Repair:
    """Of a method that makes a new mask: the number decides which masks are joined."""
    match node:
        case ast.Call(
            func=ast.Attribute(attr="masked_fill", value=of), args=[_, ast.Constant(value=bool() | 0 | 1)], keywords=[]
        ) if of is receiver:
            return "fill"
    return ""


def is_repeatable(node: ast.expr) -> bool:
    """Whether an expression may be written twice: nothing is called, and nothing much computed."""
    allowed = (ast.Name, ast.Attribute, ast.Subscript, ast.Compare, ast.Constant, ast.UnaryOp, ast.Slice, ast.Tuple)
    inner = (ast.expr_context, ast.cmpop, ast.unaryop)
    return all(isinstance(one, (*allowed, *inner)) for one in walk(node))
