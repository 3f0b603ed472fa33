"""What targets make of operators as torch's own tests call them: ``python -m convlint.backends.measure_calls TARGET
[OPERATOR...]``.

Each operator named, or each in the graphs that a target reads, is exported in a call that becomes little else, and run
in a worker process, those of floats in several dtypes. What fails is run again with the inputs behind the first as
constants, as models have weights, and as the other exporter of ONNX writes it. An operator of a dtype is taken where a
file with it comes out right, and refused where every one that was made to try it fails; of that it is noted where a
call of constants alone comes out right. The target's facts are written
with it; what they say of other operators stays.
"""

from __future__ import annotations

import functools
import io
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch.utils import _pytree as pytree

from convlint.analyzer import torch_facts
from convlint.analyzer.torch_facts.generate import quiet
from convlint.analyzer.torch_facts.generate_operators import calls
from convlint.backends import aten_name, live, overload_name
from convlint.backends.fact_file import Known, path_of, trimmed, write
from convlint.backends.facts import Facts, facts
from convlint.backends.onnx_file import read
from convlint.backends.own_calls import (
    ALL,
    APPLIED,
    CASTS,
    CONVERSIONS,
    KINDS,
    OWN,
    OWN_OF_INTEGERS,
    OWN_OF_ONNX,
    SPECTRA,
)
from convlint.backends.uses import FILE, Operator
from convlint.trial.program_runtimes import TOLD_APART, operators
from convlint.trial.runtime_process import RuntimeProcess
from convlint.trial.runtimes import installed

TRIED = frozenset({"float32", "float16", "bfloat16", "float64", "int64", "bool"})
UNTRIED = frozenset({"complex128", "complex64", "int16", "int32", "int8", "uint8"})
"""Of which nothing is said."""
CALLS = 2
"""How many are tried before an operator is said to be refused."""
OPSET = 18
REFUSED = "listed"
"""The note of an operator that a target lists, and takes in none of several calls."""
_MEASURED = ", and calls of torch's tests that were run"
SECONDS = 120.0
RTOL, COARSE = 1e-2, 1e-1
"""Of float32 and of 16 bits."""
Key = tuple[str, str]
"""An operator and the dtype of its first input, or what another of its type parameters is: ``T2=int32``."""


