"""Draws findings in pinned packages, to read by hand: ``python benchmarks/draw_review.py --code CVL202 --count 20``.

Prints how many findings each rule has, and per 1,000 lines, and a Markdown table for each draw, to be filled in and
kept in ``benchmarks/reviews``. Without ``--code`` the findings of all rules are drawn from.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from packages import REVIEWED, REVIEWED_FOLDERS, REVIEWED_SITE, download

Finding = dict[str, Any]


def findings(site: Path) -> list[Finding]:
    """What convlint reports by default."""
    command = [sys.executable, "-m", "convlint", "--isolated", "--output-format", "json", "--exit-zero"]
    run = subprocess.run([*command, *REVIEWED_FOLDERS], cwd=site, capture_output=True, text=True, check=True)
    return list(json.loads(run.stdout))


def lines_of(site: Path) -> int:
    """The lines of Python that were linted."""
    files = (path for folder in REVIEWED_FOLDERS for path in (site / folder).rglob("*.py"))
    return sum(path.read_bytes().count(b"\n") for path in files)


def draw(found: Iterable[Finding], seed: int, count: int, site: Path) -> list[Finding]:
    """Some of the findings: one that is drawn stays so when others come and go."""
    drawn = sorted(found, key=lambda one: random.Random(f"{seed} {_key(one, site)}").random())  # noqa: S311
    return sorted(drawn[:count], key=lambda one: _key(one, site))


def _key(one: Finding, site: Path) -> tuple[str, int, int, str]:
    place = one["location"]
    path = Path(one["filename"]).resolve().relative_to(site.resolve())
    return path.as_posix(), place["row"], place["column"], one["code"]


def print_rates(found: Sequence[Finding], lines: int) -> None:
    """Prints the findings of each rule, and per 1,000 lines."""
    print(f"{lines:,} lines, {len(found)} findings\n\n| rule | findings | per 1,000 lines |\n|---|---|---|")
    for code, count in sorted(Counter(one["code"] for one in found).items()):
        print(f"| {code} | {count} | {count / lines * 1000:.3f} |")


def print_draw(drawn: Iterable[Finding], site: Path) -> None:
    """Prints the table of a draw, in which the verdicts are left open."""
    print("\n| place | code | line | verdict | reason |\n|---|---|---|---|---|")
    for one in drawn:
        path, row, _, code = _key(one, site)
        line = (site / path).read_text(encoding="utf-8").splitlines()[row - 1].strip()
        print(f"| {path}:{row} | {code} | `{line[:90].replace('|', chr(92) + '|')}` | | |")


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--code", action="append", default=[], metavar="CODE")
    options = parser.parse_args()
    download(REVIEWED, REVIEWED_SITE)
    found = findings(REVIEWED_SITE)
    print_rates(found, lines_of(REVIEWED_SITE))
    for code in options.code or [""]:
        those = [one for one in found if code in ("", one["code"])]
        print(f"\n{len(those)} findings{code and f' of {code}'}, drawn with seed {options.seed}")
        print_draw(draw(those, options.seed, options.count, REVIEWED_SITE), REVIEWED_SITE)


if __name__ == "__main__":
    main()
