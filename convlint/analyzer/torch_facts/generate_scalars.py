"""Makes ``scalars.json`` from the installed torch: ``python -m convlint.analyzer.torch_facts.generate_scalars``.

``True`` is a number to eager, and no number to `torch.jit.trace`: the schema of ``aten::full`` has a ``Scalar`` there,
which a bool is not for TorchScript. Every function and method with such a parameter is called with True on floats,
integers and booleans, traced, and exported to ONNX by TorchScript and by `torch.export`; and it is compared with the
same call on 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice, product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from convlint.analyzer.torch_facts.generate import Calls, attempt, in_processes, quiet, schemas
from convlint.analyzer.torch_facts.generate_sizes import EXPORTS, Export

TABLE = Path(__file__).with_name("scalars.json")
TENSORS = {
    "float": torch.tensor([[0.5, 2.0], [1.0, -1.0]]),
    "int": torch.tensor([[0, 1], [1, 0]]),
    "bool": torch.tensor([[True, False], [True, True]]),
}
"""By class of dtypes what a function is called on."""
OTHERS = (TENSORS["float"], TENSORS["int"], TENSORS["bool"], torch.tensor([0, 1]))
"""What stands for the tensors behind it, as masks and indices."""
MOST = 64
"""How many combinations of these are tried."""
PLAIN: dict[str, tuple[Any, ...]] = {
    "int": (0, 1),
    "SymInt": (0, 1),
    "bool": (False,),
    "float": (1.0,),
    "List[int]": ([2, 2],),
    "List[SymInt]": ([2, 2],),
    "number": (1,),
    "Scalar": (1,),
}


def parameters(overload: Any) -> list[tuple[str, int]]:
    """The parameters of a schema that must be given any number, and where they stand; of one that makes a tensor."""
    if [str(one.type) for one in overload.returns] != ["Tensor"]:
        return []
    return [
        (one.name, at)
        for at, one in enumerate(overload.arguments)
        if str(one.real_type) in ("number", "Scalar") and not one.has_default_value() and not one.kwarg_only
    ]


def arguments(overload: Any, at: int, kind: str) -> Iterator[tuple[Any, ...]]:
    """What a function can be called with: tensors of a kind first, others behind, and True at that place."""
    choices: list[tuple[Any, ...]] = []
    for place, one in enumerate(overload.arguments):
        if one.has_default_value():
            continue
        if place == at:
            choices.append((True,))
        elif str(one.type) == "Tensor":
            choices.append(OTHERS if any(isinstance(made[0], torch.Tensor) for made in choices) else (TENSORS[kind],))
        else:
            choices.append(PLAIN.get(str(one.type), ()))
    yield from islice(product(*choices), MOST)


class Called(Calls):
    """A module that calls a function of which only the tensors are inputs, and which writes into none of them."""

    def __init__(self, function: Any, given: tuple[Any, ...]) -> None:
        super().__init__(function, (), {})
        self.given = given
        self.tensors = tuple(one for one in given if isinstance(one, torch.Tensor)) or (TENSORS["float"],)

    def forward(self, *tensors: torch.Tensor) -> Any:
        """The function's result, joined with an input where it has none."""
        copies = iter([one.clone() for one in tensors])
        made = self.function(*(next(copies) if isinstance(one, torch.Tensor) else one for one in self.given))
        return made if any(isinstance(one, torch.Tensor) for one in self.given) else (made, *copies)


def _to_trace(module: nn.Module, given: tuple[torch.Tensor, ...], _: int | None) -> bool:
    try:
        torch.jit.trace(module, given)  # type: ignore[no-untyped-call]
    except Exception:
        return False
    return True


ROUTES: dict[str, Export] = {"jit_trace": _to_trace, **EXPORTS}


def refusing(function: Any, overload: Any, at: int, kind: str) -> tuple[set[str], bool] | None:
    """The routes that stop at a call with a bool, and take it with a number; and whether eager makes the same of both,
    whatever stands beside it. None where no such call works."""
    found: set[str] | None = None
    same = True
    for given in arguments(overload, at, kind):
        bools, numbers = Called(function, given), Called(function, (*given[:at], 1, *given[at + 1 :]))
        made, other = (attempt(lambda: one(*one.tensors)) for one in (bools, numbers))  # noqa: B023
        if made is None or other is None:
            continue
        same = same and _equal(made, other)
        if found is None:
            stop = {route for route, export in ROUTES.items() if not export(bools, bools.tensors, None)}
            found = {route for route in stop if not same or ROUTES[route](numbers, numbers.tensors, None)}
    return None if found is None else (found, same)


def _equal(made: Any, other: Any) -> bool:
    """Whether two results, alone or in front of inputs, have one dtype and are equal."""
    one, two = (part[0] if isinstance(part, tuple) else part for part in (made, other))
    return isinstance(one, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)


def row(name: str) -> dict[str, Any]:
    """By parameter of a function (``torch.full``) or method (``Tensor.eq``) where it stands, which routes stop at a
    bool, and for which tensors a number is the same to eager."""
    prefix, _, last = name.rpartition(".")
    function = getattr(torch.Tensor if prefix == "Tensor" else torch, last)
    found: dict[str, Any] = {}
    for overload in schemas().get(last, []):
        for parameter, at in parameters(overload):
            measured = {kind: made for kind in TENSORS if (made := refusing(function, overload, at, kind))}
            stop = sorted(set().union(*(routes for routes, _ in measured.values())))
            if stop and parameter not in found:
                same = [kind for kind, (routes, equal) in measured.items() if equal]
                found[parameter] = {"at": at, "refused": stop, "same": same}
    return found


def main() -> None:
    """Writes the table, one function or method a line."""
    quiet()
    known = schemas()
    names = [
        *(f"torch.{name}" for name in sorted(known) if callable(getattr(torch, name, None))),
        *(f"Tensor.{name}" for name in sorted(known) if callable(getattr(torch.Tensor, name, None))),
    ]
    asked = [n for n in names if any(map(parameters, known[n.rpartition(".")[2]])) and "._" not in n]
    rows = {name: made for name, made in in_processes(row, asked) if made}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(made)}" for name, made in rows.items())
    version = json.dumps(torch.__version__.split("+")[0])
    TABLE.write_text(f'{{\n "torch": {version},\n "scalars": {{\n{lines}\n }}\n}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