class Cast(torch.nn.Module):
    """A call that computes in another dtype, of and to float32."""

    def __init__(self, layer: torch.nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.layer, self.dtype = layer.to(dtype), dtype

    def forward(self, *tensors: torch.Tensor) -> Any:
        """What it gives."""
        found = self.layer(*(one.to(self.dtype) if one.is_floating_point() else one for one in tensors))
        leaves = pytree.tree_leaves(found)
        return tuple(one.float() if one.is_floating_point() else one for one in leaves)


class UnusedError(Exception):
    """A program does not use an input, which converters leave out of what they make."""


@dataclass
class Tally:
    """What became of the files with operators."""

    passed: dict[Key, int] = field(default_factory=dict)
    failed: dict[Key, int] = field(default_factory=dict)
    folded: set[Key] = field(default_factory=set)
    """What fails so, and comes out right where it is of constants alone."""

    def count(self, keys: set[Key], asked: str, passed: bool) -> None:
        """One more file: what it fails by is what was asked for, or the only one that was never taken."""
        if passed:
            self.passed |= {key: self.passed.get(key, 0) + 1 for key in keys}
            return
        suspects = {key for key in keys if key not in self.passed}
        named = {key for key in suspects if key[0] == asked or len(suspects) == 1}
        self.failed |= {key: self.failed.get(key, 0) + 1 for key in named}

    def refused(self, operator: str) -> set[str]:
        """The dtypes of which an operator was never taken."""
        return {one for one in self._never(operator) if "=" not in one}

    def refused_types(self, operator: str) -> dict[str, set[str]]:
        """The same of its other type parameters, of which some were taken as another dtype."""
        told = (one.split("=") for key, one in self.passed if key == operator and "=" in one)
        taken = {parameter for parameter, _ in told}
        found: dict[str, set[str]] = {}
        for parameter, dtype in (one.split("=") for one in self._never(operator) if "=" in one):
            if parameter in taken:
                found.setdefault(parameter, set()).add(dtype)
        return found

    def _never(self, operator: str) -> set[str]:
        return {dtype for one, dtype in self.failed if one == operator and (one, dtype) not in self.passed}


def _keys(one: Operator) -> Iterator[Key]:
    """What is told of an operator of a file."""
    from onnx import defs

    yield one.name, one.dtype
    if not defs.has(one.name):
        return
    inputs = defs.get_schema(one.name, OPSET).inputs
    first = inputs[0].type_str if inputs else ""
    yield from ((one.name, f"{parameter}={dtype}") for parameter, dtype in one.types if parameter != first)


class Weighted(torch.nn.Module):
    """A call of which the tensors behind the first are constants."""

    def __init__(self, call: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.call = call
        for i, one in enumerate(tensors):
            self.register_buffer(f"weight{i}", one)

    def forward(self, x: torch.Tensor) -> Any:
        """What the call gives."""
        return self.call(x, *self.buffers(recurse=False))


class Constant(torch.nn.Module):
    """A call of constants, of which the sum is added to an input."""

    def __init__(self, call: torch.nn.Module, tensors: Sequence[torch.Tensor]) -> None:
        super().__init__()
        self.call = call
        for i, one in enumerate(tensors):
            self.register_buffer(f"constant{i}", one)

    def forward(self, x: torch.Tensor) -> Any:
        """The input with each sum."""
        found = pytree.tree_leaves(self.call(*self.buffers(recurse=False)))
        return tuple(x + one.to(x.dtype).sum() for one in found)


def _plain(operator: str) -> str:
    """As facts name it."""
    if operator.endswith(TOLD_APART):
        return overload_name(operator)
    return aten_name(operator) if operator.startswith("aten") else operator.partition("/")[0]


def samples(graph: str) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """The operators of a graph, each with the functions and layers that become it, by the class of a dtype.

    The first are those that become little else, layers before functions, for which weights are no inputs.
    """
    makers: dict[str, dict[str, list[tuple[int, bool, str]]]] = {}
    written = ("onnx_torchscript", "onnx_dynamo") if graph.startswith("onnx") else (graph,)
    for (name, _), kind, one_graph in product(torch_facts.measured(), KINDS, written):
        spans = (torch_facts.graphs(name, kind) or {}).get(one_graph, ())
        names = [names for opset, names in spans if opset <= OPSET][-1:]
        for one in {_plain(one) for one in (names[0] if names else ())}:
            makers.setdefault(one, {}).setdefault(kind, []).append((len(names[0]), "." in name, name))
    if graph in ("core", "torch_export"):
        makers |= {name: {"float": [(1, False, name)]} for name in OWN}
        makers.setdefault("abs", {})["complex"] = [(1, False, name) for name in SPECTRA]
        for name in APPLIED:
            operator, _, kind = name.partition(" of ")
            makers.setdefault(operator, {}).setdefault(kind, []).append((0, False, name))
    else:
        for kind, own in (("float", OWN_OF_ONNX), ("int", OWN_OF_INTEGERS)):
            for name in own:
                makers.setdefault(name, {}).setdefault(kind, []).append((0, False, name))
    for operator in sorted(makers):
        yield operator, {kind: [name for *_, name in sorted(set(found))] for kind, found in makers[operator].items()}


class Measuring:
    """A target that is measured."""

    def __init__(self, process: RuntimeProcess, graph: str, folder: Path, known: Facts | None = None) -> None:
        self.tally = Tally()
        self._process, self._graph, self._folder, self._known = process, graph, folder, known

    def tried(self, operator: str, name: str, kind: str) -> bool:
        """Whether a call comes out right as it is; so does one that torch does not export, of which nothing is said."""
        found = _called(name, kind[0])
        return not found or any(self._tried(operator, call, kind) for call in found)

    def _tried(self, operator: str, call: Any, kind: str) -> bool:
        passed = self._ran(operator, call, None)
        if kind == "float" and any(one == operator for one, _ in self.tally.passed):
            for cast in CASTS:
                self._ran(operator, call, cast)
        return passed

    def _ran(self, operator: str, call: Any, cast: torch.dtype | None) -> bool:
        ways = [(call, tuple(call.tensors))]
        if len(call.tensors) > 1:
            ways.append((Weighted(call, call.tensors[1:]), tuple(call.tensors[:1])))
        exporters = (False, True) if self._graph.startswith("onnx") else (False,)
        failed: set[Key] = set()
        for dynamo, (model, tensors) in product(exporters, ways):
            if (found := self._attempted(model, tensors, cast, dynamo=dynamo)) is None:
                continue
            passed, keys = found
            if passed or passed is None:
                self.tally.count(keys if passed else set(), operator, passed=True)
                return True
            failed = failed or keys
        if not failed or any(self._is_lacking(name) for name, _ in failed if name != operator):
            return True
        self.tally.count(failed, operator, passed=False)
        if cast is None and self._is_folded(call):
            self.tally.folded |= {key for key in failed if key[0] == operator}
        return False

    def _is_lacking(self, operator: str) -> bool:
        """Whether a target is known to lack an operator, by which a file fails whatever else is in it."""
        if self._known is None or any(name == operator for name, _ in self.tally.passed):
            return False
        names = (operator, f"{operator}_copy")  # a view, which facts may have as a copy
        rows = [row for name in names if (row := self._known.by_operator.get((name, 0))) is not None]
        return not any(row.passed or row.claim != "no" for row in rows) and (bool(rows) or self._known.complete)

    def _is_folded(self, call: Any) -> bool:
        """Whether a call comes out right where it is of constants; the exporters of ONNX fold by themselves."""
        if self._graph.startswith("onnx"):
            return False
        try:
            passed, _ = self._run(Constant(call, call.tensors), (torch.ones(1),), None, dynamo=False)
        except Exception:  # torch does not export it so
            return False
        return bool(passed)

    def _attempted(
        self, model: Any, tensors: tuple[Any, ...], cast: torch.dtype | None, *, dynamo: bool
    ) -> tuple[bool | None, set[Key]] | None:
        """The same of one way to write a call, None where an exporter does not write it so."""
        try:
            return self._run(model, tensors, cast, dynamo=dynamo)
        except Exception:
            return None
        finally:
            model.to(torch.float32) if cast is not None else None

    def _run(
        self, call: Any, tensors: tuple[Any, ...], cast: torch.dtype | None, *, dynamo: bool
    ) -> tuple[bool | None, set[Key]]:
        """Whether a call comes out right, None where that cannot be asked, and its operators."""
        model = Cast(call, cast).eval() if cast is not None else call
        with torch.no_grad():
            right = [one.numpy() for one in pytree.tree_leaves(model(*tensors))]
            try:
                file, keys = self._exported(model, tensors, dynamo=dynamo)
            except UnusedError:
                return self._run(Constant(call, tensors), (torch.ones(1),), cast, dynamo=dynamo)
        given = {f"x{i}": one.numpy() for i, one in enumerate(tensors)}
        said = self._process.run(file, given, right, RTOL if cast in (None, torch.float64) else COARSE)
        return None if said.what == "unable" else said.passed, keys

    def _exported(self, model: Any, tensors: tuple[Any, ...], *, dynamo: bool) -> tuple[Path, set[Key]]:
        if self._graph.startswith("onnx"):
            file, names = self._folder / "call.onnx", [f"x{i}" for i in range(len(tensors))]
            with redirect_stdout(io.StringIO()):
                torch.onnx.export(
                    model, tensors, str(file), dynamo=dynamo, opset_version=OPSET, input_names=names, verbose=False
                )
            uses = [use.operators(FILE, OPSET) for use in read(file).uses if not use.is_fixed]
            return file, {key for found in uses for one in found or () if " " not in one.name for key in _keys(one)}
        file = self._folder / "call.pt2"
        program = torch.export.export(model, tensors, strict=False)
        decomposed = program.run_decompositions(*([{}] if self._graph == "torch_export" else []))
        given = set(decomposed.graph_signature.user_inputs)
        if not all(one.users for one in decomposed.graph.nodes if one.name in given):
            raise UnusedError
        torch.export.save(program, file)
        used = (one for one in operators(decomposed) if not (one.is_fixed and one.dtype))
        return file, {(_plain(one.name), one.dtype) for one in used}


@functools.cache
def _called(name: str, letter: str) -> list[Any]:
    if make_and_shape := ALL.get(name):
        make, shape = make_and_shape
        models: list[Any] = [make().eval() for _ in range(CALLS)]
        for number, model in enumerate(models, 1):
            model.tensors = (torch.rand(number * shape[0], *shape[1:]),)
        return models
    return list(calls(name, letter))


def measured(target: str, graph: str, asked: Sequence[str]) -> Tally:
    """What a target makes of operators, by dtype."""
    with RuntimeProcess(target, seconds=SECONDS) as process, tempfile.TemporaryDirectory() as folder:
        measuring = Measuring(process, graph, Path(folder), facts(target))
        for operator, makers in samples(graph):
            if asked and operator not in asked:
                continue
            for kind, names in makers.items():
                any(measuring.tried(operator, name, kind) for name in names[:CALLS])
            for name in CONVERSIONS if operator == "Cast" else ():
                measuring.tried(operator, name, "float")
            did = {key[1]: "refused" for key in measuring.tally.failed if key[0] == operator}
            did |= {key[1]: "taken" for key in measuring.tally.passed if key[0] == operator}
            sys.stderr.write(f"{operator}: {json.dumps(did)}\n")
    return measuring.tally


def with_calls(known: Known, tally: Tally, asked: Sequence[str] = ()) -> Known:
    """Facts with what a target makes of operators: how many files, and of which dtypes.

    Where some were asked for, what was measured before of others stays.
    """
    rows = {
        (row[0], row[1] if len(row) > 1 else 0): [*row, *[0, "yes", "", "", 0, 0, "", ""][len(row) - 1 :]]
        for row in known["rows"]
    }
    for operator in sorted({one for one, _ in (*tally.passed, *tally.failed)}):
        refused = tally.refused(operator)
        passed = sum(number for (one, what), number in tally.passed.items() if one == operator and "=" not in what)
        failed = sum(tally.failed[operator, dtype] for dtype in refused)
        row = rows.setdefault((operator, 0), [operator, 0, "no", "", "", 0, 0, "", ""])
        if asked and operator not in asked and row[6]:
            continue
        row[5:7] = passed, passed + failed
        if failed >= CALLS and not passed and row[2] == "yes":
            row[2], row[4] = "no", REFUSED
        row[3] = " ".join(sorted((TRIED | UNTRIED) - refused)) if passed and refused else ""
        row[7] = live.types_but(operator, OPSET, tally.refused_types(operator)) or row[7]
        row[8] = " ".join(sorted(dtype for one, dtype in tally.folded if one == operator and dtype in refused))
    return {**known, "rows": [trimmed(rows[key]) for key in sorted(rows)]}


def _with_version(known: Known, version: str) -> Known:
    """What was read of the sources of a target, with the version that is measured."""
    source = known["source"] if _MEASURED in known["source"] else known["source"] + _MEASURED
    return {**known, "version": version, "source": source, "date": live.today()}


def main(target: str, asked: Sequence[str]) -> None:
    """Measures, and writes."""
    quiet()
    known = _with_version(msgspec.to_builtins(facts(target)), installed(target))
    graph = next(one for one in ("onnx_torchscript", "core", "torch_export") if one in known["reads"])
    write(path_of(target, known["version"]), with_calls(known, measured(target, graph, asked), asked))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
