"""The shipped facts: one small file a target, made by `convlint dev refresh` and by
`convlint.backends.generate`, read when somebody asks."""

from __future__ import annotations

import bisect
import functools
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).with_name("facts")
OPERATORS = Path(__file__).with_name("onnx_operators.json")
OLDEST_OPSET = 7
"""Before it hardly any operator has a kernel, and no exporter writes it."""
Claim = Literal["yes", "no", "function", "unknown"]
"""``function``: not itself, but ONNX says how it is made of others."""


DTYPES = {"fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "float": "float32", "double": "float64"}
"""What torch calls dtypes that others call otherwise."""
ELSE_FUNCTION = "of other dtypes made of other operators"
"""The note of an operator that a target has of some dtypes, and ONNX tells how to make of any."""


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
    types: str = ""
    """What the other type parameters of its schema may be, where the source says so: ``Tind=int32 int64;T2=bool``."""
    folded: str = ""
    """Of which other dtypes it is taken where it computes constants alone, which the target does beforehand."""

    def taken(self, parameter: str) -> tuple[str, ...]:
        """The dtypes that a type parameter may be, empty where nothing is known."""
        named = (one.partition("=") for one in self.types.split(";"))
        return next((tuple(dtypes.split()) for name, _, dtypes in named if name == parameter), ())


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
    newest_ir: int = 0
    """The newest IR version of a file that it reads, 0 where that is not known."""
    folds: bool = False
    """Whether it computes beforehand what does not depend on what the model is given, with operators that it lacks."""

    @property
    def reads_onnx(self) -> bool:
        """Whether it takes ONNX files, and not programs of torch."""
        return any(graph.startswith("onnx") for graph in self.reads)

    @functools.cached_property
    def by_operator(self) -> dict[tuple[str, int], Row]:
        """The rows by operator and since_version."""
        return {(row.operator, row.since_version): row for row in self.rows}

    @functools.cached_property
    def by_name(self) -> dict[str, list[Row]]:
        """The rows by operator, whatever its version."""
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.operator, []).append(row)
        return found


def facts(target: str, version: str | None = None) -> Facts | None:
    """The shipped facts of a target, those of its newest version where there are none of this one; or None."""
    files = _files().get(target, {})
    if not files:
        return None
    newest = _read(files[""])
    if version is None or same_version(newest.version, version):
        return newest
    fitting = [one for one in files if one and same_version(one, version)]
    return _read(files[max(fitting, key=numbers)]) if fitting else newest


def versions(target: str) -> list[str]:
    """The versions of a target that there are facts of, the newest first."""
    newest = facts(target)
    older = sorted(filter(None, _files().get(target, {})), key=numbers, reverse=True)
    return [newest.version, *older] if newest is not None else []


def same_version(one: str, other: str) -> bool:
    """Whether two versions are the same as far as both are written: 10.0 and 10.0.1."""
    return all(mine == theirs for mine, theirs in zip(one.split("."), other.split("."), strict=False))


def numbers(version: str) -> list[int]:
    """A version as what is compared."""
    return [int(part) for part in version.split(".") if part.isdigit()]


@functools.cache
def _files() -> dict[str, dict[str, Path]]:
    """By target and version (empty for the newest) the files of facts."""
    found: dict[str, dict[str, Path]] = {}
    for path in FOLDER.glob("*.json"):
        target, _, version = path.stem.partition("@")
        found.setdefault(target, {})[version] = path
    return found


@functools.cache
def _read(path: Path) -> Facts:
    return msgspec.json.decode(path.read_bytes(), type=Facts)


@functools.cache
def _versions() -> dict[str, list[int]]:
    """By operator the opsets that changed it; negative is that which deprecated it."""
    return msgspec.json.decode(OPERATORS.read_bytes(), type=dict[str, list[int]])


def since_version(operator: str, opset: int) -> int | None:
    """The version of an ONNX operator that a graph of this opset means, None where it has none."""
    found = _latest(operator, opset)
    return found if found > 0 else None


def removed_at(operator: str, opset: int) -> int | None:
    """The opset that took an operator away from graphs of this one, None where none did."""
    found = _latest(operator, opset)
    return -found if found < 0 else None


def _latest(operator: str, opset: int) -> int:
    """The last change of an operator up to an opset, negative where it was taken away; 0 where it is not yet there."""
    versions = _versions().get(operator, [])
    place = bisect.bisect_right(versions, opset, key=abs)
    return versions[place - 1] if place else 0


@functools.cache
def newest_known() -> int:
    """The newest opset of ONNX that anything is known of."""
    return max(abs(version) for versions in _versions().values() for version in versions)
