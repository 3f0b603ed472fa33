"""Makes ``table.json`` from the installed torch: ``python -m convlint.analyzer.torch_facts.generate``.

Sources: the registered schemas (results, aliasing, writes), the operators' tags (pointwise, dynamic shape,
random), and trial calls on small float, int and bool tensors (dtype class of the result). Linting only reads
the table; this module is the one place of the analyzer that imports torch, and only when run.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import io
import json
import re
import warnings
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

T = TypeVar("T")
NAMESPACES = {
    "torch": (torch, ""),
    "torch.nn.functional": (F, ""),
    "torch.special": (torch.special, "special_"),
    "torch.linalg": (torch.linalg, "linalg_"),
    "torch.fft": (torch.fft, "fft_"),
}
KINDS = {"Tensor": "T", "Tensor[]": "L", "List[Tensor]": "L", "int": "i", "SymInt": "i", "float": "f", "bool": "b"}
KINDS |= {"number": "n", "Scalar": "n", "NoneType": "-"}
ARGUMENTS: tuple[tuple[Any, ...], ...] = ((), ("t",), (1,), (0, 1), (0, "i"), ("t", "t"), (1.0,), (0.1, 0.9), ((0, 1),))
SWITCHES = {"torch.stft": ["return_complex"], "torch.sort": ["stable"], "torch.argsort": ["stable"]}
"""Those of functions that are not written in Python: between real and complex results, and between overloads."""
REQUIRED = {"torch.linalg.solve_triangular": {"upper": True}}
"""What a function must be given by name."""
ATTRIBUTES = ("T", "mT", "H", "mH", "real", "imag")
"""Of a tensor what an operator computes, named as if it were a function of ``torch``."""
OF_LISTS = {"torch.nn.utils.rnn.pad_sequence": lambda *tensors: nn.utils.rnn.pad_sequence(tensors)}
"""Functions elsewhere that an exporter is asked for."""
FLAGS = {"pointwise": "p", "dynamic_output_shape": "d", "nondeterministic_seeded": "r"}


def schemas() -> dict[str, list[Any]]:
    """The registered aten schemas by operator name."""
    found: dict[str, list[Any]] = defaultdict(list)
    for schema in torch._C._jit_get_all_schemas():
        namespace, _, name = schema.name.partition("::")
        if namespace == "aten" and not any(argument.is_out for argument in schema.arguments):
            found[name].append(schema)
    return found


def flags(name: str, overloads: list[Any]) -> str:
    """v: result may alias an input, w: writes its first argument, p/d/r: from the tags."""
    found = set()
    for schema in overloads:
        for result in schema.returns:
            if result.alias_info is not None:
                found.add("w" if result.alias_info.is_write else "v")
        packet = getattr(torch.ops.aten, name, None)
        overload = getattr(packet, schema.overload_name or "default", None)
        found |= {FLAGS[tag.name] for tag in getattr(overload, "tags", ()) if tag.name in FLAGS}
    if "w" in found:
        found.discard("v")
    return "".join(sorted(found))


def returns(overloads: list[Any]) -> str:
    """The letters of the first overload that takes a tensor."""
    for schema in overloads:
        if any("Tensor" in str(argument.type) for argument in schema.arguments):
            return "".join(KINDS.get(str(result.type), "?") for result in schema.returns) or "-"
    return "".join(KINDS.get(str(result.type), "?") for result in overloads[0].returns) or "-"


def dtype_class(value: Any) -> str:
    """f, i, b, c for a tensor (or the first of several), ? otherwise."""
    if isinstance(value, (tuple, list)) and value:
        value = value[0]
    if not isinstance(value, torch.Tensor):
        return "?"
    if value.dtype is torch.bool:
        return "b"
    if value.is_complex():
        return "c"
    return "f" if value.is_floating_point() else "i"


def dtypes(function: Any) -> str:
    """The result's dtype class for a float, int and bool input, by calling; '' where no call succeeds on floats."""
    samples = [torch.rand(2, 2) + 0.1, torch.tensor([[1, 0], [0, 1]]), torch.tensor([[True, False], [False, True]])]
    for arguments in ARGUMENTS:
        letters = ""
        for sample in samples:
            filled = [
                sample.clone() if a == "t" else torch.zeros(2, 2, dtype=torch.int64) if a == "i" else a
                for a in arguments
            ]
            try:
                letters += dtype_class(function(sample.clone(), *filled))
            except Exception:
                letters += "?"
        if letters[0] != "?":
            return letters
    return ""


