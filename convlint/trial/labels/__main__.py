"""``python -m convlint.trial.labels SUITE.py --output labels.jsonl [--only NAME] [--timeout S]``."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from convlint.errors import UsageError, nearest
from convlint.trial.job import Job, Outcome, Trial, without_folders
from convlint.trial.labels.perform import ROUTES
from convlint.trial.labels.records import Record, read_records, write_records
from convlint.trial.labels.suite import Suite, read_suite
from convlint.trial.runner import Runner
from convlint.trial.watch.tools import failed

_LONGEST = 200


def measure_case(runner: Runner, path: Path, suite: Suite, name: str) -> Record:
    """The record of one model, whatever becomes of it."""
    record = Record(suite=path.stem, name=name, versions=_versions(suite.source), outcomes={})
    try:
        trial = runner.run(Job(path=str(path), case=name, routes=ROUTES))
    except UsageError as error:
        record.outcomes["eager"] = _short(str(error))
        return record
    record.versions |= trial.versions
    record.outcomes = _outcomes(trial)
    record.executed = trial.reference.executed
    record.reached = {route: not failed(outcome) for route, outcome in trial.outcomes.items()}
    record.unreached = _unreached(trial.outcomes)
    record.events = sorted({event for outcome in trial.outcomes.values() for event in outcome.events})
    return record


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    distributions = packages_distributions()
    found = {}
    for package in packages:
        name = next(iter(distributions.get(package, [package])))
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def _outcomes(trial: Trial) -> dict[str, str]:
    told = {"eager": "ok"} | {f"eager on {name}": _short(why) for name, why in trial.reference.skipped.items()}
    for route, outcome in trial.outcomes.items():
        if failed(outcome):
            told[route] = _short(outcome.message)
            continue
        told[route] = outcome.message if route == "torch_export_auto" and outcome.message and not outcome.on else "ok"
        told |= {f"{route} on {name}": _short(why) for name, why in outcome.failed.items()}
    return told


def _unreached(outcomes: dict[str, Outcome]) -> dict[str, list[int]]:
    """What no kind of ``torch.export`` came to, and what ``torch.jit.trace`` did not."""
    trace, export, auto = (outcomes[route].unreached for route in ROUTES[:3])
    found: dict[str, set[int]] = {path: set(rows) for path, rows in trace.items()}
    for path, rows in export.items():
        found.setdefault(path, set()).update(set(rows) & set(auto.get(path, ())))
    return {path: sorted(rows) for path, rows in sorted(found.items()) if rows}


def _short(message: str) -> str:
    return without_folders(message)[:_LONGEST]


def measure_suite(path: Path, output: Path, only: list[str] | None, seconds: float) -> None:
    """Measures models, writing after each.

    Raises:
        UsageError: the suite cannot be used, or has no such model.
    """
    suite = read_suite(path)
    for name in only or ():
        if name not in suite.cases:
            raise UsageError(f"{path}: there is no model `{name}`{nearest(name, suite.cases)}")
    records = {record.name: record for record in read_records(output)} if only and output.is_file() else {}
    with Runner(seconds) as runner:
        for name in only or suite.cases:
            records[name] = measure_case(runner, path, suite, name)
            write_records(output, records.values())
            _say(records[name])


def _say(record: Record) -> None:
    told = "; ".join(f"{stage}: {said[:60]}" for stage, said in record.outcomes.items() if said != "ok")
    sys.stdout.write(f"{record.name}: {len(record.events)} events; {told or 'all ok'}\n")
    sys.stdout.flush()


def main() -> int:
    """Reads the command; 0 where the models could be measured, whatever became of them."""
    parser = argparse.ArgumentParser(prog="python -m convlint.trial.labels")
    parser.add_argument("suite", type=Path)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--only", action="append", metavar="NAME", help="measure this model alone, keep other records")
    parser.add_argument("--timeout", type=float, default=180, metavar="S", help="seconds for one tool on one model")
    options = parser.parse_args()
    try:
        measure_suite(options.suite, options.output, options.only, options.timeout)
    except UsageError as error:
        parser.error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
