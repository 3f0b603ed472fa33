"""Makes ``counts.json`` from the installed torch: ``python -m convlint.analyzer.torch_facts.generate_counts``.

What is exported of any size may still not be of one that depends on values, as a mask makes it: ``nn.BatchNorm1d`` and
attention ask whether there is a value at all, and `torch.export` cannot tell. Each layer, function and method is
called with a tensor along one axis of which a mask has selected.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, ShapeEnv

from convlint.analyzer import torch_facts
from convlint.analyzer.torch_facts.generate import attempt, in_processes
from convlint.analyzer.torch_facts.generate_sizes import INPUTS, modules_of, renew, wanted
from convlint.analyzer.torch_facts.kernels import forget_dispatched

PRELOAD = ("convlint.analyzer.torch_facts.generate_counts", "torch._dynamo")
"""What takes long to import."""
MOST = 3
"""How often the tensor is given at most: attention takes three."""


class Sample(NamedTuple):
    """A call that works in eager."""

    switch: str
    """``batch_first``, where the layer is made with it."""
    rank: int
    times: int
    """How often it is given the tensor."""
    free: frozenset[int]
    """The axes of which eager takes more and fewer."""
    asked: frozenset[int]
    """Of these the ones whose size must be known."""


class Selects(nn.Module):
    """A module that is given what a mask selects along an axis, once or several times."""

    def __init__(self, module: nn.Module, axis: int, times: int) -> None:
        super().__init__()
        self.module, self.axis, self.times = module, axis, times

    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> Any:
        """What the module makes of it."""
        return self.module(*[x.index_select(self.axis, mask.nonzero().squeeze(1))] * self.times)


def samples(name: str) -> list[Sample]:
    """What is found of a layer, function (``torch.roll``) or method (``Tensor.roll``), by switch and rank.

    An axis counts that every call asks for, whatever else it is given: which one ``x.chunk(2, 1)`` cuts is no fact.
    """
    found: dict[tuple[str, int], Sample] = {}
    first: dict[tuple[str, int], tuple[nn.Module, torch.Tensor]] = {}
    for switch, module, tensor, times in _calls(name):
        key = (switch, tensor.dim())
        known = found.get(key)
        if known is None:
            free = frozenset(axis for axis in range(tensor.dim()) if _takes_any(module, tensor, axis, times))
            known, first[key] = Sample(switch, tensor.dim(), times, free, free), (module, tensor)
        asked = frozenset(axis for axis in known.asked if _may_ask(module, tensor, axis, times))
        found[key] = known._replace(asked=asked)
    return [_measured(one, *first[key]) for key, one in found.items()]


def _measured(sample: Sample, module: nn.Module, tensor: torch.Tensor) -> Sample:
    """A sample with the axes of which an export stops."""
    if not sample.asked or not _exports(module, (tensor,) * sample.times):
        return sample._replace(asked=frozenset())
    asked = frozenset(axis for axis in sample.asked if _stops(module, tensor, axis, sample.times))
    return sample._replace(asked=asked)


def _calls(name: str) -> Iterator[tuple[str, nn.Module, torch.Tensor, int]]:
    for _, keywords, module in modules_of(name):
        for (tensor,) in INPUTS:
            times = next((n for n in range(1, MOST + 1) if _works(module, (tensor,) * n)), None)
            if times is not None:
                yield torch_facts.switched(keywords).removeprefix(":"), module, tensor, times


def _takes_any(module: nn.Module, tensor: torch.Tensor, axis: int, times: int) -> bool:
    """Whether eager takes fewer and more of an axis."""
    size = tensor.shape[axis]
    others = (torch.arange(size - 1), torch.arange(size).repeat(2))
    return all(_works(module, (tensor.index_select(axis, other),) * times) for other in others)


def _works(module: nn.Module, given: tuple[torch.Tensor, ...]) -> bool:
    made = attempt(lambda: module(*given))
    return isinstance(made, (torch.Tensor, tuple, list))


def _exports(module: nn.Module, given: tuple[torch.Tensor, ...]) -> bool:
    forget_dispatched()
    return attempt(lambda: torch.export.export(module, given)) is not None


def _stops(module: nn.Module, tensor: torch.Tensor, axis: int, times: int) -> bool:
    """Whether `torch.export` stops for want of the size of an axis."""
    forget_dispatched()
    mask = torch.ones(tensor.shape[axis], dtype=torch.bool)
    try:
        torch.export.export(Selects(module, axis, times).eval(), (tensor, mask))
    except Exception as error:
        return _is_of_count(error)
    return False


def _is_of_count(error: BaseException | None) -> bool:
    return isinstance(error, GuardOnDataDependentSymNode) or (error is not None and _is_of_count(error.__cause__))


def _may_ask(module: nn.Module, tensor: torch.Tensor, axis: int, times: int) -> bool:
    """Whether a size that is not known is asked for by stand-ins without values, which is quick to tell."""
    with FakeTensorMode(shape_env=ShapeEnv(), allow_non_fake_inputs=True) as mode:
        assert mode.shape_env is not None
        count: Any = mode.shape_env.create_unbacked_symint()
        torch._check(count >= 0)  # type: ignore[no-untyped-call]
        one = torch.empty([count if place == axis else size for place, size in enumerate(tensor.shape)])
        try:
            module(*[one] * times)
        except Exception as error:
            return _is_of_count(error)
    return False


def facts(name: str, found: list[Sample]) -> dict[str, dict[str, Any]]:
    """By name (``LSTM:batch_first`` with a switch), the axes by rank, and whether these are all that may vary."""
    rows: dict[str, dict[str, Any]] = {}
    for switch in sorted({one.switch for one in found}):
        mine = [one for one in found if one.switch == switch]
        axes = {str(one.rank): sorted(one.asked) for one in sorted(mine) if one.asked}
        if axes:
            row: dict[str, Any] = {"axes": axes}
            if all(one.asked == one.free for one in mine):
                row["any"] = True
            rows[f"{name}:{switch}" if switch else name] = row
    return {full: row for full, row in rows.items() if full == name or row != rows.get(name)}


def main() -> None:
    """Writes the facts of all functions, layers and methods, or renews those of the names that are given."""
    measured = in_processes(samples, wanted(), preload=PRELOAD)
    renew(Path(__file__).with_name("counts.json"), "counts", measured, facts)


if __name__ == "__main__":
    main()
