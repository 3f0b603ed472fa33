"""The output formats: what each is, who writes it, and what its writer is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from convlint.config import OutputFormat
from convlint.findings import Finding, Severity
from convlint.report.notebooks import document_of
from convlint.report.style import Painter
from convlint.source.discovery import absolute, repository
from convlint.source.document import Document

Sources = Callable[[str], Document | None]
"""The document that a finding's path names, None where it cannot be read."""


@dataclass(frozen=True)
class Report:
    """What a writer is given."""

    findings: Sequence[Finding]
    sources: Sources
    """Of paths, a notebook's as a whole; ``document`` is where a finding's rows count."""
    painter: Painter
    unsafe_fixes: bool
    """Whether unsafe repairs count as repairs."""
    root: Path
    """What paths are relative to outside of a repository."""
    _paths: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def document(self, finding: Finding) -> Document | None:
        """The document in which a finding's rows count, None where it cannot be read."""
        return document_of(finding, self.sources)

    def path(self, finding: Finding) -> str:
        """The path of a finding as servers want it: from the top of the repository, with slashes.

        That of the working directory goes before the file's own: a build server checks out the outermost one.
        """
        if finding.path not in self._paths:
            self._paths[finding.path] = self._from_the_top(finding.path)
        return self._paths[finding.path]

    def _from_the_top(self, name: str) -> str:
        if name == "-":
            return "-"
        path = absolute(name)
        tops = repository(Path.cwd()), repository(path.parent), self.root
        top = next((top for top in tops if top is not None and path.is_relative_to(top)), None)
        return (path.relative_to(top) if top else path).as_posix()


@dataclass(frozen=True)
class Format:
    """One output format."""

    writer: str
    """The function that writes it, of a module of this package (imported when it is asked for)."""
    for_people: bool = False
    """Whether a summary follows; what programs read is UTF-8 wherever it goes."""
    wants_fixes: bool = False
    """Whether it shows the edits of repairs."""
    by_cell: bool = False
    """Whether it can say in which cell of a notebook a finding is; else it says the line of the file."""

    def write(self, report: Report) -> Iterator[str]:
        """The lines of the report."""
        module, _, function = self.writer.partition(":")
        lines: Iterator[str] = getattr(import_module(f"convlint.report.{module}"), function)(report)
        return lines


FORMATS: Mapping[OutputFormat, Format] = {
    "concise": Format("text:concise", for_people=True, by_cell=True),
    "full": Format("text:full", for_people=True, by_cell=True),
    "grouped": Format("grouped:write", for_people=True, by_cell=True),
    "json": Format("as_json:write", wants_fixes=True, by_cell=True),
    "json-lines": Format("json_lines:write", wants_fixes=True, by_cell=True),
    "junit": Format("junit:write"),
    "github": Format("github:write"),
    "gitlab": Format("gitlab:write"),
    "azure": Format("azure:write"),
    "pylint": Format("pylint:write"),
    "rdjson": Format("rdjson:write", wants_fixes=True),
    "sarif": Format("sarif:write", wants_fixes=True),
    "markdown": Format("markdown:write"),
    "html": Format("page.writing:check", wants_fixes=True, by_cell=True),
}

SEVERITIES: Mapping[OutputFormat, Mapping[Severity, str]] = {
    "junit": {"error": "failure", "warning": "failure", "info": "skipped"},
    "github": {"error": "error", "warning": "warning", "info": "notice"},
    "gitlab": {"error": "major", "warning": "minor", "info": "info"},
    "azure": {"error": "error", "warning": "warning", "info": "warning"},
    "rdjson": {"error": "ERROR", "warning": "WARNING", "info": "INFO"},
    "sarif": {"error": "error", "warning": "warning", "info": "note"},
}
"""What a severity is called where it has another name than here; ``pylint`` names none."""
