"""How far files of the real exporters are from eager, tensor by tensor."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

import torch

from convlint.trial.divergence.along import errors_along
from convlint.trial.divergence.computed import GraphValues, OnnxValues, ProgramValues, TraceValues
from convlint.trial.divergence.told import ENDLESS, Errors
from convlint.trial.execute import load, run_on, seed
from convlint.trial.routes import MODEL_FILE, Export, onnx_torchscript
from convlint.trial.samples import Sample

MODEL = """
import torch
from torch import nn


class Model(nn.Module):
    def forward(self, x):
        y = x.exp()
        {line}
        return (y + 1).sqrt()
"""
X = torch.linspace(-1, 2, 12).reshape(3, 4)


def along(folder: Path, line: str, failing: torch.Tensor | None = None) -> Errors:
    path = folder / "model.py"
    path.write_text(MODEL.replace("{line}", line), encoding="utf-8")
    module = load(path)

    def build() -> torch.nn.Module:
        seed()
        return module.Model().eval()

    traced = Sample("traced", "traced", (X,), made=False)
    other = traced if failing is None else Sample("other", "values", (failing,), made=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_on(traced, lambda args: onnx_torchscript(Export(build(), args, ("x",), {}, {}, None, folder)))
    found = errors_along(build, traced, other, OnnxValues(folder / MODEL_FILE, ("x",)))
    assert found is not None
    return found


def test_tensors_are_right_until_a_frozen_number_and_wrong_from_there(tmp_path: Path) -> None:
    found = along(tmp_path, "y = y * x.max().item()", 2 * X)
    assert found.on == "other"
    named = {one.node.split()[0]: one for one in found.tensors}
    assert not named["Exp"].wrong
    assert named["Exp"].error is not None
    assert named["Exp"].error < 1e-6
    assert named["Mul"].wrong
    assert named["Mul"].error is not None
    assert named["Mul"].error > 0.1
    assert named["Mul"].place.endswith("model.py:9")
    assert named["output"].wrong
    order = [one.wrong for one in found.tensors]
    assert order == sorted(order)


def test_what_is_wrong_on_the_traced_data_has_no_like_in_eager(tmp_path: Path) -> None:
    found = along(tmp_path, "v = y[1]\n        v += 2")
    assert found.on == "traced"
    assert found.tensors[-1].node == "output"
    assert found.tensors[-1].wrong
    exp = next(one for one in found.tensors if one.node.startswith("Exp"))
    assert not exp.wrong
    assert exp.error is not None
    assert exp.error < 1e-6
    sqrt = next(one for one in found.tensors if one.node.startswith("Sqrt"))
    assert sqrt.error is None


def test_no_number_is_no_number_however_large_those_of_eager_are(tmp_path: Path) -> None:
    found = along(tmp_path, "y = (x.max().item() - x).sqrt() + 1000", 2 * X)
    added = next(one for one in found.tensors if one.node.startswith("Add"))
    assert (added.wrong, added.error) == (True, ENDLESS)


def test_masks_are_compared_too(tmp_path: Path) -> None:
    found = along(tmp_path, "y = torch.where(y > x.mean().item(), y, x)", 2 * X)
    greater = next(one for one in found.tensors if one.node.startswith("Greater"))
    assert greater.wrong
    assert greater.error == pytest.approx(0.5)


@pytest.mark.parametrize("route", ["jit_trace", "torch_export"])
def test_what_has_no_file_is_followed_as_files_are(tmp_path: Path, route: str) -> None:
    path = tmp_path / "model.py"
    path.write_text(
        MODEL.replace("{line}", "self.calls = getattr(self, 'calls', 0) + 1\n        y = y * (self.calls + 1)")
    )
    module = load(path)

    def build() -> torch.nn.Module:
        return module.Model().eval()

    traced = Sample("traced", "traced", (X,), made=False)
    second = Sample("second", "calls", (X,), before=((X,),), made=False)
    graph: GraphValues
    if route == "jit_trace":
        graph = TraceValues(torch.jit.trace(build(), (X,), check_trace=False))
    else:
        graph = ProgramValues(torch.export.export(build(), (X,)).module())
    found = errors_along(build, traced, second, graph)
    assert found is not None
    told = [
        (one.node.removeprefix("aten::").split(".")[0], one.wrong, one.place.rpartition(":")[2])
        for one in found.tensors
    ]
    assert told == [
        ("exp", False, "8"),
        ("mul", True, "10"),
        ("add", True, "11"),
        ("sqrt", True, "11"),
        ("output", True, ""),
    ]
