"""``python -m convlint.trial.parameters [NAME...]``: which parameters of torch do not take the size of an input.

Every parameter of torch's functions, methods and layers that takes a number or numbers is given one that is computed
from a size of an input: in eager first, in many forms, to find some that work for several sizes, then on the four
routes. A parameter does harm on a route where all of its forms do, and the same call with constants does not. Writes
``analyzer/torch_facts/parameters.json``, which linting reads; where names are given only they are measured again.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, product
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import torch
from torch import nn

from convlint.analyzer import torch_facts
from convlint.analyzer.torch_facts.generate import in_processes
from convlint.errors import UsageError
from convlint.findings import ROUTES, Level
from convlint.trial.compare import difference
from convlint.trial.job import Job, Outcome, Trial, without_folders
from convlint.trial.runner import Runner

TABLE = Path(torch_facts.__file__).with_name("parameters.json")
SIZES = (5, 8, 2)
"""Beside 4, which is traced. Not 1: it divides by zero in ``linspace`` and broadcasts."""
ITS_OWN = (
    ("x: float32[N=4]", "x.shape[0]"),
    ("x: float32[N=4, 8]", "x.shape[0]"),
    ("x: float32[2, N=4]", "x.shape[1]"),
    ("x: float32[2, N=4, 8]", "x.shape[1]"),
    ("x: float32[2, 4, N=4, 8]", "x.shape[2]"),
    ("x: float32[2, N=4, 8, 8]", "x.shape[1]"),
    ("x: float32[2, 2, N=4, 8, 8]", "x.shape[2]"),
)
"""Inputs, and the size that is taken: of the tensor that the function is given..."""
ANOTHERS = tuple(
    (f"x: float32[{sizes}]; s: float32[N=4, 2]", "s.shape[0]")
    for sizes in ("8", "2, 8", "8, 8", "2, 40", "2, 8, 8", "2, 1, 40", "2, 8, 8, 8", "2, 8, 8, 8, 8")
)
"""...or of another one, so that nothing but the parameter depends on it."""
FIRST = ("x", "x.abs().long() % 2")
"""What is given for the first tensor, for further ones, for the other required arguments by their kind."""
FURTHER = (
    "x",
    "torch.zeros(2, dtype=torch.int64)",
    "x.abs().long() % 2",
    "x > 0",
    "torch.ones({n}, 1, 1)",
    "torch.ones(8, 8 // {n}, 3)",
    "torch.ones({n}, 1, 1, 1)",
    "torch.ones(8, 8 // {n}, 3, 3)",
    "torch.ones({n}, 1, 1, 1, 1)",
    "torch.ones(8, 8 // {n}, 3, 3, 3)",
    "torch.ones(8, 2, 3)",
    "torch.ones(8, 2, 3, 3)",
    "torch.ones(8, 2, 3, 3, 3)",
    "torch.ones(8)",
    "torch.ones(9, 8)",
    "torch.ones({n}, 8)",
)
OTHERS = {
    "int": ("2", "1", "0", "8", "4"),
    "ints": ("(2, 2)", "(1,)", "(8,)", "2", "(1, 1, 1)", "(0, 1)", "(2, 4)", "(8, 8)", "({n}, 2)", "(1, 8)"),
    "number": ("1", "0.5"),
    "float": ("0.5", "1.0"),
    "bool": ("True",),
    "tensors": ("[x, x]",),
}
GIVEN = {
    "": ("{n}", "{n} // 2"),
    "[]": (
        "({n}, {n})",
        "({n}, {n}, {n})",
        "({n},)",
        "({n}, 2)",
        "(2, {n})",
        "({n}, -1)",
        "({n}, 8 - {n})",
        "(2, {n}, 8)",
        "(2, {n}, 8, 8)",
        "({n}, 8)",
        "({n} // 2, {n} // 2)",
        "({n} // 2,)",
        "(1, {n})",
        "(1, {n}, 1)",
        "(1, {n}, 1, 1)",
        "({n}, 1, 1, 1)",
        "(0, {n})",
        "(0, {n}, 0, {n})",
        "(0, {n} // 2)",
        "(0, {n} // 2, 0, {n} // 2)",
        "({n}, {n}, {n}, {n})",
        "({n}, 8 // {n})",
        "(2, 8 // {n}, {n}, 8, 8)",
    ),
}
"""What is given for the parameter: a number, or several; never 1 of the traced size, which exporters tell apart. One of
several comes late: pooling of images takes it for both axes, and so do fewer exporters."""
TAKES = {"int": ("",), "number": ("",), "float": ("",), "ints": ("[]",), "any": ("", "[]")}
"""Which of these, by its kind."""
OTHERS["any"] = (*OTHERS["int"], *OTHERS["ints"])
KINDS = {
    "int": "int",
    "List[int]": "ints",
    "number": "number",
    "float": "float",
    "bool": "bool",
    "Tensor": "tensor",
    "List[Tensor]": "tensors",
}
AXES = re.compile(
    r"(dim|dimension|axis|axes|source|destination)s?\d?|(start|end|batch|dim|sparse|dense)_dims?|dim_self|dims_\w+"
)
NO_NUMBERS = re.compile(r"dtype|layout|device|memory_format|generator|seed|out|reduction|.*_dtype|device_idx|driver")
"""Names of parameters that take a number which is never a size."""
UNCALLED = re.compile(
    r".*(cudnn|miopen|mkldnn|fbgemm|quantize|sparse|backward|seed|rng_state|autocast|_copy|sym_).*|.*_"
)
BY_HAND = {
    ("torch.randint", "high"): "torch.randint(0, {p}, (999,)).max()",
    ("torch.randint", "low"): "torch.randint({p}, {p} + 1, (9,))",
    ("torch.randint", "size"): "torch.randint(0, 1, {p})",
    ("torch.randperm", "n"): "torch.randperm({p}).sort()[0]",
    ("torch.tensor", "data"): "torch.tensor({p}) + x",
    ("torch.as_tensor", "data"): "torch.as_tensor({p}) + x",
    ("torch.asarray", "obj"): "torch.asarray({p}) + x",
    ("torch.scalar_tensor", "s"): "torch.scalar_tensor({p}) + x",
    ("Tensor.new_tensor", "data"): "x.new_tensor({p}) + x",
    (
        "torch.nn.functional.fold",
        "output_size",
    ): "torch.nn.functional.fold(torch.nn.functional.unfold(x, 3, padding=1), {p}, 3, padding=1)",
    ("torch.nn.functional.interpolate", "size"): "torch.nn.functional.interpolate(x, size={p})",
    (
        "torch.nn.functional.scaled_dot_product_attention",
        "is_causal",
    ): "torch.nn.functional.scaled_dot_product_attention(*[x.reshape(1, 1, -1, 8)] * 3, is_causal={p} > 3)",
}
"""Calls that no signature leads to, and one of the parameters that take a truth: a size is compared for it."""


class Parameter(NamedTuple):
    """A parameter of one overload."""

    name: str
    kind: str
    """int, ints, number, float, bool, tensor, tensors, any where the signature does not say, else empty."""
    required: bool
    at: int
    """Its position; -1 where it is given by name only."""


class Form(NamedTuple):
    """A call that works in eager."""

    call: str
    """With ``{p}`` where the parameter is given, ``{n}`` for the size."""
    given: str
    """What the parameter is given, with ``{n}`` for the size."""
    inputs: str
    size: str

    def source(self, given: str) -> str:
        """The module that calls it, with this for the parameter."""
        call = self.call.replace("{p}", given).replace("{n}", "n")
        names = ", ".join(re.findall(r"(\w+):", self.inputs))
        head = "import torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n"
        return f"{head}    def forward(self, {names}):\n        n = {self.size}\n        return {call}\n"

    @property
    def constant(self) -> str:
        """What the parameter is given where the size is the traced one."""
        return str(eval(self.given.replace("{n}", "4")))  # noqa: S307 - written here


def parameters(name: str) -> list[list[Parameter]]:
    """The signatures of a function, method (``Tensor.view``) or layer (``Unfold``), without what it is called on."""
    prefix, _, last = name.rpartition(".")
    owner: Any = nn if not prefix else eval(prefix, {"torch": torch, "Tensor": torch.Tensor})  # noqa: S307
    function = getattr(owner, last)
    if inspect.isfunction(function) and list(inspect.signature(function).parameters) == ["args", "kwargs"]:
        function = getattr(owner, f"_{last}", function)  # pooling: one of two forms, with indices or without
    if not prefix or inspect.isfunction(function):
        found = [_of_python(one) for one in inspect.signature(function).parameters.values()]
        signatures = [found[1:] if prefix == "Tensor" else found]
    else:
        aten = {"torch.linalg": "linalg_", "torch.fft": "fft_", "torch.special": "special_"}.get(prefix, "") + last
        schemas = torch._C._jit_get_schemas_for_operator(f"aten::{aten}")
        signatures = [
            [_of_schema(one) for one in schema.arguments if not (prefix == "Tensor" and one.name == "self")]
            for schema in schemas
            if not any(one.is_out for one in schema.arguments)
        ]
    return [[one._replace(at=i if one.at == 0 else -1) for i, one in enumerate(each)] for each in signatures]


def _of_schema(argument: Any) -> Parameter:
    text = str(argument.type)
    inner = re.fullmatch(r"Optional\[(.*)\]", text)
    kind = KINDS.get(inner[1] if inner else text, "")
    required = not (argument.has_default_value() or inner)
    return Parameter(argument.name, kind, required, -1 if argument.kwarg_only else 0)


def _of_python(parameter: inspect.Parameter) -> Parameter:
    text = str(parameter.annotation)
    required = parameter.default is inspect.Parameter.empty
    if re.search(r"BroadcastingList|[Ll]ist\[int\]|_size|_shape", text) or isinstance(parameter.default, tuple):
        kind = "ints" if "List[int]" in text else "any"
    elif parameter.annotation is None:
        kind = "any"  # which is what torch makes of a list that one number may stand for
    elif "Tensor" in text:
        kind = "tensors" if re.search(r"[Ll]ist|[Tt]uple", text) else "tensor"
    elif re.search(r"\bbool\b", text) or isinstance(parameter.default, bool):
        kind = "bool"
    elif re.search(r"\bint\b", text) or isinstance(parameter.default, int):
        kind = "any" if re.search(r"[Ll]ist|[Tt]uple|[Ss]equence", text) else "int"
    elif re.search(r"\bfloat\b", text) or isinstance(parameter.default, float):
        kind = "float"
    elif parameter.name in ("input", "tensor", "target", "mat", "other", "a", "b"):
        kind = "tensor"
    else:
        kind = "any" if parameter.annotation is inspect.Parameter.empty and required else ""
    return Parameter(parameter.name, kind, required, 0 if parameter.kind is not parameter.KEYWORD_ONLY else -1)


def forms_of(name: str) -> dict[str, tuple[list[Form], list[int]]]:
    """By parameter up to two calls that work in eager, and its positions."""
    torch.set_num_threads(1)
    found: dict[str, tuple[list[Form], list[int]]] = {}
    signatures = parameters(name)
    for signature in signatures:
        for parameter in signature:
            if AXES.fullmatch(parameter.name) or NO_NUMBERS.fullmatch(parameter.name):
                continue
            for several in TAKES.get(parameter.kind, ()):
                forms, places = found.setdefault(parameter.name + several, ([], []))
                places += [parameter.at] * (parameter.at not in places)
                if not forms and (name, parameter.name) not in BY_HAND:
                    forms += _working(name, _calls(name, signature, parameter), GIVEN[several])
    for (owner, parameter_name), call in BY_HAND.items():
        places = [one.at for each in signatures for one in each if one.name == parameter_name]
        for several in ("", "[]") if owner == name else ():
            forms, _ = found.setdefault(parameter_name + several, ([], places[:1] or [0]))
            forms += _working(name, [call], GIVEN[several])
    return {one: row for one, row in found.items() if row[0]}


def _calls(name: str, signature: list[Parameter], parameter: Parameter) -> list[str]:
    """The call in all ways to fill what it requires besides the parameter."""
    prefix, _, last = name.rpartition(".")
    tensors = ["x"] if prefix in ("", "Tensor") else []
    choices: list[tuple[str, ...]] = []
    for one in signature:
        if one.name == parameter.name:
            choices.append(("{p}",) if one.required and one.at >= 0 else (f"{one.name}={{p}}",))
        elif one.required and one.kind == "tensor":
            choices.append(FURTHER if tensors else FIRST)
            tensors.append(one.name)
        elif one.required:
            choices.append(OTHERS.get(one.kind, ()) if one.at >= 0 else ())
    function = {"": f"nn.{last}", "Tensor": f"x.{last}"}.get(prefix, name)
    after = ".eval()(x)" if not prefix else ""
    drawn = name in torch_facts.draws()
    calls = []
    for given in product(*choices):
        ordered = sorted(given, key=lambda one: "={p}" in one)
        call = f"{function}({', '.join(ordered)}){after}"
        calls.append(f"torch.zeros_like({call})" if drawn else call)
    return calls


def _working(name: str, calls: Sequence[str], given: Sequence[str]) -> list[Form]:
    """The first call that works in eager with the size of another tensor, and the first with that of its own."""
    found: list[Form] = []
    order = -1 if "functional" in name or "." not in name else 1  # for these a lesser rank is one without a batch axis
    for sources in (ANOTHERS[::order], ITS_OWN[::order]):
        combined = (
            Form(call, value, inputs, size) for (call, value), (inputs, size) in product(product(calls, given), sources)
        )
        found += islice((form for form in islice(combined, 6_000) if _works(form)), 1)
    return found


def _works(form: Form) -> bool:
    """Whether eager takes a call for two sizes at least, and gives something else where the parameter is frozen."""
    traced = _eager(form, 4, form.given)
    if traced is None:
        return False
    told = 0
    for size in SIZES:
        result = _eager(form, size, form.given)
        if result is not None:
            frozen = _eager(form, size, form.constant)
            told += frozen is None or difference(frozen, result) is not None
    return told > 0


def _eager(form: Form, size: int, given: str) -> Any:
    """What eager makes of a call, None where it fails or does not make tensors."""
    torch.manual_seed(0)
    values: dict[str, Any] = {"torch": torch, "nn": nn}
    for name, sizes in re.findall(r"(\w+): float32\[([^\]]*)\]", form.inputs):
        shape = [int(one) if one.isdigit() else size for one in sizes.split(", ")]
        values[name] = torch.rand(shape)
    try:
        values["n"] = eval(form.size, values)  # noqa: S307 - written here
        made = eval(form.call.replace("{p}", given).replace("{n}", "n"), values)  # noqa: S307
    except Exception:
        return None
    tensors = made if isinstance(made, (tuple, list)) else [made]
    plain = all(
        isinstance(one, torch.Tensor) and one.layout is torch.strided and one.device.type == "cpu" for one in tensors
    )
    return made if plain and len(tensors) else None


class Measured(NamedTuple):
    """What the routes make of a parameter: by route the harm, the reason, and the call that showed it."""

    harm: dict[str, str]
    why: dict[str, str]
    call: str
    versions: dict[str, str]


def measure(runner: Runner, forms: Sequence[Form], folder: Path) -> Measured | None:
    """What all forms show, and the first that works with constants does not; None where no form runs."""
    least: dict[str, tuple[Level, str]] = {}
    shown, versions = "", {}
    for form in forms:
        routes = tuple(route for route in ROUTES if route not in least or least[route][0])
        trial = _run(runner, form, form.given, folder, routes) if routes else None
        if trial is None:
            continue
        shown, versions = shown or form.call.replace("{p}", form.given).replace("{n}", "n"), trial.versions
        found = {route: (_level(outcome), outcome.message) for route, outcome in trial.outcomes.items()}
        untold = _untold(
            runner, form, {r: level for r, (level, _) in found.items() if level and r not in least}, folder
        )
        for route in found.keys() - untold:
            least[route] = min(least.get(route, found[route]), found[route], key=lambda one: one[0])
    harmful = {route: least[route] for route in ROUTES if route in least and least[route][0]}
    why = {route: without_folders(message)[:200] for route, (_, message) in harmful.items()}
    return Measured({route: found[0].name for route, found in harmful.items()}, why, shown, versions) if shown else None


def _level(outcome: Outcome) -> Level:
    """The harm that a size does: not what happens at 1 alone, which exporters tell apart, nor to the traced size too (a
    dtype is wrong there), nor for want of an operator (``torch_facts.generate`` has that)."""
    apart = set(outcome.failed) == {"N=1"} or _ONE.search(outcome.message)
    return Level.harmless if apart or outcome.level is Level.wrong or _LACKING in outcome.message else outcome.level


_ONE = re.compile(r"Guard failed: .* != [01]$")
_LACKING = "UnsupportedOperatorError"


def _untold(runner: Runner, form: Form, harmful: Mapping[str, Level], folder: Path) -> set[str]:
    """The harmful routes that do as much to the same call of constants: of one size, or where only inputs vary."""
    found: set[str] = set()
    for inputs in {form.inputs.replace("N=4", "4"): 0, **({} if "s:" in form.inputs else {form.inputs: 0})}:
        routes = tuple(harmful.keys() - found)
        trial = _run(runner, form._replace(inputs=inputs), form.constant, folder, routes) if routes else None
        found |= {r for r, outcome in (trial.outcomes if trial else {}).items() if _level(outcome) >= harmful[r]}
    return found


def _run(runner: Runner, form: Form, given: str, folder: Path, routes: tuple[str, ...] = ROUTES) -> Trial | None:
    path = folder / "called.py"
    path.write_text(form.source(given), encoding="utf-8")
    try:
        return runner.run(Job(path=str(path), inputs=form.inputs, routes=routes))
    except UsageError:
        return None


def candidates() -> list[str]:
    """The layers, functions and methods that can be called in any order; a function that is a method is left out."""
    table = torch_facts.table()
    layers = [name for name in sorted(table.modules) if not name.startswith("Lazy")]
    methods = [f"Tensor.{name}" for name in sorted(table.methods)]
    functions = [n for n in sorted(table.functions) if "functional" in n or n.rpartition(".")[2] not in table.methods]
    return [name for name in (*functions, *methods, *layers) if not UNCALLED.fullmatch(name)]


Row = tuple[str, Measured | None, list[int]]


def _rows(name: str, idle: SimpleQueue[Runner]) -> list[Row]:
    """What is found of all parameters of a function, by a runner that has nothing to do."""
    runner = idle.get()
    try:
        with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
            return [
                (parameter, measure(runner, forms, Path(folder)), at)
                for _, rows in in_processes(forms_of, [name])
                for parameter, (forms, at) in rows.items()
            ]
    finally:
        idle.put(runner)


def main(names: Sequence[str]) -> None:
    """Measures in two processes, and writes the table after every function."""
    found = _stored() if names else {"versions": {}, "harmful": {}, "harmless": {}}
    idle: SimpleQueue[Runner] = SimpleQueue()
    with ThreadPoolExecutor(2) as pool, Runner(seconds=60) as first, Runner(seconds=60) as second:
        idle.put(first)
        idle.put(second)
        todo = names or candidates()
        for name, rows in zip(todo, pool.map(lambda name: _rows(name, idle), todo), strict=True):
            found["harmful"].pop(name, None)
            found["harmless"].pop(name, None)
            for row in rows:
                _put(found, name, *row)
            _write(found)


def _put(found: dict[str, Any], name: str, parameter: str, measured: Measured | None, at: list[int]) -> None:
    if measured is None:
        return
    found["versions"] = measured.versions
    if measured.harm:
        row = {"at": at, "harm": measured.harm, "call": measured.call}
        found["harmful"].setdefault(name, {})[parameter] = row
    else:
        found["harmless"].setdefault(name, []).append(parameter)
    sys.stdout.write(f"{name}({parameter}) {measured.call}: {measured.harm} {measured.why}\n")
    sys.stdout.flush()


def _stored() -> dict[str, Any]:
    return json.loads(TABLE.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def _write(found: dict[str, Any]) -> None:
    """The table, one function a line."""
    blocks = [f' "versions": {json.dumps(found["versions"])}']
    for key in ("harmful", "harmless"):
        body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(found[key].items()) if row)
        blocks.append(f' "{key}": {{\n{body}\n }}')
    TABLE.write_text("{\n" + ",\n".join(blocks) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
