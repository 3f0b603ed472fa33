"""Fact files as they are written: one row a line, so that a refresh is a readable diff."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from convlint.backends.facts import FOLDER, OPERATORS, facts, numbers

ONNX = ["onnx_torchscript", "onnx_dynamo"]
Known = dict[str, Any]
_CLAIM, _PASSED, _WIDTH = 2, 5, 7


def head(title: str, version: str, source: str, reads: list[str], *, complete: bool = False) -> Known:
    """What all rows of a file have in common; the date is in the source's words, where it says one."""
    date = re.search(r"\d{4}-\d\d-\d\d", source)
    return {
        "title": title,
        "version": version,
        "source": source.replace(f" {date[0]}", "") if date else source,
        "date": date[0] if date else "",
        "reads": reads,
        "complete": complete,
    }


def trimmed(row: Sequence[Any]) -> list[Any]:
    """A row without what is left out at its end."""
    row = list(row)
    while len(row) > _CLAIM + 1 and not row[-1]:
        row.pop()
    return row


def with_tests(known: Known, tests: Mapping[tuple[str, int], tuple[int, int]]) -> Known:
    """The same with how many of ONNX's tests passed, of how many, by operator and since_version.

    What was tested and not listed by its version is claimed as the operator itself is.
    """
    rows = {(row[0], row[1]): [*row, *["", "", 0, 0][len(row) - _CLAIM - 1 :]] for row in known["rows"]}
    for key in tests:
        operator = rows.get((key[0], 0))
        claim = operator[_CLAIM] if operator else "no" if known["complete"] else "unknown"
        rows.setdefault(key, [*key, claim, "", "", 0, 0])
    for key, row in rows.items():
        row[_PASSED:_WIDTH] = tests.get(key, (0, 0))
    return {**known, "rows": [trimmed(row) for row in rows.values()]}


def path_of(target: str, version: str) -> Path:
    """Where the facts of a version go: those of the newest have the target's name, older ones their version too."""
    shipped = facts(target)
    if shipped is None or numbers(version) >= numbers(shipped.version):
        return FOLDER / f"{target}.json"
    return FOLDER / f"{target}@{'.'.join(version.split('.')[:2])}.json"


def write(path: Path, data: Known) -> None:
    """A file of facts."""
    start = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in data.items() if key != "rows"]
    rows = [f"  {json.dumps(row, separators=(',', ':'))}" for row in sorted(data["rows"])]
    path.write_text("\n".join(["{", *start, ' "rows": [', ",\n".join(rows), " ]", "}", ""]), encoding="utf-8")


def operators() -> dict[str, list[int]]:
    """The opsets that changed each operator, by the installed onnx; negative the one that deprecated it."""
    from onnx import defs

    changes: dict[str, list[int]] = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "":
            since = schema.since_version
            changes.setdefault(schema.name, []).append(-since if schema.deprecated else since)
    return {name: sorted(changes[name], key=abs) for name in sorted(changes)}


def write_operators() -> Path:
    """The file of the versions of ONNX's operators."""
    lines = ",\n".join(f" {json.dumps(name)}: {changes}" for name, changes in operators().items())
    OPERATORS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    return OPERATORS
