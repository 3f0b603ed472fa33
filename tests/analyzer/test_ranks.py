"""Axes that a model does not have: `squeeze` of sizes that are not 1, images without a batch."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    ("before", "call", "code"),
    [
        ("y = x.reshape(-1, 2, 3)", "y.squeeze(1)", "CVL601"),
        ("y = x.reshape(-1, 2, 3)", "torch.squeeze(y, dim=-1)", "CVL601"),
        ("y = x.reshape(-1, 1, 3)", "y.squeeze(1)", ""),
        ("y = x.reshape(-1, 2, 3)", "y.squeeze_(1)", "CVL601"),
        ("y = x.reshape(-1, 2, 3)\ny.unsqueeze_(1)", "y.squeeze_(1)", ""),
        ("y = x.reshape(-1, 2, 3)\ny.transpose_(0, 1)", "y.squeeze(0)", "CVL601"),
        ("y = x.reshape(-1, 2, 1)\ny[0].t_()", "y.squeeze(2)", ""),
        ("y = x.reshape(-1, 2, 3) @ x.reshape(-1, 3, 1)", "y.squeeze(-1)", ""),
        ("y = x.reshape(-1, 2, 3) @ x.reshape(-1, 3, 1)", "y.squeeze(1)", "CVL601"),
        ("y = x.reshape(-1, self.n, 3)", "y.squeeze(1)", ""),
        ("y = x.reshape(-1, 2, 3)", "y.squeeze()", ""),
        ("b, n, _ = x.shape\ny = x", "y.squeeze(1)", ""),
        ("y = x.abs()", "y.squeeze(1)", ""),
        ("b, n, _ = x.shape\ny = x.mean(1, keepdim=True)", "y.squeeze(1)", ""),
    ],
)
def test_a_squeeze_that_does_nothing(agree: Agree, before: str, call: str, code: str) -> None:
    agree(forward(f"{before}\nreturn {call} * 2" + (f"  # {code}" if code else "")))


@pytest.mark.parametrize(
    ("before", "call", "code"),
    [
        ("y = x.reshape(-1, 8, 8)", "nn.functional.max_pool2d(y, 2)", "CVL602"),
        ("y = x.reshape(1, -1, 8, 8)", "nn.functional.max_pool2d(y, 2)", ""),
        ("y = x.reshape(-1, 8, 8)", "nn.functional.pixel_shuffle(y, 2)", "CVL602"),
        ("y = x.reshape(-1, 8, 8)", "nn.functional.conv2d(y, self.weight)", ""),
        ("y = x.abs()", "nn.functional.max_pool2d(y, 2)", ""),
    ],
)
def test_an_input_without_a_batch(agree: Agree, before: str, call: str, code: str) -> None:
    agree(forward(f"{before}\nreturn {call} * 2" + (f"  # {code}" if code else "")))
