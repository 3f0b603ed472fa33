"""Reductions of all axes: the linter says of each what the real tracers do with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

from convlint_rules.examples import forward

from convlint.analyzer.operators import OF_AXES
from convlint.analyzer.shapes import REDUCTIONS
from convlint.config import Settings
from convlint.findings import Harm
from convlint.linter import lint
from convlint.trial.job import Job
from convlint.trial.runner import Runner

UNLIKE = frozenset(["logsumexp", "mode", "quantile"])
"""These need an axis or a number, or give other indices where values are alike."""


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as running:
        yield running


def stopping(runner: Runner, path: Path, call: str) -> tuple[bool, bool]:
    """Whether the dynamo exporter stops at a call, as the linter says and as it is."""
    path.write_text(forward(f"return {call}"))
    said = Harm.worst_of(one.harm for one in lint([path], Settings(cache=False)).findings if one.harm)
    seen = runner.run(Job(path=str(path), inputs="x: float32[N=3, 4]")).harm
    return bool(said.onnx_dynamo), bool(seen.onnx_dynamo)


@pytest.mark.parametrize("name", sorted(REDUCTIONS - UNLIKE))
def test_a_reduction_of_all_axes(runner: Runner, tmp_path: Path, name: str) -> None:
    said, seen = stopping(runner, tmp_path / "model.py", f"torch.{name}(x)")
    assert said == seen


@pytest.mark.parametrize("name", sorted(OF_AXES))
def test_a_reduction_of_one_axis(runner: Runner, tmp_path: Path, name: str) -> None:
    assert stopping(runner, tmp_path / "model.py", f"x.{name}(dim=1)") == (False, False)