def row(function: Any, name: str, known: dict[str, list[Any]]) -> list[str] | None:
    """What is known of a function: by the schema of its name or, where Python wraps that, by a trial call."""
    schema = next((n for n in (name, f"_{name}2") if n in known), None)
    if schema is not None:
        return [returns(known[schema]) if schema == name else "T", dtypes(function), flags(schema, known[schema])]
    classes = dtypes(function)
    return ["T", classes, ""] if classes else None


MADE_WITH: tuple[tuple[int, ...], ...] = ((), (4,), (2, 4), (4, 4), (4, 2), (4, 4, 3), (8, 4, 4), (8, 2))
GIVEN: list[tuple[torch.Tensor, ...]] = [(torch.rand(2, 4, *more),) for more in ((), (8,), (8, 8), (8, 8, 8))]
GIVEN.append((torch.rand(2, 2, 3),))
GIVEN += [one * count for count in (2, 3) for one in GIVEN[:2]]


def asks(function: Any, before: tuple[Any, ...] = ()) -> bool:
    """Whether torch's own Python code asks for sizes when a function is traced, so that the tracer warns."""
    results = [attempt(lambda: function(*one, *before)) for one in GIVEN]  # noqa: B023
    computed = [one for one, result in zip(GIVEN, results, strict=True) if isinstance(result, (torch.Tensor, tuple))]
    if not computed:  # a trace that fails can harm the process: what fails in eager is not traced
        return False
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        attempt(lambda: torch.jit.trace(lambda *tensors: function(*tensors, *before), computed[0], check_trace=False))  # type: ignore[no-untyped-call]
    return any(warning.category.__name__ == "TracerWarning" for warning in caught)


def attempt(call: Callable[[], Any]) -> Any:
    """What a call returns, None where it fails."""
    try:
        return call()
    except Exception:
        return None


def module_asks(cls: type[nn.Module]) -> bool:
    """Whether a layer does, made with any of a few arguments."""
    layers = [attempt(lambda: cls(*arguments).eval().requires_grad_(False)) for arguments in MADE_WITH]  # noqa: B023
    return any(asks(layer) for layer in layers if layer is not None)


BEFORE: tuple[tuple[Any, ...], ...] = ((), (2,), (1,), ((4, 4),), (1, 0), (2, 2, 1), ([1, 1],))
BEFORE += ((4, None, "bilinear"), ((2, 4, 8, 8),))


UNCOMMON: list[tuple[torch.Tensor, ...]] = [
    (torch.rand(4),),
    (torch.rand(4), torch.rand(4)),
    (torch.rand(3, 3), torch.rand(3, 3)),
    (torch.rand(2, 4, 2),),
    (torch.rand(2, 16, 9),),
    (torch.rand(2, 4, dtype=torch.complex64),),
    (torch.rand(2, 5, 9, dtype=torch.complex64),),
]
"""For what takes none of these: vectors, square matrices, complex numbers."""
ITSELF = (torch.rand(2, 3, 4),)


