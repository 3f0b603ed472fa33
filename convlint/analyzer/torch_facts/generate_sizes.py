"""Makes ``sizes.json`` from the installed torch: ``python -m convlint.analyzer.torch_facts.generate_sizes``.

Some functions and layers are exported only where a size of what they are given is a number: the TorchScript ONNX
exporter refuses ``adaptive_avg_pool2d`` of an axis declared dynamic, and `torch.export` makes a time axis that goes
through an ``nn.LSTM`` a constant. Each is called once with the first input's axes declared dynamic one by one. What
eager itself takes of one size alone (the channels of a convolution) is no such fact.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from convlint.analyzer import torch_facts
from convlint.analyzer.torch_facts.generate import BEFORE, GIVEN, MADE_WITH, NAMESPACES, Calls, attempt, quiet

WITH = (*BEFORE, (0, 2, 1), (1, 2, 2), (2, 2, 1), (3, 2, 2), (0,), ((1, 1),), ((1, 1, 1),), ((4, 4, 4),), ((2, 1),))
"""Arguments behind the tensors."""
LAYERS = tuple(product(MADE_WITH, ({}, {"batch_first": True})))
INPUTS = [(torch.rand(3, 4, *more),) for more in ((), (8,), (8, 8), (8, 8, 8))]


class Sample(NamedTuple):
    """A call that works in eager, and the axes of its first input that two exporters need to know."""

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    rank: int
    onnx_torchscript: tuple[int, ...]
    torch_export: tuple[int, ...]


def samples(name: str) -> list[Sample]:
    """What is found of a layer (``LSTM``), function (``torch.cat``) or method (``Tensor.unfold``)."""
    found: dict[Any, Sample] = {}
    for arguments, keywords, module in _modules(name):
        for given in INPUTS:
            key = (arguments, tuple(keywords.items()), given[0].dim())
            if key in found or not isinstance(attempt(lambda: module(*given)), (torch.Tensor, tuple)):  # noqa: B023
                continue
            free = [axis for axis in range(given[0].dim()) if _takes_more(module, given[0], axis)]
            found[key] = Sample(
                arguments,
                keywords,
                given[0].dim(),
                _needed(_to_onnx, module, given, free),
                _needed(_to_program, module, given, free),
            )
    return list(found.values())


def _modules(name: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], nn.Module]]:
    prefix, _, last = name.rpartition(".")
    if not prefix:
        for arguments, keywords in LAYERS:
            layer = attempt(lambda: getattr(nn, last)(*arguments, **keywords).eval())  # noqa: B023
            if layer is not None:
                yield arguments, keywords, layer
        return
    function = getattr(torch.Tensor if prefix == "Tensor" else NAMESPACES[prefix][0], last)
    for arguments in WITH:
        yield arguments, {}, Calls(function, arguments, {})


def _takes_more(module: nn.Module, tensor: torch.Tensor, axis: int) -> bool:
    longer = torch.cat([tensor, tensor], axis)
    return isinstance(attempt(lambda: module(longer)), (torch.Tensor, tuple))


Export = Callable[[nn.Module, tuple[torch.Tensor, ...], int | None], bool]


def _needed(export: Export, module: nn.Module, given: tuple[torch.Tensor, ...], axes: list[int]) -> tuple[int, ...]:
    """The axes with which, declared dynamic, an export fails that works without."""
    if not axes or not export(module, given, None):
        return ()
    return tuple(axis for axis in axes if not export(module, given, axis))


def _to_onnx(module: nn.Module, given: tuple[torch.Tensor, ...], axis: int | None) -> bool:
    dynamic = {} if axis is None else {"input_names": ["x"], "dynamic_axes": {"x": {axis: "n"}}}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            torch.onnx.export(module, given, io.BytesIO(), dynamo=False, **dynamic)  # type: ignore[arg-type]
        except Exception:
            return False
    return True


def _to_program(module: nn.Module, given: tuple[torch.Tensor, ...], axis: int | None) -> bool:
    shapes: Any = None if axis is None else ({axis: torch.export.Dim.DYNAMIC},)
    if shapes is not None and isinstance(module, Calls):
        shapes = (shapes,)  # of `*tensors`
    try:
        torch.export.export(module, given, dynamic_shapes=shapes)
    except Exception:
        return False
    return True


def measured(names: list[str]) -> dict[str, list[Sample]]:
    """The samples of many, each asked in a process that may crash."""
    found: dict[str, list[Sample]] = {}
    pool: ProcessPoolExecutor | None = None
    for name in names:
        pool = pool or ProcessPoolExecutor(1, get_context("spawn"), quiet)
        try:
            found[name] = pool.submit(samples, name).result()
        except BrokenProcessPool:
            pool = None
    return found
