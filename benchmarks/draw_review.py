"""Lints pinned packages and draws findings to read by hand: ``python benchmarks/draw_review.py --seed 1 --count 100``.

Prints a Markdown table, to be filled in and kept in ``benchmarks/reviews``.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

from packages import FOLDERS, SITE, download


def findings() -> list[dict[str, object]]:
    """What convlint reports by default."""
    command = [sys.executable, "-m", "convlint", "--isolated", "--output-format", "json", "--exit-zero", *FOLDERS]
    run = subprocess.run(command, cwd=SITE, capture_output=True, text=True, check=True)
    return list(json.loads(run.stdout))


def main() -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    download()
    found = findings()
    drawn = random.Random(options.seed).sample(found, min(options.count, len(found)))  # noqa: S311
    print(f"{len(found)} findings, {len(drawn)} drawn with seed {options.seed}\n")
    print("| place | code | line | verdict | reason |\n|---|---|---|---|---|")
    for one in sorted(drawn, key=lambda f: (str(f["filename"]), f["location"]["row"])):  # type: ignore[index]
        row = one["location"]["row"]  # type: ignore[index]
        path = Path(str(one["filename"]))
        line = path.read_text(encoding="utf-8").splitlines()[row - 1].strip()
        place = path.relative_to(SITE.resolve())
        print(f"| {place}:{row} | {one['code']} | `{line[:90].replace('|', chr(92) + '|')}` | | |")


if __name__ == "__main__":
    main()
