"""Repairs of real functions, changed at random: ``python benchmarks/fuzz_repairs.py [SITE] [--draws N] [--start N]``.

SITE is a folder of packages; without it they are downloaded. Each draw takes a class or function of one of them with
its file's imports, changes it (``tests/mutations.py``) and repairs it with ``--unsafe-fixes``; half of the draws take
one that has something to repair. No run may crash, write what is no Python, lose a comment, or leave something to
do for a second run. A draw is known by its number, so that a long run can be made in pieces.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from mutations import comments_of, mutated
from packages import REPAIRED, REPAIRED_FOLDERS, download

from convlint import api
from convlint.config import Configuration, Layer, Options, Settings
from convlint.fixer import FixResult, fix_paths

TARGETS = ("onnxruntime", "coreml", "tensorrt")
"""Repaired for: the more targets, the more there is to repair."""
LONGEST = 250
"""Lines of a class or function that is drawn."""
FAILURES = Path("build/fuzz")
SITE = FAILURES / "site-packages"


def main() -> int:
    """Draws, and says what was seen; 1 where anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("site", type=Path, nargs="?")
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--start", type=int, default=0, help="the number of the first draw")
    given = parser.parse_args()
    if given.site is None:
        download(REPAIRED[1:], SITE)
    repairable, others = units(given.site or SITE)
    print(f"{len(repairable)} classes and functions with a repair, {len(others)} others", flush=True)
    began, by_rule, wrong = time.monotonic(), Counter[str](), Counter[str]()
    repaired = unparsed = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder).resolve() / "model.py"
        for number in range(given.start, given.start + given.draws):
            chance = random.Random(number)  # noqa: S311
            text = mutated(chance.choice(repairable if number % 2 else others), chance)
            failure, result = tried(path, text)
            unparsed += not _parses(text)
            repaired += bool(result.fixed)
            by_rule.update(finding.code for finding in result.fixed)
            if failure:
                wrong[failure.splitlines()[-1]] += 1
                _keep(number, text, failure, path)
            if not (number + 1) % 500:
                print(f"{number + 1 - given.start} draws", flush=True)
    last = given.start + given.draws - 1
    print(f"draws {given.start} to {last}: {repaired} repaired, {unparsed} no Python, {time.monotonic() - began:.0f} s")
    print("repairs:", ", ".join(f"{count} x {code}" for code, count in sorted(by_rule.items())))
    print(
        f"{wrong.total()} draws went wrong", *(f"{count} x {what}" for what, count in wrong.most_common()), sep="\n  "
    )
    return int(bool(wrong))


def units(site: Path) -> tuple[list[str], list[str]]:
    """Classes and functions, each a module with its file's imports: those that have a repair, and all others."""
    sys.setrecursionlimit(10_000)
    folders = [site / name for name in REPAIRED_FOLDERS if (site / name).is_dir()]
    configuration = Configuration(
        [Layer(Options(target=list(TARGETS), preview=True), "benchmark", site.resolve())], isolated=True
    )
    rows: dict[str, set[int]] = {}
    for finding in api.check(folders, configuration).findings:
        if finding.fixable is not None:
            rows.setdefault(finding.path, set()).add(finding.span.row)
    repairable, others = [], []
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            if "torch" not in text:
                continue
            found = rows.get(str(path), set())
            for first, last, unit in _units(text):
                (repairable if found.intersection(range(first, last + 1)) else others).append(unit)
    return repairable, others


def _units(text: str) -> Iterator[tuple[int, int, str]]:
    """First and last row of each class and function at the top of a file, and the module made of it."""
    lines = text.splitlines(keepends=True)
    body = ast.parse(text).body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    head = "".join("".join(lines[node.lineno - 1 : node.end_lineno]) for node in imports)
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.end_lineno:
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            if node.end_lineno - first < LONGEST:
                yield first, node.end_lineno, f"{head}\n\n{''.join(lines[first - 1 : node.end_lineno])}"


def tried(path: Path, text: str) -> tuple[str, FixResult]:
    """What went wrong in a run of repairs, or nothing, and the run."""
    path.write_bytes(text.encode())
    targets = tuple((name, None) for name in TARGETS)
    settings = Settings(root=path.parent, targets=targets, preview=True, unsafe_fixes=True)
    result = FixResult()
    try:
        result = fix_paths([path], settings, write=True)
        after = path.read_bytes().decode()
        if any(finding.code == "CVL005" for finding in result.left.findings):
            return "a rule crashed", result
        if result.unstable:
            return "the repairs found no end", result
        if after != text:
            ast.parse(after)
            if comments_of(after) != comments_of(text):
                return "a comment was lost or doubled", result
            if fix_paths([path], settings, write=True).changed:
                return "a second run changed something", result
    except Exception:  # whatever it is, it is what is looked for
        return traceback.format_exc(), result
    return "", result


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _keep(number: int, text: str, failure: str, path: Path) -> None:
    FAILURES.mkdir(parents=True, exist_ok=True)
    (FAILURES / f"{number}.py").write_bytes(text.encode())
    (FAILURES / f"{number}.after").write_bytes(path.read_bytes())
    print(f"DRAW {number}: {failure}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
