"""Findings for programs that read one at a time: the objects of the JSON list, each on a line."""

from __future__ import annotations

from collections.abc import Iterator

from convlint.report.as_json import dump, finding_as_json
from convlint.report.formats import Report


def write(report: Report) -> Iterator[str]:
    """One object a line."""
    return (dump(finding_as_json(finding), indent=-1) for finding in report.findings)
