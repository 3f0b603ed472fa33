"""Parts of models that only the functions know which construct the models."""

from __future__ import annotations

import pytest
from conftest import Agree

HEAD = """import torch
from torch import nn


class Peak:
    def scale(self, x):
        return x / x.max().item()  # CVL202


class Sum:
    def scale(self, x):
        return x / x.sum().item()  # CVL202


class Net(nn.Module):
    def __init__(self, part, fast: bool = False):
        super().__init__()
        self.part = part
        self.fast = fast

    def forward(self, x):
        if self.fast:
            return self.part.scale(x)
        return self.part.scale(x) * x.min().item()  # CVL202


"""
PEAK_ONLY = HEAD.replace("x.sum().item()  # CVL202", "x.sum().item()")


def test_what_nobody_gives_is_unknown(agree: Agree) -> None:
    agree(PEAK_ONLY.replace("x.max().item()  # CVL202", "x.max().item()"))


@pytest.mark.parametrize(
    "builder",
    [
        "def net():\n    return Net(Peak())\n",
        "def net(pretrained=False):\n    part = Peak()\n    return Net(part=part, fast=True)\n",
        "def _net(part, **more):\n    return Net(part(), **more)\n\n\ndef net(**x):\n    return _net(Peak, **x)\n",
        "def make(kind, *given):\n    return kind(*given)\n\n\ndef net():\n    return make(Net, Peak())\n",
    ],
    ids=["at once", "by keyword", "by another builder", "through a function that is given the class"],
)
def test_a_builder_says_which_part(agree: Agree, builder: str) -> None:
    agree(PEAK_ONLY + builder)


def test_a_builder_in_another_file_says_which_part(agree: Agree) -> None:
    agree({"net.py": PEAK_ONLY, "zoo.py": "from net import Net, Peak\n\n\ndef peak_net():\n    return Net(Peak())\n"})


def test_every_builder_counts(agree: Agree) -> None:
    agree(HEAD + "def one():\n    return Net(Peak())\n\n\ndef other():\n    return Net(Sum(), fast=True)\n")


def test_a_part_may_be_left_out(agree: Agree) -> None:
    head = PEAK_ONLY.replace("part, fast", "part=None, fast")
    agree(head + "def one():\n    return Net()\n\n\ndef other():\n    return Net(Peak())\n")


def test_a_number_that_a_builder_gives_stays_any_number(agree: Agree) -> None:
    agree("""import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, count):
        super().__init__()
        self.count = count

    def forward(self, x):
        if self.count == 0:
            return x * x.max().item()  # CVL202
        return x


def net():
    return Net(3)
""")


def test_a_script_is_no_builder(agree: Agree) -> None:
    script = "def run():\n    net = Net(Peak())\n    print(net(torch.zeros(3)))\n"
    agree(PEAK_ONLY.replace("x.max().item()  # CVL202", "x.max().item()") + script)
