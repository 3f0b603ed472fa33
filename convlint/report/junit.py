"""Findings as a JUnit report: a suite a file, a failed test a finding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import PurePosixPath
from xml.etree import ElementTree as ET

from convlint.findings import Finding
from convlint.report.formats import SEVERITIES, Report
from convlint.report.plain import one_line, printable


def write(report: Report) -> Iterator[str]:
    """The document, written as Ruff writes its own."""
    root = ET.Element("testsuites", {"name": "convlint", **_counts(report.findings)})
    for path, group in groupby(report.findings, report.path):
        findings = list(group)
        name = printable(path)
        suite = _suite(root, name, findings)
        for finding in findings:
            _case(suite, name, finding)
    if not report.findings:  # a report without tests is an error to many readers
        suite = _suite(root, "convlint", [])
        ET.SubElement(suite, "testcase", name="No errors found", classname="convlint")
        for element in (root, suite):
            element.set("tests", "1")
    ET.indent(root, "    ")
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield ET.tostring(root, encoding="unicode")


def _suite(root: ET.Element, name: str, findings: Sequence[Finding]) -> ET.Element:
    return ET.SubElement(root, "testsuite", {"name": name, **_counts(findings), "package": "org.convlint"})


def _counts(findings: Sequence[Finding]) -> dict[str, str]:
    told = [SEVERITIES["junit"][finding.severity] for finding in findings]
    counts = {"tests": len(told), "skipped": told.count("skipped"), "failures": told.count("failure"), "errors": 0}
    return {name: str(count) for name, count in counts.items()}


def _case(suite: ET.Element, path: str, finding: Finding) -> None:
    row, column = finding.span[:2]
    case = ET.SubElement(
        suite,
        "testcase",
        name=f"org.convlint.{finding.code}",
        classname=PurePosixPath(path).with_suffix("").as_posix(),
        line=str(row),
        column=str(column),
    )
    ET.SubElement(ET.SubElement(case, "properties"), "property", name="severity", value=finding.severity)
    message = one_line(finding.message)
    told = ET.SubElement(case, SEVERITIES["junit"][finding.severity], message=message)
    told.text = f"line {row}, col {column}, {message}"
