"""Functions of einops and einx, whose patterns say what becomes of which axis."""

from __future__ import annotations

import ast

from convlint.analyzer import shapes
from convlint.analyzer.attributes import sizes_vary
from convlint.analyzer.calls import Arguments, opaque
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.torch_calls import note_asking
from convlint.analyzer.values import Const, List, Tensor, Value, taint_of, tensor_of
from convlint.events import SizesRead, Taint


def einops(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``einops.name(...)``, which works on the sizes that are traced."""
    given = arguments.get(0)
    if name in ("rearrange", "repeat", "reduce", "einsum"):
        pattern = next((v for v in arguments.positional[1:] if isinstance(v, Const)), None)
        dtype = given.dtype if isinstance(given, Tensor) else None
        shape = _shape(given, pattern, arguments)
        return run.tensor(dtype, shape, taint_of(given) if given is not None else Taint.none)
    if name == "unpack":
        note_asking(run, frame, node, given)
        return List(run.tensor(None, None, taint_of(given) if given is not None else Taint.none))
    return opaque(arguments)


def _shape(given: Value | None, pattern: Const | None, arguments: Arguments) -> shapes.Shaped:
    if pattern is None or not isinstance(pattern.value, str) or "->" not in pattern.value or "..." in pattern.value:
        return None
    left, _, right = pattern.value.partition("->")
    names: dict[str, Value] = dict(arguments.keywords)
    if isinstance(given, Tensor) and given.shape is not None:
        terms = left.replace("(", " ( ").replace(")", " ) ").split()
        if "(" not in terms and len(terms) == len(given.shape):
            names = {**dict(zip(terms, given.shape, strict=True)), **names}
    sizes: list[Value] = []
    inside: list[Value] | None = None
    for word in right.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            inside = []
        elif word == ")":
            sizes.append(shapes.number(max((taint_of(v) for v in inside or []), default=Taint.none)))
            inside = None
        else:
            size: Value = Const(int(word)) if word.isdigit() else names.get(word, shapes.number())
            (sizes if inside is None else inside).append(size)
    return tuple(sizes)


def einx(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``einx.name(...)``, which solves a pattern for sizes that are plain numbers, also while it is traced."""
    tensors = [tensor for value in arguments.positional if (tensor := tensor_of(value)) is not None]
    if any(map(sizes_vary, tensors)):
        run.emit(frame, SizesRead, node, "", (), reshapes=_reshapes(name, arguments.get(0)))
    return run.tensor(None, None, max((taint_of(v) for v in arguments.all()), default=Taint.none))


def _reshapes(name: str, pattern: Value | None) -> bool:
    """Whether axes are joined, parted or added to, or tensors of other axes broadcast to one another."""
    if not (isinstance(pattern, Const) and isinstance(pattern.value, str) and "->" in pattern.value):
        return False
    given, _, made = pattern.value.replace("[", " ").replace("]", " ").partition("->")
    axes = [one for term in given.split(",") if (one := set(term.split()))]
    added = not set(made.split()) <= set().union(*axes)
    return "(" in pattern.value or added or (name != "dot" and any(one != axes[0] for one in axes))
