"""Labels, from the project's own records and from another oracle's, as statements with a level."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from convlint.trial.labels.records import read_records

LEVELS = ("harm", "dyn", "warn")
"""The worst first."""
SYMPTOM = "symptom"
"""Where an exported graph crashes because of an earlier statement: neither to be found nor a false positive."""
HARM = {"fail", "baked+wrong", "baked-differs", "specialized"}
"""What the other oracle calls harm..."""
DYN = "unbacked"
"""...and a data-dependent size or value; all else that is no mere information is a warning."""

Statement = tuple[str, int]
"""A file, relative to the folder of its package, and a first row."""


class Label(NamedTuple):
    """What the tools did at a statement."""

    level: str
    code: str


@dataclass
class Labels:
    """What is known of some packages."""

    models: int = 0
    statements: dict[Statement, Label] = field(default_factory=dict)
    executed: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """The lines that eager executes, by file."""
    judged: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Of these the lines that all tools came to on some model whose graphs are right: their silence says something."""
    suspect: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Those that all tools came to on a model of which a graph is wrong on the very inputs that it was made with."""

    def add(self, statement: Statement, label: Label) -> None:
        """Keeps the worst label of a statement."""
        order = (*LEVELS, SYMPTOM)
        known = self.statements.get(statement)
        if known is None or order.index(label.level) < order.index(known.level):
            self.statements[statement] = label

    @property
    def folders(self) -> list[str]:
        """What is to be linted."""
        return sorted({Path(path).parts[0] for path in self.executed})


def own_labels(paths: Iterable[Path]) -> Labels:
    """The labels of files (or of all files in folders) that ``convlint.trial.labels`` has written."""
    labels = Labels()
    for record in [record for path in _files(paths) for record in read_records(path)]:
        labels.models += 1
        silently_wrong = any(stage.endswith(" on A") for stage in record.outcomes)
        reached = labels.suspect if silently_wrong else labels.judged
        for path, rows in record.executed.items():
            labels.executed[path].update(rows)
            reached[path].update(set(rows) - set(record.unreached.get(path, ())))
        for event in record.events:
            labels.add((event.file, event.statement[0]), Label(event.level, event.code))
    return labels


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.glob("*.jsonl")) if path.is_dir() else [path]


def oracle_labels(path: Path) -> Labels:
    """The labels of another oracle's file."""
    labels = Labels()
    for record in read_lines(path):
        labels.models += 1
        whole = all(record["outcomes"].get(tool) == "ok" for tool in _TO_THE_END)
        for file, executed in record["executed"].items():
            labels.executed[file].update(executed["lines"])
            labels.judged[file].update(executed["lines"] if whole else ())
        for file, rows in record.get("executed_B_only", {}).items():
            labels.executed[file].update(rows)
        for event in record["events"]:
            level = _oracle_level(event)
            if level:
                labels.add((event["file"], event["stmt"]), Label(level, event["code"]))
    return labels


_TO_THE_END = ("jit_trace", "export", "onnx_ts")
"""Tools that must have run to the end of a model: its records do not say which lines one that failed had come to."""


def _oracle_level(event: dict[str, Any]) -> str | None:
    if event["info"]:
        return None
    if event["cat"].startswith("symptom"):
        return SYMPTOM
    return "harm" if event["harm"] in HARM else "dyn" if event["harm"] == DYN else "warn"


def read_lines(path: Path) -> list[dict[str, Any]]:
    """A file with an object of JSON in each line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
