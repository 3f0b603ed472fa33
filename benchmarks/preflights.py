"""What ``convlint preflight`` says of real models, and what that costs: ``python benchmarks/preflights.py [MODEL...]``.

Runs in an environment of convlint and of what ``real_models.py`` needs, on all its models where none is named. Each is
run by the command that a user would give; what it prints goes to ``build/preflights``, and what is there is not run
again. ``--outcomes FILE`` says what the exporters and ONNX Runtime did with models of the same names on inputs A and B,
a JSON object a line; the verdicts are compared with it, but for outcomes of another export than that of a user who
leaves all settings as they are. ``preflights.md`` is the table, and says of which commits of convlint its runs are.

Costs are CPU seconds: other work on the machine changes them little. Beside each preflight another process makes the
same model and calls the four exporters once, no more. One ratio is that of the whole processes; the other is without
what both need besides, the imports and the making of the model: of the preflight is left out what the process of the
exporters took besides the calls.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from real_models import CASES

from convlint.rule import faults, registry

WORK = Path("build/preflights")
HERE = Path(__file__).parent.resolve()
TABLE = Path(__file__).with_suffix(".md")
PACKAGES = ("torch", "onnxruntime", "timm", "torchvision", "transformers", "ultralytics", "segmentation-models-pytorch")
SCREEN, WIDTH = 40, 120
"""Lines that fit on one, and how long they are: a longer one takes several."""
BARE = "--bare"
MOST = 2.0
"""How many times the exporters' own calls a preflight may take."""
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
    """Run, compare, write the table."""
    if sys.argv[1:2] == [BARE]:
        export(sys.argv[2])
        return
    if not registry():
        sys.exit(f"no rules run here ({'; '.join(fault.message for fault in faults()) or 'none is installed'})")
    parser = argparse.ArgumentParser(description="What convlint preflight says of real models, and what that costs.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names of real_models.py")
    parser.add_argument("--outcomes", type=Path, help="what happened to models of the same names")
    given = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    for name in given.models or [case.name for case in CASES]:
        print(told(name, preflighted(name)), flush=True)
    done = {case.name: preflighted(case.name) for case in CASES if mark_of(case.name).exists()}
    known = dict(happened(given.outcomes)) if given.outcomes else {}
    TABLE.write_text("\n".join(table(done, known)) + "\n", encoding="utf-8")


def preflighted(name: str) -> dict[str, Any]:
    """What the command made of a model, and what the exporters' calls alone take; measured once."""
    script, mark = script_of(name), mark_of(name)
    if not mark.exists():
        text, full, calls = (script.with_suffix(suffix) for suffix in (".txt", ".full", ".calls"))
        _, bare = cpu_seconds([sys.executable, __file__, BARE, name], calls)
        code, whole = cpu_seconds(preflight(script, "--results", str(WORK / "results")), text)
        cpu_seconds(preflight(script, "--results", str(WORK / "results"), "--output-format", "json"), full)
        printed = full.read_text(encoding="utf-8")
        models = json.loads(printed)["models"] if printed.startswith("{") else []
        run = {
            "code": code,
            "lines": rows_of(text.read_text(encoding="utf-8")),
            "commit": commit(),
            "said": {route: outcome["message"] for model in models for route, outcome in model["routes"].items()},
            "verdicts": verdicts(models),
            "calls": float(calls.read_text(encoding="utf-8").split()[-1]),
            "bare": bare,
            "whole": whole,
        }
        mark.write_text(json.dumps(run), encoding="utf-8")
    return dict(json.loads(mark.read_text(encoding="utf-8")))


def told(name: str, run: Mapping[str, Any]) -> str:
    """A line of progress."""
    verdicts = " ".join(f"{verdict:8}" for verdict in run["verdicts"].values())
    return f"{name:50} {run['code']} {run['lines']:3} lines  {verdicts} {run['whole']:6.1f} s  {ratios([run])}"


