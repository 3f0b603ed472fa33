"""In each pair the lines that hurt are named, for the exporters that they hurt; nothing is said of the good side."""

from __future__ import annotations

from typing import Any

import pytest
from pairs import MISSED, PAIRS, PROOFS, findings, marked, stated, unlike

from convlint.findings import ROUTES
from convlint.proofs import digest, load
from convlint.rule import Example


def cases() -> list[Any]:
    """All pairs, those that are missed with the reason."""
    failing = {title: [pytest.mark.xfail(reason=reason, strict=True)] for title, reason in MISSED.items()}
    return [pytest.param(one, id=one.title, marks=failing.get(one.title, ())) for one in PAIRS]


@pytest.mark.parametrize("example", PAIRS, ids=lambda example: example.title)
def test_the_files_are_those_that_were_proven(example: Example) -> None:
    (shown,) = load(PROOFS).rules[example.title]
    assert shown.source == digest(example), "run `python tests/demand/pairs.py`, which measures the pair again"


@pytest.mark.parametrize("example", PAIRS, ids=lambda example: example.title)
def test_the_lines_that_hurt_are_named(example: Example) -> None:
    assert {(one.span.row, one.code) for one in findings(example, "bad")} == marked(example)


@pytest.mark.parametrize("example", cases())
def test_the_harm_that_they_do_is_told(example: Example) -> None:
    (shown,) = load(PROOFS).rules[example.title]
    assert list(unlike(stated(findings(example, "bad")), shown.harm)) == []


@pytest.mark.parametrize("example", PAIRS, ids=lambda example: example.title)
def test_nothing_is_said_of_the_good_side(example: Example) -> None:
    routes = example.good_routes or example.script or ROUTES
    assert [one.message for one in findings(example, "good") if one.harm is None or one.harm.worst(routes)] == []
