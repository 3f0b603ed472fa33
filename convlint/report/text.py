"""Findings for people: one line each (concise), or with the code, the harm and the repair (full)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from convlint.findings import ROUTES, Applicability, Finding, Harm, Level
from convlint.report.frame import frame
from convlint.report.style import Painter
from convlint.source.document import Document, SourceError

Sources = Callable[[str], Document | None]
"""The document that a finding's path names, None where it cannot be read."""

STYLES = {"error": "bold red", "warning": "bold yellow", "info": "bold cyan"}


def read(path: str) -> Document | None:
    """A file as a document, None where it cannot be read."""
    try:
        return Document.read(path)
    except SourceError:
        return None


def shown_path(path: str) -> str:
    """A path as the user would write it: relative to the working directory where it is below, always on one line."""
    try:
        shown = Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        shown = path.replace(os.sep, "/")
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in shown)


def will_fix(finding: Finding, unsafe_fixes: bool) -> bool:
    """Whether ``--fix`` repairs a finding in this run."""
    return finding.fixable is Applicability.safe or (unsafe_fixes and finding.fixable is Applicability.unsafe)


def concise(findings: Iterable[Finding], painter: Painter, unsafe_fixes: bool) -> Iterator[str]:
    """``path:row:col: severity CODE [*] message``."""
    colon = painter(":", "cyan")
    for finding in findings:
        place = (
            f"{painter(shown_path(finding.path), 'bold')}{colon}{finding.span.row}{colon}{finding.span.column}{colon}"
        )
        severity = painter(finding.severity, STYLES[finding.severity])
        yield f"{place} {severity} {_code(finding, painter, unsafe_fixes)} {_one_line(finding.message)}"


def full(findings: Iterable[Finding], painter: Painter, unsafe_fixes: bool, sources: Sources) -> Iterator[str]:
    """Message, place, code, harm on each route and what can be done."""
    for finding in findings:
        style = STYLES[finding.severity]
        severity = painter(finding.severity, style)
        yield f"{_code(finding, painter, unsafe_fixes)} {severity}: {_one_line(finding.message)}"
        span = finding.span
        yield f"  {painter('-->', 'blue')} {shown_path(finding.path)}:{span.row}:{span.column}"
        document = sources(finding.path)
        if document is not None and span.row <= len(document.lines):
            yield from frame(document.lines, span, painter, style)
        if finding.harm and (harm := harm_line(finding.harm)):
            yield f"{painter('harm:', 'bold')} {harm}"
        if finding.evidence:
            yield f"{painter('trial:', 'bold')} {_one_line(finding.evidence)}"
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


def _code(finding: Finding, painter: Painter, unsafe_fixes: bool) -> str:
    code = painter(finding.code, "bold red")
    return f"{code} [{painter('*', 'cyan')}]" if will_fix(finding, unsafe_fixes) else code


def _one_line(message: str) -> str:
    return " ".join(message.split())


def _hint(finding: Finding) -> str:
    message = finding.fix.message if finding.fix else ""
    how = {
        Applicability.safe: "`--fix` repairs it",
        Applicability.unsafe: "`--fix --unsafe-fixes` repairs it",
        Applicability.display: "",
        None: "",
    }[finding.fixable]
    return " ".join(part for part in (message, f"({how})" if message and how else how) if part)
