"""Findings to new source: edits chosen, applied, parsed again, and written whole or not at all."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from convlint.analyzer.files import Files, digest_of
from convlint.config import Settings
from convlint.errors import UsageError
from convlint.findings import Applicability, Edit, Finding, Fix
from convlint.linter import LintResult, Repairable, lint, lint_documents
from convlint.source.document import Document
from convlint.source.replacing import replace_bytes
from convlint.source.suppressions import added, comments, rows_for_comments

if TYPE_CHECKING:
    from convlint.analyzer.known import Store

ROUNDS = 20
"""How often repairs are applied and the result linted again before a file counts as unstable."""
_GROWTH = 10
"""How many times as many repairs of a rule as at first show that each calls for several: no need for more rounds."""


@dataclass(frozen=True)
class Repair:
    """A finding and the edits of its file that mend it."""

    finding: Finding
    edits: tuple[Edit, ...]


@dataclass
class FixResult:
    """What was repaired and what is left."""

    changed: dict[str, tuple[Document, str]] = field(default_factory=dict)
    """Path to the file as it was and its new text."""
    fixed: list[Finding] = field(default_factory=list)
    left: LintResult = field(default_factory=LintResult)
    unstable: list[str] = field(default_factory=list)
    refused: list[tuple[Finding, str]] = field(default_factory=list)
    """The findings whose repair was wanted and not made, and why not."""


def fix_paths(
    paths: Sequence[Path],
    settings: Settings,
    *,
    write: bool,
    stdin: Document | None = None,
    files: Files | None = None,
    store: Store | None = None,
) -> FixResult:
    """Repairs files (or one document that is not on disk) until nothing more can be repaired.

    ``files`` is where those around them are read from, ``store`` keeps what is learnt of files from run to run.

    Raises:
        UsageError: a file cannot be written.
    """
    files = files or Files()
    first = lint(paths, settings, stdin=stdin, files=files, store=store)
    endless: set[tuple[str, str]] = set()
    while True:
        left, fixed, more = _rounds(first, settings, endless, files, store)
        if not more:
            break
        endless |= more
    result = FixResult(fixed=fixed, left=left, unstable=sorted({path for path, _ in endless}))
    result.refused = list(refused(left, settings, endless))
    for path, original in first.documents.items():
        if left.documents[path].text != original.text:
            result.changed[path] = (original, left.documents[path].text)
    if write:
        replace_all(list(result.changed.values()))
    if left is not first:
        left.findings += [f for f in first.findings if f.path not in first.documents]  # files that cannot be read
    return result


def _rounds(
    first: LintResult, settings: Settings, endless: set[tuple[str, str]], files: Files, store: Store | None
) -> tuple[LintResult, list[Finding], set[tuple[str, str]]]:
    """What is left, what was repaired, and which files' codes (besides ``endless``, left out) found no end."""
    current, fixed, whole = first, list[Finding](), True
    applied: list[Finding] = []
    at_first: dict[tuple[str, str], int] = {}
    for _ in range(ROUNDS):
        changed, applied = _repaired(current, settings, endless)
        fixed += applied
        counts = Counter((finding.path, finding.code) for finding in applied)
        at_first = {**counts, **at_first}
        if growing := {one for one, count in counts.items() if count > _GROWTH * at_first[one]}:
            return current, fixed, growing
        if applied:  # the files that changed are linted again; all of them once these have settled
            around = [one for path, one in current.documents.items() if path not in changed]
            current = _merged(current, lint_documents(list(changed.values()), settings, files.also(around), store))
            whole = False
        elif not whole:
            current, whole = lint_documents(list(current.documents.values()), settings, files, store), True
        else:
            return current, fixed, set()
    return current, fixed, {(finding.path, finding.code) for finding in applied}


def _repaired(
    current: LintResult, settings: Settings, endless: set[tuple[str, str]]
) -> tuple[dict[str, Document], list[Finding]]:
    """The files that repairs change, and what these repair."""
    changed: dict[str, Document] = {}
    applied: list[Finding] = []
    for path, repairs in wanted_repairs(current, settings).items():
        document = current.documents[path]
        chosen = together(document, [r for r in repairs if (path, r.finding.code) not in endless], settings)
        text = with_repairs(document, chosen)
        if text != document.text:
            changed[path] = _rewritten(document, text)
            applied += [repair.finding for repair in chosen]
    return changed, applied


