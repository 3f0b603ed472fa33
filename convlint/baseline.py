"""A baseline: the findings that a project had when it began to use convlint, left out until they are mended."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from convlint.errors import UsageError
from convlint.findings import Finding
from convlint.rule import current
from convlint.source.discovery import absolute, encodable
from convlint.source.document import Document
from convlint.source.replacing import replace_bytes

Key = tuple[str, str, str]


class _Entry(msgspec.Struct, frozen=True, order=True):
    path: str
    code: str
    statement: str
    count: int


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    findings: list[_Entry]


def key(finding: Finding, document: Document | None, file: Path) -> Key:
    """What stays the same when lines move: the file, the code, and the statement's text without its white space.

    Files are named as seen from the folder of the baseline ``file``, wherever convlint runs.
    """
    path, root = absolute(finding.path), absolute(file).parent
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return encodable(name), finding.code, statement_digest(finding, document)


def statement_digest(finding: Finding, document: Document | None) -> str:
    """A hash of the text of a finding's statement without its white space, else of the finding's message."""
    span = finding.statement or finding.span
    there = document is not None and span.end_row <= len(document.lines)
    text = document.segment(span) if document is not None and there else finding.message
    return hashlib.sha256("".join(text.split()).encode(errors="surrogatepass")).hexdigest()[:16]


def read(file: Path) -> Counter[Key]:
    """How often each finding is excused.

    Raises:
        UsageError: the file cannot be read or is no baseline.
    """
    try:
        parsed = msgspec.json.decode(file.read_bytes(), type=_File)
    except OSError as error:
        raise UsageError(
            f"baseline {file}: cannot be read: {error.strerror}; write one with --write-baseline"
        ) from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"baseline {file}: {error}; write it anew with --write-baseline") from None
    if parsed.version != 1:
        raise UsageError(f"baseline {file}: has version {parsed.version}, not 1; write it anew with --write-baseline")
    return Counter({(e.path, current(e.code), e.statement): e.count for e in parsed.findings})


def write(file: Path, keys: Iterable[Key]) -> int:
    """Writes a baseline, sorted; returns how many findings it lists.

    Raises:
        UsageError: the file cannot be written.
    """
    counts = Counter(keys)
    entries = sorted(_Entry(*found, count) for found, count in counts.items())
    data = msgspec.json.format(msgspec.json.encode(_File(1, entries)), indent=1)
    try:
        replace_bytes(file, data + b"\n")
    except OSError as error:
        raise UsageError(f"baseline {file}: cannot be written: {error.strerror}") from None
    return sum(counts.values())


def left(
    findings: list[Finding], excused: Counter[Key], documents: Mapping[str, Document], file: Path
) -> list[Finding]:
    """The findings that the baseline of ``file`` does not excuse."""
    budget = excused.copy()
    kept = []
    for finding in findings:
        name = key(finding, documents.get(finding.path), file)
        if budget[name] > 0:
            budget[name] -= 1
        else:
            kept.append(finding)
    return kept
