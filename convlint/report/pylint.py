"""Findings in Pylint's parseable format, which many tools read."""

from __future__ import annotations

from collections.abc import Iterator

from convlint.report.formats import Report
from convlint.report.plain import before_colon, one_line


def write(report: Report) -> Iterator[str]:
    """``path:row: [CODE] message``."""
    for finding in report.findings:
        path = before_colon(report.path(finding))
        yield f"{path}:{finding.span.row}: [{finding.code}] {one_line(finding.message)}"
