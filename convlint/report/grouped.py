"""Findings by file: its name, then a line each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from convlint.findings import Finding
from convlint.report.formats import Report
from convlint.report.plain import one_line, shown_path, shown_row
from convlint.report.text import STYLES, shown_code


def write(report: Report) -> Iterator[str]:
    """``path:``, below it ``row:column severity CODE [*] message``, the columns aligned."""
    for path, group in groupby(report.findings, lambda finding: finding.path):
        findings = list(group)
        yield f"{report.painter(shown_path(path), 'bold')}:"
        width = max(len(_place(finding)) for finding in findings)
        for finding in findings:
            severity = report.painter(finding.severity, STYLES[finding.severity])
            code = shown_code(finding, report.painter, report.unsafe_fixes)
            yield f"  {_place(finding):<{width}} {severity} {code} {one_line(finding.message)}"
        yield ""


def _place(finding: Finding) -> str:
    return f"{shown_row(finding)}:{finding.span.column}"
