"""Values that are formatted on the way."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "body",
    [
        'n = x.shape[0]\nname = f"{n:03d}"  # CVL707\nreturn x',
        'name = f"{self.w.mean():.2f}"  # CVL707\nreturn x',
        'name = "%d of %d" % (x.shape[0], 4)  # CVL707\nreturn x',
        'print("{:d} {:.2f}".format(4, x.sum()))  # CVL707\nreturn x',
    ],
)
def test_a_format(agree: Agree, body: str) -> None:
    agree(forward(body, init="self.w, self.rate = nn.Parameter(torch.ones(4)), 0.5"))


@pytest.mark.parametrize(
    "body",
    [
        'print(f"{x.shape[0]} {x.mean()!r:>9} {self.rate:.2f}")\nreturn x',
        'print("%s %s" % (x.shape, x.mean()))\nreturn x',
        'print("{}".format(x.mean()))\nreturn x',
        '_, channels = x.shape\nprint(f"{channels:d}")\nreturn x',
        'if x.ndim != 2:\n    raise ValueError(f"{x.shape[0]:d}")\nreturn x',
        'assert x.ndim == 2, f"{x.shape[0]:d}"\nreturn x',
        'if self.training:\n    print(f"{x.mean():.2f}")\nreturn x',
        'if not torch.compiler.is_exporting():\n    print(f"{x.mean():.2f}")\nreturn x',
    ],
)
def test_no_format_or_no_value(agree: Agree, body: str) -> None:
    agree(forward(body, init="self.w, self.rate = nn.Parameter(torch.ones(4)), 0.5"))
