"""``convlint preflight`` on models that give more than tensors: what the exporters make of them as they are."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

pytest.importorskip("onnxruntime")

import torch

pytestmark = pytest.mark.proof

MODELS = """
    from dataclasses import dataclass
    from types import SimpleNamespace

    import torch
    from torch import nn


    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return self.given(self.linear(x))


    class Keyed(Model):
        def given(self, x):
            return {"out": x, "most": x * x.max().item()}


    class Size(Model):
        def given(self, x):
            return x, x.shape[0]


    class Stride(Model):
        def given(self, x):
            return x, 8


    class Cache:
        def __init__(self, keys):
            self.keys = keys


    class Caches(Model):
        def given(self, x):
            return {"out": x, "cache": Cache(x * 2)}


    @dataclass
    class Scores:
        scores: torch.Tensor


    class Cached(Model):
        # as a model of transformers, which keeps keys unless its configuration says otherwise
        def __init__(self):
            super().__init__()
            self.config = SimpleNamespace(use_cache=True)

        def given(self, x):
            return {"out": x, "past": Cache(x * 2)} if self.config.use_cache else {"out": x}


    class CuredAndStopped(Cached):
        def given(self, x):
            return {"out": x, "past": Cache(x * 2)} if self.config.use_cache else self.alone(x)

        def alone(self, x):
            return {"out": torch.diff(x, dim=-1)}


    class Uncured(Cached):
        def given(self, x):
            return {"out": x, "past": Cache(x * 2 if self.config.use_cache else x)}


    class Classes(Model):
        def given(self, x):
            return Scores(x)


    class Loss(Model):
        def __init__(self):
            super().__init__()
            self.register_buffer("zero", torch.zeros(()), persistent=False)

        def given(self, x):
            return x, x.relu(), self.zero


    class Empty(Model):
        def given(self, x):
            return x * x.max().item(), None


    class Detections(Model):
        def given(self, x):
            return [{"boxes": one, "scores": one.sum(0)} for one in x.unbind(1)]


    class Most(Model):
        def forward(self, x, k):
            return self.linear(x).topk(k, dim=1).values


    class Kind(Model):
        def given(self, x):
            return x, "linear"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project")
    (path / "outputs.py").write_text(textwrap.dedent(MODELS), encoding="utf-8")
    return path


@pytest.fixture
def told(folder: Path, cli: Cli) -> Callable[..., Any]:
    """What is said of a model, as an object."""

    def run(name: str, *options: str) -> Any:
        given = ("--input", "x: float32[N=2, 4]", "--isolated", "--output-format", "json")
        return json.loads(cli("preflight", f"{folder}/outputs.py:{name}", *given, *options).out)["models"][0]

    return run


def as_they_are(model: Any) -> dict[str, str]:
    """By route how the outputs are given to the exporter, where not as they are."""
    return {route: outcome["given"] for route, outcome in model["routes"].items() if outcome["given"]}


def test_a_trace_takes_a_dict_where_it_is_told_so(told: Callable[..., Any]) -> None:
    model = told("Keyed")
    assert as_they_are(model) == {"jit_trace": "strict=False"}
    assert model["right"] == ["torch_export", "onnx_dynamo"]
    assert model["routes"]["jit_trace"]["verdicts"]["traced"] == "equal"  # the frozen maximum is seen all the same


def test_a_size_among_the_outputs_is_one_of_the_graph_where_an_exporter_keeps_it(told: Callable[..., Any]) -> None:
    model = told("Size")
    assert as_they_are(model) == {}
    assert model["right"] == ["jit_trace", "torch_export", "onnx_torchscript", "onnx_dynamo"]


@pytest.mark.parametrize(
    ("name", "routes", "odd"),
    [
        ("Stride", ["jit_trace", "onnx_torchscript", "onnx_dynamo"], "`1` is an int"),
        ("Caches", ["jit_trace", "torch_export", "onnx_torchscript", "onnx_dynamo"], "`cache` is a Cache"),
        ("Classes", ["jit_trace", "torch_export", "onnx_torchscript", "onnx_dynamo"], "the outputs are a Scores"),
        ("Empty", ["jit_trace"], "`1` is None"),
        ("Detections", ["jit_trace"], "the outputs are a list with a dict"),
    ],
)
def test_outputs_that_an_exporter_refuses_stop_it_at_the_line_that_returns_them(
    told: Callable[..., Any], folder: Path, name: str, routes: list[str], odd: str
) -> None:
    model = told(name)
    assert as_they_are(model) == dict.fromkeys(routes, "a tuple")
    assert model["odd"] == odd
    lines = (folder / "outputs.py").read_text().splitlines()
    row = next(row for row, line in enumerate(lines, 1) if "return self.given" in line)
    (finding,) = (finding for finding in model["findings"] if finding["location"]["row"] == row)
    assert finding["severity"] == "error"
    assert odd in finding["message"]
    assert {route for route in model["routes"] if finding["harm"][route] == "breaks"} == set(routes)
    assert not set(routes) & set(model["right"])


