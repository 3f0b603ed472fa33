"""``convlint lock`` and ``preflight --locked``: weights that load into code that has changed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Cli, Ran

pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.proof

MODEL = """import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 8)
        self.last = nn.Linear(8, 2)

    def forward(self, x):
        return self.last(F.gelu(self.first(x)))
"""
OPTIONS = ("net.py:Net", "--weights", "net.pth", "--isolated", "--input", "x: float32[N=2, 4]")


@pytest.fixture
def locked(cli: Cli, tmp_path: Path) -> Path:
    """The file of a model whose weights are saved, and which is locked."""
    path = tmp_path / "net.py"
    path.write_text(MODEL)
    save = "import torch, net; torch.manual_seed(5); torch.save(net.Net().state_dict(), 'net.pth')"
    subprocess.run([sys.executable, "-c", save], cwd=tmp_path, check=True)
    ran = cli("lock", *OPTIONS)
    assert (ran.code, ran.out) == (0, "Wrote net.lock.json.\n")
    return path


def compared(cli: Cli, *more: str) -> Ran:
    return cli("preflight", *OPTIONS, "--locked", "--exporter", "torchscript", *more)


def test_the_same_model_is_the_one_of_its_lock(locked: Path, cli: Cli) -> None:
    ran = compared(cli)
    assert ran.code == 0
    assert "It is the model of its lock." in ran.out
    locked.write_text(MODEL.replace("import torch\n", "import torch  # says the same\n", 1))
    ran = compared(cli)
    assert ran.code == 0
    assert "It is the model of its lock." in ran.out
    assert "files: `net.py` has changed" in ran.out


def test_code_that_computes_something_else_is_told_with_where_it_departs(locked: Path, cli: Cli) -> None:
    locked.write_text(MODEL.replace("F.gelu", "F.relu"))
    ran = compared(cli)
    assert ran.code == 1
    assert "It is not the model of its lock any more:" in ran.out
    assert "outputs: on traced: numbers differ by up to" in ran.out
    assert "graph: onnx_torchscript:" in ran.out
    ran = compared(cli, "--output-format", "json")
    (model,) = json.loads(ran.out)["models"]
    assert {one["what"] for one in model["departures"]} == {"outputs", "graph", "files"}


def test_other_parameters_are_told_before_weights_are(locked: Path, cli: Cli) -> None:
    locked.write_text(MODEL.replace("nn.Linear(8, 2)", "nn.Linear(8, 3)"))
    ran = compared(cli)
    assert ran.code == 2
    assert "are not the weights of this model" in ran.err


def test_a_lock_that_is_not_there_is_asked_for(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODEL)
    ran = cli("preflight", "net.py:Net", "--isolated", "--locked", "--exporter", "torchscript")
    assert ran.code == 2
    assert "net.py_Net.lock.json: there is no lock; `convlint lock` writes it" in ran.err
