"""Makes ``torchvision.json``: ``python -m convlint.analyzer.library_facts.generate_torchvision``.

Every public function and layer of ``torchvision.ops`` is called on small tensors, by the names of its parameters, and
measured: what it returns, of which sizes and dtype class, whether that is memory of an argument, what is random, what
depends on values; what ``torch.jit.trace`` freezes of it, and what the ONNX exporters refuse. Linting only reads the
table. It needs a torchvision that runs beside the installed torch.
"""

from __future__ import annotations

import inspect
import io
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnxruntime
import onnxscript
import torch
import torchvision
from torch import nn
from torch.utils import _pytree as pytree
from torchvision import ops

from convlint.analyzer.torch_facts.generate import attempt, dtype_class, in_processes, quiet

SEEDS = range(4)


@dataclass(frozen=True)
class Sizes:
    """Sizes of a trial call, no two alike."""

    boxes: int = 6
    others: int = 5
    batch: int = 3
    channels: int = 8
    height: int = 16
    width: int = 14
    output: int = 2
    """The side of what is pooled: its square divides the channels."""
    out: int = 10


SMALL = Sizes()
OTHER = Sizes(9, 7, 5, 36, 20, 24, 3, 11)
GROWN = replace(SMALL, boxes=9, others=7, batch=4, height=20, width=24)
"""What a model may be given after it was traced on the small ones: the architecture is the same."""

NO_OPTIONS: Mapping[str, Any] = {}
Maker = Callable[[Sizes, torch.Generator], Any]


def _floats(*names: str) -> Maker:
    def make(sizes: Sizes, generator: torch.Generator) -> torch.Tensor:
        return torch.rand([getattr(sizes, name) for name in names], generator=generator)

    return make


def _boxes(count: str, batched: bool = False) -> Maker:
    def make(sizes: Sizes, generator: torch.Generator) -> torch.Tensor:
        number = getattr(sizes, count)
        corners, sides = torch.rand([2, number, 2], generator=generator) * 6
        index = torch.randint(sizes.batch, [number, 1], generator=generator).float()
        return torch.cat([index, corners, corners + sides] if batched else [corners, corners + sides], dim=1)

    return make


def _levels(sizes: Sizes, generator: torch.Generator) -> dict[str, torch.Tensor]:
    shape = [sizes.batch, sizes.channels, sizes.height, sizes.width]
    return {name: torch.rand(shape, generator=generator) for name in ("0", "1")}


def _offset(sizes: Sizes, generator: torch.Generator) -> torch.Tensor:
    return torch.rand([sizes.batch, 18, sizes.height - 2, sizes.width - 2], generator=generator)


def _always(value: Any) -> Maker:
    return lambda sizes, generator: value


def _size(name: str, *more: int) -> Maker:
    """A size as an option, alone or in a list."""
    return lambda sizes, generator: [*more, getattr(sizes, name)] if more else getattr(sizes, name)


