"""Makes the facts of each release of TensorRT: ``python -m convlint.backends.generate_tensorrt CLONE``.

CLONE is a git clone of onnx/onnx-tensorrt with its release branches. The list of operators that each of them publishes
becomes a file of facts; that of the newest has no version in its name.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from convlint.backends import live
from convlint.backends.fact_file import ONNX, Known, trimmed, write
from convlint.backends.facts import FOLDER, OLDEST_OPSET, OPERATORS

NEWEST = "10.1-GA"
BRANCHES = ["5.1", "6.0", "7.0", "7.1", "7.2.1", "8.0-GA", "8.2-GA", "8.4-GA", "8.5-GA", "8.6-GA"]
BRANCHES += ["9.0-GA", "9.1", "9.2", "9.3"]
CASTS = {
    ("int32", "int64"): re.compile(r"cast (down )?INT64 (down )?to INT32", re.IGNORECASE),
    ("float32", "float64"): re.compile(r"DOUBLE (down )?to FLOAT", re.IGNORECASE),
}
"""A dtype for which another is cast, where a list says so."""
_RANGE = re.compile(
    r"TensorRT ([\d.]*\d) supports operators (?:up to|in the inclusive range of opset (\d+) to) opset (\d+)",
    re.IGNORECASE,
)


def git(clone: Path, *arguments: str) -> str:
    """What git prints of a clone."""
    return subprocess.run(["git", "-C", str(clone), *arguments], check=True, capture_output=True, text=True).stdout  # noqa: S603, S607


def listed(text: str) -> Iterator[list[Any]]:
    """A row of facts for each row of a list."""
    casts = {wide: narrow for (narrow, wide), said in CASTS.items() if said.search(text)}
    names = {name.lower(): name for name in json.loads(OPERATORS.read_text(encoding="utf-8"))}
    heads: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if "operator" in cells[0].lower() and len(cells) > 1:
            heads = [head.lower() for head in cells]
        elif heads and len(cells) > 1 and cells[1] in ("Y", "N"):
            row = dict(zip(heads, cells, strict=False))
            dtypes = live.dtypes(
                one.strip().lower() for one in row.get("supported types", "").split(",") if one.strip()
            )
            dtypes = " ".join(
                sorted({*dtypes.split(), *(one for one, other in casts.items() if other in dtypes.split())})
            )
            restricted = bool(row.get("restrictions") or row.get("notes"))
            note = "restricted" if restricted and cells[1] == "Y" else ""
            claim = "yes" if cells[1] == "Y" else "no"
            yield trimmed([names.get(cells[0].lower(), cells[0]), 0, claim, dtypes, note])


def known(clone: Path, branch: str) -> Known:
    """The facts of a release."""
    path = next(path for path in ("docs/operators.md", "operators.md") if git(clone, "ls-tree", branch, path).strip())
    text = git(clone, "show", f"{branch}:{path}")
    version, oldest, newest = _RANGE.search(text).groups()  # type: ignore[union-attr]
    commit, date = git(clone, "log", "-1", "--format=%h %cs", branch, "--", path).split()
    return {
        "title": "TensorRT",
        "version": version,
        "source": f"onnx/onnx-tensorrt@{commit} {path}",
        "date": date,
        "reads": ONNX,
        "complete": False,
        "oldest_opset": int(oldest or OLDEST_OPSET),
        "newest_opset": int(newest),
        "rows": list({row[0]: row for row in listed(text)}.values()),  # a list may name one twice
    }


if __name__ == "__main__":
    write(FOLDER / "tensorrt.json", known(Path(sys.argv[1]), NEWEST))
    for name in BRANCHES:
        found = known(Path(sys.argv[1]), name)
        write(FOLDER / f"tensorrt@{found['version']}.json", found)
