"""What the analyzer knows of torch: tables made from the installed torch, and read here.

``generate.py`` makes ``table.json``, ``generate_sizes.py`` ``sizes.json``, ``generate_counts.py`` ``counts.json``,
``generate_ranks.py`` ``ranks.json``, ``generate_operators.py`` ``operators.json``, ``generate_scalars.py``
``scalars.json``, ``convlint.trial.draws`` ``draws.json``, ``convlint.trial.dtypes`` ``dtypes.json`` and
``convlint.trial.parameters`` ``parameters.json``.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convlint.events import Graphs

_TABLE = Path(__file__).with_name("table.json")
_RANKS = Path(__file__).with_name("ranks.json")
_SIZES = Path(__file__).with_name("sizes.json")
_COUNTS = Path(__file__).with_name("counts.json")
_DRAWS = Path(__file__).with_name("draws.json")
_DTYPES = Path(__file__).with_name("dtypes.json")
_PARAMETERS = Path(__file__).with_name("parameters.json")
_OPERATORS = Path(__file__).with_name("operators.json")
_SCALARS = Path(__file__).with_name("scalars.json")


@dataclass(frozen=True)
class Operator:
    """One torch function or ``Tensor`` method, by its schemas, tags and trial calls."""

    returns: str
    """One letter a result: T tensor, L list of tensors, i int, f float, b bool, n number, - nothing, ? other."""
    dtypes: str = ""
    """Dtype class of the first result for a float, int and bool input (``fib`` keeps them), '' where unknown."""
    view: bool = False
    """Whether the result can share memory with the input."""
    inplace: bool = False
    pointwise: bool = False
    dynamic_shape: bool = False
    """Whether the result's shape depends on values."""
    random: bool = False


@dataclass(frozen=True)
class Table:
    """The operators of one torch version."""

    torch: str
    methods: dict[str, Operator]
    functions: dict[str, Operator]
    fields: dict[str, dict[str, int]]
    """Of functions and methods that return a named tuple, by their last name: the fields and where they stand."""
    modules: frozenset[str]
    """Names of the classes in ``torch.nn``."""
    asking: frozenset[str]
    """Those of them, and the functions, whose own Python code asks for sizes when they are traced."""
    refused: dict[str, str]
    """What of them the TorchScript ONNX exporter refuses, for which operator: ``function:switch`` where that is on,
    ``layer:self`` where one tensor is query, key and value, ``function:sizes`` where it is given a size of an input."""
    fused: frozenset[str]
    """Layers among them that it refuses under ``torch.no_grad()`` only, where torch takes a fused kernel."""
    by_both: frozenset[str]
    """Those of what it refuses for which the dynamo ONNX exporter has no operator either."""
    by_dynamo: dict[str, str]
    """What the dynamo ONNX exporter alone refuses, for which operator."""
    by_export: dict[str, str]
    """What `torch.export`, and so the dynamo ONNX exporter, makes no program of, by the operator that stops it."""

    def lacking(self, name: str) -> dict[str, str]:
        """The exporters that refuse a name, written as in ``refused``, each for the operator that it lacks."""
        found = {"onnx_torchscript": self.refused[name]} if name in self.refused else {}
        if name in self.by_both:
            found["onnx_dynamo"] = self.refused[name]
        elif name in self.by_dynamo:
            found["onnx_dynamo"] = self.by_dynamo[name]
        if name in self.by_export:
            found |= dict.fromkeys(("torch_export", "onnx_dynamo"), self.by_export[name])
        return found


@dataclass(frozen=True)
class Need:
    """The sizes of its first input without which an exporter does not take a call."""

    axes: tuple[int, ...] = ()
    """Counted from the front of an input of this rank, or from the end of any."""
    rank: int = 0
    argument: int | None = None
    """Which argument behind the input names the axis instead."""
    dynamo: str = ""
    """What the dynamo ONNX exporter makes of it: breaks, frozen, or nothing wrong."""
    unless_ones: bool = False
    """Whether not where that argument is 1, or 1 throughout."""


