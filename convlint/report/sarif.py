"""Findings as SARIF 2.1.0, with what GitHub's code scanning asks for besides."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

from convlint import __version__
from convlint.findings import ROUTES, Applicability, Finding, Fix, Severity, Span, severity
from convlint.report.as_json import dump
from convlint.report.formats import SEVERITIES, Report
from convlint.report.line_hashes import line_hashes
from convlint.report.plain import one_line
from convlint.report.rule_page import rule_page, summary
from convlint.rule import Rule, registry

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LONGEST = 1000
"""Characters of a description: GitHub takes no more than 1024."""
_PROBLEM: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "recommendation"}


def write(report: Report) -> Iterator[str]:
    """One log of one run."""
    codes = sorted({finding.code for finding in report.findings})
    results = _Results(report, {code: index for index, code in enumerate(codes)})
    driver = {
        "name": "convlint",
        "semanticVersion": __version__,
        "rules": [_rule(registry()[code]) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "results": [results.result(finding) for finding in report.findings],
    }
    yield dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: type[Rule]) -> dict[str, Any]:
    title = rule.name.replace("-", " ").capitalize()
    page = rule_page(rule)
    level = _level(rule)
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": title},
        "fullDescription": {"text": summary(rule)[:_LONGEST] or title},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": SEVERITIES["sarif"][level]},
        "properties": {"tags": ["export", "onnx", "pytorch"], "problem.severity": _PROBLEM[level]},
    }


def _level(rule: type[Rule]) -> Severity:
    """How severe a finding of a rule is at most; a rule of the tool or of a convention has no harm to tell by."""
    harm = rule.harm()
    if not any(example.inputs for example in rule.examples) and not rule.facts:
        return "warning"
    return severity(harm.worst(ROUTES, [target for target, _ in harm.targets]))


@dataclass(frozen=True)
class _Results:
    """Findings to results of a run whose rules are known by index."""

    report: Report
    rules: Mapping[str, int]
    hashes: dict[str, Sequence[str]] = field(default_factory=dict)
    """What GitHub's action computes of each line of a file, by path."""

    def result(self, finding: Finding) -> dict[str, Any]:
        """One result."""
        artifact = {"uri": self._uri(finding)}
        told: dict[str, Any] = {
            "ruleId": finding.code,
            "ruleIndex": self.rules[finding.code],
            "level": SEVERITIES["sarif"][finding.severity],
            "message": {"text": _message(finding.message)},
            "locations": [{"physicalLocation": {"artifactLocation": artifact, "region": _region(finding.span)}}],
            "partialFingerprints": self._fingerprints(finding),
            "properties": {"seen": finding.seen, "harm": finding.harm.as_json() if finding.harm else None},
        }
        if finding.fix and finding.fix.applicability is not Applicability.display:
            told["fixes"] = [_fix(finding.fix, artifact)]
        return told

    def _uri(self, finding: Finding) -> str:
        path = self.report.path(finding)
        return Path(path).as_uri() if Path(path).is_absolute() else quote_from_bytes(os.fsencode(path))

    def _fingerprints(self, finding: Finding) -> dict[str, str]:
        if finding.path not in self.hashes:
            document = self.report.document(finding)
            self.hashes[finding.path] = line_hashes(document) if document else ()
        hashes = self.hashes[finding.path]
        return {"primaryLocationLineHash": hashes[finding.span.row - 1]} if finding.span.row <= len(hashes) else {}


def _message(message: str) -> str:
    """A message in which no code looks like a link, ``[text](target)``."""
    return one_line(message).replace("](", "] (")


def _region(span: Span) -> dict[str, int]:
    row, column, end_row, end_column = span
    return {"startLine": row, "startColumn": column, "endLine": end_row, "endColumn": end_column}


def _fix(fix: Fix, location: dict[str, str]) -> dict[str, Any]:
    replacements = [
        {"deletedRegion": _region(edit.span), "insertedContent": {"text": edit.content}} for edit in fix.edits
    ]
    return {
        "description": {"text": _message(fix.message) or "Repair it"},
        "artifactChanges": [{"artifactLocation": location, "replacements": replacements}],
        "properties": {"applicability": fix.applicability.value},
    }