TENSORS: dict[str, Maker] = {
    "boxes": _boxes("boxes"),
    "boxes1": _boxes("boxes"),
    "boxes2": _boxes("others"),
    "rois": _boxes("boxes", batched=True),
    "scores": _floats("boxes"),
    "idxs": lambda sizes, generator: torch.randint(2, [sizes.boxes], generator=generator),
    "masks": lambda sizes, generator: _floats("boxes", "height", "width")(sizes, generator) > 0.9,
    "input": _floats("batch", "channels", "height", "width"),
    "x": _floats("batch", "channels", "height", "width"),
    "volume": _floats("batch", "channels", "others", "height", "width"),
    "rows": _floats("batch", "channels"),
    "inputs": _floats("batch", "channels"),
    "targets": _floats("batch", "channels"),
    "weight": lambda sizes, generator: torch.rand([sizes.out, sizes.channels, 3, 3], generator=generator),
    "offset": _offset,
    "levels": _levels,
    "boxes of each": lambda sizes, generator: [_boxes("boxes")(sizes, generator) for _ in range(sizes.batch)],
}
OPTIONS: dict[str, Maker] = {
    "iou_threshold": _always(0.3),
    "size": _always((5, 5)),
    "in_fmt": _always("xyxy"),
    "out_fmt": _always("cxcywh"),
    "min_size": _always(2.0),
    "p": _always(0.5),
    "block_size": _always(3),
    "mode": _always("row"),
    "dims": lambda sizes, generator: [0, 2, 3, 1] if sizes.output == SMALL.output else [0, 3, 1, 2],
    "kernel_size": _always(3),
    "spatial_scale": _always(0.5),
    "sampling_ratio": _always(2),
    "featmap_names": _always(["0", "1"]),
    "image_shapes": lambda sizes, generator: [(sizes.height, sizes.width)] * sizes.batch,
    "output_size": _size("output"),
    "out_channels": _size("out"),
    "in_channels": _size("channels"),
    "input_channels": _size("channels"),
    "num_features": _size("channels"),
    "squeeze_channels": _always(4),
    "hidden_channels": _size("out", 12),
    "in_channels_list": lambda sizes, generator: [sizes.channels] * 2,
}
MEANT: dict[str, dict[str, str]] = {
    **{name: {"boxes": "rois"} for name in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool")},
    **{name: {"input": "volume"} for name in ("drop_block3d", "DropBlock3d", "Conv3dNormActivation")},
    **{f"{name}_box_iou_loss": {"boxes2": "boxes1"} for name in ("generalized", "complete", "distance")},
    "MLP": {"input": "rows"},
    "FeaturePyramidNetwork": {"x": "levels"},
    "MultiScaleRoIAlign": {"x": "levels", "boxes": "boxes of each"},
}
"""Parameters that take another kind of value than their name says elsewhere."""


class Calls(nn.Module):
    """A module whose inputs are the tensors in the arguments of one function or layer."""

    def __init__(self, function: Any, arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self.function = function
        leaves, self.tree = pytree.tree_flatten(dict(arguments))
        self.tensors = tuple(leaf for leaf in leaves if isinstance(leaf, torch.Tensor))
        self.rest = [None if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The function's result."""
        given = iter(tensors)
        leaves = [next(given) if leaf is None else leaf for leaf in self.rest]
        return self.function(**pytree.tree_unflatten(leaves, self.tree))


@dataclass(frozen=True)
class Trial:
    """A function or layer, and how to call it."""

    name: str

    @property
    def member(self) -> Any:
        """The function or class."""
        return getattr(ops, self.name)

    @property
    def is_layer(self) -> bool:
        """Whether it must be made before it is called."""
        return inspect.isclass(self.member)

    @property
    def called(self) -> Any:
        """What takes the tensors."""
        return self.member.forward if self.is_layer else self.member

    def call(self, sizes: Sizes = SMALL, seed: int = 0, **options: Any) -> Calls:
        """A trial call with some options; of the same seed always on the same values."""
        generator = torch.Generator().manual_seed(seed)
        function = self.member
        if self.is_layer:
            torch.manual_seed(0)
            made = function(**self.values(function, sizes, generator, options))
            function = made.train(options.get("training", False))
        return Calls(function, self.values(self.called, sizes, generator, options))

    def values(
        self, function: Any, sizes: Sizes, generator: torch.Generator, options: Mapping[str, Any] = NO_OPTIONS
    ) -> dict[str, Any]:
        """A value for each parameter that needs one, and the options that it takes."""
        makers = TENSORS | OPTIONS
        meant = MEANT.get(self.name, {})
        taken = inspect.signature(function).parameters
        return {
            one.name: makers[meant.get(one.name, one.name)](sizes, generator)
            for one in taken.values()
            if one.default is one.empty and one.name != "self"
        } | {name: value for name, value in options.items() if name in taken}


def parameters(function: Any) -> list[str]:
    """The names of a function's parameters."""
    return [name for name in inspect.signature(function).parameters if name != "self"]


def run(call: Calls) -> Any:
    """The result, with random numbers that are the same in every process."""
    return call(*call.tensors)


def letters(result: Any) -> str:
    """T tensor, L list of tensors, D dictionary of tensors, one letter a part of a tuple; ? other."""
    if isinstance(result, tuple):
        return "".join(map(letters, result))
    kinds: tuple[tuple[type, str], ...] = ((torch.Tensor, "T"), (list, "L"), (dict, "D"))
    return next((letter for kind, letter in kinds if isinstance(result, kind)), "?")


def dtypes(trial: Trial) -> str:
    """The dtype class of the (first) result for float, int and bool values in place of floats."""
    found = ""
    for dtype in (torch.float32, torch.int64, torch.bool):
        call = trial.call()
        tensors = [one.to(dtype) if one.is_floating_point() else one for one in call.tensors]
        found += dtype_class(attempt(lambda: call(*tensors)))  # noqa: B023
    return found


def sizes_of(trial: Trial) -> list[str] | None:
    """Each axis of a single result: ``boxes.0``, an option, a number, ``*`` by values, ``?`` otherwise."""
    results = [[run(trial.call(sizes, seed)) for seed in SEEDS] for sizes in (SMALL, OTHER)]
    if not all(isinstance(one, torch.Tensor) for of_sizes in results for one in of_sizes):
        return None
    if len({one.dim() for of_sizes in results for one in of_sizes}) > 1:
        return None
    named = [dict(_named_sizes(trial, sizes)) for sizes in (SMALL, OTHER)]
    found = []
    for axis in range(results[0][0].dim()):
        seen = [{one.shape[axis] for one in of_sizes} for of_sizes in results]
        if any(len(counts) > 1 for counts in seen):
            found.append("*")
            continue
        (small,), (other,) = seen
        alike = [name for name, size in named[0].items() if (size, named[1][name]) == (small, other)]
        found.append(alike[0] if alike else str(small) if small == other else "?")
    return found


def _named_sizes(trial: Trial, sizes: Sizes) -> Iterator[tuple[str, int]]:
    """The sizes of the tensors that are given, and the numbers that are."""
    generator = torch.Generator().manual_seed(0)
    options = trial.values(trial.member, sizes, generator) if trial.is_layer else {}
    given = trial.values(trial.called, sizes, generator)
    for name, value in given.items():
        if isinstance(value, torch.Tensor):
            yield from ((f"{name}.{axis}", size) for axis, size in enumerate(value.shape))
    for name, value in (options | given).items():
        if type(value) is int:
            yield name, value
        if isinstance(value, list) and all(type(one) is int for one in value):
            yield f"{name}.-1", value[-1]


def shaping(trial: Trial, sizes: list[str] | None) -> list[str]:
    """The optional parameters that change the sizes, or may."""
    if sizes is None:
        return []
    usual = run(trial.call()).shape
    found = []
    for owner in {trial.called, trial.member}:
        for one in inspect.signature(owner).parameters.values():
            if one.name == "self" or one.default is one.empty:
                continue
            tried = [attempt(lambda: run(trial.call(**{one.name: value}))) for value in _unusual(one.default)]  # noqa: B023
            if not tried or any(result is None or result.shape != usual for result in tried):
                found.append(one.name)
    return sorted(found)


def _unusual(default: Any) -> list[Any]:
    """Other values of a parameter, none where they cannot be guessed."""
    if isinstance(default, bool):
        return [not default]
    return (
        [default + 2, default + 3] if isinstance(default, int) else [default / 2] if isinstance(default, float) else []
    )


def flags(trial: Trial, sizes: list[str] | None) -> str:
    """v: memory of an argument, w: writes to one, r: random, t: random in training, d: a shape by values.

    i: an argument itself, where it is not training.
    """
    call = trial.call()
    before = [one.clone() for one in call.tensors]
    result = run(call)
    memory = {one.untyped_storage().data_ptr() for one in call.tensors}
    found = {"v"} if any(one.untyped_storage().data_ptr() in memory for one in _tensors(result)) else set()
    if not all(map(torch.equal, before, call.tensors)):
        found.add("w")
    if _is_random(call):
        found.add("r")
    elif trial.is_layer and _is_random(trial.call(training=True)):
        found.add("t")
    if sizes is not None and "*" in sizes:
        found.add("d")
    idle = trial.call(training=False)
    if any(run(idle) is one for one in idle.tensors):
        found.add("i")
    return "".join(sorted(found))


def _is_random(call: Calls) -> bool:
    first = run(call)
    return not all(_same(run(call), first) for _ in range(9))


def _tensors(result: Any) -> list[torch.Tensor]:
    return [one for one in pytree.tree_leaves(result) if isinstance(one, torch.Tensor)]


def _same(a: Any, b: Any) -> bool:
    one, other = _tensors(a), _tensors(b)
    return all(x.shape == y.shape and torch.allclose(x, y, equal_nan=True) for x, y in zip(one, other, strict=True))


def frozen(trial: Trial) -> list[str]:
    """Of ``values`` and ``sizes`` what ``torch.jit.trace`` keeps of its example; ``warns`` where it says so."""
    call = trial.call()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traced = attempt(lambda: torch.jit.trace(call, call.tensors, check_trace=False, strict=False))  # type: ignore[no-untyped-call]
    found = ["warns"] if any(one.category.__name__ == "TracerWarning" for one in caught) else []
    if traced is None:
        return ["stops"]
    grown = trial.call(GROWN)
    if len(grown.tensors) != len(call.tensors):  # one an image: their number is no size
        grown = trial.call(replace(GROWN, batch=SMALL.batch))
    others = {"values": [trial.call(seed=seed) for seed in SEEDS], "sizes": [grown]}
    for what, calls in others.items():
        results = [(attempt(lambda: traced(*one.tensors)), run(one)) for one in calls]  # noqa: B023
        if any(kept is None or not _same(kept, eager) for kept, eager in results):
            found.append(what)
    return found


def refused(name: str) -> dict[str, str]:
    """The ONNX exporters that refuse it, with the operator that they lack; '' where the runtime refuses the graph."""
    call = Trial(name).call()
    found = {}
    for route, dynamo in (("onnx_torchscript", False), ("onnx_dynamo", True)):
        file = io.BytesIO()
        try:
            torch.onnx.export(call, call.tensors, file, dynamo=dynamo, verbose=False)  # type: ignore[arg-type]
        except Exception as error:
            found[route] = _lacking(error)
        else:
            if attempt(lambda: onnxruntime.InferenceSession(file.getvalue())) is None:  # noqa: B023
                found[route] = ""
    return found


def _lacking(error: BaseException | None) -> str:
    """The operator that is named in the innermost of an error's causes that names one."""
    if error is None:
        return ""
    named = re.search(r"(?:\btorch\.ops\.|op=')(\w+)\.(\w+)|(\w+)::(\w+)", str(error))
    inner = _lacking(error.__cause__)
    return inner or ("::".join(part for part in named.groups() if part) if named else "")


def measured(name: str) -> dict[str, Any]:
    """A row of the table."""
    trial = Trial(name)
    result = run(trial.call())
    row: dict[str, Any] = {"made": parameters(trial.member)} if trial.is_layer else {}
    row |= {"given": parameters(trial.called), "returns": letters(result), "dtypes": dtypes(trial)}
    sizes = sizes_of(trial)
    found = flags(trial, sizes)
    kept = [] if "r" in found else frozen(trial)
    row |= {"sizes": sizes, "shaping": shaping(trial, sizes), "flags": found}
    return row | {"frozen": kept, "refused": refused(name)}


def silent() -> None:
    """Sets a process up for trial calls."""
    quiet()
    logging.disable(logging.CRITICAL)


def main() -> None:
    """Writes the table, one function or layer a line."""
    versions = {
        module.__name__: module.__version__.split("+")[0] for module in (torch, torchvision, onnxscript, onnxruntime)
    }
    body = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in in_processes(measured, sorted(ops.__all__), silent)
    )
    text = f'{{\n "versions": {json.dumps(versions)},\n "members": {{\n{body}\n }}\n}}\n'
    Path(__file__).with_name("torchvision.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
