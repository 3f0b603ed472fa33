"""What tells a finding from others and stays the same when lines move."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

from convlint.baseline import statement_digest
from convlint.report.formats import Report
from convlint.source.discovery import encodable


def fingerprints(report: Report) -> Sequence[str]:
    """One a finding: the file, the code, the statement's text, and the how many-eth such finding of the file it is."""
    seen: Counter[tuple[str, str, str]] = Counter()
    made = []
    for finding in report.findings:
        statement = statement_digest(finding, report.document(finding))
        same = encodable(report.path(finding)), finding.code, statement
        seen[same] += 1
        made.append(hashlib.sha256("\0".join([*same, str(seen[same])]).encode()).hexdigest()[:16])
    return made