def _rewritten(document: Document, text: str) -> Document:
    """A document as it will be on disk."""
    new = replace(document, text=text)
    new.digest = digest_of(new.encode(text))
    return new


def refused(left: LintResult, settings: Settings, endless: set[tuple[str, str]]) -> Iterator[tuple[Finding, str]]:
    """The findings that are left though they have a repair which the user asked for, and why it was not made."""
    for repair in left.repairables:
        finding = repair.finding
        if not _wanted(repair, replace(settings, fixable=("",), unfixable=())):
            continue
        if not settings.may_fix(finding.code):
            yield finding, "the settings do not let it be repaired"
        elif (finding.path, finding.code) in endless:
            yield finding, "the repair kept calling for more repairs"
        else:
            yield finding, _reason(left.documents[finding.path], repair, settings)


def _reason(document: Document, repair: Repairable, settings: Settings) -> str:
    fix = repair.attempt(settings.context)
    if isinstance(fix, str):
        return f"the rule failed ({fix})"
    if not isinstance(fix, Fix) or not fix.edits:
        return "the repair cannot be written here"
    if _changes_comments(list(comments(document)), repair.finding, fix.edits):
        return "the repair would lose or double a comment"
    return "the result would be no Python, or not fit the file's encoding"


def _merged(old: LintResult, new: LintResult) -> LintResult:
    """A result with a newer one of some of its files."""
    return LintResult(
        [finding for finding in old.findings if finding.path not in new.documents] + new.findings,
        old.files,
        [repair for repair in old.repairables if repair.finding.path not in new.documents] + new.repairables,
        old.documents | new.documents,
    )


def wanted_repairs(current: LintResult, settings: Settings) -> dict[str, list[Repairable]]:
    """The repairs that the settings let be made, by file."""
    by_path: dict[str, list[Repairable]] = defaultdict(list)
    for repair in current.repairables:
        if _wanted(repair, settings):
            by_path[repair.finding.path].append(repair)
    return by_path


def _wanted(repair: Repairable, settings: Settings) -> bool:
    kind = repair.finding.fixable
    allowed = kind is Applicability.safe or (kind is Applicability.unsafe and settings.unsafe_fixes)
    return allowed and settings.may_fix(repair.finding.code)


def together(document: Document, repairs: list[Repairable], settings: Settings) -> list[Repair]:
    """As many repairs of a document as do not overlap, and leave it a program."""
    fixes = [Repair(r.finding, fix.edits) for r in repairs if (fix := r.fix(settings.context)) and fix.edits]
    chosen = _chosen(document, fixes, one_by_one=False)
    if chosen and not document.admits(with_repairs(document, chosen)):
        chosen = _chosen(document, fixes, one_by_one=True)
    return chosen


def with_repairs(document: Document, repairs: Sequence[Repair]) -> str:
    """The text after repairs that were chosen together; an edit that several make is made once."""
    return document.apply(_edits(repairs))


def _edits(repairs: Sequence[Repair]) -> list[Edit]:
    return list(dict.fromkeys(edit for repair in repairs for edit in repair.edits))


def _chosen(document: Document, fixes: Sequence[Repair], *, one_by_one: bool) -> list[Repair]:
    """Repairs that may be made together; ``one_by_one`` leaves out those that break the text."""
    chosen: list[Repair] = []
    edits: list[Edit] = []
    written = list(comments(document)) if fixes else []
    for repair in fixes:
        new = [edit for edit in repair.edits if edit not in edits]
        if any(_touch(a, b) for a in new for b in edits) or _changes_comments(written, repair.finding, new):
            continue
        if one_by_one and not document.admits(document.apply([*edits, *new])):
            continue
        edits += new
        chosen.append(repair)
    return chosen


def _touch(a: Edit, b: Edit) -> bool:
    """Whether two edits overlap, or insert at one place."""
    first, second = sorted((a.span, b.span))
    return (second.row, second.column) < (first.end_row, first.end_column) or (
        (second.row, second.column) == (first.end_row, first.end_column)
        and (first[:2] == first[2:] or second[:2] == second[2:])
    )


