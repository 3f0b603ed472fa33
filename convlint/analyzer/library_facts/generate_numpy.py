"""Makes ``numpy.json`` from NumPy and torch: ``python -m convlint.analyzer.library_facts.generate_numpy``.

Every public function of ``numpy``, ``numpy.linalg``, ``numpy.fft`` and ``numpy.random``, the types of its scalars and
the methods of arrays are called on small arrays: what comes back, whether it is memory of an argument, an argument
written to, random, or of a shape that depends on values. Each is called on tensors too, inside of a trace: whether it
reads their values, so that these leave the graph. Linting only reads the table.
"""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from convlint.analyzer.torch_facts.generate import attempt, quiet

MODULES = {"": np, "linalg.": np.linalg, "fft.": np.fft, "random.": np.random}
SAMPLES = ([[2.0, 1.0], [1.0, 3.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 2.0]], [[3.0, 0.0], [0.0, 2.0]])
"""Values that every function can take: some with fewer different ones, some with zeros."""
LARGER = [[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]]
GIVEN: dict[str, Callable[[Any], Any]] = {
    "a": lambda sample: sample,
    "row": lambda sample: sample[0],
    "list": lambda sample: [sample, sample],
    "whole": lambda sample: _cast(sample[0], "int64"),
    "mask": lambda sample: sample > 0.5,
}
"""Arguments that are made of a sample."""
ARGUMENTS: tuple[tuple[Any, ...], ...] = (
    *(("a",), ("a", "a"), ("list",), ("a", 1), ("a", "row"), ("a", (0, 1)), ("a", "a", "a"), ("a", 0, 1)),
    *(("row",), ("row", "row"), (3,), ((2, 3),), (2, 3), ("whole",), ("whole", "whole"), ("mask",), ("a", "mask")),
    *(("mask", "a"), (1, "a"), ("row", 1, 2), ("row", "row", "row"), ("a", np.add), (np.add, "a"), (np.sum, 0, "a")),
    *(("a", (0, 1), "a"), (3, 0.5), (3, 3, 2), ((4,), 1.0), ((3.0,),), (), ("ij->ji", "a"), ("a", float), (float,)),
)
_FORK = get_context("fork")
_SECONDS = 60.0
CONSTANTS = (int, float, type(None))


def _cast(value: Any, dtype: str) -> Any:
    """An array or tensor of another dtype."""
    return value.to(getattr(torch, dtype)) if isinstance(value, torch.Tensor) else value.astype(dtype)


def filled(arguments: tuple[Any, ...], sample: Any) -> list[Any]:
    """The arguments with the sample in them."""
    return [GIVEN[one](sample) if _is_array(one) else one for one in arguments]


def letters(result: Any) -> str:
    """A array, i int, f float, b bool, s string, - nothing, ? other, a letter a part of a tuple and a comma behind one.

    L list (or tuple of any length) of arrays, l of Python values.
    """
    if isinstance(result, tuple):
        return "".join(letters(one)[:1] for one in result) + ("," if len(result) == 1 else "")
    kinds: tuple[tuple[Any, str], ...] = ((np.ndarray, "A"), (np.generic, "A"), (bool, "b"), (int, "i"), (float, "f"))
    kinds += ((str, "s"), (list, "L" if _arrays(result) else "l"), (type(None), "-"))
    return next((letter for kind, letter in kinds if isinstance(result, kind)), "?")


def flags(function: Any, arguments: tuple[Any, ...]) -> str:
    """v: memory of an argument, w: writes to one, r: random, d: a shape by values."""
    calls = [filled(arguments, np.array(sample)) for sample in SAMPLES]
    before = [np.array(sample) for sample in SAMPLES]
    results = [attempt(lambda: function(*call)) for call in calls]  # noqa: B023
    pairs = [
        (one, whole)
        for call, result in zip(calls, results, strict=True)
        for one in _arrays(call)
        for whole in _arrays([result])
    ]
    found = {"v"} if any(np.shares_memory(one, whole) for one, whole in pairs) else set()
    given = [_arrays(filled(arguments, sample)) for sample in before]
    if any(
        not np.array_equal(x, y)
        for call, was in zip(calls, given, strict=True)
        for x, y in zip(_arrays(call), was, strict=True)
    ):
        found.add("w")
    again = [attempt(lambda: function(*filled(arguments, np.array(SAMPLES[0])))) for _ in range(50)]
    if "w" not in found and any(not _alike(one, again[0]) for one in again):
        found.add("r")
    if len({tuple(one.shape for one in _arrays([result])) for result in results if result is not None}) > 1:
        found.add("d")
    return "".join(sorted(found))