@dataclass(frozen=True)
class Count:
    """The sizes of its inputs that `torch.export` must know though any is fine."""

    axes: dict[int, frozenset[int]]
    """By how many axes an input has."""
    any: bool
    """Whether these are all that eager takes more or fewer of."""


@dataclass(frozen=True)
class Draw:
    """A function that draws random numbers."""

    refused: frozenset[str]
    """The routes that stop at it, however it is called."""
    switch: str = ""
    """The parameter that says whether it does; '' where it always does."""
    at: int = 0
    """Its position."""
    by_default: bool = True
    """Whether it draws where nothing is given for that parameter."""


@dataclass(frozen=True)
class Forced:
    """A parameter that some exporter takes only a plain number for."""

    name: str
    several: bool
    """Whether where it is given several numbers: ``[n, 2]``."""
    at: tuple[int, ...]
    """Its positions in the overloads of the function."""
    frozen: frozenset[str]
    """The routes that keep the size of the traced input."""
    refused: frozenset[str]
    """The routes that stop where that size is declared dynamic, or make a file that no runtime takes."""


@dataclass(frozen=True)
class AnyNumber:
    """A parameter that takes any number, which True and False are to eager."""

    name: str
    at: int
    """Its position; of a method the tensor has the first."""
    refused: frozenset[str]
    """The routes that stop at a bool."""
    same: frozenset[str]
    """The dtypes of tensors of which eager makes the same with 1."""


@functools.cache
def reduced() -> frozenset[str]:
    """Names, as ``plain_name`` has them, of what ONNX Runtime refuses under ``torch.autocast("cpu")``, as measured."""
    rows = _dtypes()["under autocast"]
    routes = ("onnx_torchscript", "onnx_dynamo")
    return frozenset(
        plain_name(name) for name, row in rows.items() if all(row["harm"].get(r) == "breaks" for r in routes)
    )


@functools.cache
def _dtypes() -> dict[str, dict[str, Any]]:
    """What was measured of operators, by the dtypes that they are given."""
    rows: dict[str, dict[str, Any]] = json.loads(_DTYPES.read_text(encoding="utf-8"))["rows"]
    return rows


@functools.cache
def _refusing() -> dict[tuple[str, tuple[str, ...]], frozenset[str]]:
    found: dict[tuple[str, tuple[str, ...]], frozenset[str]] = {}
    for operator, mixes in _dtypes().items():
        name = operator.removeprefix("torch.").removeprefix("nn.functional.")
        for key, row in mixes.items():
            refused = frozenset(route for route, level in row.get("harm", {}).items() if level == "breaks")
            dtypes = tuple(key.split(", "))
            if refused and operator not in table().refused:
                found.setdefault((name, dtypes), refused)
                if operator != f"torch.{name}":  # whatever else is given, as `nn.functional.softmax(x, 1)`
                    found.setdefault((f"{name} dim", dtypes), refused)
    return found


def refusing(name: str, dtypes: tuple[str, ...]) -> frozenset[str]:
    """The routes that refuse an operator (``stack``; ``cumsum dim`` along an axis) on tensors of such classes.

    Of integers alone this is known for 64 bits only, which a class of dtypes does not say.
    """
    return _refusing().get((name, dtypes), frozenset())


def is_layer(name: str) -> bool:
    """Whether it is ``torch.nn.Linear`` or its like, no function."""
    return name.startswith("torch.nn.") and name.removeprefix("torch.nn.") in table().modules


def plain_name(name: str) -> str:
    """The same for a function and its layer: ``convtranspose2d``."""
    return name.rpartition(".")[2].replace("_", "").lower()


def _operator(row: list[str]) -> Operator:
    returns, dtypes, flags = row
    return Operator(returns, dtypes, "v" in flags, "w" in flags, "p" in flags, "d" in flags, "r" in flags)


@functools.cache
def table() -> Table:
    """The shipped table."""
    raw = json.loads(_TABLE.read_text(encoding="utf-8"))
    return Table(
        raw["torch"],
        {name: _operator(row) for name, row in raw["methods"].items()},
        {name: _operator(row) for name, row in raw["functions"].items()},
        raw["fields"],
        frozenset(raw["modules"]),
        frozenset(raw["asking"]),
        raw["refused"],
        frozenset(raw["fused"]),
        frozenset(raw["by_both"]),
        raw["by_dynamo"],
        raw["by_export"],
    )


