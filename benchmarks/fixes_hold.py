"""Whether safe repairs change nothing: ``python benchmarks/fixes_hold.py PYTHON``, as ``make fixes-hold`` does.

PYTHON is an interpreter whose environment holds the packages of ``packages.REPAIRED``. They are copied twice, convlint
repairs one of the copies, and each copy's models compute with the same random weights and inputs: outputs, and the
gradients of some, must be the same to the last bit.
"""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from packages import REPAIRED_FOLDERS

from convlint import api
from convlint.config import Configuration, Layer, Options

WORK = Path("build/fixes")
MODELS = Path(__file__).with_name("fixed_models.py")


def main() -> int:
    """Repair, compare, and say what was seen."""
    python = sys.argv[1]
    touched = repair(python)
    before, after = (computed(python, WORK / side, touched) for side in ("before", "after"))
    return report(before, after)


def repair(python: str) -> list[str]:
    """Makes both copies, and repairs one; the files that were touched, by their modules' names."""
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", ask], check=True, capture_output=True, text=True).stdout.strip())
    for side in ("before", "after"):
        shutil.rmtree(WORK / side, ignore_errors=True)
        for name in {folder.partition("/")[0] for folder in REPAIRED_FOLDERS}:
            shutil.copytree(site / name, WORK / side / name, ignore=shutil.ignore_patterns("__pycache__"))
    touched = []
    for folder in REPAIRED_FOLDERS:
        top = (WORK / "after").resolve()
        configuration = Configuration([Layer(Options(), "benchmark", top)], isolated=True)
        result = api.fix([top / folder], configuration)
        for old, new in result.changed:
            ast.parse(new)
            touched.append(Path(old.path).relative_to(top).with_suffix("").as_posix().replace("/", "."))
        again = api.fix([top / folder], configuration)
        by_rule = Counter(finding.code for finding in result.fixed)
        rules = ", ".join(f"{number} x {code}" for code, number in sorted(by_rule.items()))
        print(f"{folder}: {len(result.fixed)} repairs in {len(result.changed)} files ({rules})", flush=True)
        print(f"{folder}: every file parses; a second run changes {len(again.changed)} files", flush=True)
    return touched


def computed(python: str, side: Path, touched: list[str]) -> dict[str, dict[str, str]]:
    """By model, what it computed: hashes of outputs and gradients, or the error."""
    environment = os.environ | {"PYTHONPATH": str(side.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [python, str(MODELS), *touched], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return {one["name"]: one for one in map(json.loads, ran.stdout.splitlines())}


def report(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> int:
    """Prints the counts; 1 where anything differs."""
    ran = {name: one for name, one in before.items() if "outputs" in one}
    differing = [name for name, one in before.items() if after.get(name) != one]
    for family in sorted({name.partition(":")[0] for name in ran}):
        mine = [one for name, one in ran.items() if name.partition(":")[0] == family]
        touched, trained = (sum(bool(one.get(key)) for one in mine) for key in ("touched", "gradients"))
        print(f"{family}: {len(mine)} models computed, {touched} with a repaired file, {trained} with gradients")
    for name in differing:
        print(f"DIFFERS: {name}: {before[name]} {after.get(name)}")
    print(f"{len(ran)} models, {len(differing)} differ; {len(before) - len(ran)} could not run in either copy")
    return int(bool(differing))


if __name__ == "__main__":
    sys.exit(main())
