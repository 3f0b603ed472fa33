"""What a module keeps from one call to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration

INIT = """
self.register_buffer("mean", torch.zeros(4))
self.register_buffer("cache", torch.zeros(3, 64))
self.scale, self.first, self.calls, self.seen = torch.ones(4), None, 0, []
self.layer, self.last = nn.Linear(4, 4), False
"""


@pytest.mark.parametrize(
    "body",
    [
        "y = x - self.mean\nself.mean = x.mean(0)  # CVL704\nreturn y",
        "self.mean.lerp_(x.mean(0), 0.1)  # CVL104\nreturn x - self.mean",
        "self.mean.copy_(self.mean * 0.9 + x.mean(0))  # CVL104\nreturn x - self.mean",
        "self.cache[:, at : at + 4] = x  # CVL104\nreturn self.cache.sum(0)",
        "self.scale *= 2  # CVL104\nreturn x * self.scale",
        "if self.first is None:\n    self.first = x  # CVL704\nreturn x - self.first",
        'if not hasattr(self, "grid"):\n    self.grid = torch.arange(4)  # CVL704\nreturn x + self.grid',
        "for _ in range(2):\n    self.calls += 1  # CVL704\nreturn x * self.calls",
        "self.seen.append(x)  # CVL704\nreturn torch.cat(self.seen)",
        "if flag:\n    self.first = x  # CVL704\nreturn x - self.first",
        "if self.calls != x.shape[0]:\n    self.calls = x.shape[0]  # CVL704\nreturn x * self.calls",
    ],
)
def test_what_the_next_call_reads(agree: Agree, body: str) -> None:
    agree(forward(body, parameters="x, at: int, flag: bool", init=INIT))


@pytest.mark.parametrize(
    "body",
    [
        "self.first = x * 2\nreturn x + self.first",
        "if flag:\n    self.first = x\nelse:\n    self.first = x * 2\nreturn x + self.first",
        "if flag:\n    self.first = x\n    return self.first\nself.first = x * 2\nreturn self.first",
        "for part in parts:\n    self.first = x * part\nreturn self.first",
        "try:\n    self.first = x.view(3, 4)\nexcept RuntimeError:\n    self.first = x\nreturn self.first",
        "self.calls += 1\nreturn x * 2",
        "self.mean[:] = x.mean(0)\nreturn x - self.mean",
        "self.seen = []\nself.seen.append(x)\nreturn torch.cat(self.seen)",
        "self.seen.clear()\nself.seen.append(x)\nreturn torch.cat(self.seen)",
        "self.scale = self.scale.to(x.device)\nreturn x * self.scale",
        "if self.training:\n    self.mean = x.mean(0)\nreturn x - self.mean",
        "if self.calls != len(x):\n    self.calls = len(x)\n    if self.training:\n        self.first = x\nreturn x",
        "self.scale.detach_()\nself.mean.detach_()\nreturn x * self.scale - self.mean",
        "assert self.calls < 9\nself.calls += 1\nreturn x * 2",
        "last = self.last\nself.last = True\ny = self.layer(x)\nself.last = last\nreturn y if self.last else x",
    ],
)
def test_what_each_call_makes_anew_or_nothing_reads(agree: Agree, body: str) -> None:
    agree(forward(body, parameters="x, flag: bool, parts: list", init=INIT))


def test_a_method_called_twice_writes_each_time(agree: Agree) -> None:
    agree(
        """
import torch
from torch import nn


class Model(nn.Module):
    def __init__(self, both):
        super().__init__()
        self.both, self.h = both, None

    def set(self, x):
        self.h = x

    def forward(self, x):
        if self.both:
            self.set(x)
        else:
            self.set(x)
        return x + self.h
"""
    )


def test_a_block_gets_what_its_parent_sets_before(agree: Agree) -> None:
    agree(
        """
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.width = 0

    def forward(self, x):
        return x.reshape(-1, self.width)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block() for _ in range(3)])

    def forward(self, x):
        for block in self.blocks:
            block.width = x.shape[1]
            x = block(x)
        return x
"""
    )


OF_ITS_OWN = """
import torch
from torch import nn


class Hypotheses(nn.Module):
    def __init__(self, scores):
        super().__init__()
        self.scores = scores


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.found = None

    def forward(self, x):
"""


def test_a_module_made_in_the_call_is_not_there_in_the_next(agree: Agree) -> None:
    agree(
        OF_ITS_OWN
        + """
        found = Hypotheses(x)
        for _ in range(3):
            found.scores = found.scores + x
        return found.scores
"""
    )


def test_a_module_made_in_the_call_and_kept_is(agree: Agree) -> None:
    agree(
        OF_ITS_OWN
        + """
        if self.found is None:
            self.found = Hypotheses(x.mean())  # CVL704
        self.found.scores = self.found.scores + x.mean()  # CVL704
        return x - self.found.scores
"""
    )


def test_a_table_spread_in_the_first_call_is_made_once(tmp_path: Path) -> None:
    spread = """
if self.first:
    self.first = False
    self.table = self.table.repeat(x.shape[1] * 2, 1)
return x @ self.table
"""
    model = tmp_path / "model.py"
    model.write_text(forward(spread, init="self.first, self.table = True, torch.ones(1, 4)"), encoding="utf-8")
    found = api.check([model], Configuration([], isolated=True)).findings
    assert [(one.code, one.severity) for one in found] == [("CVL704", "warning")]


DICT = "self.state = {}"


@pytest.mark.parametrize(
    "body",
    [
        "if 'h' in self.state:\n    x = x + self.state['h']\nself.state['h'] = x  # CVL704\nreturn x * 2",
        "h = self.state.get('h', 0.0)\nself.state['h'] = h + x  # CVL704\nreturn x + h",
        "if key not in self.state:\n    self.state[key] = self.part(x)  # CVL704\nreturn self.state[key]",
    ],
)
def test_a_dict_that_the_next_call_reads(agree: Agree, body: str) -> None:
    agree(forward(body, "x, key: str", init=f"{DICT}\nself.part = nn.Linear(4, 4)"), select=["CVL1", "CVL7"])


@pytest.mark.parametrize(
    "body",
    [
        "self.state['h'] = x * 2\nreturn self.state['h'] + 1",
        "self.state = {}\nif 'h' in self.state:\n    x = x + 1\nself.state['h'] = x\nreturn x * 2",
        "if 'grid' not in self.state:\n    self.state['grid'] = torch.arange(4)\nreturn x + self.state['grid']",
        "found = {}\nif 'h' in found:\n    x = x + found['h']\nfound['h'] = x\nreturn x",
    ],
)
def test_a_dict_that_keeps_nothing_of_the_inputs(agree: Agree, body: str) -> None:
    agree(forward(body, init=DICT), select=["CVL1", "CVL7"])


@pytest.mark.parametrize(
    ("value", "stops"),
    [
        ("x.shape[0]", True),
        ("(1, x.shape[0])", True),
        ("torch.arange(4.0)", True),
        ("nn.ZeroPad2d(1)", True),
        ("int(x.shape[0])", False),
        ("[float(torch.tensor(x.shape[0] / 8).log2())]", False),
    ],
)
def test_tracing_twice_stops_for_what_a_trace_records(tmp_path: Path, value: str, stops: bool) -> None:
    body = f"if self.first is None:\n    self.first = {value}\nreturn self.use(x, self.first)"
    model = tmp_path / "model.py"
    model.write_text(forward(body, init=INIT), encoding="utf-8")
    found = api.check([model], Configuration([], isolated=True)).findings
    assert [one.severity for one in found if one.code == "CVL704"] == ["warning"] * stops
