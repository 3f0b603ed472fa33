"""Makes ``sizes.json`` from the installed torch: ``python -m convlint.analyzer.torch_facts.generate_sizes``.

Some functions and layers are exported only where a size of what they are given is a number: the TorchScript ONNX
exporter refuses ``adaptive_avg_pool2d`` of an axis declared dynamic, and `torch.export` makes a time axis that goes
through an ``nn.LSTM`` a constant. Each is called once with the first input's axes declared dynamic one by one. What
eager itself takes of one size alone (the channels of a convolution) is no such fact. What the TorchScript
exporter or `torch.export` refuses is also exported by the dynamo ONNX exporter, and that file run on twice the size.
Of what gives several tensors the dynamo exporter is asked for itself: it refuses ``chunk``, which both others take.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from convlint.analyzer import torch_facts
from convlint.analyzer.torch_facts.generate import BEFORE, MADE_WITH, NAMESPACES, Calls, T, attempt, in_processes, quiet
from convlint.analyzer.torch_facts.kernels import forget_dispatched

WITH = (
    *BEFORE,
    (0, 2, 1),
    (1, 2, 2),
    (2, 2, 1),
    (3, 2, 2),
    (0,),
    ((1, 1),),
    ((1, 1, 1),),
    ((4, 4, 4),),
    ((2, 1),),
    (2, 1),
)
"""Arguments behind the tensors."""
SWITCHES: tuple[dict[str, bool], ...] = (
    {"batch_first": True},
    {"track_running_stats": True},
    {"track_running_stats": False},
)
LAYERS = tuple(product(((1,), *MADE_WITH), ({}, *SWITCHES)))
INPUTS = [(torch.rand(3, 4, *more),) for more in ((), (8,), (8, 8), (8, 8, 8))]


class Sample(NamedTuple):
    """A call that works in eager, and the axes of its first input that the exporters need to know."""

    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    rank: int
    needed: dict[str, tuple[int, ...]]
    """By exporter."""
    dynamo: dict[str, str]
    """What the dynamo ONNX exporter makes of those that an exporter needs: breaks, frozen, or nothing wrong."""


def samples(name: str) -> list[Sample]:
    """What is found of a layer (``LSTM``), function (``torch.cat``) or method (``Tensor.unfold``)."""
    found: dict[Any, Sample] = {}
    for arguments, keywords, module in modules_of(name):
        for given in INPUTS:
            key = (repr(arguments), repr(keywords), given[0].dim())
            if key in found or not isinstance(attempt(lambda: module(*given)), (torch.Tensor, tuple)):  # noqa: B023
                continue
            free = [axis for axis in range(given[0].dim()) if _takes_more(module, given[0], axis)]
            needed = {route: _needed(export, module, given, free) for route, export in exports_of(name).items()}
            dynamo = {route: _by_dynamo(module, given[0], axes) for route, axes in needed.items()}
            found[key] = Sample(arguments, keywords, given[0].dim(), needed, dynamo)
    return list(found.values())


def modules_of(name: str) -> Iterator[tuple[tuple[Any, ...], dict[str, Any], nn.Module]]:
    """A layer, made in all the ways that work, or modules that call a function: arguments, keywords and module."""
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
    """Whether eager takes more of an axis, and does not warn of it: ``InstanceNorm2d`` of other channels than its."""
    longer = torch.cat([tensor, tensor], axis)
    taken = isinstance(attempt(lambda: module(longer)), (torch.Tensor, tuple))
    return taken and _warned(module, longer) <= _warned(module, tensor)


def _warned(module: nn.Module, tensor: torch.Tensor) -> int:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        attempt(lambda: module(tensor))
    return len(told)


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


def _by_dynamo(module: nn.Module, tensor: torch.Tensor, axes: tuple[int, ...]) -> str:
    """What the dynamo exporter's file does with twice the size."""
    for axis in axes:
        longer, shapes = torch.cat([tensor, tensor], axis), _shapes(module, axis)
        with contextlib.redirect_stdout(io.StringIO()):
            options: Any = {"dynamo": True, "dynamic_shapes": shapes}
            forget_dispatched()
            program = attempt(lambda: torch.onnx.export(module, (tensor,), **options))  # noqa: B023
        if program is None:
            return "breaks"
        expected, computed = module(longer), attempt(lambda: program(longer))  # noqa: B023
        if computed is None or not _equal(computed[0], expected if isinstance(expected, torch.Tensor) else expected[0]):
            return "frozen"
    return ""


def _equal(computed: torch.Tensor, expected: torch.Tensor) -> bool:
    return computed.shape == expected.shape and torch.allclose(computed, expected, atol=1e-5)


def _to_program(module: nn.Module, given: tuple[torch.Tensor, ...], axis: int | None) -> bool:
    forget_dispatched()
    try:
        torch.export.export(module, given, dynamic_shapes=None if axis is None else _shapes(module, axis))
    except Exception:
        return False
    return True


