"""Findings as annotations of a pull request: commands that GitHub Actions reads from a step's output."""

from __future__ import annotations

from collections.abc import Iterator

from convlint.findings import Finding
from convlint.report.formats import SEVERITIES, Report
from convlint.report.plain import one_line, printable

_VALUE = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = str.maketrans(_VALUE | {":": "%3A", ",": "%2C"})
_TEXT = str.maketrans(_VALUE)


def write(report: Report) -> Iterator[str]:
    """``::error title=...,file=...,line=...::path:row:column: CODE message`` (the log shows the message only)."""
    for finding in report.findings:
        path, span = printable(report.path(finding)), finding.span
        properties = {"title": f"convlint ({finding.code})", "file": path, **_range(finding)}
        text = f"{path}:{span.row}:{span.column}: {finding.code} {one_line(finding.message)}"
        named = ",".join(f"{name}={value.translate(_PROPERTY)}" for name, value in properties.items())
        yield f"::{SEVERITIES['github'][finding.severity]} {named}::{text.translate(_TEXT)}"


def _range(finding: Finding) -> dict[str, str]:
    """Lines and columns; GitHub refuses columns where there are several lines."""
    row, column, end_row, end_column = map(str, finding.span)
    if row != end_row:
        return {"line": row, "endLine": end_row}
    return {"line": row, "col": column, "endLine": end_row, "endColumn": end_column}
