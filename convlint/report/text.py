"""Findings for people: one line each (concise), or with the code, the harm and the repair (full)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from convlint.findings import ROUTES, Applicability, Finding, Harm, Level
from convlint.report.formats import Report
from convlint.report.frame import frame
from convlint.report.plain import one_line, shown_path, shown_row
from convlint.report.style import Painter
from convlint.source.document import Document, SourceError

STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan"}
OPTIONS: Mapping[Applicability | None, str] = {
    Applicability.safe: "--fix",
    Applicability.unsafe: "--fix --unsafe-fixes",
}
"""What has a repair written; one that is displayed only is written by none."""


def read(path: str) -> Document | None:
    """A file as a document, None where it cannot be read."""
    try:
        return Document.read(path)
    except SourceError:
        return None


def will_fix(finding: Finding, unsafe_fixes: bool) -> bool:
    """Whether ``--fix`` repairs a finding in this run."""
    return finding.fixable is Applicability.safe or (unsafe_fixes and finding.fixable is Applicability.unsafe)


def concise(report: Report) -> Iterator[str]:
    """``path:row:col: severity CODE [*] message``."""
    painter = report.painter
    colon = painter(":", "cyan")
    for finding in report.findings:
        place = (
            f"{painter(shown_path(finding.path), 'bold')}{colon}{shown_row(finding)}{colon}{finding.span.column}{colon}"
        )
        severity = painter(finding.severity, STYLES[finding.severity])
        yield f"{place} {severity} {shown_code(finding, painter, report.unsafe_fixes)} {one_line(finding.message)}"


def full(report: Report) -> Iterator[str]:
    """Message, place, code, harm on each route and what can be done."""
    painter = report.painter
    for finding in report.findings:
        style = STYLES[finding.severity]
        severity = painter(finding.severity, style)
        yield f"{shown_code(finding, painter, report.unsafe_fixes)} {severity}: {one_line(finding.message)}"
        span = finding.span
        yield f"  {painter('-->', 'blue')} {shown_path(finding.path)}:{shown_row(finding)}:{span.column}"
        document = report.document(finding)
        if document is not None and span.row <= len(document.lines):
            yield from frame(document.lines, span, painter, style)
        if finding.harm and (harm := harm_line(finding.harm)):
            yield f"{painter('harm:', 'bold')} {harm}"
        if finding.evidence:
            yield f"{painter('trial:', 'bold')} {one_line(finding.evidence)}"
        if hint := _hint(finding):
            yield f"{painter('help:', 'bold')} {hint}"
        yield ""


def harm_line(harm: Harm) -> str:
    """``breaks onnx_dynamo; wrong onnx_torchscript``: the worst first, what is harmless left out."""
    levels = [(route, harm.on(route)) for route in ROUTES] + list(harm.targets)
    parts = []
    for level in (Level.breaks, Level.wrong, Level.frozen):
        names = [name for name, one in levels if one is level]
        if names:
            parts.append(f"{level.name} {', '.join(names)}")
    return "; ".join(parts)


def shown_code(finding: Finding, painter: Painter, unsafe_fixes: bool) -> str:
    """``CODE``, with a mark where ``--fix`` repairs it."""
    code = painter(finding.code, "bold red")
    return f"{code} [{painter('*', 'cyan')}]" if will_fix(finding, unsafe_fixes) else code


def _hint(finding: Finding) -> str:
    message = finding.fix.message if finding.fix else ""
    options = OPTIONS.get(finding.fixable)
    how = f"`{options}` repairs it" if options else ""
    return one_line(" ".join(part for part in (message, f"({how})" if message and how else how) if part))
