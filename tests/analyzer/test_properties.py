"""Properties that raise, which a trace reads: what is told of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlint.config import Settings
from convlint.linter import lint

SOURCE = """\
from abc import ABC, abstractmethod

import torch
from torch import nn


class Base(nn.Module):
    @property
    def size(self):
        {}


class Part(Base):
    {}

    def forward(self, x):
        return x + 1


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.parts = nn.ModuleList([Part(), Part()])

    def forward(self, x):
        for part in self.parts:
            x = part(x)
        return x
"""
RAISES = "raise NotImplementedError"


def rows(path: Path, raises: str, part: str = "pass") -> list[int]:
    path.write_text(SOURCE.format(raises, part))
    found = lint([path], Settings(cache=False, select=("CVL713",))).findings
    return [finding.span.row for finding in found]


@pytest.mark.parametrize("raises", [RAISES, "raise ValueError('gone')", '"""Text."""\n        raise errors.Gone()'])
def test_a_property_of_a_part_that_only_raises_is_told_once(tmp_path: Path, raises: str) -> None:
    assert len(rows(tmp_path / "net.py", raises)) == 1


@pytest.mark.parametrize(
    ("raises", "part"),
    [
        ("raise AttributeError", "pass"),
        ("raise AttributeError('no')", "pass"),
        ("if self.training:\n            return 1\n        raise ValueError", "pass"),
        ("raise", "pass"),
        (RAISES, "size = 3"),
        (RAISES, "@property\n    def size(self):\n        return 3"),
        (RAISES, "def size(self):\n        return 3"),
        ("return 3", "def other(self):\n        raise NotImplementedError"),
        ("return 3", "@property\n    @abstractmethod\n    def other(self):\n        raise NotImplementedError"),
    ],
)
def test_other_properties_are_not(tmp_path: Path, raises: str, part: str) -> None:
    assert rows(tmp_path / "net.py", raises, part) == []