@functools.cache
def needs() -> dict[str, dict[str, Need]]:
    """By layer (``LSTM``, ``LSTM:batch_first``), function or method, what the exporters need; by ``generate_sizes``."""
    raw = json.loads(_SIZES.read_text(encoding="utf-8"))["needs"]
    return {name: {route: _need(fact) for route, fact in facts.items()} for name, facts in raw.items()}


def switched(options: Mapping[str, bool]) -> str:
    """What stands behind the name of a layer that is made with a switch: ``:track_running_stats=False``."""
    return "".join(f":{name}" if value else f":{name}=False" for name, value in options.items())


def need(name: str) -> dict[str, Need]:
    """The same of one name; a function is what its layer calls: ``torch.nn.functional.adaptive_avg_pool2d``."""
    of_layer = name.startswith("torch.nn.functional.") and name not in needs()
    return needs().get(_layers().get(plain_name(name), "") if of_layer else name, {})


@functools.cache
def counts() -> dict[str, Count]:
    """By layer, function or method, which sizes it asks for that must not depend on values; by ``generate_counts``."""
    raw = json.loads(_COUNTS.read_text(encoding="utf-8"))["counts"]
    return {
        name: Count({int(rank): frozenset(axes) for rank, axes in row["axes"].items()}, "any" in row)
        for name, row in raw.items()
    }


@functools.cache
def _layers() -> dict[str, str]:
    return {plain_name(name): name for name in needs() if "." not in name and ":" not in name}


@functools.cache
def ranks() -> dict[str, tuple[int, bool]]:
    """By layer or function the least rank of an input that the TorchScript ONNX exporter takes, where eager takes a
    lesser one, and whether that is silently wrong (else ONNX Runtime refuses it); by ``generate_ranks``."""
    raw = json.loads(_RANKS.read_text(encoding="utf-8"))["ranks"]
    return {name: (row["rank"], row["below"] == "wrong") for name, row in raw.items()}


@functools.cache
def _lowered() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_OPERATORS.read_text(encoding="utf-8"))
    return found


def newer(name: str) -> tuple[int, str] | None:
    """Of a function or layer that the TorchScript ONNX exporter does not write at every opset: from which on it does,
    and what it lacks below; by ``generate_operators``."""
    row = _lowered()["newer"].get(_called(name))
    return None if row is None else (row[0], row[1])


@functools.cache
def graphs(name: str, dtype: str | None) -> Graphs | None:
    """What a function or layer becomes where its first input is of a class of dtypes, or of whichever (None)."""
    measured = {letter: _graphs(row) for letter, row in _lowered()["calls"].get(_called(name), {}).items()}
    shared = _shared(list(measured.values()))
    letter = "f" if "." not in name else dtype[0] if dtype is not None else ""
    if not letter or not measured:
        return shared or None
    of_torch = {graph: shared[graph] for graph in _OTHERS[1:] if graph in shared}  # they are much the same for all
    return {**of_torch, **measured[letter]} if letter in measured else None


def measured() -> list[tuple[str, str]]:
    """The functions and layers of which it is known what they become, each with the class of a dtype that it takes."""
    classes = {"f": "float", "i": "int", "b": "bool"}
    return [(name, classes[next(iter(rows))]) for name, rows in _lowered()["calls"].items()]


@functools.cache
def _called(name: str) -> str:
    """The name under which a call was measured: a function stands for the method in place, and for its other home."""
    known = _lowered()["calls"]
    plain = name.removesuffix("_")
    last = plain.rpartition(".")[2]
    names = (name, plain, f"torch.{last}", f"torch.nn.functional.{last}") if "." in name else (name,)
    return next((one for one in names if one in known), name)


