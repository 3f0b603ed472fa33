"""What the facts claim of a target beside what ONNX's own tests of operators show of it."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from convlint.backends import row_of
from convlint.backends.facts import OLDEST_OPSET, Claim, Facts, facts
from convlint.backends.operator_tests import Key, Tally, cases, measured
from convlint.errors import UsageError
from convlint.trial.runtimes import INSTALLS, installed

REVIEWED = Path(__file__).with_name("reviewed.json")
Shown = Literal["all", "some", "none"]
"""How many tests pass."""


class Compared(NamedTuple):
    """One version of an operator."""

    key: Key
    claim: Claim
    tally: Tally

    @property
    def name(self) -> str:
        """``Clip-13``."""
        return f"{self.key[0]}-{self.key[1]}"

    @property
    def shown(self) -> Shown:
        """What the tests show."""
        if not self.tally.passed:
            return "none"
        return "all" if self.tally.passed == self.tally.tests else "some"

    @property
    def holds(self) -> bool:
        """Whether the claim and the tests agree; a claim that is none cannot."""
        return (self.claim in ("yes", "function")) is (self.shown != "none")

    @property
    def is_contradicted(self) -> bool:
        """Whether the tests show the contrary."""
        return self.claim != "unknown" and not self.holds


@dataclass(frozen=True)
class Comparison:
    """All claims of a target that were tested."""

    target: str
    facts: Facts
    runtime: str
    """The version of the runtime that was measured."""
    rows: tuple[Compared, ...]
    reviewed: Mapping[str, str]
    """By version of an operator why a disagreement is none of the facts' faults."""

    def count(self, claim: Claim, shown: Shown) -> int:
        """How many versions of operators are claimed and shown so."""
        return sum(row.claim == claim and row.shown == shown for row in self.rows)

    @property
    def claimed(self) -> int:
        """How many are claimed at all."""
        return sum(row.claim != "unknown" for row in self.rows)

    @property
    def held(self) -> int:
        """Of these how many hold."""
        return sum(row.holds for row in self.rows if row.claim != "unknown")

    def contradicted(self) -> Iterator[Compared]:
        """The claims that do not hold."""
        return (row for row in self.rows if row.is_contradicted)

    @property
    def fails(self) -> bool:
        """Whether one of them was not reviewed."""
        return any(row.name not in self.reviewed for row in self.contradicted())


@functools.cache
def reviewed() -> dict[str, dict[str, str]]:
    """By target the disagreements that somebody has looked at, with what was found."""
    return msgspec.json.decode(REVIEWED.read_bytes(), type=dict[str, dict[str, str]])


def compared(target: str) -> Comparison:
    """Measures the installed runtime of a target, and puts what the shipped facts claim beside it.

    Raises:
        UsageError: there is no runtime of it that can be run here, onnx is missing, or nothing is known of it.
    """
    version = runtime_of(target)
    known = facts(target, version)
    if known is None:
        raise UsageError(f"nothing is known of {target}: `convlint dev refresh {target}` writes its facts")
    tallies = measured(target, cases())
    rows = tuple(Compared(key, _claim(known, *key), tally) for key, tally in sorted(tallies.items()))
    return Comparison(target, known, version, rows, reviewed().get(target, {}))


def runtime_of(target: str) -> str:
    """The version of the installed runtime of a target.

    Raises:
        UsageError: there is none that can be run here, or onnx is missing.
    """
    if target not in INSTALLS:
        raise UsageError(f"{target}: convlint runs no such runtime; it runs {', '.join(INSTALLS)}")
    version = installed(target)
    for install, is_there in (
        (INSTALLS[target], bool(version)),
        ("pip install onnx", importlib.util.find_spec("onnx") is not None),
    ):
        if not is_there:
            raise UsageError(f"measuring {target} needs a package that is not installed: `{install}`")
    return version


def _claim(known: Facts, operator: str, since: int) -> Claim:
    """What the facts say; of a target that has no list, what was measured before."""
    row = row_of(known, operator, max(since, OLDEST_OPSET))
    if row is None:
        return "no" if known.complete else "unknown"
    return "yes" if row.claim == "unknown" and row.passed else row.claim