def table(done: Mapping[str, Mapping[str, Any]], known: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """The page: what was said of each model, what was measured of all, and each verdict that is not what happened."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    yield f"# Preflights of real models\n\nWritten by `python benchmarks/preflights.py`: {versions}; random weights.\n"
    ran = {name: run for name, run in done.items() if run["verdicts"]}
    longest, short = max(run["lines"] for run in ran.values()), sum(run["lines"] <= SCREEN for run in ran.values())
    yield f"- {len(ran)} of {len(done)} models ran; {short} outputs fit on a screen of {SCREEN} lines of {WIDTH}"
    yield f"  characters, the longest takes {longest}."
    commits = Counter(run["commit"] for run in ran.values())
    if len(commits) > 1:
        yield f"- Run at several commits of convlint: {', '.join(f'{one} ({n})' for one, n in commits.most_common())}."
    whole, processes, calls = summed(ran.values())
    yield f"- CPU seconds: {whole:.0f} for preflights, {processes:.0f} for processes that only export,"
    yield f"  {calls:.0f} in their calls of exporters."
    yield f"- A preflight takes {ratios(ran.values())} times as long as a process that only exports: the first with the"
    yield f"  imports and the making of the model, the second without; at most {MOST} is wanted."
    if ended := [f"{name} by {route}" for name, run in ran.items() for route in TOOLS if was_ended(run, route)]:
        yield f"- Ended at the limit of time, and so no verdict, and quicker than the exporter: {', '.join(ended)}."
    if known:
        yield from agreement(ran, known)
    yield f"\n| model | exit | lines | {' | '.join(TOOLS)} | calls | exporters | preflight | ratios |"
    yield "|---" * (7 + len(TOOLS)) + "|"
    for name, run in done.items():
        said = " | ".join(run["verdicts"].get(route, "") for route in TOOLS)
        seconds = " | ".join(f"{run[key]:.1f} s" for key in ("calls", "bare", "whole"))
        yield f"| {name} | {run['code']} | {run['lines']} | {said} | {seconds} | {ratios([run])} |"


def agreement(ran: Mapping[str, Mapping[str, Any]], known: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """How many verdicts are what happened, and each that is not."""
    both = {
        (name, route): (run["verdicts"][route], what)
        for name, run in ran.items()
        for route, what in known.get(name, {}).items()
        if run["verdicts"].get(route, "unsure") != "unsure" and not was_ended(run, route)
    }
    others = {key: why for key in both if (why := other_export(key, ran, known))}
    compared = {key: one for key, one in both.items() if key not in others}
    right, models = sum(said == what for said, what in compared.values()), len({name for name, _ in compared})
    yield f"- {right} of {len(compared)} verdicts are what happened to models of the same names, on {models} models."
    for (name, route), (said, what) in compared.items():
        if said != what:
            why = ran[name]["said"][route]
            yield f"  - {name} by {route}: said {said}{f' ({why})' if why else ''}, was {what}"
    if others:
        yield f"- {len(others)} outcomes are of another export than that of a user who leaves all settings as they are:"
    for (name, route), why in others.items():
        yield f"  - {name} by {route}: said {ran[name]['verdicts'][route]}, was {both[name, route][1]}: {why}"


def was_ended(run: Mapping[str, Any], route: str) -> bool:
    """Whether a route took longer than it may."""
    return "no end within" in run["said"].get(route, "")


def other_export(
    key: tuple[str, str], ran: Mapping[str, Mapping[str, Any]], known: Mapping[str, Mapping[str, str]]
) -> str:
    """In what the outcome of a model by a route is of another export, nothing where it is of the same."""
    name, route = key
    if route == "jit_trace" and ran[name]["said"][route].startswith("TracingCheckError"):
        return "traced with `check_trace=False`"
    if route == "onnx_dynamo" and known[name].get("torch_export") == "stops":
        return "`torch.export` stops; translated was a program in which it may fix sizes (`Dim.AUTO`)"
    return ""


def summed(runs: Iterable[Mapping[str, Any]]) -> tuple[float, float, float]:
    """The CPU seconds of preflights, of processes that only export, and of their exporters' calls."""
    whole, bare, calls = (
        sum(column) for column in zip(*((r["whole"], r["bare"], r["calls"]) for r in runs), strict=True)
    )
    return whole, bare, calls


def ratios(runs: Iterable[Mapping[str, Any]]) -> str:
    """How many times a preflight takes what the exporters take: with, then without what both need besides."""
    whole, bare, calls = summed(runs)
    return f"{whole / bare:.2f}, {(whole - bare + calls) / calls:.2f}"


def export(name: str) -> None:
    """Calls each exporter once on a model, and says how many CPU seconds that took; one that raises is done, too."""
    import torch

    from convlint.trial.labels.suite import subject
    from convlint.trial.routes import Export

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given = subject(Path(__file__), next(case for case in CASES if case.name == name))
    args, names = given.samples[0].args, list(given.input_names)
    axes = {names[i]: dict(named) for i, named in given.dynamic.items()}
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        model, path = given.build(), Path(folder, "model.onnx")
        shapes = Export(model, args, given.input_names, given.dynamic, given.dims, None, path).dynamic_shapes
        for call in (
            lambda: torch.jit.trace(model, args),  # type: ignore[no-untyped-call]
            lambda: torch.export.export(model, args, dynamic_shapes=shapes),
            lambda: torch.onnx.export(model, args, path, dynamo=False, input_names=names, dynamic_axes=axes),
            lambda: torch.onnx.export(model, args, path, dynamo=True, input_names=names, dynamic_shapes=shapes),
        ):
            started = time.process_time()
            with suppress(Exception):
                call()
            seconds += time.process_time() - started
    print(seconds)


def rows_of(text: str) -> int:
    """How many lines a text takes on a screen."""
    return sum(max(1, math.ceil(len(line) / WIDTH)) for line in text.splitlines())


def commit() -> str:
    """The commit of convlint that runs here, and whether its code has changed since; the page itself may."""
    git = ["git", "-C", str(HERE.parent)]
    asked = [*git, "describe", "--always", "--exclude", "*"]
    name = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", "--", "convlint", "rules"], check=False).returncode
    return f"{name}-dirty" if changed else name


def mark_of(name: str) -> Path:
    """Where it is kept what was measured of a model."""
    return WORK / f"{re.sub(r'[^0-9A-Za-z]+', '_', name)}.json"


def script_of(name: str) -> Path:
    """A file with the model and its inputs, as a user would have one."""
    script = mark_of(name).with_suffix(".py")
    script.write_text(SCRIPT.format(here=str(HERE), name=name), encoding="utf-8")
    return script


def preflight(script: Path, *options: str) -> list[str]:
    """The command for such a file."""
    named = ["preflight", f"{script}:model", "--inputs", f"{script}:inputs", "--isolated", *options]
    return [sys.executable, "-m", "convlint", *named]


def cpu_seconds(command: list[str], output: Path) -> tuple[int, float]:
    """The exit code of a command whose output goes to a file, and its CPU seconds with those of all its processes."""
    screen = os.environ | {"COLUMNS": str(WIDTH)}
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=screen)
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


if __name__ == "__main__":
    main()
