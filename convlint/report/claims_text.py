"""Claims beside measurements, as a table, and each claim that a measurement contradicts."""

from __future__ import annotations

from collections.abc import Iterator

from convlint.backends.claims import Compared, Comparison, Shown
from convlint.backends.facts import Claim
from convlint.report.plain import one_line
from convlint.report.summary import plural

_CLAIMS: tuple[Claim, ...] = ("yes", "function", "no", "unknown")
_SHOWN: tuple[Shown, ...] = ("all", "some", "none")
_LONGEST = 160


def lines(found: Comparison) -> Iterator[str]:
    """The whole report of one target."""
    known, tests = found.facts, sum(row.tally.tests for row in found.rows)
    frozen = sum(row.tally.frozen for row in found.rows)
    yield f"{found.target} {found.runtime}: {plural(tests, 'test')} of {len(found.rows)} versions of operators"
    yield f"  claims of {known.title} {known.version}: {known.source}"
    if frozen:
        yield f"  {plural(frozen, 'test')} passed only with constants instead of inputs"
    yield f"  {'claimed':<10}{'all pass':>10}{'some':>8}{'none':>8}"
    for claim in _CLAIMS:
        counts = [found.count(claim, shown) for shown in _SHOWN]
        if any(counts):
            yield f"  {claim:<10}{counts[0]:>10}{counts[1]:>8}{counts[2]:>8}"
    if found.claimed:
        yield f"  {found.held} of {found.claimed} claims hold ({found.held / found.claimed:.1%})"
    for row in found.contradicted():
        yield f"  {_told(row)}"
        yield f"    {found.reviewed.get(row.name) or 'not reviewed'}"
    contradicted = {row.name for row in found.contradicted()}
    for name in sorted(set(found.reviewed) - contradicted):
        yield f"  {name} was reviewed, and agrees now: take it off the list"


def _told(row: Compared) -> str:
    tally = row.tally
    if tally.passed:
        return f"{row.name}: claimed {row.claim}, but passes {tally.passed} of {plural(tally.tests, 'test')}"
    why = max(tally.failures, key=lambda one: tally.failures[one])
    return f"{row.name}: claimed {row.claim}, but none of {plural(tally.tests, 'test')} passes: {_short(why)}"


def _short(why: str) -> str:
    text = one_line(why)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
