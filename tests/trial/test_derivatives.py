"""Derivatives in ``forward``: what the linter says of each function is what the real tracers do with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnxruntime")

from convlint_rules.examples import forward

from convlint.analyzer.derivatives import REFUSED
from convlint.config import Settings
from convlint.findings import ROUTES, Harm, Level
from convlint.linter import lint
from convlint.trial.job import Job
from convlint.trial.runner import Runner

CUBES = "lambda t: (t**3).sum()"
ROWS = "lambda t: (t**2).sum(-1)"
ALONG = "x, torch.ones_like(x)"
CALLS = {
    "autograd.grad": "with torch.enable_grad():\n    x = x.detach().requires_grad_()\n"
    "    return torch.autograd.grad(self.layer(x).sum(), x)[0]",
    "autograd.functional.hessian": f"return torch.autograd.functional.hessian({CUBES}, x)",
    "autograd.functional.jacobian": "return torch.autograd.functional.jacobian(lambda t: t**2, x)",
    "autograd.functional.hvp": f"return torch.autograd.functional.hvp({CUBES}, {ALONG})[1]",
    "autograd.functional.jvp": f"return torch.autograd.functional.jvp(lambda t: t**2, {ALONG})[1]",
    "autograd.functional.vjp": f"return torch.autograd.functional.vjp(lambda t: t**2, {ALONG})[1]",
    "func.grad": f"return torch.func.grad({CUBES})(x)",
    "func.grad_and_value": f"return torch.func.grad_and_value({CUBES})(x)[0]",
    "func.hessian": f"return torch.func.hessian({CUBES})(x)",
    "func.jacfwd": f"return torch.func.jacfwd({ROWS})(x)",
    "func.linearize": "y, along = torch.func.linearize(lambda t: t**3, x)\nreturn along(torch.ones_like(y))",
    "func.jacrev": f"return torch.func.jacrev({ROWS})(x)",
    "func.vjp": "y, back = torch.func.vjp(lambda t: t**3, x)\nreturn back(torch.ones_like(y))[0]",
}


@pytest.fixture
def runner() -> Iterator[Runner]:
    """A worker for each test: torch leaves its own levels of derivatives behind where an export stops."""
    with Runner() as running:
        yield running


def linted(path: Path, body: str) -> Harm:
    path.write_text(forward(body, init="self.layer = nn.Linear(4, 4)"))
    return Harm.worst_of(one.harm for one in lint([path], Settings(cache=False)).findings if one.harm)


def harmed(harm: Harm) -> list[str]:
    return [route for route in ROUTES if harm.on(route) > Level.harmless]


def test_every_function_is_run() -> None:
    assert CALLS.keys() == REFUSED.keys()


def one_a_family() -> Iterator[Any]:
    """The functions, all but the first of each namespace as siblings."""
    met: set[str] = set()
    for name in CALLS:
        family = name.rpartition(".")[0]
        yield pytest.param(name, marks=[pytest.mark.sibling] if family in met else [])
        met.add(family)


@pytest.mark.parametrize("name", one_a_family())
def test_those_routes_stop_or_are_wrong(runner: Runner, tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.py"
    said = linted(path, CALLS[name])
    seen = runner.run(Job(path=str(path), inputs="x: float32[N=3, 4]")).harm
    assert harmed(said) == harmed(seen)


def test_a_derivative_that_goes_forward_is_taken(runner: Runner, tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    assert linted(path, "return torch.func.jvp(lambda t: t**3, (x,), (torch.ones_like(x),))[1]") == Harm()
    assert runner.run(Job(path=str(path), inputs="x: float32[N=3, 4]")).harm == Harm()
