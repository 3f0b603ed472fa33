"""``torch.cdist``."""

from __future__ import annotations

import pytest
from conftest import Agree, Cli
from convlint_rules.examples import forward

INIT = """
self.register_buffer("few", torch.ones(16, 4))
self.register_buffer("many", torch.ones(26, 4))
self.register_buffer("some", torch.ones(size, 4))
"""


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("torch.cdist(x, y)", True),
        ("torch.cdist(x, y, 1)", True),
        ("torch.cdist(x, y, p=3.0)", True),
        ("torch.cdist(x, self.few)", True),
        ("torch.cdist(x, self.many, p=1)", True),
        ("torch.cdist(x, self.many, compute_mode='donot_use_mm_for_euclid_dist')", True),
        ("torch.cdist(x, self.many)", False),
        ("torch.cdist(x, self.some)", False),
        ("torch.cdist(x, y, compute_mode='use_mm_for_euclid_dist')", False),
        ("torch.cdist(x, y, p=self.p)", False),
        ("torch.cdist(x, y, compute_mode=self.mode)", False),
    ],
)
def test_distances_that_are_computed_pair_by_pair(agree: Agree, call: str, *, found: bool) -> None:
    source = forward(f"return {call}{'  # CVL806' * found}", "x: torch.Tensor, y: torch.Tensor", init=INIT)
    agree(source.replace("def __init__(self)", "def __init__(self, size)"))


@pytest.mark.parametrize(("norm", "wrong"), [("1", True), ("3", True), ("0", True), ("4", False)])
def test_norms_that_the_torchscript_exporter_gets_wrong(cli: Cli, norm: str, *, wrong: bool) -> None:
    source = forward(f"return torch.cdist(x, y, p={norm})", "x: torch.Tensor, y: torch.Tensor")
    ran = cli("-", "--isolated", "--exporter", "torchscript", stdin=source)
    assert ("CVL806" in ran.out) is wrong


def test_few_rows_are_a_warning_where_they_may_be_many(cli: Cli) -> None:
    source = forward("return torch.cdist(x, y)", "x: torch.Tensor, y: torch.Tensor")
    assert "warning CVL806" in cli("-", "--isolated", "--output-format", "concise", stdin=source).out
