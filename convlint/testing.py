"""For the tests of rules: a rule's examples checked by the linter, by its fix, and by the real tracers."""

from __future__ import annotations

import atexit
import functools
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from convlint.findings import ROUTES, Harm, Level
from convlint.rule import Example, Rule
from convlint.trial.job import Job, Trial
from convlint.trial.runner import Runner


@dataclass(frozen=True)
class Proof:
    """What the real tracers make of an example."""

    bad: Trial
    good: Trial
    complaints: tuple[str, ...]
    """In what they differ from what the example claims, nothing where it is proven."""


def prove(example: Example, runner: Runner) -> Proof:
    """Runs both sides of an example on the routes.

    Raises:
        UsageError: a side or the inputs cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        bad, good = Path(folder, "bad.py"), Path(folder, "good.py")
        bad.write_text(example.source, encoding="utf-8")
        good.write_text(example.good, encoding="utf-8")
        original = str(bad) if example.same_in_eager else ""
        before = runner.run(Job(path=str(bad), inputs=example.inputs, opset=example.opset))
        after = runner.run(
            Job(
                path=str(good),
                inputs=example.inputs,
                opset=example.opset,
                routes=example.good_routes or ROUTES,
                original=original,
            )
        )
    return Proof(before, after, tuple(_complaints(example.harm, before, after)))


def _complaints(harm: Harm, bad: Trial, good: Trial) -> Iterable[str]:
    for route, outcome in bad.outcomes.items():
        if outcome.level is not harm.on(route):
            why = f" ({outcome.on or 'export'}: {outcome.message})" if outcome.message else ""
            yield f"bad is {outcome.level.name} on {route}{why}; the example says {harm.on(route).name}"
    for route, outcome in good.outcomes.items():
        if outcome.level is not Level.harmless:
            yield f"good is {outcome.level.name} on {route} ({outcome.on or 'export'}: {outcome.message})"
    for sample, message in good.reference.changed.items():
        yield f"good differs from bad in eager on {sample}: {message}"


def prove_example(rule: type[Rule], example: Example) -> None:
    """Makes sure that bad does exactly the stated harm, and that good is its equal and does none.

    Raises:
        AssertionError: it does not; the message says on which route and input.
    """
    _complain(rule, example, prove(example, _runner()).complaints)


@functools.cache
def _runner() -> Runner:
    """One worker for a whole test session."""
    runner = Runner()
    atexit.register(runner.close)
    return runner


def _complain(rule: type[Rule], example: Example, complaints: Iterable[str]) -> None:
    said = [f"{rule.code} {example.title}".strip() + f": {complaint}" for complaint in complaints]
    if said:
        raise AssertionError("\n".join(said))
