"""The shipped facts: one small file a target, made by `convlint.backends.generate`, read when somebody asks."""

from __future__ import annotations

import bisect
import functools
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).with_name("facts")
OPERATORS = Path(__file__).with_name("onnx_operators.json")
Claim = Literal["yes", "no", "function", "unknown"]
"""``function``: not itself, but ONNX says how it is made of others."""


class Row(msgspec.Struct, array_like=True, frozen=True):
    """What is known of one version of one operator."""

    operator: str
    since_version: int = 0
    """The opset that brought this version of it; 0 for all versions."""
    claim: Claim = "yes"
    """What the source says."""
    dtypes: str = ""
    """What the first input may be, where the source says so."""
    note: str = ""
    passed: int = 0
    tests: int = 0
    """Of ONNX's own tests of the operator: how many it passed, and how many were run."""


class Facts(msgspec.Struct, frozen=True, dict=True):
    """What is known of a target, all of one version and from one source."""

    title: str
    version: str
    source: str
    date: str
    """When the source was written or measured."""
    reads: tuple[str, ...]
    complete: bool
    """Whether the source lists all that there is, so that what is not in it is refused."""
    rows: tuple[Row, ...]
    oldest_opset: int = 0
    newest_opset: int = 0
    """The newest opset that the source knows, 0 where opsets mean nothing to it."""

    @functools.cached_property
    def by_operator(self) -> dict[tuple[str, int], Row]:
        """The rows by operator and since_version."""
        return {(row.operator, row.since_version): row for row in self.rows}


@functools.cache
def facts(target: str) -> Facts | None:
    """The shipped facts of a target, None where there are none."""
    path = FOLDER / f"{target}.json"
    return msgspec.json.decode(path.read_bytes(), type=Facts) if path.is_file() else None


@functools.cache
def _versions() -> dict[str, list[int]]:
    return msgspec.json.decode(OPERATORS.read_bytes(), type=dict[str, list[int]])


def since_version(operator: str, opset: int) -> int | None:
    """The version of an ONNX operator that a graph of this opset means, None where it has none."""
    versions = _versions().get(operator, [])
    place = bisect.bisect_right(versions, opset)
    return versions[place - 1] if place else None
