"""Findings for reviewdog: its Diagnostic Format, where columns are bytes of UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convlint.findings import Applicability, Finding, Span
from convlint.report.as_json import dump
from convlint.report.formats import SEVERITIES, Report
from convlint.report.plain import one_line
from convlint.source.discovery import encodable
from convlint.source.document import Document


def write(report: Report) -> Iterator[str]:
    """One object."""
    diagnostics = [_diagnostic(finding, report) for finding in report.findings]
    yield dump({"source": {"name": "convlint"}, "severity": "WARNING", "diagnostics": diagnostics})


def _diagnostic(finding: Finding, report: Report) -> dict[str, Any]:
    document = report.document(finding)
    told: dict[str, Any] = {
        "message": one_line(finding.message),
        "location": {"path": encodable(report.path(finding)), "range": _range(finding.span, document)},
        "severity": SEVERITIES["rdjson"][finding.severity],
        "code": {"value": finding.code},
    }
    if finding.fix and finding.fix.applicability is not Applicability.display:
        told["suggestions"] = [
            {"range": _range(edit.span, document), "text": edit.content} for edit in finding.fix.edits
        ]
    return told


def _range(span: Span, document: Document | None) -> dict[str, Any]:
    return {
        "start": _position(span.row, span.column, document),
        "end": _position(span.end_row, span.end_column, document),
    }


def _position(row: int, column: int, document: Document | None) -> dict[str, int]:
    line = document.lines[row - 1] if document and row <= len(document.lines) else ""
    before = line[: column - 1]
    return {"line": row, "column": column + len(before.encode(errors="surrogatepass")) - len(before)}
