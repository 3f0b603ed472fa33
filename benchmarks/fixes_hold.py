"""Whether safe repairs change nothing: ``python benchmarks/fixes_hold.py PYTHON``, as ``make fixes-hold`` does.

PYTHON is an interpreter whose environment holds the packages of ``packages.REPAIRED``. They are copied twice, convlint
repairs one of the copies, each repaired file is imported, and each copy's models compute with the same random weights
and inputs: outputs, and the gradients of some, must be the same to the last bit. A second run must repair nothing.
What was seen is written to ``fixes_hold.md``. A run that was stopped goes on where it was, as long as neither convlint
nor its rules have changed.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import convlint_rules
from packages import REPAIRED, REPAIRED_FOLDERS

import convlint
from convlint import api
from convlint.config import Configuration, Layer, Options

WORK = Path("build/fixes")
TABLE = Path(__file__).with_suffix(".md")
MODELS = Path(__file__).with_name("fixed_models.py")
WANTED = {"timm": 80, "others": 40, "gradients": 20}
"""How many models must have computed something for the comparison to count."""

Results = dict[str, dict[str, Any]]
"""By model or module, what it computed, or the error."""


class Repairs(NamedTuple):
    """What the repairs of a package were."""

    folder: str
    by_rule: dict[str, int]
    touched: list[str]
    """The modules that were changed."""
    again: int
    """The files that a second run changes."""


def main() -> int:
    """Repair, compare, and say what was seen; 1 where anything differs, or too little was compared."""
    python = sys.argv[1]
    repairs = list(repaired(python))
    touched = sorted(module for one in repairs for module in one.touched)
    before, after = (computed(python, WORK / side, touched) for side in ("before", "after"))
    wrong = [*differing(before, after), *too_few(before), *(one.folder for one in repairs if one.again)]
    lines = list(table(python, repairs, before, wrong))
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")
    return int(bool(wrong))


# --- repairs -----------------------------------------------------------------------------------------------------


def repaired(python: str) -> Iterator[Repairs]:
    """Makes both copies, and repairs one; or what an earlier run by the same convlint did."""
    state, by = WORK / "repairs.jsonl", _digest()
    done = [json.loads(line) for line in state.read_text().splitlines()] if state.is_file() else []
    if not done or done[0] != by:
        copy(python)
        done = [by]
        state.write_text(json.dumps(by) + "\n")
    known = {one[0]: Repairs(*one) for one in done[1:]}
    for folder in REPAIRED_FOLDERS:
        if folder not in known:
            known[folder] = repair(folder)
            with state.open("a") as out:
                out.write(json.dumps(known[folder]) + "\n")
        yield known[folder]


def _digest() -> str:
    """What tells convlint and its rules apart from other versions."""
    files = [path for module in (convlint, convlint_rules) for path in Path(module.__path__[0]).rglob("*.py")]
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(files))).hexdigest()


def copy(python: str) -> None:
    """The packages as they are installed, twice."""
    ask = (
        "import importlib.util as u, sys; print(*(u.find_spec(n).submodule_search_locations[0] for n in sys.argv[1:]))"
    )
    names = sorted({folder.partition("/")[0] for folder in REPAIRED_FOLDERS})
    found = subprocess.run([python, "-c", ask, *names], check=True, capture_output=True, text=True).stdout.split()
    for side in ("before", "after"):
        shutil.rmtree(WORK / side, ignore_errors=True)
        (WORK / f"{side}.jsonl").unlink(missing_ok=True)
        for name, source in zip(names, found, strict=True):
            shutil.copytree(source, WORK / side / name, ignore=shutil.ignore_patterns("__pycache__"))


def repair(folder: str) -> Repairs:
    """Repairs one package, twice."""
    top = (WORK / "after").resolve()
    options = Options(cache_dir=(WORK / "cache").resolve())
    configuration = Configuration([Layer(options, "benchmark", top)], isolated=True)
    result = api.fix([top / folder], configuration)
    for _, new in result.changed:
        ast.parse(new)
    touched = [
        Path(old.path).relative_to(top).with_suffix("").as_posix().replace("/", ".") for old, _ in result.changed
    ]
    again = api.fix([top / folder], configuration)
    by_rule = Counter(f"{finding.code} {finding.name}" for finding in result.fixed)
    print(f"{folder}: {len(result.fixed)} repairs in {len(touched)} files; a second run changes {len(again.changed)}")
    return Repairs(folder, dict(sorted(by_rule.items())), touched, len(again.changed))


# --- models ------------------------------------------------------------------------------------------------------


def computed(python: str, side: Path, touched: list[str]) -> Results:
    """What the models of a copy compute: hashes of outputs and gradients, or the error."""
    kept = side.with_suffix(".jsonl")
    environment = os.environ | {"PYTHONPATH": str(side.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([python, str(MODELS), str(kept), *touched], env=environment, check=True)
    return {one["name"]: one for one in map(json.loads, kept.read_text().splitlines())}


def differing(before: Results, after: Results) -> Iterator[str]:
    """What another model computes after the repairs, or none."""
    for name, one in before.items():
        if after.get(name) != one:
            yield f"{name} differs: {one}, after the repairs {after.get(name)}"


def too_few(before: Results) -> Iterator[str]:
    """Of what too little was compared."""
    ran = _ran(before)
    timm = sum(name.startswith("timm:") for name in ran)
    counts = {"timm": timm, "others": len(ran) - timm, "gradients": sum("gradients" in one for one in ran.values())}
    for what, number in WANTED.items():
        if counts[what] < number:
            yield f"too little was compared: {counts[what]} of {number} {what}"


def _ran(results: Results) -> Results:
    return {name: one for name, one in results.items() if "outputs" in one}


# --- the table ---------------------------------------------------------------------------------------------------


def table(python: str, repairs: list[Repairs], before: Results, wrong: list[str]) -> Iterator[str]:
    """What was seen, as Markdown."""
    yield "# Safe repairs of real packages, and whether they change what models compute"
    yield ""
    versions = ", ".join(one.replace("==", " ") for one in REPAIRED)
    asked = subprocess.run([python, "-V"], check=True, capture_output=True, text=True).stdout.strip()
    yield f"Written by `make fixes-hold`: convlint {importlib.metadata.version('convlint')}; {versions}; {asked}."
    yield ""
    yield "| package | files changed | repairs | by rule | files that a second run changes |"
    yield "|---|---|---|---|---|"
    for one in repairs:
        rules = ", ".join(f"{number} x {rule}" for rule, number in one.by_rule.items()) or "none"
        yield f"| {one.folder} | {len(one.touched)} | {sum(one.by_rule.values())} | {rules} | {one.again} |"
    imported = [one["imported"] for one in before.values() if "imported" in one]
    yield ""
    yield f"Every file parses. Of {len(imported)} repaired modules {imported.count('')} can be imported."
    yield ""
    left_out = "left out: too large, or other inputs needed"
    yield f"| models with random weights | compared | reached by a repair | with gradients | {left_out} |"
    yield "|---|---|---|---|---|"
    models = {name: one for name, one in before.items() if "imported" not in one}
    for family in dict.fromkeys(name.partition(":")[0] for name in models):
        yield _row(family, {name: one for name, one in models.items() if name.partition(":")[0] == family})
    yield _row("together", models)
    yield ""
    yield "Outputs and gradients are the same to the last bit." if not wrong else "What is wrong:"
    yield from (f"- {one}" for one in wrong)


def _row(name: str, models: Mapping[str, dict[str, Any]]) -> str:
    ran = list(_ran(dict(models)).values())
    reached, trained = (sum(bool(one.get(key)) for one in ran) for key in ("touched", "gradients"))
    return f"| {name} | {len(ran)} | {reached} | {trained} | {len(models) - len(ran)} |"


if __name__ == "__main__":
    sys.exit(main())
