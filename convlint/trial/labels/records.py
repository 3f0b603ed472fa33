"""What is written: one line of JSON for each model. Light: imports nothing of torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from convlint.trial.job import Event


class Record(msgspec.Struct, kw_only=True):
    """What was measured on one model."""

    suite: str
    name: str
    versions: dict[str, str]
    outcomes: dict[str, str]
    """By stage: ok, or a short error."""
    executed: dict[str, list[int]] = {}
    """The lines that eager executes on A, by file."""
    reached: dict[str, bool] = {}
    """By tool: whether it came to the end."""
    unreached: dict[str, list[int]] = {}
    """Executed lines that ``jit_trace`` or ``torch_export`` did not come to, because it failed before."""
    events: list[Event] = []


def read_records(path: Path) -> list[Record]:
    """The records of a file."""
    return [msgspec.json.decode(line, type=Record) for line in path.read_bytes().splitlines()]


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Writes a file anew."""
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
