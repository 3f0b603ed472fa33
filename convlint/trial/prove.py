"""``python -m convlint.trial.prove [CODE...]``: all rule examples through the real tracers, and what has changed."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue

from msgspec.structs import replace

from convlint.errors import UsageError
from convlint.findings import ROUTES, Harm, Level
from convlint.proofs import Proofs, Shown, digest, load, proofs_file, save
from convlint.rule import Example, Rule, registry
from convlint.trial.job import Job, Outcome, Trial, without_folders
from convlint.trial.runner import Runner

_LONGEST = 160


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
        job = Job(path=str(bad), inputs=example.inputs, opset=example.opset)
        if example.script:
            job = replace(job, routes=example.script[:1], script=True)
            before, after = runner.run(job), runner.run(replace(job, path=str(good)))
            return _proof(example, _standing_for(example.script, before), after)
        repaired = replace(
            job,
            path=str(good),
            inputs=example.good_inputs or example.inputs,
            routes=example.good_routes or ROUTES,
            original=str(bad) if example.same_in_eager else "",
        )
        return _proof(example, runner.run(job), runner.run(repaired))


def _standing_for(routes: Sequence[str], script: Trial) -> Trial:
    """The outcome of a script for all routes that begin as it does."""
    (outcome,) = script.outcomes.values()
    outcomes = {route: replace(outcome, route=route) for route in routes}
    return Trial(script.reference, outcomes, script.versions)


def _proof(example: Example, before: Trial, after: Trial) -> Proof:
    return Proof(before, after, tuple(complaints(example.harm, before, after)))


def complaints(harm: Harm, bad: Trial, good: Trial) -> Iterator[str]:
    """How the outcomes differ from a stated harm, and from a good side that does none."""
    for route, outcome in bad.outcomes.items():
        if outcome.level is not harm.on(route):
            yield f"bad {_told(outcome)}; the example says {harm.on(route).name}"
    if untaken := [route for route in ROUTES if route not in bad.outcomes and harm.on(route)]:
        yield f"bad does not take the route {', '.join(untaken)}, of which the example states a harm"
    for outcome in good.outcomes.values():
        if outcome.level is not Level.harmless:
            yield f"good {_told(outcome)}"
    for sample, message in good.reference.changed.items():
        yield f"good differs from bad in eager on {sample}: {message}"


def _told(outcome: Outcome) -> str:
    why = f" ({_why(outcome)})" if outcome.message else ""
    return f"is {outcome.level.name} on {outcome.route}{why}"


def _why(outcome: Outcome) -> str:
    where = f"on {outcome.on}: " if outcome.on else ""
    return where + without_folders(outcome.message)


def proofs_of(examples: Sequence[Example]) -> Iterator[Proof]:
    """What the tracers make of examples, in the order of the examples; as many run at a time as there are processors.

    Raises:
        UsageError: a side or the inputs of an example cannot be used.
    """
    stopped = threading.Event()
    runners: SimpleQueue[Runner] = SimpleQueue()

    def by_a_free_one(example: Example) -> Proof:
        runner = runners.get()
        try:
            return prove(example, runner)
        finally:
            runners.put(runner)

    with ExitStack() as at_end:
        workers = os.cpu_count() or 1
        for _ in range(workers):
            runners.put(at_end.enter_context(Runner(stopped=stopped)))
        pool = at_end.enter_context(ThreadPoolExecutor(workers))
        at_end.callback(stopped.set)  # first of all: the pool waits for what still runs
        yield from pool.map(by_a_free_one, examples)


def prove_rules(rules: Sequence[type[Rule]]) -> bool:
    """Proves rules, prints a table, stores what was measured in their packs; whether all are proven."""
    proven = True
    _say(f"{'':8}{''.join(f'{route:18}' for route in ROUTES)}")
    ordered = sorted(rules, key=lambda rule: (str(proofs_file(rule)), rule.code))
    proofs = proofs_of([example for rule in ordered for example in rule.examples if example.inputs])
    for path, group in groupby(ordered, proofs_file):
        stored, versions = load(path), dict[str, str]()
        measured: dict[str, list[Shown]] = {}
        for rule in group:
            measured[rule.code] = []
            for example in rule.examples:
                if not example.inputs:
                    measured[rule.code].append(Shown(example.title, {}, {}, digest(example)))
                    _say(f"{rule.code:8}a convention, which no tracer can judge: {example.title or rule.name}")
                    continue
                proof = next(proofs)
                seen = shown(example, proof.bad)
                _report(rule, seen, stored.shown(rule, example), proof.complaints)
                measured[rule.code].append(seen)
                versions = proof.bad.versions
                proven &= not proof.complaints
        _tell_versions(stored.versions, versions)
        known = {code: shown for code, shown in stored.rules.items() if code in registry()}
        save(path, Proofs(versions or stored.versions, known | measured))
    return proven


def shown(example: Example, bad: Trial) -> Shown:
    """What an example did, to be stored."""
    outcomes = bad.outcomes
    return Shown(
        example.title,
        {route: outcome.level.name for route, outcome in outcomes.items()},
        {route: _short(_why(outcome)) for route, outcome in outcomes.items() if outcome.level},
        digest(example),
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _report(rule: type[Rule], shown: Shown, before: Shown | None, complaints: Sequence[str]) -> None:
    levels = "".join(f"{shown.harm.get(route, '-'):18}" for route in ROUTES)
    _say(f"{rule.code:8}{levels}{'NOT PROVEN' if complaints else 'proven'}  {shown.title or rule.name}")
    for complaint in complaints:
        _say(f"{'':8}{complaint}")
    if before is None:
        _say(f"{'':8}new")
        return
    for route in ROUTES:
        was, now = before.harm.get(route, "not taken"), shown.harm.get(route, "not taken")
        if was != now:
            _say(f"{'':8}changed on {route}: was {was}, is {now}")


def _tell_versions(before: dict[str, str], now: dict[str, str]) -> None:
    told = [f"{name} {before[name]} then, {now[name]} now" for name in now if before.get(name, now[name]) != now[name]]
    if told:
        _say("compared with another environment: " + "; ".join(told))


def _say(line: str) -> None:
    sys.stdout.write(line.rstrip() + "\n")
    sys.stdout.flush()


def main(codes: Sequence[str]) -> int:
    """Proves the rules whose codes begin so (all where none is named); 0 where all are proven."""
    rules = [rule for code, rule in registry().items() if not codes or code.startswith(tuple(codes))]
    if not rules:
        _say(f"no rule has a code that begins with {', '.join(codes)}; see `convlint rule --all`")
        return 2
    try:
        return 0 if prove_rules(rules) else 1
    except UsageError as error:
        _say(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