def _arrays(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        return [value]
    return [one for part in value for one in _arrays(part)] if isinstance(value, (tuple, list)) else []


def _alike(a: Any, b: Any) -> bool:
    same = attempt(lambda: np.array_equal(np.asarray(a), np.asarray(b), equal_nan=True))
    return repr(a) == repr(b) if same is None else bool(same)


class Calls(nn.Module):
    """A module that hands tensors to a function of NumPy."""

    def __init__(self, function: Any, arguments: tuple[Any, ...]) -> None:
        super().__init__()
        self.function, self.arguments = function, arguments
        self.result: Any = None

    def forward(self, tensor: torch.Tensor) -> torch.Tensor:
        """The result where it is a tensor, else the input."""
        self.result = self.function(*filled(self.arguments, tensor))
        return self.result if isinstance(self.result, torch.Tensor) else tensor * 1


def on_tensors(function: Any, arguments: tuple[Any, ...], answer: str) -> str:
    """What becomes of tensors: values (are read), graph (it follows), asks (for their shapes), fails."""
    samples = [torch.tensor(sample, dtype=torch.float64) for sample in SAMPLES]
    calls = Calls(function, arguments)
    if attempt(lambda: calls(samples[0])) is None:  # a trace that fails can harm the process
        return "fails"
    result = calls.result
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        traced = attempt(lambda: torch.jit.trace(calls, samples[0], check_trace=False))  # type: ignore[no-untyped-call]
    if any("Converting a tensor to a" in str(one.message) for one in caught):
        return "values"
    if isinstance(result, torch.Tensor):
        follows = traced is not None and all(torch.equal(traced(sample), calls(sample)) for sample in samples)
        return "graph" if follows else "values"
    given = letters(result)
    return "fails" if given != answer else "asks" if set(given) <= set("bifs,") else "values"


def row(function: Any, method: bool = False) -> list[str] | None:
    """What is known of a function, or of a method whose array comes first; None where no call succeeds."""
    calls = {}
    for arguments in ARGUMENTS:
        if not method or arguments[:1] in (("a",), ("row",)):
            with suppress(Exception):
                calls[arguments] = letters(function(*filled(arguments, np.array(SAMPLES[0]))))
    if not calls:
        return None
    made = [returned(_answers(function, calls)), flags(function, next(iter(calls)))]
    return made if method else [*made, worst(function, calls)]


def _answers(function: Any, calls: dict[tuple[Any, ...], str]) -> set[str]:
    """The letters of the calls whose first argument is of the same kind as in the first one, on larger arrays too."""
    kinds = {arguments: "array" if any(map(_is_array, arguments[:1])) else "other" for arguments in calls}
    found = set()
    for arguments, answer in calls.items():
        if kinds[arguments] == kinds[next(iter(calls))]:
            found.add(answer)
            with suppress(Exception):
                found.add(letters(function(*filled(arguments, np.array(LARGER)))))
    return found


def returned(seen: set[str]) -> str:
    """The letters of all calls; L or l for tuples of different lengths, ? where it depends on the arguments."""
    if len(seen) == 1:
        return seen.pop()
    if not all(len(one) > 1 for one in seen):
        return "L" if seen == {"L", "l"} else "?"
    return "L" if "A" in "".join(seen) else "l"


def worst(function: Any, calls: dict[tuple[Any, ...], str]) -> str:
    """What becomes of tensors in the worst of the calls that work; '' where none takes arrays.

    A list of tensors is always read, so it counts only where nothing else works on tensors.
    """
    taking = [one for one in calls if any(map(_is_array, one))]
    found = {on_tensors(function, one, calls[one]) for one in taking if "list" not in one}
    if found <= {"fails"}:
        found |= {on_tensors(function, one, calls[one]) for one in taking if "list" in one}
    return next((one for one in ("values", "graph", "asks", "fails") if one in found), "")


def _is_array(argument: Any) -> bool:
    return isinstance(argument, str) and argument in GIVEN


def apart(function: Any, method: bool = False) -> list[str] | None:
    """The row of a function, measured in a process of its own: some calls harm the one that they are made in."""
    ours, theirs = _FORK.Pipe()
    process = _FORK.Process(target=lambda: theirs.send(row(function, method)))
    process.start()
    theirs.close()
    try:
        made: list[str] | None = ours.recv() if ours.poll(_SECONDS) else None
    except EOFError:
        made = None
    process.kill()
    return made


def public(owner: Any) -> Iterator[tuple[str, Any]]:
    """The functions of a module or methods of a class, and its scalar types."""
    for name in sorted(dir(owner)):
        member = getattr(owner, name)
        is_scalar = isinstance(member, type) and issubclass(member, np.generic)
        if not name.startswith("_") and (is_scalar or (hasattr(member, "__name__") and not isinstance(member, type))):
            yield name, member


def attribute(name: str) -> str:
    """The letter of an array's attribute; k where it is one number for all sizes."""
    small, large, row = (attempt(lambda: getattr(array, name)) for array in (np.eye(2), np.eye(3), np.eye(2)[0]))  # noqa: B023
    letter = returned({letters(small), letters(row)})
    return "k" if letter == "i" and small == large else letter


def table() -> dict[str, Any]:
    """The table as JSON data."""
    functions = {}
    for prefix, module in MODULES.items():
        for name, function in public(module):
            if callable(function) and (made := apart(function)) is not None:
                functions[prefix + name] = made
    methods = {name: made for name, method in public(np.ndarray) if callable(method) and (made := apart(method, True))}
    attributes = {
        name: attribute(name)
        for name, member in vars(np.ndarray).items()
        if not name.startswith("_") and not callable(member)
    }
    constants = {
        name: type(value).__name__
        for name, value in sorted(vars(np).items())
        if not name.startswith("_") and type(value) in CONSTANTS
    }
    versions = {module.__name__: str(module.__version__).split("+")[0] for module in (np, torch)}
    facts = {"functions": functions, "methods": methods, "attributes": attributes, "constants": constants}
    return {"versions": versions} | facts


def main() -> None:
    """Writes the table, one function a line."""
    quiet()
    np.seterr(all="ignore")
    target = Path(__file__).with_name("numpy.json").resolve()
    with tempfile.TemporaryDirectory() as folder, Path(os.devnull).open("w") as nothing:
        os.chdir(folder)  # some write files
        with redirect_stdout(nothing), redirect_stderr(nothing):
            data = table()
        os.chdir("/")
    parts = []
    for key, rows in data.items():
        body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(made)}" for name, made in rows.items())
        parts.append(f' "{key}": {{\n{body}\n }}')
    target.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