def test_what_is_wrong_besides_is_still_seen(told: Callable[..., Any], folder: Path) -> None:
    model = told("Empty", "--exporter", "torchscript")
    assert model["routes"]["jit_trace"]["verdicts"]["values"].endswith(" of 7 differ")
    row = next(
        i for i, line in enumerate((folder / "outputs.py").read_text().splitlines(), 1) if "max().item(), N" in line
    )
    (taken,) = (finding for finding in model["findings"] if finding["location"]["row"] == row)
    assert (taken["code"], taken["harm"]["jit_trace"], taken["seen"]) == ("CVL202", "wrong", "both")


def test_the_output_that_depends_on_no_input_is_named(told: Callable[..., Any]) -> None:
    """Torch says that it is output 1, wherever it stands."""
    model = told("Loss", "--exporter", "torchscript")
    named = "leave it out of the outputs (output 2 is the same on all 12 inputs)"
    assert model["routes"]["onnx_torchscript"]["message"].endswith(named)


def test_a_text_that_an_exporter_leaves_out_is_missed(told: Callable[..., Any]) -> None:
    model = told("Kind")
    assert model["routes"]["onnx_torchscript"]["failed"]["traced"] == "1 outputs instead of 2"
    assert as_they_are(model) == {"jit_trace": "a tuple", "onnx_dynamo": "a tuple"}


def test_the_screen_says_what_the_table_is_of(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/outputs.py:Caches", "--input", "x: float32[N=2, 4]", "--isolated")
    assert ran.code == 1
    assert "torch_export      as a tuple  yes   equal" in ran.out
    every = "jit_trace and torch_export and onnx_torchscript and onnx_dynamo"
    line = next(line for line in ran.out.splitlines() if "the table is of a tuple of their tensors" in line)
    assert line.startswith(f"  {every}: refuse the outputs (")
    assert line.endswith(": `cache` is a Cache")


def test_a_cache_is_left_out_where_that_was_seen_to_help(told: Callable[..., Any]) -> None:
    advice = "set `config.use_cache = False`, and no exporter refuses the outputs"
    for name, cured in (("Cached", True), ("Uncured", False)):
        (finding,) = (one for one in told(name)["findings"] if "`past` is a Cache" in one["message"])
        assert (advice in finding["message"]) == cured
        assert ("return tensors alone" in finding["message"]) != cured


def test_advice_says_what_stops_an_exporter_where_it_is_followed(told: Callable[..., Any], folder: Path) -> None:
    """The exporter by TorchScript has no ``torch.diff``."""
    source = (folder / "outputs.py").read_text().splitlines()
    row = next(i for i, line in enumerate(source, 1) if "torch.diff" in line)
    for name, costs in (("CuredAndStopped", True), ("Cached", False)):
        (finding,) = (one for one in told(name)["findings"] if "`past` is a Cache" in one["message"])
        told_so = f"; line {row} of outputs.py, which runs then, stops onnx_torchscript (CVL801)"
        assert finding["message"].endswith(f"no exporter refuses the outputs{told_so if costs else ''}")


def test_a_number_of_python_among_the_inputs_is_tried_at_its_bounds(folder: Path, cli: Cli) -> None:
    given = ("--input", "x: float32[N=2, 4]; k: int in 1..4", "--isolated", "--output-format", "json")
    (model,) = json.loads(cli("preflight", f"{folder}/outputs.py:Most", *given).out)["models"]
    routes = model["routes"]
    assert routes["jit_trace"]["stopped_at"] == "export"  # `torch.jit.trace` takes no numbers
    assert routes["torch_export"]["failed"] == {"zeros": "AssertionError: Guard failed: k != 1"}
    assert model["right"] == ["onnx_torchscript", "onnx_dynamo"]


def test_exporters_say_so_themselves() -> None:
    class Gives(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"total": x.sum(1)}

    with pytest.raises(RuntimeError, match="pass strict=False"):
        torch.jit.trace(Gives(), torch.ones(2, 4))
