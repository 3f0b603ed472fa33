"""Sizes of an input given for parameters that exporters take plain numbers for, by the facts that were measured."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import TypeGuard

from convlint.analyzer import torch_facts
from convlint.analyzer.calls import Arguments
from convlint.analyzer.index import FunctionInfo, dotted
from convlint.analyzer.run import DYNAMO, TORCHSCRIPT, Frame, Run
from convlint.analyzer.shapes import REDUCTIONS, integer
from convlint.analyzer.torch_facts import Forced
from convlint.analyzer.values import Const, List, Number, Shape, Tensor, Tuple, Value
from convlint.events import AxisFromTensor, HiddenInt, Taint

_AXIS = re.compile(r"[\[@](-?\d+)")
_CONVOLUTION = re.compile(r"conv(?:_transpose)?([123])d")
_LAST = frozenset({-1})
AXES = ("dim", "dims", "axis", "dim0", "dim1", "start_dim", "end_dim")
"""Parameters that say which axis: whole numbers in every schema of torch, never symbolic ones."""


def note(run: Run, frame: Frame, name: str, arguments: Arguments) -> bool:
    """Notes a call of a function (``torch.linspace``), a method (``Tensor.split``) or a layer's class (``Unfold``).

    Whether it has such a parameter, and so is to be written in another way.
    """
    if name == "Tensor.new_tensor":
        return False  # a `TensorFromValues`
    _note_axes(run, frame, name, arguments)
    forced = torch_facts.forced()
    callee, first = name, 0
    if name not in forced and name.startswith("torch.") and name.count(".") == 1:
        callee, first = f"Tensor.{name.removeprefix('torch.')}", 1
    for parameter in forced.get(callee, ()):
        if parameter.name == "repeats" and _is_one_row(run, first, arguments):
            continue
        if parameter.name == "output_size" and torch_facts.need(name):
            continue  # also where it is 1, or the input's size: `needed_sizes`
        for place in reversed(parameter.at):
            position = first + place if place >= 0 else -1
            node = arguments.node(position, parameter.name)
            sizes = _sizes(arguments.get(position, parameter.name), parameter.several)
            if sizes and node is not None and not _are_features(name, parameter.name, first, arguments, sizes):
                _emit(run, frame, name, parameter, node, sizes)
                return True  # one is enough
    return False


def note_scripted(run: Run, frame: Frame, info: FunctionInfo, arguments: Arguments) -> None:
    """Notes sizes given to a function that TorchScript compiles: a trace calls it with plain numbers."""
    for at, (parameter, _) in enumerate(info.parameters):
        node, sizes = arguments.node(at, parameter.arg), _sizes(arguments.get(at, parameter.arg), several=False)
        annotation = parameter.annotation
        if sizes and node is not None and annotation is not None and dotted(annotation) == "int":
            forced = Forced(parameter.arg, several=False, at=(at,), frozen=TORCHSCRIPT, refused=frozenset())
            _emit(run, frame, info.name, forced, node, sizes, scripted=True)


def _note_axes(run: Run, frame: Frame, name: str, arguments: Arguments) -> None:
    """Notes axes that are numbers out of a tensor which no input changes: `torch.export` knows none of its values."""
    given = [parameter for parameter in AXES if parameter in arguments.keywords]
    if "dim" not in given and name.rpartition(".")[2] in REDUCTIONS:
        given.append("dim")  # what stands behind the tensor
    for parameter in given:
        position = int(not name.startswith("Tensor.")) if parameter == "dim" else -1
        value, node = arguments.get(position, parameter), arguments.node(position, parameter)
        unknown = [one for one in _parts(value) if isinstance(one, Number) and one.taint is Taint.state]
        if unknown and node is not None:
            with run.on_routes(frame, frame.routes & DYNAMO - unknown[0].frozen_on):
                facts = {"callee": name.removeprefix("Tensor."), "parameter": parameter}
                run.emit(frame, AxisFromTensor, node, "", (), **facts)


def _parts(value: Value | None) -> Sequence[Value]:
    """A value, or what a list or tuple holds."""
    if isinstance(value, Tuple):
        return value.items
    if isinstance(value, List):
        return value.items or [value.any()]
    return [value] if value is not None else []


def _sizes(value: Value | None, several: bool) -> list[Number | Shape]:
    """The sizes of inputs in an argument that is one number, or several, for which one may stand."""
    if isinstance(value, Number):
        return [value] if _is_size(value) else []
    return [one for one in _parts(value) if _is_size(one)] if several else []


def _is_size(value: Value | None) -> TypeGuard[Number | Shape]:
    return isinstance(value, (Number, Shape)) and value.taint is Taint.shape


def _are_features(name: str, parameter: str, first: int, arguments: Arguments, sizes: list[Number | Shape]) -> bool:
    """Whether a number is made of the sizes of an axis that the weights of a model fix by all experience.

    The channels of a convolution are one, and the last axis (or the channels of images), counted from the end, where
    it is what is cut; the last axis also where it is normalized or given a window, or where so many are repeated as
    features are there for one (``key.shape[-1] // head_dim``).
    """
    if len(sizes) != 1:
        return False
    axes = frozenset(int(axis) for axis in _AXIS.findall(sizes[0].symbol))
    last = name.rpartition(".")[2]
    if parameter == "groups" and (convolution := _CONVOLUTION.fullmatch(last)):
        return axes in ({1}, {-1 - int(convolution[1])})
    if last in ("split", "chunk"):
        cut = arguments.get(first + 1, "dim")
        return isinstance(cut, Const) and cut.value in (-1, -3) and axes == {cut.value}
    return last in ("layer_norm", "LayerNorm", "RMSNorm", "hann_window", "repeat_interleave") and axes == _LAST


def _is_one_row(run: Run, first: int, arguments: Arguments) -> bool:
    """Whether what is repeated is one row, ``x[:, -1:, :]``: that is expanded, by any number."""
    tensor = arguments.get(0, "input") if first else None
    axis = integer(arguments.get(first + 1, "dim") or Const(None))
    view = run.memory.views.get(tensor.ident) if isinstance(tensor, Tensor) else None
    if view is None or view.region is None or view.region[0] != "front" or axis is None:
        return False
    parts = view.region[1]
    return -len(parts) <= axis < len(parts) and parts[axis] in ((0, 1, 1), (-1, None, 1), (-1, 0, 1))


def _emit(
    run: Run,
    frame: Frame,
    name: str,
    parameter: Forced,
    node: ast.expr,
    sizes: list[Number | Shape],
    scripted: bool = False,
) -> None:
    plain = frozenset.intersection(*(size.frozen_on if isinstance(size, Number) else frozenset() for size in sizes))
    with run.on_routes(frame, frame.routes - plain):
        run.emit(
            frame,
            HiddenInt,
            node,
            "",
            (),
            callee=name.removeprefix("Tensor."),
            parameter=parameter.name,
            operand=run.operand(frame, node, sizes[0]),
            frozen=parameter.frozen,
            refused=parameter.refused,
            scripted=scripted,
        )