def _changes_comments(written: Sequence[tuple[int, int, str]], finding: Finding, edits: Sequence[Edit]) -> bool:
    """Whether edits drop or double a comment that somebody wrote (the repair of a suppression is about one)."""
    if finding.code.startswith("CVL0"):
        return False
    return any(
        not _keeps(
            edit.content, [text for row, column, text in written if edit.span[:2] <= (row, column) < edit.span[2:]]
        )
        for edit in edits
    )


def _keeps(content: str, written: list[str]) -> bool:
    """Whether each of some comments stands in a text, the same one exactly as often as it was written."""
    for text in sorted(written, key=len, reverse=True):
        if text not in content:
            return False
        content = content.replace(text, "", 1)
    return not any(text in content for text in written)


def add_ignores(paths: Sequence[Path], settings: Settings) -> int:
    """Writes a suppression for each finding of the files; returns how many codes were written.

    Raises:
        UsageError: a file cannot be written.
    """
    result = lint(paths, settings)
    wanted: dict[str, dict[tuple[int, int], set[str]]] = defaultdict(lambda: defaultdict(set))
    for finding in result.findings:
        if _may_be_suppressed(finding) and finding.path in result.documents:
            wanted[finding.path][_rows(finding)].add(finding.code)
    count, silenced = 0, list[tuple[Document, str]]()
    for path, by_rows in wanted.items():
        document = result.documents[path]
        free = rows_for_comments(document)
        at: dict[int, set[str]] = defaultdict(set)
        for (first, last), codes in by_rows.items():
            if rows := free.intersection(range(first, last + 1)):
                at[max(rows)] |= codes
        silenced.append((document, document.apply([added(document, row, sorted(codes)) for row, codes in at.items()])))
        count += sum(map(len, at.values()))
    replace_all(silenced)
    return count


def suppression(document: Document, finding: Finding) -> Edit | None:
    """The edit that silences one finding, None where no comment can be written or heard."""
    first, last = _rows(finding)
    rows = rows_for_comments(document).intersection(range(first, last + 1))
    return added(document, max(rows), [finding.code]) if rows and _may_be_suppressed(finding) else None


def _may_be_suppressed(finding: Finding) -> bool:
    """Whether a finding is of a rule, not of the tool."""
    return not finding.code.startswith("CVL0")


def _rows(finding: Finding) -> tuple[int, int]:
    """The first and the last row on which a comment silences a finding."""
    statement = finding.statement or finding.span
    return statement.row, statement.end_row


def replace_all(changed: Sequence[tuple[Document, str]]) -> None:
    """Replaces the texts of files, none where one of them cannot be written; another run may have done it already."""
    for original, text in changed:
        _is_to_be_written(original, text)
    for original, text in changed:
        replace_file(original, text)


def _is_to_be_written(document: Document, text: str) -> bool:
    """Whether a file does not hold a text yet.

    Raises:
        UsageError: it may not be replaced, or the text which was read is no longer what it holds.
    """
    path = Path(document.path).resolve()
    try:
        mode, data = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise _unwritable(document, error.strerror or str(error)) from None
    if data == document.encode(text):
        return False
    if not (mode & 0o222 and os.access(path, os.W_OK)):  # the superuser may write what is marked as read-only
        raise _unwritable(document, "it is read-only")
    if data != document.encode(document.text):
        raise _unwritable(document, "it changed while it was checked, or its encoding has several ways to write it")
    return True


def replace_file(document: Document, text: str) -> None:
    """Replaces a file's text at once, where it is another: a reader sees the old file or the new one.

    Mode and links are kept.

    Raises:
        UsageError: the file cannot be written.
    """
    if not _is_to_be_written(document, text):
        return
    try:
        replace_bytes(Path(document.path), document.encode(text))
    except OSError as error:
        raise _unwritable(document, error.strerror or str(error)) from None


def _unwritable(document: Document, why: str) -> UsageError:
    return UsageError(f"{document.path}: cannot be written: {why}; this file is unchanged")
