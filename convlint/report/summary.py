"""The lines after the findings: counts, what can be repaired and what was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from convlint.findings import SEVERITIES, Applicability, Finding, Severity
from convlint.report.plain import shown_path, shown_row
from convlint.report.style import Painter
from convlint.report.text import will_fix


def summary(findings: Sequence[Finding], unsafe_fixes: bool, fixed: int = 0) -> Iterator[str]:
    """``Found 3 errors, 2 warnings.`` and how many of them can be repaired."""
    yield total(findings, fixed)
    now = sum(will_fix(finding, unsafe_fixes) for finding in findings)
    more = 0 if unsafe_fixes else sum(finding.fixable is Applicability.unsafe for finding in findings)
    if now and more:
        yield f"[*] {now} fixable with `--fix`, {more} more with `--unsafe-fixes`."
    elif now:
        yield f"[*] {now} fixable with `--fix`."
    elif more:
        yield f"No fixes available ({more} with `--fix --unsafe-fixes`)."


def total(findings: Sequence[Finding], fixed: int = 0) -> str:
    """``Found 3 errors, 2 warnings.`` or ``Found 3 problems (1 fixed, 2 errors remaining).``"""
    if not findings and not fixed:
        return "All checks passed!"
    found = ", ".join(plural(number, severity) for severity, number in by_severity(findings).items())
    if fixed:
        return f"Found {plural(len(findings) + fixed, 'problem')} ({fixed} fixed, {found or '0'} remaining)."
    return f"Found {found}."


def by_severity(findings: Iterable[Finding]) -> dict[Severity, int]:
    """How many there are of each severity of which there are any, the worst first."""
    counts = Counter(finding.severity for finding in findings)
    return {severity: counts[severity] for severity in reversed(SEVERITIES) if counts[severity]}


def plural(count: int, noun: str) -> str:
    """``1 error``, ``2 errors`` (``info`` stays)."""
    return f"{count} {noun}{'' if count == 1 or noun == 'info' else 's'}"


def count(findings: Iterable[Finding], unsafe_fixes: bool) -> list[tuple[str, str, int, int]]:
    """(code, name, findings, of them fixable), the most frequent first."""
    findings = list(findings)
    number = Counter((finding.code, finding.name) for finding in findings)
    fixable = Counter(finding.code for finding in findings if will_fix(finding, unsafe_fixes))
    return [(code, name, n, fixable[code]) for (code, name), n in sorted(number.items(), key=lambda i: (-i[1], i[0]))]


def statistics(findings: Iterable[Finding], unsafe_fixes: bool, painter: Painter) -> Iterator[str]:
    """One line a rule: count, code, ``[*]`` where all its findings are fixable (``[-]`` some), name."""
    rows = count(findings, unsafe_fixes)
    width = max((len(str(number)) for _, _, number, _ in rows), default=1)
    for code, name, number, fixable in rows:
        mark = "[*]" if fixable == number else "[-]" if fixable else "[ ]"
        yield f"{number:>{width}}\t{painter(code, 'bold red')}\t{mark} {name}"


def by_rule(findings: Iterable[Finding]) -> str:
    """``3 x CVL202 (python-scalar), 1 x CVL205 (len-of-tensor)``, the most frequent first."""
    counts = Counter((finding.code, finding.name) for finding in findings)
    rows = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{number} x {code} ({name})" for (code, name), number in rows)


def repairs(fixed: Sequence[Finding], left: Sequence[Finding], unsafe_fixes: bool) -> Iterator[str]:
    """By rule: what was repaired, what ``--unsafe-fixes`` would repair besides, and of what there is no repair."""
    of: dict[Applicability | None, list[Finding]] = {}
    for finding in left:
        if finding.severity != "info":
            of.setdefault(finding.fixable, []).append(finding)
    if fixed:
        yield f"Repaired: {by_rule(fixed)}."
    if not unsafe_fixes and (more := of.get(Applicability.unsafe)):
        yield f"With `--unsafe-fixes`: {by_rule(more)}."
    if shown := of.get(Applicability.display):
        yield f"Repair shown, not written: {by_rule(shown)}."
    if none := of.get(None):
        first = min(none, key=lambda one: one.code).code
        yield f"Without a repair: {by_rule(none)}; `convlint rule {first}` says why, and what to write."


def refused(left: Iterable[tuple[Finding, str]]) -> Iterator[str]:
    """Which repairs were wanted and not made, and why."""
    for finding, why in sorted(left, key=lambda one: (one[0].path, one[0].span)):
        yield f"Not repaired: {shown_path(finding.path)}:{shown_row(finding)}: {finding.code}: {why}."


def would_fix(fixed: Sequence[Finding], left: Iterable[Finding], unsafe_fixes: bool) -> str:
    """``Would fix 2 problems (1 more with `--unsafe-fixes`).``"""
    more = 0 if unsafe_fixes else sum(finding.fixable is Applicability.unsafe for finding in left)
    if not fixed:
        return f"No problems would be fixed{f' ({more} with `--unsafe-fixes`)' if more else ''}."
    return f"Would fix {plural(len(fixed), 'problem')}{f' ({more} more with `--unsafe-fixes`)' if more else ''}."


def fixes(fixed: Iterable[Finding]) -> Iterator[str]:
    """What was repaired, by file and rule (``--show-fixes``)."""
    by_file: dict[str, Counter[tuple[str, str]]] = {}
    for finding in fixed:
        by_file.setdefault(finding.path, Counter())[finding.code, finding.name] += 1
    yield f"Fixed {plural(sum(counter.total() for counter in by_file.values()), 'problem')}:"
    for path, counter in by_file.items():
        yield f"- {shown_path(path)}:"
        for (code, name), number in counter.most_common():
            yield f"    {number} x {code} ({name})"
    yield ""
