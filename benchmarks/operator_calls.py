"""What convlint says of single calls of torch, beside what the ONNX exporters make of them.

``python benchmarks/operator_calls.py`` takes the calls of torch's own operator tests (``expecttest`` is needed), writes
each as a module whose inputs' sizes and dtypes are told, exports it, runs the file in ONNX Runtime with the very data
that it was exported with, and compares. Then convlint lints the module. Prints how many of the calls that do not
come out right are named, how many that do are named too, and which with ``--calls``. Names of functions (``torch.any``)
restrict it, and so does ``--most 1``; ``--exporter dynamo`` asks the other exporter, which takes hours for all.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import onnxruntime
import torch
from torch.utils import _pytree as pytree

from convlint.analyzer.torch_facts import generate_operators
from convlint.analyzer.torch_facts.generate import attempt, in_processes, quiet
from convlint.analyzer.torch_facts.generate_operators import PRELOAD, Sampled

COUNT = {"f": 12, "i": 6, "b": 3}
"""How many calls of a function are taken, by the dtype."""
OUTCOMES = {
    "stops": "The export stops",
    "refused": "ONNX Runtime refuses the file, or stops when it runs",
    "wrong": "Another result than in eager",
    "fine": "The same result",
}
ROUTES = {"torchscript": "onnx_torchscript", "dynamo": "onnx_dynamo"}
HEAD = "import torch\nfrom torch import device, nn\n\n\nclass Model(nn.Module):\n"
CALLED = "        return "


class Row(NamedTuple):
    """A call: its source, and what became of it, one of ``OUTCOMES``, with the message or the values."""

    source: str
    outcome: str
    detail: str


# --- calls as source ---------------------------------------------------------------------------------------------


def sources(name: str, most: int) -> Iterator[tuple[str, Sampled]]:
    """The calls of a function or layer that can be written down, each once, as unlike one another as there are."""
    seen = set()
    for letter, count in COUNT.items():
        for call in generate_operators.calls(name, letter, min(count, most)):
            source = written(name, call)
            if source not in seen and _is_same(source, call):
                seen.add(source)
                yield source, call


def written(name: str, call: Sampled, untold: Collection[tuple[int, int]] = ()) -> str:
    """A module that makes the call, and tells each input's dtype and sizes, but of these inputs and axes."""
    leaves: list[Any] = list(call.constants)
    for i, place in enumerate(call.places):
        leaves[place] = _Name(f"x{i}")
    args, keywords = pytree.tree_unflatten(leaves, call.tree)
    inputs = ", ".join(f"x{i}" for i in range(len(call.tensors)))
    told = ""
    for i, one in enumerate(call.tensors):
        sizes = [f"x{i}.shape[{axis}]" if (i, axis) in untold else size for axis, size in enumerate(one.shape)]
        told += f"        x{i} = x{i}.reshape(({''.join(f'{size}, ' for size in sizes)})).to({one.dtype})\n"
    init, called = "", name
    if call.made:
        init = f"    def __init__(self):\n        super().__init__()\n        self.layer = {call.made}\n\n"
        called = "self.layer"
    elif attempt(lambda: eval(name)) is None:  # noqa: S307 - a name of torch's
        called, args = f"{args[0]}.{name.rpartition('.')[2]}", args[1:]
    given = generate_operators.written(args, keywords)
    return f"{HEAD}{init}    def forward(self, {inputs}):\n{told}{CALLED}{called}({given})\n"


class _Name(str):
    """An input, which is written as its name."""

    __slots__ = ()
    __repr__ = str.__str__


def _is_same(source: str, call: Sampled) -> bool:
    """Whether the source computes what the call computes, and both the same twice: draws are not compared."""
    results = [attempt(lambda: pytree.tree_leaves(call(*copies(call)))) for _ in range(2)]
    results.append(attempt(lambda: pytree.tree_leaves(model(source)(*copies(call)))))
    dense = all(one is not None and all(part.layout is torch.strided for part in one) for one in results)
    return dense and all(not _difference(results[0], one) for one in results)


