"""``examples/custom_rules``, as a company would use it: installed by pip, linted with, tested by its own tests."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("setuptools", minversion="70.1")
PACKAGE = Path(__file__).parents[1] / "examples" / "custom_rules"
HELPER = "def above(x, threshold):\n    return x[x > threshold]\n"
MODEL = """\
import torch
from helper import above
from torch import nn


class Net(nn.Module):
    def forward(self, x):
        return above(x, 0.5).sum()


net = Net()
net.load_state_dict(torch.load("net.pt"))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the package: offline, and without its dependency, which is the code under test."""
    folder = tmp_path_factory.mktemp("site")
    source = shutil.copytree(PACKAGE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    command = ["pip", "install", "-q", "--no-index", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([sys.executable, "-m", *command, str(folder / "site"), str(source)], check=True)
    return folder / "site"


@pytest.fixture
def run(site: Path, tmp_path: Path):
    (tmp_path / "helper.py").write_text(HELPER)
    (tmp_path / "net.py").write_text(MODEL)
    paths = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}

    def call(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    return call


def test_both_rules_find_what_they_are_about_in_the_file_where_it_is(run) -> None:
    ran = run("convlint", ".", "--select", "ACME", "--output-format", "concise", "-q")
    assert ran.returncode == 1
    helper, net = ran.stdout.splitlines()
    assert helper.startswith("helper.py:2:12: error ACME101 `x[x > threshold]` has as many elements as the mask says")
    assert net.startswith('net.py:12:21: error ACME201 `torch.load("net.pt")` loads to the device it was saved from')


def test_the_repair_is_written(run, tmp_path: Path) -> None:
    ran = run("convlint", ".", "--select", "ACME", "--fix", "--unsafe-fixes", "-q")
    assert ran.returncode == 1
    assert 'torch.load("net.pt", map_location="cpu")' in (tmp_path / "net.py").read_text()
    assert run("convlint", "net.py", "--select", "ACME").returncode == 0


def test_the_pages_have_what_was_measured(run) -> None:
    page = run("convlint", "rule", "ACME101", "--output-format", "markdown").stdout
    assert page.startswith("# selects-by-mask (ACME101)\n")
    assert "The worst that the examples did, with onnx" in page


@pytest.mark.proof
@pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs the extra `trace`")
def test_its_own_tests_pass(run) -> None:
    ran = run("pytest", "-q", "-p", "no:cacheprovider", str(PACKAGE / "tests"))
    assert ran.returncode == 0, ran.stdout
