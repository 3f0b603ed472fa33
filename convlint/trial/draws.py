"""``python -m convlint.trial.draws [NAME...]``: which functions of torch draw random numbers, and who refuses them.

Calls every function and method of the analyzer's table in several ways, and layers that are made for the call. Those
whose result changes with the seed, and with nothing else, are put through the four routes. Writes
``analyzer/torch_facts/draws.json``, which linting reads; where names are given only what is known of them is measured
again.
"""

from __future__ import annotations

import inspect
import json
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch

from convlint.analyzer import torch_facts
from convlint.findings import ROUTES, Level
from convlint.trial.compare import difference
from convlint.trial.job import Job
from convlint.trial.runner import Runner

SHAPES = ((2, 4), (2, 4, 8), (2, 3, 8, 8), (2, 3, 6, 6, 6))
OF_TENSOR = ("x", "x, 0.5", "x, 1", "x, 2", "x, x", "x, x, x")
OF_SIZES = ("(2, 4)", "4", "0, 9, (2, 4)")
OF_METHOD = ("", "0.5", "1", "2")
OF_LAYER = ("4, 3", "8, 3", "4, 3, 1", "3, 4, 1", "4", "8, 2")
GIVEN_TO_LAYER = ("x", "x.long()", "x, x", "x, x, x")
SWITCHES = ("training", "train", "dropout_p")
"""Parameters that say whether a function draws."""
_UNCALLED = ("seed", "rng_state", "set_", "empty", "_like_")
_MODULE = "import torch\n\n\nclass Model(torch.nn.Module):\n    def forward(self, x):\n        return {}\n"


class Way(NamedTuple):
    """A call that draws: its source, and the shape of ``x``."""

    source: str
    shape: tuple[int, ...]


def result(way: Way, seed: int) -> Any:
    """What a call gives, None where it fails or makes no tensor."""
    torch.manual_seed(seed)
    x = torch.linspace(0.1, 0.9, torch.Size(way.shape).numel()).reshape(way.shape)
    try:
        made = eval(way.source, {"torch": torch, "x": x})  # noqa: S307 - written here
    except Exception:
        return None
    made = made[0] if isinstance(made, tuple) and made else made
    plain = isinstance(made, torch.Tensor) and made.layout is torch.strided and made.device.type == "cpu"
    return made if plain else None


def draws(way: Way) -> bool:
    """Whether the same seed gives the same result, and not all others do."""
    first, again = result(way, 0), result(way, 0)
    if first is None or difference(again, first) is not None:
        return False
    return any(difference(result(way, seed), first) is not None for seed in range(1, 9))


def ways(name: str, option: str = "") -> Iterator[Way]:
    """The calls that draw of ``torch.rand`` or ``Tensor.normal_``, with one more argument: each form, each shape."""
    owner, _, method = name.partition(".")
    if owner == "Tensor":
        forms = [f"x.clone().{method}({one})" for one in OF_METHOD]
    elif torch_facts.is_layer(name):
        made = [f"{name}({one}).eval()" for one in OF_LAYER]
        forms = [f"{one}({given})" for one in made if has_weights(one) for given in GIVEN_TO_LAYER]
    else:
        forms = [f"{name}({one}{option})" for one in (*OF_TENSOR, *OF_SIZES)]
    for form in forms:
        drawn = (way for shape in SHAPES if draws(way := Way(form, shape)))
        yield from drawn if "x" in form else islice(drawn, 1)


def has_weights(source: str) -> bool:
    """Whether a layer can be made so, and has weights that may be drawn then."""
    try:
        return any(True for _ in eval(source, {"torch": torch}).parameters())  # noqa: S307 - written here
    except Exception:
        return False


def parameters(name: str) -> list[str]:
    """The parameters of a function, in order."""
    prefix, _, last = name.rpartition(".")
    function = getattr(eval(prefix, {"torch": torch}), last)  # noqa: S307 - a name of the table
    if inspect.isfunction(function):
        return list(inspect.signature(function).parameters)
    known = torch._C._jit_get_schemas_for_operator(f"aten::{last}")
    return [argument.name for argument in known[0].arguments] if known else []


def candidates() -> list[str]:
    """The functions and methods of the table that can be called in any order."""
    table = torch_facts.table()
    names = [
        *table.functions,
        *(f"Tensor.{method}" for method in table.methods),
        *(f"torch.nn.{one}" for one in table.modules),
    ]
    return [name for name in names if not any(part in name for part in _UNCALLED)]


def row(runner: Runner, name: str) -> dict[str, Any] | None:
    """What is known of a function that draws, None of others."""
    given = [] if name.startswith("Tensor.") or torch_facts.is_layer(name) else parameters(name)
    switch = next((one for one in SWITCHES if one in given), "")
    on = ", training=True" if switch == "training" else ", dropout_p=0.5" if switch == "dropout_p" else ""
    if switch == "train":
        found = [way for way in (Way(f"{name}(x, 0.5, True)", SHAPES[1]),) if draws(way)]
    else:
        found = list(ways(name, on))
    if not found:
        return None
    by_default = not switch or any(draws(Way(way.source.replace(on, ""), way.shape)) for way in found if on)
    at = {"at": given.index(switch), "by_default": by_default} if switch else {}
    return {"switch": switch, **at, "refused": refused_always(runner, found)}


def refused_always(runner: Runner, found: list[Way]) -> list[str]:
    """The routes that stop at every call that draws."""
    left = list(ROUTES)
    for way in found:
        refused = refusals(runner, way) if left else []
        left = [route for route in left if route in refused]
    return left


def refusals(runner: Runner, way: Way) -> list[str]:
    """The routes that stop at a call."""
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        path = Path(folder, "drawn.py")
        path.write_text(_MODULE.format(way.source), encoding="utf-8")
        trial = runner.run(Job(path=str(path), inputs=f"x: float32[{', '.join(map(str, way.shape))}] in 0.1..0.9"))
    return [route for route, outcome in trial.outcomes.items() if outcome.level is Level.breaks]


def main(names: Sequence[str]) -> None:
    """Writes the facts, one function a line."""
    warnings.simplefilter("ignore")
    torch.set_grad_enabled(False)
    path = Path(torch_facts.__file__).with_name("draws.json")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["draws"] if names else {}
    with Runner() as runner:
        for name in sorted(names or candidates()):
            found.pop(name, None)
            made = row(runner, name)
            if made is not None:
                found[name] = made
                sys.stdout.write(f"{name}: {made}\n")
                sys.stdout.flush()
    lines = [f"  {json.dumps(name)}: {json.dumps(found[name])}" for name in sorted(found)]
    version = json.dumps(torch.__version__.split("+")[0])
    text = f'{{\n "torch": {version},\n "draws": {{\n' + ",\n".join(lines) + "\n }\n}\n"
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