def _graphs(row: list[Any]) -> Graphs:
    lists = _lowered()["lists"]
    spans = tuple((opset, tuple(lists[number].split())) for opset, number in row[0])
    others = {graph: number for graph, number in zip(_OTHERS, row[1:], strict=True) if number >= 0}
    made = {graph: ((0, tuple(lists[number].split())),) for graph, number in others.items()}
    return made | ({"onnx_torchscript": spans} if spans else {})


_OTHERS = ("onnx_dynamo", "jit_trace", "torch_export", "core")


def _shared(rows: list[Graphs]) -> Graphs:
    """What becomes of a call whatever the dtype is: operators, without dtypes, that all rows with that graph have."""
    found = {}
    for graph in {graph for row in rows for graph in row}:
        spans = [row[graph] for row in rows if graph in row]
        if graph == "onnx_dynamo" and not _alike(rows):
            continue  # measured of one dtype only
        opsets = sorted({opset for span in spans for opset, _ in span})
        found[graph] = tuple((opset, _common(spans, opset)) for opset in opsets)
    return found


def _alike(rows: list[Graphs]) -> bool:
    """Whether the TorchScript exporter writes the same operators whatever the dtype is."""
    spans = [row.get("onnx_torchscript", ()) for row in rows]
    if not all(spans):
        return len(rows) == 1
    names = [tuple((opset, _common([span], opset)) for opset, _ in span) for span in spans]
    return all(one == names[0] for one in names)


def _common(spans: list[tuple[tuple[int, tuple[str, ...]], ...]], opset: int) -> tuple[str, ...]:
    there = [[one for since, one in span if since <= opset] for span in spans]
    names = [{one.partition("/")[0] for one in operators[-1]} if operators else set() for operators in there]
    return tuple(sorted(set.intersection(*names)))


def _need(fact: dict[str, Any]) -> Need:
    return Need(**{**fact, "axes": tuple(fact.get("axes", ()))})


@functools.cache
def draws() -> dict[str, Draw]:
    """Functions (``torch.rand``) and methods (``Tensor.normal_``) that draw random numbers."""
    raw = json.loads(_DRAWS.read_text(encoding="utf-8"))["draws"]
    return {name: Draw(**row | {"refused": frozenset(row["refused"])}) for name, row in raw.items()}


@functools.cache
def drawing_layers() -> dict[str, Draw]:
    """Layers (``Dropout``) that draw in training mode alone, with what is known of their functions."""
    functions = {plain_name(name): fact for name, fact in draws().items() if fact.switch == "training"}
    return {name: functions[plain_name(name)] for name in table().modules if plain_name(name) in functions}


@functools.cache
def forced() -> dict[str, tuple[Forced, ...]]:
    """By function (``torch.linspace``), method (``Tensor.topk``) or layer the parameters that force a plain number."""
    raw = json.loads(_PARAMETERS.read_text(encoding="utf-8"))["harmful"]
    return {name: tuple(_forced(parameter, row) for parameter, row in rows.items()) for name, rows in raw.items()}


@functools.cache
def _numbers() -> dict[str, dict[str, Any]]:
    rows: dict[str, dict[str, Any]] = json.loads(_SCALARS.read_text(encoding="utf-8"))["scalars"]
    return rows


@functools.cache
def numbers(name: str) -> tuple[AnyNumber, ...]:
    """What of a function (``torch.full``) or method (``Tensor.eq``) takes any number but a bool; by
    ``generate_scalars``."""
    rows = _numbers().get(name, {})
    return tuple(
        AnyNumber(parameter, row["at"], frozenset(row["refused"]), frozenset(row["same"]))
        for parameter, row in rows.items()
    )


def forced_first(name: str, several: bool) -> Forced | None:
    """What of these the first argument of a function is, given one size or several."""
    return next((one for one in forced().get(name, ()) if 0 in one.at and one.several is several), None)


def _forced(parameter: str, row: dict[str, Any]) -> Forced:
    refused = frozenset(route for route, level in row["harm"].items() if level == "breaks")
    return Forced(
        parameter.removesuffix("[]"),
        parameter.endswith("[]"),
        tuple(sorted(row["at"])),
        frozenset(row["harm"]) - refused,
        refused,
    )
