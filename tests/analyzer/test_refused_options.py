"""Options with which an ONNX exporter refuses what it takes without them."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    ("call", "by_both"),
    [
        ('nn.functional.interpolate(x, size=(4, 4), mode="nearest-exact")', False),
        ('nn.functional.interpolate(x, None, 2.0, "nearest-exact")', False),
        ("nn.functional.threshold(x, 0.1, 2.0)", False),
        ("torch.roll(x, 2)", False),
        ("x.roll(shifts=2)", False),
        ("torch.linalg.matrix_norm(x, ord=2)", True),
        ("torch.linalg.norm(x.reshape(3, 4), 2)", True),
        ("torch.linalg.norm(x, -2, dim=(1, 2))", True),
        ("torch.norm(x, p='nuc')", True),
        ("nn.functional.adaptive_avg_pool2d(x.reshape(2, 3, 8, 8), 3)", False),
        ("nn.functional.adaptive_avg_pool2d(x.reshape(2, 3, 8, 8), (None, 16))", False),
        ("nn.functional.adaptive_avg_pool3d(x.reshape(2, 3, 4, 4, 8), (4, 4, 3))", True),
        ("nn.functional.adaptive_max_pool1d(x.reshape(2, 3, 8), output_size=5)", True),
    ],
)
def test_an_option_that_is_refused(agree: Agree, call: str, by_both: bool) -> None:
    agree(forward(f"return {call}  # CVL801"), exporter="torchscript")
    agree(forward(f"return {call}{'  # CVL801' if by_both else ''}"), exporter="dynamo")


@pytest.mark.parametrize(
    "call",
    [
        'nn.functional.interpolate(x, scale_factor=2, mode="nearest")',
        "nn.functional.threshold(x, 0, 2.0)",
        "nn.functional.threshold(x, self.threshold, 2.0)",
        "torch.roll(x, 2, 1)",
        "x.roll((1, 2), dims=(1, 2))",
        "torch.linalg.matrix_norm(x)",
        "torch.linalg.norm(x, 2)",
        "torch.linalg.norm(x.reshape(3, 4), 2, dim=1)",
        "torch.norm(x.reshape(3, 4), 2)",
        "nn.functional.adaptive_avg_pool2d(x.reshape(2, 3, 8, 8), (4, 1))",
        "nn.functional.adaptive_avg_pool2d(x.reshape(2, 3, 8, 8), (None, 2))",
        "nn.functional.adaptive_max_pool1d(x.reshape(2, 3, 8), self.size)",
    ],
)
def test_others_are_taken(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}"))


@pytest.mark.parametrize(
    ("init", "code"),
    [
        ('nn.Upsample(scale_factor=2, mode="nearest-exact")', "  # CVL801"),
        ('nn.Upsample(None, 2, "nearest-exact")', "  # CVL801"),
        ("nn.Upsample(scale_factor=2)", ""),
        ("nn.Threshold(0.1, 2.0)", "  # CVL801"),
        ("nn.Threshold(0, 2.0)", ""),
    ],
)
def test_layers(agree: Agree, init: str, code: str) -> None:
    agree(forward(f"return self.layer(x){code}", init=f"self.layer = {init}"))


def test_a_layer_that_pools_to_a_size(agree: Agree) -> None:
    agree(forward("return self.pool(x.reshape(2, 3, 8, 8))  # CVL801", init="self.pool = nn.AdaptiveAvgPool2d((3, 4))"))
    agree(forward("return self.pool(x.reshape(2, 3, 8, 8))", init="self.pool = nn.AdaptiveAvgPool2d((2, 4))"))


def test_attention_of_other_than_four_axes(agree: Agree) -> None:
    attends = "return nn.functional.scaled_dot_product_attention(x, x, x)"
    for shape, code in (("2, 3, 4", "  # CVL801"), ("2, 1, 1, 3, 4", "  # CVL801"), ("2, 1, 3, 4", "")):
        agree(forward(f"x = x.reshape({shape})\n{attends}{code}"))
        agree(forward(f"x = x.reshape({shape})\n{attends}"), exporter="torchscript")
    agree(forward(attends))
