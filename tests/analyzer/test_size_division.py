"""Sizes that a function of torch divides."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('torch.div(x.shape[1], 2, rounding_mode="trunc")', "CVL206"),
        ('torch.div(x.size(1), self.n, rounding_mode="floor")', "CVL206"),
        ("torch.floor_divide(x.shape[1], 2)", "CVL206"),
        ("torch.div(x.shape[1], 2)", ""),
        ('torch.div(x, 2, rounding_mode="floor")', ""),
        ('torch.div(self.n, 2, rounding_mode="floor")', ""),
        ("x.shape[1] // 2", ""),
    ],
)
def test_a_size_is_divided_by_python(agree: Agree, call: str, code: str) -> None:
    agree(forward(f"x = x.abs()\nreturn x + {call}" + (f"  # {code}" if code else "")))
