"""The findings of a page: the code around each, the reason, what a trial showed, the repair as a diff."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from convlint.findings import ROUTES, Finding, Level, Severity
from convlint.report.formats import Report
from convlint.report.frame import CONTEXT
from convlint.report.page.code import Line, excerpt
from convlint.report.page.sources import Link, Sources
from convlint.report.plain import shown_path
from convlint.report.rule_page import sections
from convlint.report.summary import by_severity
from convlint.report.text import OPTIONS
from convlint.rule import registry
from convlint.source.document import Document

_MOST_ROWS = 16
"""Of a longer range only the first rows are shown with the finding; all are in the sources."""
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


class Repair(NamedTuple):
    """What would be written."""

    message: str
    how: str
    """Which option writes it, empty where none does."""
    lines: tuple[tuple[str, str], ...]
    """Of a diff: ``+``, ``-``, a blank or ``@``, and the text."""


class Shown(NamedTuple):
    """A finding on a page."""

    id: str
    finding: Finding
    place: Link
    lines: Sequence[Line]
    harm: tuple[tuple[str, str], ...]
    """Route or target, and what becomes of it there."""
    why: tuple[str, ...]
    """Paragraphs of the rule's documentation."""
    repair: Repair | None


class Group(NamedTuple):
    """The findings of a file."""

    path: str
    findings: Sequence[Shown]


class Findings(NamedTuple):
    """All findings of a page."""

    groups: Sequence[Group]
    counts: Mapping[Severity, int]


def findings(report: Report, sources: Sources) -> Findings:
    """The findings by file, in their order."""
    groups: dict[str, list[Shown]] = {}
    for number, finding in enumerate(report.findings, 1):
        title = _title(finding)
        groups.setdefault(title, []).append(_shown(report, finding, title, f"finding-{number}", sources))
    return Findings([Group(path, found) for path, found in groups.items()], by_severity(report.findings))


def _title(finding: Finding) -> str:
    path = shown_path(finding.path)
    return path if finding.cell is None else f"{path} cell {finding.cell}"


def _shown(report: Report, finding: Finding, title: str, anchor: str, sources: Sources) -> Shown:
    document = report.document(finding)
    span = finding.span
    place, lines = Link(f"{title}:{span.row}"), list[Line]()
    if document is not None and span.row <= len(document.lines):
        place = sources.link_in(document, title, span.row)
        sources.mark(title, span.row, finding.severity, anchor)
        last = min(span.end_row, span.row + _MOST_ROWS)
        lines = list(excerpt(document, range(span.row - CONTEXT, last + CONTEXT + 1), span))
    return Shown(
        anchor,
        finding,
        place._replace(text=f"{place.text}:{span.column}"),
        lines,
        tuple(_harm(finding)),
        _why(finding.code),
        _repair(finding, document),
    )


def _harm(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.harm:
        yield from ((route, finding.harm.on(route).name) for route in ROUTES)
        yield from ((target, level.name) for target, level in finding.harm.targets if level is not Level.harmless)


def _why(code: str) -> tuple[str, ...]:
    rule = registry().get(code)
    text = sections(rule)[1].get("Why it breaks", "") if rule else ""
    return tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def _repair(finding: Finding, document: Document | None) -> Repair | None:
    if finding.fix is None:
        return None
    how = OPTIONS.get(finding.fix.applicability, "")
    return Repair(finding.fix.message, how, tuple(_diff(finding, document)) if document else ())


def _diff(finding: Finding, document: Document) -> Iterator[tuple[str, str]]:
    assert finding.fix
    was, will_be = (_LINE.findall(text) for text in (document.text, document.apply(list(finding.fix.edits))))
    for number, line in enumerate(difflib.unified_diff(was, will_be, n=CONTEXT, lineterm="\n")):
        if number > 1:  # the names of the files
            yield line[0], line[1:].rstrip("\r\n").replace("\t", "    ") if line[0] != "@" else line.rstrip("\n")