def copies(call: Sampled) -> tuple[torch.Tensor, ...]:
    """The tensors that a call was sampled with."""
    return tuple(one.clone() for one in call.tensors)


def model(source: str) -> torch.nn.Module:
    """The module that the source defines."""
    space: dict[str, Any] = {}
    exec(source, space)  # noqa: S102 - written here
    made: torch.nn.Module = space["Model"]()
    return made.eval()


# --- what an exporter makes of them ------------------------------------------------------------------------------


def outcomes(name: str, exporter: str, most: int) -> list[Row]:
    """What the exporter makes of the calls of a function or layer."""
    onnxruntime.set_default_logger_severity(4)
    torch.manual_seed(0)
    with torch.no_grad():
        return [Row(source, *outcome(model(source), copies(call), exporter)) for source, call in sources(name, most)]


def outcome(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], exporter: str) -> tuple[str, str]:
    """What became of a module, in a word, and the message or the two values."""
    try:
        file = exported(module, inputs, exporter)
    except Exception as error:
        return "stops", str(error).partition("\n")[0]
    return computed(file, inputs, module(*inputs))


def exported(
    module: torch.nn.Module,
    inputs: tuple[torch.Tensor, ...],
    exporter: str,
    dynamic: Sequence[Sequence[int]] | None = None,
) -> bytes:
    """The ONNX file of a module, with these axes of its inputs dynamic; raises what the exporter raises."""
    names, file = _names(inputs), io.BytesIO()
    options: dict[str, Any] = {"input_names": names}
    if exporter == "dynamo" and dynamic is not None:
        options["dynamic_shapes"] = (tuple(dict.fromkeys(axes, torch.export.Dim.DYNAMIC) for axes in dynamic),)
    elif dynamic is not None:
        options["dynamic_axes"] = {
            name: {axis: f"{name}_{axis}" for axis in axes} for name, axes in zip(names, dynamic, strict=True)
        }
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        if exporter == "dynamo":
            program = torch.onnx.export(module, inputs, dynamo=True, verbose=False, **options)
            assert program is not None
            program.save(file)
        else:
            torch.onnx.export(module, inputs, file, dynamo=False, **options)  # type: ignore[arg-type]
    return file.getvalue()


def computed(file: bytes, inputs: Sequence[torch.Tensor], expected: Any) -> tuple[str, str]:
    """Whether ONNX Runtime computes from the inputs what is expected."""
    try:
        session = onnxruntime.InferenceSession(file)
        wanted = {one.name for one in session.get_inputs()}
        given = {key: one.numpy() for key, one in zip(_names(inputs), inputs, strict=True) if key in wanted}
        results = [torch.from_numpy(numpy.asarray(one)) for one in session.run(None, given)]
    except Exception as error:
        return "refused", re.sub(r"\s+", " ", str(error))
    difference = _difference(pytree.tree_leaves(expected), results)
    return ("wrong", difference) if difference else ("fine", "")


def _names(inputs: Sequence[torch.Tensor]) -> list[str]:
    return [f"x{i}" for i in range(len(inputs))]


def _difference(expected: Sequence[torch.Tensor], computed: Sequence[torch.Tensor]) -> str:
    """How results differ: in number, sizes, dtypes or values."""
    if len(expected) != len(computed):
        return f"{len(computed)} results for {len(expected)}"
    for one, other in zip(expected, computed, strict=True):
        if one.shape != other.shape or one.dtype != other.dtype:
            return f"{one.dtype} {tuple(one.shape)}, computed {other.dtype} {tuple(other.shape)}"
        kind = torch.complex128 if one.is_complex() else torch.float64
        if not torch.allclose(one.to(kind), other.to(kind), rtol=1e-3, atol=1e-4, equal_nan=True):
            return f"{one.flatten()[:3].tolist()}, computed {other.flatten()[:3].tolist()}"
    return ""


# --- what convlint says of them ----------------------------------------------------------------------------------


