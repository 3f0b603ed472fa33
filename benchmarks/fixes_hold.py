"""Whether safe repairs change nothing: ``python benchmarks/fixes_hold.py PYTHON``, as ``make fixes-hold`` does.

PYTHON is an interpreter whose environment holds the packages of ``packages.REPAIRED``. They are copied twice, convlint
repairs one of the copies, each repaired file is imported, and each copy's models compute with the same random weights
and inputs: outputs, and the gradients of some, must be the same to the last bit. A second run must repair nothing.
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
WANTED = {"timm": 80, "others": 40, "gradients": 20}
"""How many models must have computed something for the comparison to count."""


def main() -> int:
    """Repair, compare, and say what was seen; 1 where anything differs, or too little was compared."""
    python = sys.argv[1]
    touched, settled = repair(python)
    before, after = (computed(python, WORK / side, touched) for side in ("before", "after"))
    return int(not (report(before, after) and settled))


def repair(python: str) -> tuple[list[str], bool]:
    """Makes both copies, and repairs one; the modules that were touched, and whether a second run changed nothing."""
    ask = (
        "import importlib.util as u, sys; print(*(u.find_spec(n).submodule_search_locations[0] for n in sys.argv[1:]))"
    )
    names = sorted({folder.partition("/")[0] for folder in REPAIRED_FOLDERS})
    found = subprocess.run([python, "-c", ask, *names], check=True, capture_output=True, text=True).stdout.split()
    for side in ("before", "after"):
        shutil.rmtree(WORK / side, ignore_errors=True)
        for name, source in zip(names, found, strict=True):
            shutil.copytree(source, WORK / side / name, ignore=shutil.ignore_patterns("__pycache__"))
    touched, settled = list[str](), True
    top = (WORK / "after").resolve()
    configuration = Configuration([Layer(Options(), "benchmark", top)], isolated=True)
    for folder in REPAIRED_FOLDERS:
        result = api.fix([top / folder], configuration)
        for old, new in result.changed:
            ast.parse(new)
            touched.append(Path(old.path).relative_to(top).with_suffix("").as_posix().replace("/", "."))
        again = api.fix([top / folder], configuration)
        settled = settled and not again.changed
        by_rule = Counter(finding.code for finding in result.fixed)
        rules = ", ".join(f"{number} x {code}" for code, number in sorted(by_rule.items()))
        print(f"{folder}: {len(result.fixed)} repairs in {len(result.changed)} files ({rules})", flush=True)
        print(f"{folder}: every file parses; a second run changes {len(again.changed)} files", flush=True)
    return touched, settled


def computed(python: str, side: Path, touched: list[str]) -> dict[str, dict[str, str]]:
    """By model, what it computed: hashes of outputs and gradients, or the error."""
    environment = os.environ | {"PYTHONPATH": str(side.resolve()), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [python, str(MODELS), *touched], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return {one["name"]: one for one in map(json.loads, ran.stdout.splitlines())}


def report(before: dict[str, dict[str, str]], after: dict[str, dict[str, str]]) -> bool:
    """Prints the counts; whether nothing differs, and enough was compared."""
    imported = {name: one for name, one in before.items() if "imported" in one}
    ran = {name: one for name, one in before.items() if "outputs" in one}
    differing = [name for name, one in before.items() if after.get(name) != one]
    print(f"{len(imported)} repaired modules, {sum(not one['imported'] for one in imported.values())} imported")
    for family in sorted({name.partition(":")[0] for name in ran}):
        mine = [one for name, one in ran.items() if name.partition(":")[0] == family]
        touched, trained = (sum(bool(one.get(key)) for one in mine) for key in ("touched", "gradients"))
        print(f"{family}: {len(mine)} models computed, {touched} with a repaired file, {trained} with gradients")
    for name in differing:
        print(f"DIFFERS: {name}: {before[name]} {after.get(name)}")
    failed = len(before) - len(imported) - len(ran)
    print(f"{len(ran)} models, {len(differing)} differ; {failed} could not run in either copy")
    timm = sum(name.startswith("timm:") for name in ran)
    compared = {
        "timm": timm,
        "others": len(ran) - timm,
        "gradients": sum("gradients" in one for one in ran.values()),
    }
    few = [f"{compared[what]} of {number} {what}" for what, number in WANTED.items() if compared[what] < number]
    if few:
        print("too little was compared:", ", ".join(few))
    return not differing and not few


if __name__ == "__main__":
    sys.exit(main())
