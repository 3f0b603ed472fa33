"""Comparisons of sizes: those that only tell 0 and 1 from the rest, and those that exports get wrong."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "test",
    [
        "x.shape[1] == 1",
        "1 != x.size(1)",
        "x.shape[-1] <= 1",
        "x.shape[2] > 0",
        "2 > x.shape[1]",
        "2 <= x.shape[1]",
        "x.shape[1]",
        "not x.shape[1]",
        "not all(x.shape)",
        "x.numel() == 0",
        "x.shape[0] == 0",
        "x.shape[0]",
        "x.shape[1] == 1 or x.shape[2] == 1",
        "x.shape[1] == 1 and x.shape[2] > 0",
        "self.flag(y) or x.shape[1] == 1",
    ],
)
def test_a_size_told_from_0_and_1_is_harmless(agree: Agree, test: str) -> None:
    source = forward(f"if {test}:  # CVL302\n    return x * 2\nreturn x - 3", parameters="x, y")
    agree(source, show_harmless=True)
    agree(source.replace("  # CVL302", ""))


@pytest.mark.parametrize(
    "test",
    [
        "x.shape[0] == 1",
        "x.shape[0] > 1",
        "1 < x.size(0)",
        "2 > x.shape[0]",
        "x.shape[1] > 2",
        "2 < x.shape[1]",
        "x.shape[1] <= 2",
        "x.shape[1] % 2 == 0",
        "x.shape[1] - 6 > 0",
        "x.shape[1] == 1 or x.shape[1] > 6",
        "x.shape[1] > 6 or x.shape[1] == 1",
    ],
)
def test_a_batch_told_from_1_and_sizes_told_from_more_are_found(agree: Agree, test: str) -> None:
    agree(forward(f"if {test}:  # CVL302\n    return x * 2\nreturn x - 3"))


@pytest.mark.parametrize("bound", ["n, c, h, w = x.shape", "n, *rest = x.shape", "n = self.layer(x).shape[0]"])
def test_a_batch_with_a_name_is_still_a_batch(agree: Agree, bound: str) -> None:
    body = f"{bound}\nif n == 1:  # CVL302\n    return x * 2\nreturn x"
    agree(forward(body, init="self.layer = nn.Linear(4, 4)"))


def test_a_match_on_a_size_tells_more_than_0_and_1(agree: Agree) -> None:
    agree(forward("match x.shape[1]:  # CVL302\n    case 1:\n        return x * 2\n    case _:\n        return x"))


def test_a_size_or_0_is_still_a_size(agree: Agree) -> None:
    source = forward(
        "n = 0 if y is None else y.shape[1]\nif n > 0:\n    return x * 2\nreturn x", parameters="x, y=None"
    )
    agree(source)
    agree(source.replace("n > 0:", "n > 0:  # CVL302"), show_harmless=True)
    agree(source.replace("n > 0:", "n > 6:  # CVL302"))


def test_a_truth_with_a_name_is_judged_by_its_comparison(agree: Agree) -> None:
    agree(forward("short = x.shape[1] == 1\nif short:\n    return x * 2\nreturn x"))
    agree(forward("short = x.shape[1] < 6\nif short:  # CVL302\n    return x * 2\nreturn x"))


@pytest.mark.parametrize("test", ["0 < x.shape[1] < 9", "9 > x.shape[1] > 0", "1 <= x.shape[1] <= 8"])
def test_a_chain_is_no_test_for_zero_where_another_part_is_none(agree: Agree, test: str) -> None:
    agree(forward(f"if {test}:  # CVL302\n    return x * 2\nreturn x"))
