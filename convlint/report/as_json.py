"""Findings for programs: Ruff's list of objects, with name, severity, harm and how a finding was seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from convlint.findings import Finding, Fix, Span
from convlint.report.formats import Report
from convlint.source.discovery import absolute, encodable


def write(report: Report) -> Iterator[str]:
    """One list."""
    yield dump([finding_as_json(finding) for finding in report.findings])


def statistics_as_json(rows: Iterable[tuple[str, str, int, int]]) -> str:
    """The counts of ``summary.count`` as JSON."""
    return dump([dict(zip(("code", "name", "count", "fixable_count"), row, strict=True)) for row in rows])


def dump(value: Any, indent: int = 2) -> str:
    """The text of a value, all on one line where ``indent`` is -1; what does not print is escaped in it."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=indent).decode()
    if text.isascii() and "\x7f" not in text:
        return text
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def finding_as_json(finding: Finding) -> dict[str, Any]:
    """One finding."""
    return {
        "cell": finding.cell,
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity,
        "message": finding.message,
        "filename": finding.path if finding.path == "-" else encodable(str(absolute(finding.path))),
        "location": _start(finding.span),
        "end_location": _end(finding.span),
        "fix": _fix(finding.fix) if finding.fix else None,
        "harm": finding.harm.as_json() if finding.harm else None,
        "seen": finding.seen,
        "evidence": finding.evidence or None,
        "noqa_row": finding.span.row,
        "url": None,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "applicability": fix.applicability.value,
        "message": fix.message,
        "edits": [
            {"content": edit.content, "location": _start(edit.span), "end_location": _end(edit.span)}
            for edit in fix.edits
        ],
    }


def _start(span: Span) -> dict[str, int]:
    return {"row": span.row, "column": span.column}


def _end(span: Span) -> dict[str, int]:
    return {"row": span.end_row, "column": span.end_column}
