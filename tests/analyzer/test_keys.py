"""Sizes as keys of dicts, sets and caches, and batch sizes of a configuration."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

INIT = "self.table, self.cache, self.batch_size, self.heads = {4: 1.0}, {}, 2, 8"


@pytest.mark.parametrize(
    "body",
    [
        "key = tuple(x.shape)\nreturn x * self.table.get(key, 1.0)  # CVL706",
        "n = x.shape[0]\nreturn x * self.table[n]  # CVL706",
        "_, c, h, w = x.shape\nself.cache[c, w] = x  # CVL706\nreturn x",
        "sizes = set(x.shape)  # CVL706\nreturn x",
    ],
)
def test_a_size_is_looked_up(agree: Agree, body: str) -> None:
    agree(forward(body, init=INIT))


@pytest.mark.parametrize(
    "body",
    [
        'return x * self.table.get("a", 1.0)',
        "key = str(x.dtype)\nreturn x * self.table.get(key, 1.0)",
        "return x * self.table.get(self.heads, 1.0)",
        "sizes = [x.shape[0]]\nreturn x * len(sizes)",
        "return self.cache.get(4, x)",
        "table = self.cache if self.heads else x\nreturn table[:, : y.shape[1]]",
    ],
)
def test_other_keys_are_found(agree: Agree, body: str) -> None:
    agree(forward(body, parameters="x, y", init=INIT))


@pytest.mark.parametrize(
    "body",
    [
        "return x.reshape((self.batch_size, -1))  # CVL603",
        "return x + torch.zeros(1, self.batch_size, 4)  # CVL603",
        "return x.mean(0, keepdim=True).repeat(self.batch_size, 1)  # CVL603",
    ],
)
def test_a_batch_of_the_configuration(agree: Agree, body: str) -> None:
    agree(forward(body, init=INIT))


@pytest.mark.parametrize(
    "body",
    [
        "return x.view(-1, self.heads, 4)",
        "return x.view(x.shape[0], -1, self.batch_size)",
        "batch_size = x.shape[0]\nreturn x.view(batch_size, -1)",
        "return x + torch.zeros(self.heads, 4)",
    ],
)
def test_a_batch_of_the_input(agree: Agree, body: str) -> None:
    agree(forward(body, init=INIT))