def _to_dynamo(module: nn.Module, given: tuple[torch.Tensor, ...], axis: int | None) -> bool:
    options: Any = {"dynamo": True, "dynamic_shapes": None if axis is None else _shapes(module, axis)}
    forget_dispatched()
    with contextlib.redirect_stdout(io.StringIO()):
        return attempt(lambda: torch.onnx.export(module, given, **options)) is not None


EXPORTS: dict[str, Export] = {"onnx_torchscript": _to_onnx, "torch_export": _to_program}
"""By exporter whether it takes a module with its inputs, of which an axis is declared dynamic."""


def exports_of(name: str) -> dict[str, Export]:
    """The exporters that are asked for themselves: of what gives several tensors, the dynamo exporter too."""
    return EXPORTS | {"onnx_dynamo": _to_dynamo} if gives_several(name) else EXPORTS


def gives_several(name: str) -> bool:
    """Whether it is a method that gives a list of tensors, ``Tensor.chunk``."""
    operator = torch_facts.table().methods.get(name.removeprefix("Tensor."))
    return name.startswith("Tensor.") and operator is not None and operator.returns == "L"


def _shapes(module: nn.Module, axis: int) -> Any:
    shapes = ({axis: torch.export.Dim.DYNAMIC},)
    return (shapes,) if isinstance(module, Calls) else shapes  # of `*tensors`


def facts(name: str, found: list[Sample]) -> dict[str, dict[str, Any]]:
    """By name (``LSTM:batch_first`` with a switch) and exporter, the axes that all samples but those of ones need."""
    rows: dict[str, dict[str, Any]] = {}
    for keywords in ({}, *SWITCHES):
        mine = [sample for sample in found if sample.keywords == keywords]
        full = f"{name}{torch_facts.switched(keywords)}"
        for route in exports_of(name):
            dynamo = max((one.dynamo[route] for one in mine), default="")  # frozen where any call is exported
            fact = _fact([(one.arguments, one.rank, one.needed[route]) for one in mine])
            if fact and dynamo and route != "onnx_dynamo":
                fact["dynamo"] = dynamo
            if fact:
                rows.setdefault(full, {})[route] = fact
    return {full: row for full, row in rows.items() if full == name or row != rows.get(name)}


Call = tuple[tuple[Any, ...], int, tuple[int, ...]]


def _fact(calls: list[Call]) -> dict[str, Any]:
    plain = [call for call in calls if not _is_ones(call[0])]
    named = [call for call in plain if call[0] and isinstance(call[0][0], int) and call[2]]
    if len({call[2] for call in named}) > 1:
        for at in (0, 1):
            if all(needed == (arguments[at] if len(arguments) > at else 0,) for arguments, _, needed in named):
                return {"argument": at}
    by_rank = {rank: _common([needed for _, r, needed in plain if r == rank]) for rank in {call[1] for call in plain}}
    ranks = [rank for rank in sorted(by_rank) if by_rank[rank]]
    if not ranks or ranks[-1] != max(by_rank):
        return {}  # of single samples, without a batch
    from_end = sorted(axis - ranks[-1] for axis in by_rank[ranks[-1]])
    spatial = len(ranks) > 1 and all({axis - rank for axis in by_rank[rank]} <= set(from_end) for rank in ranks)
    fact: dict[str, Any] = {"axes": from_end if spatial else sorted(by_rank[ranks[-1]]), "rank": ranks[-1]}
    if any(_is_ones(arguments) and not needed for arguments, _, needed in calls):
        fact["unless_ones"] = True
    return fact


def _common(axes: list[tuple[int, ...]]) -> set[int]:
    return set.intersection(*map(set, axes))


def _is_ones(arguments: tuple[Any, ...]) -> bool:
    return arguments in ((1,), ((1, 1),), ((1, 1, 1),))


def main() -> None:
    """Writes the facts of all functions, layers and methods, or renews those of the names that are given."""
    renew(Path(__file__).with_name("sizes.json"), "needs", in_processes(samples, wanted()), facts)


def wanted() -> list[str]:
    """The names that are given, or all of functions, layers and methods."""
    return sys.argv[1:] or _all_names()


def renew(
    path: Path,
    key: str,
    measured: Iterable[tuple[str, T]],
    facts: Callable[[str, T], dict[str, dict[str, Any]]],
) -> None:
    """Writes the facts of what is measured; where names are given, those of others stay."""
    quiet()
    rows = json.loads(path.read_text(encoding="utf-8"))[key] if sys.argv[1:] else {}
    for name, found in measured:
        rows = {one: row for one, row in rows.items() if one.partition(":")[0] != name} | facts(name, found)
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(rows.items()))
    version = torch.__version__.split("+")[0]
    path.write_text(f'{{\n "torch": {json.dumps(version)},\n "{key}": {{\n{body}\n }}\n}}\n', encoding="utf-8")


def _all_names() -> list[str]:
    table = torch_facts.table()
    layers = [name for name in sorted(table.modules) if not name.startswith("Lazy")]
    methods = [f"Tensor.{name}" for name in sorted(table.methods)]
    functions = [n for n in sorted(table.functions) if "functional" in n or n.rpartition(".")[2] not in table.methods]
    return [name for name in (*layers, *functions, *methods) if not name.endswith("_")]


if __name__ == "__main__":
    main()
