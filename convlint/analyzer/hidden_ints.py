"""Sizes of an input given for parameters that exporters take plain numbers for, by the facts that were measured."""

from __future__ import annotations

import ast
import re
from typing import TypeGuard

from convlint.analyzer import torch_facts
from convlint.analyzer.calls import Arguments
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.torch_facts import Forced
from convlint.analyzer.values import Const, List, Number, Shape, Tuple, Value
from convlint.events import HiddenInt, Taint

_AXIS = re.compile(r"[\[@](-?\d+)")
_CONVOLUTION = re.compile(r"conv(?:_transpose)?([123])d")
_LAST = frozenset({-1})


def note(run: Run, frame: Frame, name: str, arguments: Arguments) -> None:
    """Notes a call of a function (``torch.linspace``), a method (``Tensor.split``) or a layer's class (``Unfold``)."""
    if name == "Tensor.new_tensor":
        return  # a `TensorFromValues`
    forced = torch_facts.forced()
    callee, first = name, 0
    if name not in forced and name.startswith("torch.") and name.count(".") == 1:
        callee, first = f"Tensor.{name.removeprefix('torch.')}", 1
    for parameter in forced.get(callee, ()):
        for place in reversed(parameter.at):
            position = first + place if place >= 0 else -1
            node = arguments.node(position, parameter.name)
            sizes = _sizes(arguments.get(position, parameter.name), parameter.several)
            if sizes and node is not None and not _are_features(name, parameter.name, first, arguments, sizes):
                _emit(run, frame, name, parameter, node, sizes)
                return  # one is enough: the call is to be written in another way


def _sizes(value: Value | None, several: bool) -> list[Number | Shape]:
    """The sizes of inputs in an argument that is one number, or several, for which one may stand."""
    if isinstance(value, Number) or not several:
        return [value] if _is_size(value) else []
    parts = value.items if isinstance(value, Tuple) else value.items or [value.any()] if isinstance(value, List) else ()
    return [one for one in (*parts, value) if _is_size(one)]


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
    return last in ("layer_norm", "hann_window", "repeat_interleave") and axes == _LAST


def _emit(run: Run, frame: Frame, name: str, parameter: Forced, node: ast.expr, sizes: list[Number | Shape]) -> None:
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
        )
