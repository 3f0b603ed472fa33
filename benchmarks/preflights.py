"""What ``convlint preflight`` says of sixty real models: ``python benchmarks/preflights.py [OUTCOMES.jsonl]``.

Runs in an environment of convlint and of what ``real_models.py`` needs. Each model is run by the command that a user
would give; what it prints, its verdicts and the CPU seconds that it took go to ``build/preflights``, and what is there
is not run again. OUTCOMES holds what the exporters and ONNX Runtime did with models of the same names on inputs A and
B, a JSON object a line; the verdicts are compared with it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from real_models import CASES

from convlint.rule import faults, registry

WORK = Path("build/preflights")
HERE = Path(__file__).parent.resolve()
SCREEN = 50
"""Lines that fit on one."""
TOOLS = {
    "jit_trace": ("jit_trace", "jit_A", "jit_B"),
    "torch_export": ("export", "", "export_B"),
    "onnx_torchscript": ("onnx_ts", "ort_A_ts", "ort_B_ts"),
    "onnx_dynamo": ("onnx_dynamo", "ort_A_dynamo", "ort_B_dynamo"),
}
"""By route what outcomes call its export, and its runs on A and on B."""
NO_ANSWER = re.compile("not_run|no_export|stochastic|fail: StageTimeout")
SCRIPT = """import sys

sys.path.insert(0, {here!r})
from real_models import CASES

case = next(case for case in CASES if case.name == {name!r})
model = case.model


def inputs():
    yield case.a()
    yield case.b()
"""


def main() -> None:
    """Run, report, compare."""
    if not registry():
        sys.exit(f"no rules run here ({'; '.join(fault.message for fault in faults()) or 'none is installed'})")
    WORK.mkdir(parents=True, exist_ok=True)
    done = {case.name: preflighted(case.name) for case in CASES}
    tried = {name: run for name, run in done.items() if run["verdicts"]}
    seconds = sum(run["seconds"] for run in done.values())
    print(f"\n{len(tried)} of {len(done)} models were run in {seconds:.0f} CPU seconds")
    print(f"exit codes: {dict(Counter(run['code'] for run in done.values()))}")
    longest = max(tried, key=lambda name: tried[name]["lines"])
    print(f"longest output: {tried[longest]['lines']} lines ({longest}); {SCREEN} fit on a screen")
    if len(sys.argv) > 1:
        compare(tried, dict(happened(Path(sys.argv[1]))))


def preflighted(name: str) -> dict[str, Any]:
    """What the command made of a model, once."""
    script = script_of(name)
    mark = script.with_suffix(".json")
    if not mark.exists():
        text, full = script.with_suffix(".txt"), script.with_suffix(".full")
        code, seconds = cpu_seconds(preflight(script, "--results", str(WORK / "results")), text)
        cpu_seconds(preflight(script, "--results", str(WORK / "results"), "--output-format", "json"), full)
        told = full.read_text(encoding="utf-8")
        models = json.loads(told)["models"] if told.startswith("{") else []
        lines = text.read_text(encoding="utf-8").count("\n")
        run = {"code": code, "seconds": seconds, "lines": lines, "verdicts": verdicts(models)}
        mark.write_text(json.dumps(run), encoding="utf-8")
    run = json.loads(mark.read_text(encoding="utf-8"))
    told = " ".join(f"{verdict:8}" for verdict in run["verdicts"].values())
    print(f"{name:50} {run['code']} {run['seconds']:6.1f} s {run['lines']:3} lines  {told}", flush=True)
    return dict(run)


def script_of(name: str) -> Path:
    """A file with the model and its inputs, as a user would have one."""
    script = WORK / f"{re.sub(r'[^0-9A-Za-z]+', '_', name)}.py"
    script.write_text(SCRIPT.format(here=str(HERE), name=name), encoding="utf-8")
    return script


def preflight(script: Path, *options: str) -> list[str]:
    """The command for such a file."""
    named = ["preflight", f"{script}:model", "--inputs", f"{script}:inputs", "--isolated", *options]
    return [sys.executable, "-m", "convlint", *named]


def cpu_seconds(command: list[str], output: Path) -> tuple[int, float]:
    """The exit code of a command whose output goes to a file, and its CPU seconds with those of all its processes."""
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
    return os.waitstatus_to_exitcode(status), round(usage.ru_utime + usage.ru_stime, 2)


def verdicts(models: list[Any]) -> dict[str, str]:
    """What became of each route: ``stops``, ``refused``, ``wrong`` on A, ``differs`` on B, ``right``, or ``unsure``."""
    return {route: verdict(outcome) for model in models for route, outcome in model["routes"].items()}


def verdict(outcome: Mapping[str, Any]) -> str:
    """The same of one route."""
    if outcome["stopped_at"]:
        return "stops" if outcome["stopped_at"] == "export" else "refused"
    failed = outcome["failed"]
    if "traced" in outcome["unsure"]:
        return "unsure"
    return "wrong" if "traced" in failed else "differs" if "input 2" in failed else "right"


def happened(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """By name of a model what happened on each route, as far as that is known."""
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        outcomes = record["outcomes"]
        known = {route: outcome_of(outcomes, *tools) for route, tools in TOOLS.items()}
        yield f"{record['suite']}:{record['model']}", {route: what for route, what in known.items() if what}


def outcome_of(outcomes: Mapping[str, str], export: str, a: str, b: str) -> str:
    """What happened, in the words of ``verdict``; nothing where it is not known."""
    told = [outcomes.get(key, "ok") for key in (export, a, b)]
    if any(NO_ANSWER.match(one) for one in told):
        return ""
    exported, on_a, on_b = told
    if exported != "ok":
        return "stops"
    if on_a != "ok":
        return "refused" if on_a.startswith("invalid") else "wrong"
    return "right" if on_b == "ok" else "differs"


def compare(tried: Mapping[str, Mapping[str, Any]], known: Mapping[str, Mapping[str, str]]) -> None:
    """How many verdicts are what happened, and each that is not."""
    both = {
        (name, route): (run["verdicts"][route], what)
        for name, run in tried.items()
        for route, what in known.get(name, {}).items()
        if run["verdicts"].get(route, "unsure") != "unsure"
    }
    right = sum(said == what for said, what in both.values())
    print(f"{right} of {len(both)} verdicts are what happened before, on {len({name for name, _ in both})} models")
    for (name, route), (said, what) in both.items():
        if said != what:
            print(f"  {name} {route}: said {said}, was {what}")


if __name__ == "__main__":
    main()
