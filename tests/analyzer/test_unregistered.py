"""Modules that ``nn.Module`` does not know."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

USE = "for layer in self.layers:\n    x = layer(x)\nreturn x"


@pytest.mark.parametrize(
    "init",
    [
        "self.layers = [nn.Linear(4, 4)]  # CVL703",
        "self.layers = (nn.Linear(4, 4), nn.ReLU())  # CVL703",
        "self.layers = [nn.Sequential(nn.Linear(4, 4), nn.ReLU())]  # CVL703",
        "self.layers = []  # CVL703\nfor _ in range(3):\n    self.layers.append(nn.Linear(4, 4))",
        "layers = [nn.Linear(4, 4)]\nself.layers = layers  # CVL703",
    ],
)
def test_in_a_plain_container(agree: Agree, init: str) -> None:
    agree(forward(USE, init=init))


@pytest.mark.parametrize(
    "init",
    [
        "self.layers = nn.ModuleList([nn.Linear(4, 4)])",
        "self.layers = nn.ModuleList()\nfor _ in range(3):\n    self.layers.append(nn.Linear(4, 4))",
        "self.layers = nn.Sequential(nn.Linear(4, 4))",
        "self.layers = [nn.ReLU(), nn.Tanh()]",
        "self.layers = []\nfor i in range(3):\n    layer = nn.Linear(4, 4)\n    self.add_module(str(i), layer)\n"
        "    self.layers.append(layer)",
        "self.first = nn.Linear(4, 4)\nself.layers = [self.first]",
        "self.layers = [nn.Linear(4, 4)]\nself.known = nn.ModuleList(self.layers)",
        "self.layers = [nn.Linear(4, 4)]\nself.known = nn.Sequential(*self.layers)",
        "self.layers = [nn.Linear(4, 4).requires_grad_(False)]",
    ],
)
def test_registered_or_without_weights(agree: Agree, init: str) -> None:
    agree(forward(USE, init=init))


def test_not_used_in_forward(agree: Agree) -> None:
    agree(forward("return x * 2", init="self.teacher = [nn.Linear(4, 4)]"))
