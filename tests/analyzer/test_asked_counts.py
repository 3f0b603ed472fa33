"""Calls that ask how many values there are: reported where that depends on values."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

_PARTS = """
self.norm = nn.BatchNorm1d(4)
self.rows = nn.LayerNorm(4)
"""


@pytest.mark.parametrize(
    "call",
    [
        "self.norm(x[x[:, 0] > 0.5])",
        "self.norm(x.reshape(-1, 4)[x.flatten() > 0.5])",
        "self.norm(x.new_zeros((x.argmax(), 4)))",
        "self.norm(x.new_zeros((x.argmax(), 4)).scatter_reduce(0, places, x, 'sum'))",
        "nn.functional.scaled_dot_product_attention(x, keys, keys)",
        "nn.functional.scaled_dot_product_attention(query=keys, key=x, value=x)",
        "x[x > 0.5].roll(1, 0)",
        "torch.roll(x[x > 0.5], 1, 0)",
    ],
)
def test_what_asks_for_a_count(agree: Agree, call: str) -> None:
    source = forward(
        f"keys = x.new_zeros((2, 2, x.argmax(), 4))\nreturn {call}  # CVL403", parameters="x, places", init=_PARTS
    )
    agree(source)
    agree(source, exporter="dynamo")
    agree(source.replace("  # CVL403", ""), exporter="torchscript")


@pytest.mark.parametrize(
    "call",
    [
        "self.norm(x)",
        "self.rows(x[x[:, 0] > 0.5])",
        "self.norm(x[:, :4])",
        "x[x > 0.5].relu()",
        "nn.functional.scaled_dot_product_attention(x, x, x)",
        "x[x > 0.5].chunk(2)[0]",  # which axis is asked for depends on what else is given
    ],
)
def test_what_asks_for_none(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}", init=_PARTS), exporter="dynamo")
