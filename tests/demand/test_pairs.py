"""In each pair the lines that hurt are named, for the exporters that they hurt; nothing is said of the good side."""

from __future__ import annotations

import pytest
from pairs import MISSED, PAIRS, PROOFS, findings, marked, stated, unlike

from convlint.findings import ROUTES
from convlint.proofs import digest, load
from convlint.rule import Example

CASES = [
    pytest.param(one, id=one.title, marks=[pytest.mark.xfail(reason=MISSED[one.title], strict=True)])
    if one.title in MISSED
    else pytest.param(one, id=one.title)
    for one in PAIRS
]


@pytest.mark.parametrize("example", PAIRS, ids=lambda example: example.title)
def test_the_files_are_those_that_were_proven(example: Example) -> None:
    (shown,) = load(PROOFS).rules[example.title]
    assert shown.source == digest(example), "run `python tests/demand/pairs.py`, which measures the pair again"


@pytest.mark.parametrize("example", CASES)
def test_the_lines_that_hurt_are_named_with_the_harm_that_they_do(example: Example) -> None:
    found = findings(example, "bad")
    assert {(one.span.row, one.code) for one in found} == marked(example)
    (shown,) = load(PROOFS).rules[example.title]
    assert list(unlike(stated(found), shown.harm)) == []


@pytest.mark.parametrize("example", PAIRS, ids=lambda example: example.title)
def test_nothing_is_said_of_the_good_side(example: Example) -> None:
    routes = example.good_routes or example.script or ROUTES
    assert [one.message for one in findings(example, "good") if one.harm is None or one.harm.worst(routes)] == []
