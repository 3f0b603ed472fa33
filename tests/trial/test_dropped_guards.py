"""Small models that ``torch.export`` guards, exported for real; the line that asks is marked."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytest.importorskip("onnxruntime")


from convlint.trial.divergence.told import Excluded
from convlint.trial.execute import load, run_on
from convlint.trial.inputs import parse_inputs
from convlint.trial.routes import EXPORTS, Export, Graph
from convlint.trial.samples import samples
from convlint.trial.watch.guards import Guard, excluded, guards_noted, tried
from convlint.trial.watch.places import of_user

MARK = "# <- here"
ROUTES = ("torch_export", "onnx_dynamo")


class Found(NamedTuple):
    excluded: list[Excluded]
    tried: list[Excluded]
    marked: int

    def only(self) -> Excluded:
        (one,) = self.excluded
        return one


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def found(folder: Path, route: str, inputs: str, *lines: str, signature: str = "x") -> Found:
    source = ["import torch", "", "class Model(torch.nn.Module):", f"    def forward(self, {signature}):"]
    source += [f"        {line}" for line in lines]
    path = folder / "model.py"
    path.write_text("\n".join(source))
    build = load(path).Model
    spec = parse_inputs(inputs)
    traced = samples(spec)[0]
    names = tuple(given.name for given in spec.inputs)
    guards: list[Guard] = []

    def export(args: tuple[Any, ...]) -> Graph:
        return EXPORTS[route](Export(build(), args, names, spec.dynamic, spec.dims, None, folder))

    with guards_noted(guards, of_user()):
        graph = run_on(traced, export)
    known = excluded(guards, build(), traced, spec.dynamic, spec.dims)
    marked = next((row for row, line in enumerate(source, 1) if MARK in line), 0)
    return Found(known, [tried(one, build, traced, spec.dynamic, graph.run) for one in known], marked)


BRANCH = ("y = x.exp()", "if x.shape[1] > 6:  # <- here", "    return y[:, :6].sum(1)", "return y.sum(1) * 10")


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(("inputs", "declared"), [("x: float32[2, L=8]", "1.."), ("x: float32[2, L=4..12]", "4..12")])
def test_a_branch_on_a_size_excludes_the_sizes_of_the_other_side(
    tmp_path: Path, route: str, inputs: str, declared: str
) -> None:
    result = found(tmp_path, route, inputs, *BRANCH)
    one = result.only()
    assert (one.dimension, one.condition, one.size, one.declared) == ("L", "L > 6", 6, declared)
    assert one.place.endswith(f"model.py:{result.marked}")


def test_a_range_that_the_program_takes_excludes_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, "onnx_dynamo", "x: float32[2, L=7..12]", *BRANCH).excluded == []


def test_the_onnx_file_accepts_an_excluded_size_and_answers_wrongly(tmp_path: Path) -> None:
    (one,) = found(tmp_path, "onnx_dynamo", "x: float32[2, L=8]", *BRANCH).tried
    assert one.accepted
    assert "2 of 2 values differ" in one.message
    assert one.worst is not None and one.worst > 1


def test_the_program_itself_refuses_an_excluded_size(tmp_path: Path) -> None:
    (one,) = found(tmp_path, "torch_export", "x: float32[2, L=8]", *BRANCH).tried
    assert one.accepted is False
    assert "Guard failed" in one.message


def test_a_guard_that_changes_no_answer_is_told_as_accepted(tmp_path: Path) -> None:
    lines = ("if x.shape[0] % 2 == 0:", "    pass", "return x * 2")
    (one,) = found(tmp_path, "onnx_dynamo", "x: float32[N=4, 3]", *lines).tried
    assert (one.condition, one.size) == ("N % 2 == 0", 3)
    assert one.accepted and not one.message


def test_two_dimensions_that_must_be_equal_are_named(tmp_path: Path) -> None:
    result = found(tmp_path, "torch_export", "x: float32[N=4]; y: float32[M=4]", "return x + y", signature="x, y")
    assert {(one.dimension, one.condition) for one in result.excluded} == {("N", "N == M"), ("M", "N == M")}
    assert all(one.accepted is None for one in result.tried)  # eager fails, too


def test_one_name_of_two_dimensions_makes_them_equal(tmp_path: Path) -> None:
    inputs = "x: float32[N=4]; y: float32[N]"
    assert not found(tmp_path, "torch_export", inputs, "return x + y", signature="x, y").excluded


def test_inputs_of_any_number_are_understood(tmp_path: Path) -> None:
    lines = ("x, y = tensors", "if y.shape[0] > 3:", "    y = y[:3]", "return x.sum() + y.sum()")
    result = found(tmp_path, "torch_export", "x: float32[2]; y: float32[K=5]", *lines, signature="*tensors")
    assert (result.only().dimension, result.only().condition) == ("K", "K > 3")
