"""Findings as GitHub-flavoured Markdown: for a comment on a pull request, or the summary of a job."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from convlint.findings import Finding
from convlint.report.formats import Report
from convlint.report.plain import one_line, printable
from convlint.report.summary import summary

_CODE = re.compile(r"(`[^`]+`)")
_MARKUP = re.compile(r"([\\*_\[\]<>#!~&`]|:(?=\S))")
_MENTION = re.compile(r"@(?=\w)")
_ICONS = {"error": "🔴", "warning": "🟡", "info": "🔵"}


def write(report: Report) -> Iterator[str]:
    """The counts, then a table a file."""
    yield "### convlint"
    yield ""
    yield from (_text(line) + "  " for line in summary(report.findings, report.unsafe_fixes))
    for path, group in groupby(report.findings, report.path):
        yield ""
        yield f"#### {_span(printable(path))}"
        yield ""
        yield "| line | | rule | |"
        yield "|--:|---|---|---|"
        yield from map(_row, group)


def _row(finding: Finding) -> str:
    severity = f"{_ICONS[finding.severity]} {finding.severity}"
    message = _text(one_line(finding.message)).replace("|", r"\|")  # a cell ends at a bar even in code
    return f"| {finding.span.row} | {severity} | {finding.code}<br>{_text(finding.name)} | {message} |"


def _text(text: str) -> str:
    """Text whose code stays code, and in which nothing else is markup."""
    parts = _CODE.split(text)
    return "".join(_span(part[1:-1]) if number % 2 else _escaped(part) for number, part in enumerate(parts))


def _escaped(text: str) -> str:
    return _MENTION.sub("@\u200b", _MARKUP.sub(r"\\\1", text))  # an escaped mention would be one all the same


def _span(code: str) -> str:
    """A code span, whatever its text."""
    ticks = "`" * (1 + max(map(len, re.findall("`+", code)), default=0))
    pad = " " if code[:1] in "` " or code[-1:] in "` " else ""
    return f"{ticks}{pad}{code}{pad}{ticks}"
