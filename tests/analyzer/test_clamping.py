"""``clamp`` to numbers of another dtype, and of two."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree, body_after
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "tensor",
    [
        "x.argmax(1)",
        "(x > 0).sum(1)",
        "x.long()",
        "x.to(torch.int64)",
        "torch.arange(x.shape[1])",
        "x.topk(2)[1]",
        "x.int().sum(1, keepdim=True)",
        "(x.argmax(1) * 2 + 1)",
    ],
)
@pytest.mark.parametrize("bounds", ["min=1e-6", "1e-6", "0.0, 3.5", "max=self.high"])
def test_integers_clamped_to_a_float_are_found(agree: Agree, tensor: str, bounds: str) -> None:
    source = forward(f"return {tensor}.clamp({bounds})  # CVL503", init="self.high = 2.5")
    agree(source, select=["CVL503"])
    agree(source.replace("  # CVL503", ""), select=["CVL503"], exporter="dynamo")


@pytest.mark.parametrize(
    "tensor", ["x", "x.float()", "x.sum(1)", "(x > 0).sum(1).float()", "(x.argmax(1) / 2)", "x + 1"]
)
@pytest.mark.parametrize("bounds", ["min=1e-6", "0", "0.0, 3.0", "0, 3", "min=0, max=x.shape[1]", "None, 0.5"])
def test_other_tensors_and_bounds_are_not(agree: Agree, tensor: str, bounds: str) -> None:
    agree(forward(f"x = x.clone()\nreturn ({tensor}).clamp({bounds})"), select=["CVL503"])


@pytest.mark.parametrize("bounds", ["0, 3", "min=0", "max=x.shape[1] - 1", "0, x.shape[1]", "min=1.0"])
def test_integers_clamped_to_integers_are_not(agree: Agree, bounds: str) -> None:
    agree(forward(f"return x.argmax(1).clamp({bounds})"), select=["CVL503"])


@pytest.mark.parametrize(
    "clamped", ["x.clamp(0, 0.5)", "torch.clamp(x, -1.0, 1)", "x.clip(min=0, max=0.5)", "x.clamp_(1e-3, 1)"]
)
def test_an_integer_and_a_float_are_found_for_the_dynamo_exporter(agree: Agree, clamped: str) -> None:
    agree(forward(f"x = x.abs()\nreturn {clamped}  # CVL503"), select=["CVL503"], exporter="dynamo")
    agree(forward(f"x = x.abs()\nreturn {clamped}"), select=["CVL503"], exporter="torchscript")


def test_bounds_that_have_names_are_left_to_the_user(tmp_path: Path) -> None:
    body = "low = 0\nreturn x.abs().clamp(low, 0.5)"
    assert body_after(tmp_path, body, unsafe_fixes=True, unfixable=["CVL001"]) == body
