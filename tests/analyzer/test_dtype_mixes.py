"""Operators on dtypes that ONNX Runtime refuses, only where the source says what the dtypes are."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

MASKS = "m, n = x > 0, x < 1\n"


@pytest.mark.parametrize(
    "call",
    [
        "torch.stack([m, x.argmax(1)])",
        "torch.stack((x.float(), n))",
        "torch.stack([x.float(), x.float(), x.topk(2).indices])",
        "torch.cumsum(m, 1)",
        "m.cumsum(dim=-1)",
        "m.max(1)",
        "torch.maximum(m, n)",
        "torch.where(m, m, n)",
        "m.sort(1)",
        "torch.zeros_like(m).cumsum(1)",
    ],
)
def test_what_is_refused(agree: Agree, call: str) -> None:
    agree(forward(f"{MASKS}return {call}  # CVL510"))


def test_masks_that_are_added(agree: Agree) -> None:
    agree(forward(f"{MASKS}return x * (m + n)  # CVL510"))


@pytest.mark.parametrize(
    "call",
    [
        "torch.stack([m, n])",
        "torch.stack([x, x.argmax(1)])",
        "torch.stack([x.float(), y])",
        "torch.cat([m, x.float()])",
        "m.cumsum(1, dtype=torch.long)",
        "m.long().cumsum(1)",
        "m.sum(1)",
        "m * x.float()",
        "torch.where(m, x.float(), 0.5)",
        "torch.zeros_like(m, dtype=self.kind).cumsum(1)",
        "torch.stack([torch.tensor(3, dtype=x.dtype), x.float().sum()])",
        "torch.stack([m.sum(1, dtype=torch.float32), x.float().sum(1)])",
        "torch.stack([m.long().cumsum(1, dtype=self.kind), x.float()])",
        "torch.stack([x.argmax(1), torch.div(x.argmax(1), 2, rounding_mode='trunc')])",
    ],
)
def test_what_exports_or_is_not_known(agree: Agree, call: str) -> None:
    agree(forward(f"{MASKS}return {call}", "x, y"))


def test_the_exporter_that_does_not_mind(agree: Agree) -> None:
    agree(forward(f"{MASKS}return m.cumsum(1)"), exporter="dynamo")
    agree(forward(f"{MASKS}return torch.stack([m, x.argmax(1)])"), exporter="torchscript")
