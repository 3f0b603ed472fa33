"""Findings to new source: edits chosen, applied, parsed again, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convlint.config import Settings
from convlint.errors import UsageError
from convlint.findings import Applicability, Edit, Finding, Fix
from convlint.linter import LintResult, Repairable, lint, lint_documents
from convlint.source.document import Document, SourceError

ROUNDS = 20
"""How often repairs are applied and the result linted again before a file counts as unstable."""


@dataclass
class FixResult:
    """What was repaired and what is left."""

    changed: dict[str, tuple[Document, str]] = field(default_factory=dict)
    """Path to the file as it was and its new text."""
    fixed: list[Finding] = field(default_factory=list)
    left: LintResult = field(default_factory=LintResult)
    unstable: list[str] = field(default_factory=list)


def fix_paths(paths: Sequence[Path], settings: Settings, *, write: bool, stdin: Document | None = None) -> FixResult:
    """Repairs files (or one document that is not on disk) until nothing more can be repaired.

    Raises:
        UsageError: a file cannot be written.
    """
    first = lint(paths, settings, stdin=stdin)
    originals = dict(first.documents)
    current, result = first, FixResult()
    failed: set[tuple[str, str, str]] = set()
    for _ in range(ROUNDS):
        changed = False
        for path, document in list(current.documents.items()):
            repairs = [r for r in current.repairables if r.finding.path == path and _wanted(r, settings)]
            text, applied = _apply(document, repairs, settings, failed)
            if applied:
                changed = True
                result.fixed += applied
                current.documents[path] = Document(path, text, document.encoding, document.bom)
        if not changed:
            break
        current = lint_documents(list(current.documents.values()), settings)
    else:
        result.unstable = sorted({r.finding.path for r in current.repairables if _wanted(r, settings)})
    for path, original in originals.items():
        if current.documents[path].text != original.text:
            result.changed[path] = (original, current.documents[path].text)
    if write:
        for original, text in result.changed.values():
            replace_file(original, text)
    current.findings += [f for f in first.findings if f.path not in originals]  # files that could not be read
    result.left = current
    return result


def _wanted(repair: Repairable, settings: Settings) -> bool:
    kind = repair.finding.fixable
    allowed = kind is Applicability.safe or (kind is Applicability.unsafe and settings.unsafe_fixes)
    return allowed and settings.may_fix(repair.finding.code)


def _apply(
    document: Document, repairs: list[Repairable], settings: Settings, failed: set[tuple[str, str, str]]
) -> tuple[str, list[Finding]]:
    """The text after as many repairs as do not overlap, and what they repaired."""
    chosen: list[Edit] = []
    applied: list[Finding] = []
    for repair, fix in _fixes(repairs, settings):
        key = (document.path, repair.finding.code, repr(fix.edits))
        new = [edit for edit in fix.edits if edit not in chosen]
        if key in failed or any(_touch(a, b) for a in new for b in chosen):
            continue
        if not _parses(document, document.apply([*chosen, *new])):
            failed.add(key)
            continue
        chosen += new
        applied.append(repair.finding)
    return (document.apply(chosen) if chosen else document.text), applied


def _fixes(repairs: list[Repairable], settings: Settings) -> Iterator[tuple[Repairable, Fix]]:
    for repair in repairs:
        fix = repair.fix(settings.context)
        if fix is not None and fix.edits:
            yield repair, fix


def _touch(a: Edit, b: Edit) -> bool:
    """Whether two edits overlap, or insert at one place."""
    first, second = sorted((a.span, b.span))
    return (second.row, second.column) < (first.end_row, first.end_column) or (
        (second.row, second.column) == (first.end_row, first.end_column)
        and (first[:2] == first[2:] or second[:2] == second[2:])
    )


def _parses(document: Document, text: str) -> bool:
    """Whether a text is Python to both parsers, and can be written in the file's encoding."""
    import libcst as cst

    try:
        document.encode(text)
        Document(document.path, text).parse()
        cst.parse_module(text)
    except (SourceError, UnicodeEncodeError, cst.ParserSyntaxError, RecursionError, ValueError):
        return False
    return True


def replace_file(document: Document, text: str) -> None:
    """Replaces a file's text at once: a reader sees the old file or the new one. Mode and links are kept.

    Raises:
        UsageError: the file cannot be written.
    """
    path = Path(document.path).resolve()
    temporary = ""
    try:
        mode = path.stat().st_mode
        if not os.access(path, os.W_OK):
            raise PermissionError(13, "it is read-only")
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(document.encode(text))
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode & 0o7777)
        Path(temporary).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise UsageError(
            f"{document.path}: cannot be written: {error.strerror or error}; nothing was changed"
        ) from None
