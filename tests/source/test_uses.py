"""Which statement uses what another assigns."""

from __future__ import annotations

import pytest

from convlint.source.uses import is_used

SOURCE = """\
def forward(self, x):
    n = len(x)
    m = n + 1
    if n > 3:
        n = 4
    return x * n


def other(n):
    return n
"""


@pytest.mark.parametrize(
    ("assigned", "used", "expected"),
    [
        ((2, 2), (3, 3), True),
        ((2, 2), (4, 4), True),
        ((2, 2), (6, 6), False),  # another was assigned meanwhile
        ((3, 3), (4, 4), False),
        ((4, 4), (3, 3), False),
        ((2, 2), (10, 10), False),
    ],
)
def test_a_name_that_is_read_before_it_is_assigned_again(
    assigned: tuple[int, int], used: tuple[int, int], expected: bool
) -> None:
    assert is_used(SOURCE, assigned, used) is expected


def test_nothing_is_said_of_what_is_no_python() -> None:
    assert not is_used("def f(:", (1, 1), (2, 2))
