"""Axes that a permutation counts from the end."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "call",
    [
        "x.permute(0, -1, 1)",
        "x.permute((0, -1, 1))",
        "x.permute(dims=(0, -1, 1))",
        "torch.permute(x, [0, -1, 1])",
        "x.movedim(-1, 0)",
        "torch.moveaxis(x, (0, -1), (1, 0))",
        "x.reshape(2, 8, 8).unfold(-2, 4, 4)",
        "x.reshape(2, 8, 8).unfold(dimension=-1, size=4, step=2)",
    ],
)
def test_axes_that_an_exporter_writes_as_they_are(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}  # CVL607"))
    agree(forward(f"return {call}"), exporter="dynamo")


@pytest.mark.parametrize(
    "call",
    [
        "x.permute(0, 2, 1)",
        "x.transpose(-1, 1)",
        "x.swapaxes(-1, 1)",
        "x.movedim(0, -1)",
        "x.movedim(-1, -1)",
        "x.permute(*self.axes)",
        "x.reshape(2, 8, 8).unfold(2, 4, 4)",
        "x.reshape(2, 8, 8).unfold(self.axis, 4, 4)",
    ],
)
def test_axes_that_it_counts_itself(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}"))
