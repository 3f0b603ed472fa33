"""Findings as issues of an Azure Pipelines run: logging commands that its agent reads from a step's output."""

from __future__ import annotations

from collections.abc import Iterator

from convlint.report.formats import SEVERITIES, Report
from convlint.report.plain import one_line, printable

_TEXT = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A", ";": "%3B", "]": "%5D"})


def write(report: Report) -> Iterator[str]:
    """``##vso[task.logissue type=error;sourcepath=...;...]message``."""
    for finding in report.findings:
        properties = {
            "type": SEVERITIES["azure"][finding.severity],
            "sourcepath": printable(report.path(finding)),
            "linenumber": str(finding.span.row),
            "columnnumber": str(finding.span.column),
            "code": finding.code,
        }
        named = "".join(f"{name}={value.translate(_PROPERTY)};" for name, value in properties.items())
        yield f"##vso[task.logissue {named}]{one_line(finding.message).translate(_TEXT)}"
