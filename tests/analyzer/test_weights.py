"""Tensors that a function of autograd takes from elsewhere than its arguments: `torch.jit.trace` stops at them."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

IMPORT = "from torch.utils.checkpoint import checkpoint, checkpoint_sequential\n"
LAYERS = """
self.layer = nn.Linear(4, 4)
self.layers = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
self.act = nn.ReLU()
self.scale = nn.Parameter(torch.ones(4))
self.register_buffer("mean", torch.ones(4))
self.factors = [2.0, 3.0]
"""
FUNCTION = """
import torch


class Scaled(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, given):
        return x * 2

    @staticmethod
    def backward(ctx, grad):
        return grad, None


"""


@pytest.mark.parametrize(
    "call",
    [
        "checkpoint(self.layer, x)",
        "checkpoint(self.layers, x, use_reentrant=None)",
        "checkpoint(self.layer.forward, x, use_reentrant=True)",
        "checkpoint(lambda t: self.layer(t) + 1, x)",
        "checkpoint(functools.partial(torch.nn.functional.linear, weight=self.scale), x)",
        "checkpoint_sequential(self.layers, 2, x)",
    ],
)
def test_a_checkpoint_hides_weights_unless_it_is_not_reentrant(agree: Agree, call: str) -> None:
    head = f"import functools\n{IMPORT}"
    agree(head + forward(f"return {call}  # CVL808", init=LAYERS))
    agree(head + forward(f"return {call}", init=LAYERS), exporter="dynamo")
    agree(head + forward(f"if self.training:\n    return {call}\nreturn x", init=LAYERS))
    other = call.replace(", use_reentrant=None", "").replace(", use_reentrant=True", "")
    agree(head + forward(f"return {other[:-1]}, use_reentrant=False)", init=LAYERS))


@pytest.mark.parametrize(
    "call", ["checkpoint(self.act, x)", "checkpoint(torch.sin, x)", "checkpoint(lambda t: t * 2, x)"]
)
def test_what_has_no_weights_is_seen_through_a_checkpoint(agree: Agree, call: str) -> None:
    agree(IMPORT + forward(f"return {call}", init=LAYERS))


@pytest.mark.parametrize(
    "given",
    ["self.layer", "self.layers", "[self.mean]", "(x.abs(), 1)", '{"scale": self.scale}', "[x.shape[0], 2]"],
)
def test_a_function_of_autograd_does_not_show_what_it_takes_apart(agree: Agree, given: str) -> None:
    agree(FUNCTION + forward(f"return Scaled.apply(x, {given})  # CVL808", init=LAYERS))


@pytest.mark.parametrize("given", ["self.scale", "self.mean", "x.abs()", "self.act", "self.factors", "[2, 3]", "None"])
def test_tensors_and_plain_values_are_shown(agree: Agree, given: str) -> None:
    agree(FUNCTION + forward(f"return Scaled.apply(x, {given})", init=LAYERS))
