"""What convlint says of single calls of torch, beside what their ONNX files compute of other sizes.

``python benchmarks/operator_sizes.py`` takes the calls of ``operator_calls.py``, looks for the sizes that eager takes
twice as large, declares their axes dynamic, exports, and runs the file with the larger inputs. What convlint is
shown is a module that tells the dtypes of its inputs and the sizes of all other axes. The options are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

import onnxruntime
import torch
from operator_calls import Row, compare, computed, copies, exported, sources, written
from torch.utils import _pytree as pytree

from convlint.analyzer.torch_facts.generate import attempt
from convlint.analyzer.torch_facts.generate_operators import Sampled

Axes = frozenset[tuple[int, int]]
"""Axes of inputs that grow together: the number of the input, and the axis."""


def outcomes(name: str, exporter: str, most: int) -> list[Row]:
    """What becomes of the calls of a function or layer that the exporter takes, and takes right, with fixed sizes."""
    onnxruntime.set_default_logger_severity(4)
    torch.manual_seed(0)
    rows = []
    with torch.no_grad():
        for _, call in sources(name, most):
            free = list(growing(call))
            if free and _is_right(call, exporter):
                rows += [Row(written(name, call, axes), *outcome(call, axes, exporter)) for axes in free]
    return rows


def growing(call: Sampled) -> Iterator[Axes]:
    """Axes of one size of which eager takes more: all that have it, else one by one."""
    sized = [(i, axis, size) for i, one in enumerate(call.tensors) for axis, size in enumerate(one.shape)]
    for wanted in sorted({size for _, _, size in sized} - {1}):
        together = frozenset((i, axis) for i, axis, size in sized if size == wanted)
        alone = [frozenset({one}) for one in sorted(together)]
        if _takes(call, together):
            yield together
        else:
            yield from (axes for axes in alone if _takes(call, axes))


def _takes(call: Sampled, axes: Axes) -> bool:
    results = pytree.tree_leaves(attempt(lambda: call(*larger(call, axes))))
    return bool(results) and all(isinstance(one, torch.Tensor) for one in results)


def larger(call: Sampled, axes: Axes) -> tuple[torch.Tensor, ...]:
    """The inputs, twice as large along these axes: what was there in reverse, and of floats a little less of it."""
    inputs = list(copies(call))
    for i, axis in sorted(axes):
        more = inputs[i].flip(axis)
        inputs[i] = torch.cat([inputs[i], more * 0.9 if more.is_floating_point() else more], axis)
    return tuple(inputs)


def _is_right(call: Sampled, exporter: str) -> bool:
    file = attempt(lambda: exported(call, copies(call), exporter))
    return file is not None and computed(file, copies(call), call(*copies(call)))[0] == "fine"


def outcome(call: Sampled, axes: Axes, exporter: str) -> tuple[str, str]:
    """What becomes of a call with inputs larger than those it was exported with, and the message or the values."""
    dynamic = [[axis for one, axis in sorted(axes) if one == i] for i in range(len(call.tensors))]
    try:
        file = exported(call, copies(call), exporter, dynamic)
    except Exception as error:
        return "stops", str(error).partition("\n")[0]
    inputs = larger(call, axes)
    return computed(file, inputs, call(*inputs))


if __name__ == "__main__":
    compare(outcomes, ", with sizes declared dynamic, on larger inputs", __doc__)