class Calls(nn.Module):
    """A module that calls one function."""

    def __init__(self, function: Any, before: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        super().__init__()
        self.function, self.before, self.keywords = function, before, keywords

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The function's result."""
        return self.function(*tensors, *self.before, **self.keywords)


class OfSizes(nn.Module):
    """A module that calls a function of numbers with sizes of its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, tensor: torch.Tensor) -> Any:
        """The function's result."""
        return self.function(*tensor.shape)


Lacks = Callable[[nn.Module, tuple[torch.Tensor, ...]], str]
"""The operator that an exporter does not have for a module, '' where it has them all."""


def lacking(lacks: Lacks, function: Any, **keywords: Any) -> str | None:
    """The operator that an exporter has not at its default opset, '' where it has, None where no call works."""
    common = product(GIVEN[1:] + GIVEN[:1], BEFORE)
    for given, before in (*common, *product(GIVEN + UNCOMMON, (*BEFORE, (8,)))):
        module: nn.Module = Calls(function, before, keywords)
        if isinstance(attempt(lambda: module(*given)), (torch.Tensor, tuple)):  # noqa: B023
            return lacks(module, given)
    return None


def _samples(name: str) -> Sequence[Any]:
    """The calls of a function or layer in torch's own tests, of the first dtype that has some."""
    from convlint.analyzer.torch_facts.generate_operators import DTYPES, calls

    return next((made for letter in DTYPES if (made := calls(name, letter))), [])


def lacking_of_samples(lacks: Lacks, name: str) -> str:
    """The operator that an exporter lacks for every call of a function or layer in torch's own tests, '' otherwise."""
    found = [lacks(call, call.tensors) for call in _samples(name)]
    return found[0] if found and all(found) else ""


def lacking_of_sizes(lacks: Lacks, function: Any) -> str:
    """The same of a function of numbers alone that is given sizes: given constants it is computed beforehand."""
    for given in GIVEN[0], UNCOMMON[0]:
        module = OfSizes(function)
        if isinstance(attempt(lambda: module(*given)), torch.Tensor):  # noqa: B023
            return lacks(module, given)
    return ""


def _without_symbolic(module: nn.Module, given: tuple[torch.Tensor, ...]) -> str:
    """What the TorchScript ONNX exporter has no symbolic for."""
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            torch.onnx.export(module, given, io.BytesIO(), dynamo=False)  # type: ignore[arg-type]
        except Exception as error:
            if type(error).__name__ == "UnsupportedOperatorError":
                named = re.search(r"[\w.]+::\w+", str(error))
                return named[0] if named else "?"
            if named := re.search(r"Unsupported: ONNX export of operator (\w+), Out parameter", str(error)):
                return f"aten::{named[1].lower()}"
            if "does not currently support" in str(error):  # of complex results
                return f"aten::{getattr(module, 'function', module).__name__}"
    return ""


def _without_translation(module: nn.Module, given: tuple[torch.Tensor, ...]) -> str:
    """What the dynamo ONNX exporter neither translates nor takes apart."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            torch.onnx.export(module, given, dynamo=True, verbose=False)
        except Exception as error:
            cause: BaseException | None = error
            while cause is not None:
                if named := re.search(r"No ONNX function found for <OpOverload\(op='([\w.]+)'", str(cause)):
                    return named[1]
                cause = cause.__cause__
    return ""


def _without_program(module: nn.Module, given: tuple[torch.Tensor, ...]) -> str:
    """What `torch.export` stops at although all sizes are fixed: it asks for values, or gives sizes that rest on them.

    Asked at length are those only that do not run without values.
    """
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            with FakeTensorMode(allow_non_fake_inputs=True) as fake:
                module(*map(fake.from_tensor, given))
        except Exception:
            try:
                torch.export.export(module.eval(), given)
            except Exception as error:
                named = re.search(r"aten\.\w+", str(error))
                return named[0] if named else "?"
    return ""


class Attends(nn.Module):
    """A layer of queries, keys and values, called with one tensor for all three, as self-attention is."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, tensor: torch.Tensor) -> Any:
        """What the layer answers."""
        return self.layer(tensor, tensor, tensor)


def switches(function: Any) -> list[str]:
    """The parameters of a Python function that are False unless somebody asks for them."""
    parameters = inspect.signature(function).parameters.values() if inspect.isfunction(function) else ()
    return [one.name for one in parameters if one.default is False]


def refused_of(name: str, lacks: Lacks = _without_symbolic) -> dict[str, str]:
    """Of a function or layer: its name, or ``function:switch``, to the operator for which it is refused."""
    prefix, _, last = name.rpartition(".")
    if not prefix:
        cls = getattr(nn, name)
        operator = _layer_lacks(lacks, cls)
        found = {name: lacking_of_samples(lacks, name) if operator is None else operator}
        on = switches(cls.__init__)
        switched = {f"{name}:{switch}": _layer_lacks(lacks, cls, **{switch: True}) or "" for switch in on}
        if list(inspect.signature(cls.forward).parameters)[1:4] == ["query", "key", "value"]:
            options: list[dict[str, bool]] = [{}, *({switch: True} for switch in on)]
            switched |= {
                ":".join([name, *more, "self"]): lacks(Attends(cls(4, 2, **more).eval()), ITSELF) for more in options
            }
    elif last in ATTRIBUTES:
        found, switched = {name: lacking(lacks, lambda tensor: getattr(tensor, last)) or ""}, {}
    elif name in OF_LISTS:
        found, switched = {name: lacking(lacks, OF_LISTS[name]) or ""}, {}
    elif prefix == "torch" and last.endswith("_"):
        operator = lacking(lacks, _in_place(last))
        if operator is None and hasattr(torch, last.removesuffix("_")):
            operator = lacking_of_samples(lacks, name.removesuffix("_"))
        found, switched = {name: operator or ""}, {}
    else:
        function = getattr(NAMESPACES[prefix][0], last)
        operator = lacking(lacks, function, **REQUIRED.get(name, {}))
        found = {name: lacking_of_samples(lacks, name) if operator is None else operator}
        asked = switches(function) if prefix == "torch.nn.functional" else SWITCHES.get(name, [])
        switched = {f"{name}:{switch}": lacking(lacks, function, **{switch: True}) or "" for switch in asked}
        switched[f"{name}:sizes"] = lacking_of_sizes(lacks, function)
    return found if found[name] else {one: operator for one, operator in switched.items() if operator}


def _in_place(method: str) -> Callable[..., Any]:
    """A method that writes, as a function that writes to a copy."""
    return lambda tensor, *given: getattr(tensor.clone(), method)(*given)


def _layer_lacks(lacks: Lacks, cls: type[nn.Module], **switch: bool) -> str | None:
    layers = [attempt(lambda: cls(*arguments, **switch).eval()) for arguments in MADE_WITH]  # noqa: B023
    found = [lacking(lacks, layer) for layer in layers if layer is not None]
    return next((one for one in found if one), None if all(one is None for one in found) else "")


def fused(names: Iterable[str]) -> list[str]:
    """Of the refused layers those that are refused under ``torch.no_grad()`` only, where torch takes a fused kernel."""
    with torch.enable_grad():
        return [name for name in names if "." not in name and name not in refused_of(name.partition(":")[0])]


def refused(names: Iterable[str], lacks: Lacks = _without_symbolic) -> dict[str, str]:
    """What an ONNX exporter refuses of functions and layers, TorchScript's first, asked in a process that may crash."""
    found: dict[str, str] = {}
    for _, more in in_processes(functools.partial(refused_of, lacks=lacks), names):
        found |= more
    return found


def by_both(names: Iterable[str]) -> list[str]:
    """What of that the dynamo ONNX exporter refuses as well."""
    names = list(names)
    too = refused(dict.fromkeys(name.partition(":")[0] for name in names), _without_translation)
    return [name for name in names if too.get(name)]


def by_dynamo(names: Container[str]) -> dict[str, str]:
    """What the dynamo ONNX exporter refuses of functions and layers that the other one takes.

    Asked are those of which ``operators.json`` has torch's own program, and no file of that exporter's; it must refuse
    a plain call, and every call in torch's own tests.
    """
    calls = json.loads(Path(__file__).with_name("operators.json").read_text(encoding="utf-8"))["calls"]
    unwritten = [name for name, rows in calls.items() if all(row[1] < 0 for row in rows.values())]
    asked = [name for name in unwritten if name in names and any(max(row[3:]) >= 0 for row in calls[name].values())]
    plain = refused(asked, _without_translation)
    sampled = dict(in_processes(functools.partial(lacking_of_samples, _without_translation), plain))
    return {name: operator for name, operator in plain.items() if sampled.get(name)}


def by_export(names: Iterable[str]) -> dict[str, str]:
    """What `torch.export` makes no program of: of a plain call, and of every call in torch's own tests."""
    found = dict(in_processes(functools.partial(refused_of, lacks=_without_program), names))
    plain = {name: more[name] for name, more in found.items() if name in more}
    sampled = dict(in_processes(_programs_of_samples, plain))
    return {name: operator for name, operator in plain.items() if not sampled.get(name)}


def _programs_of_samples(name: str) -> int:
    """How many calls in torch's own tests `torch.export` makes a program of."""
    return sum(not _without_program(call, call.tensors) for call in _samples(name))


def quiet() -> None:
    """Sets torch up for trial calls."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    torch.set_grad_enabled(False)


def in_processes(
    ask: Callable[[str], T],
    names: Iterable[str],
    set_up: Callable[[], None] = quiet,
    preload: Sequence[str] = ("torch",),
) -> Iterator[tuple[str, T]]:
    """Names with what is found of each, in a process of its own, which may crash and keeps nothing."""
    context = get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    for name in names:
        with ProcessPoolExecutor(1, context, set_up) as pool, contextlib.suppress(BrokenProcessPool):
            yield name, pool.submit(ask, name).result()


def public(module: Any) -> list[tuple[str, Any]]:
    """The public functions of a module or class."""
    found = [(name, getattr(module, name)) for name in sorted(dir(module)) if not name.startswith("_")]
    return [(name, function) for name, function in found if callable(function) and not inspect.isclass(function)]


def rows() -> dict[str, Any]:
    """The table as JSON data."""
    known = schemas()
    methods = {name: made for name, function in public(torch.Tensor) if (made := row(function, name, known))}
    functions = {}
    for prefix, (module, aten) in NAMESPACES.items():
        for name, function in public(module):
            made = row(function, aten + name, known)
            if made is not None:
                functions[f"{prefix}.{name}"] = made
    for name in sorted(dir(F)):
        function = getattr(F, name)
        if inspect.isfunction(function) and not name.startswith("_"):
            functions.setdefault(f"torch.nn.functional.{name}", ["T", dtypes(function), ""])
    modules = sorted(n for n, c in vars(nn).items() if inspect.isclass(c) and issubclass(c, nn.Module))
    asking = [name for name in modules if module_asks(getattr(nn, name))]
    asking += [name for name in sorted(functions) if _function_asks(name)]
    version = torch.__version__.split("+")[0]
    table = {"torch": version, "methods": methods, "functions": functions, "modules": modules, "asking": asking}
    writing = [name for name, made in methods.items() if name.endswith("_") and "r" not in made[2]]
    of_torch = (f"torch.{name}" for name in (*ATTRIBUTES, *writing))
    found = refused(dict.fromkeys([*sorted(functions), *of_torch, *OF_LISTS, *modules]))
    return (
        table
        | {"fields": fields(), "refused": found, "fused": fused(found), "by_both": by_both(found)}
        | {"by_dynamo": by_dynamo({*functions, *modules} - {*found})}
        | {"by_export": by_export([*sorted(functions), *modules])}
    )


def fields() -> dict[str, dict[str, int]]:
    """By function or method the fields of the named tuple that it returns: ``x.sort().values`` is its first item."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for name, made in sorted(vars(torch.return_types).items()):
        if name.startswith("_") or name.endswith("_out") or not hasattr(made, "n_fields"):
            continue
        one = made(range(made.n_fields))
        named = {field: getattr(one, field) for field in dir(one) if isinstance(getattr(one, field), int)}
        items = {field: at for field, at in named.items() if not field.startswith(("_", "n_"))}
        found[name.removeprefix("linalg_")] |= dict(sorted(items.items(), key=lambda item: item[1]))
    return dict(found)


def _function_asks(name: str) -> bool:
    prefix, _, last = name.rpartition(".")
    function = getattr(NAMESPACES[prefix][0], last)
    return prefix == "torch.nn.functional" and any(asks(function, before) for before in ((), (2,), ((4,),)))


def main() -> None:
    """Writes the table, one operator a line."""
    quiet()
    data = rows()
    lines = ["{", f' "torch": {json.dumps(data["torch"])},']
    for key in ("methods", "functions"):
        body = ",\n".join(f"  {json.dumps(n)}: {json.dumps(row)}" for n, row in data[key].items())
        lines.append(f' "{key}": {{\n{body}\n }},')
    lines += [f' "fields": {json.dumps(data["fields"])},']
    lines += [f' "modules": {json.dumps(data["modules"])},', f' "asking": {json.dumps(data["asking"])},']
    lines += [f' "refused": {json.dumps(data["refused"])},', f' "fused": {json.dumps(data["fused"])},']
    lines += [f' "by_both": {json.dumps(data["by_both"])},', f' "by_dynamo": {json.dumps(data["by_dynamo"])},']
    lines += [f' "by_export": {json.dumps(data["by_export"])}', "}", ""]
    Path(__file__).with_name("table.json").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
