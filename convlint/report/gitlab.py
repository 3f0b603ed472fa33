"""Findings as GitLab's code quality report, which it compares between branches by fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from convlint.findings import Finding
from convlint.report.as_json import dump
from convlint.report.fingerprints import fingerprints
from convlint.report.formats import SEVERITIES, Report
from convlint.report.plain import one_line
from convlint.source.discovery import encodable


def write(report: Report) -> Iterator[str]:
    """One list."""
    pairs = zip(report.findings, fingerprints(report), strict=True)
    yield dump([_issue(finding, fingerprint, report) for finding, fingerprint in pairs])


def _issue(finding: Finding, fingerprint: str, report: Report) -> dict[str, Any]:
    row, column, end_row, end_column = finding.span
    return {
        "check_name": finding.code,
        "description": f"{finding.code}: {one_line(finding.message)}",
        "severity": SEVERITIES["gitlab"][finding.severity],
        "fingerprint": fingerprint,
        "location": {
            "path": encodable(report.path(finding)),
            "positions": {
                "begin": {"line": row, "column": column},
                "end": {"line": end_row, "column": end_column},
            },
        },
    }