def named(rows: Sequence[Row], exporter: str) -> list[frozenset[str]]:
    """For each call the codes of the errors and warnings at its line that speak of the exporter."""
    with tempfile.TemporaryDirectory() as folder:
        for i, row in enumerate(rows):
            Path(folder, f"m{i}.py").write_text(row.source, encoding="utf-8")
        command = [sys.executable, "-m", "convlint", folder, "--no-cache", "--isolated", "--output-format", "json"]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    found: list[set[str]] = [set() for _ in rows]
    for finding in told:
        i = int(Path(finding["filename"]).stem[1:])
        at_call = finding["location"]["row"] == rows[i].source.count("\n")
        if at_call and finding["harm"][ROUTES[exporter]] != "harmless" and finding["severity"] != "info":
            found[i].add(finding["code"])
    return [frozenset(codes) for codes in found]


Ask = Callable[[str, str, int], list[Row]]
"""Of a name, an exporter and a number of calls, what becomes of them."""


def compare(ask: Ask, how: str, description: str | None) -> None:
    """Measures, and prints the scores; ``how`` says in the heading how the calls are exported."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="functions and layers; all by default")
    parser.add_argument("--exporter", choices=ROUTES, default="torchscript")
    parser.add_argument(
        "--calls", action="store_true", help="print the calls that are not named, and those named though fine"
    )
    parser.add_argument("--most", type=int, default=max(COUNT.values()), help="calls of a function, of each dtype")
    parser.add_argument("--measured", type=Path, help="a file that what was measured is kept in, and taken from")
    options = parser.parse_args()
    rows = measured(partial(ask, exporter=options.exporter, most=options.most), options.names, options.measured)
    codes = named([row for _, row in rows], options.exporter)
    report(rows, codes, f"by the {options.exporter} exporter{how}", options.calls)


def measured(ask: Callable[[str], list[Row]], names: Sequence[str], kept: Path | None) -> list[tuple[str, Row]]:
    """Each call with the name of its function."""
    if kept and kept.is_file():
        return [(name, Row(*row)) for name, row in json.loads(kept.read_text(encoding="utf-8"))]
    warnings.simplefilter("ignore")
    wanted = names or generate_operators.names()
    found = in_processes(ask, wanted, _quiet, PRELOAD)
    rows = [(name, row) for name, many in found for row in many]
    if kept:
        kept.write_text(json.dumps(rows), encoding="utf-8")
    return rows


def _quiet() -> None:
    """Also of what the exporter prints past Python."""
    quiet()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def report(rows: Sequence[tuple[str, Row]], codes: Sequence[frozenset[str]], how: str, calls: bool) -> None:
    """Prints the counts as Markdown, and by function the calls on which convlint and the exporter do not agree."""
    apart: dict[str, Counter[str]] = {word: Counter() for word in OUTCOMES}
    for (name, row), one in zip(rows, codes, strict=True):
        apart[row.outcome][name] += bool(one) == (row.outcome == "fine")
    of = Counter(row.outcome for _, row in rows)
    print(f"# {len(rows)} calls of {len({name for name, _ in rows})} functions and layers, {how}\n")
    print(f"torch {torch.__version__}, ONNX Runtime {onnxruntime.__version__}.\n")
    print("| what becomes of a call | calls | named by an error or warning |\n|---|---|---|")
    for word, told in OUTCOMES.items():
        missed = sum(apart[word].values())
        print(f"| {told} | {of[word]} | {missed if word == 'fine' else of[word] - missed} |")
    for word, told in OUTCOMES.items():
        listed = ", ".join(
            f"`{name.removeprefix('torch.')}` {count}" for name, count in apart[word].most_common() if count
        )
        print(f"\n{told}, {'named' if word == 'fine' else 'not named'}: {listed or 'none'}.")
    for (name, row), one in zip(rows, codes, strict=True) if calls else ():
        if bool(one) == (row.outcome == "fine"):
            source = row.source.rpartition(CALLED)[2].strip()
            print(f"{name}: {row.outcome}, {' '.join(sorted(one)) or 'not named'}: {source}  # {row.detail[:120]}")


if __name__ == "__main__":
    compare(outcomes, "", __doc__)
