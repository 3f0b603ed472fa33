"""What the editor shows of a finding: a diagnostic, and the rule's page when somebody points at it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from lsprotocol import types as lsp

from convlint.findings import ROUTES, Finding, Span
from convlint.report.rule_page import rule_page
from convlint.rule import current, registry
from convlint.server.checking import Checked
from convlint.server.documents import Opened, Text
from convlint.server.positions import Positions
from convlint.source.document import Document, SourceError

SOURCE = "convlint"
_SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "info": lsp.DiagnosticSeverity.Information,
}
_WORD = re.compile(r"\w+")


class Teller:
    """Findings to what the protocol calls them; ``related`` says whether the editor shows other places with them."""

    def __init__(self, positions: Positions, *, related: bool) -> None:
        self._positions = positions
        self._related = related

    def diagnostics(self, checked: Checked) -> dict[str, list[lsp.Diagnostic]]:
        """The diagnostics of each text."""
        told: dict[str, list[lsp.Diagnostic]] = {text.uri: [] for text in checked.opened.texts}
        for finding in checked.result.findings:
            told[checked.opened.part(finding.span.row).text.uri].append(self.diagnostic(checked.opened, finding))
        return told

    def diagnostic(self, opened: Opened, finding: Finding) -> lsp.Diagnostic:
        """One finding."""
        return lsp.Diagnostic(
            range=self.range(opened, finding.span),
            severity=_SEVERITIES[finding.severity],
            code=finding.code,
            source=SOURCE,
            message=finding.message,
            related_information=list(self._places(opened, finding)) if self._related and finding.related else None,
        )

    def range(self, opened: Opened, span: Span) -> lsp.Range:
        """The range of a span in the text that it begins in."""
        part = opened.part(span.row)
        return self._positions.range(
            part.text.lines, span._replace(row=span.row - part.above, end_row=span.end_row - part.above)
        )

    def span(self, opened: Opened, uri: str, where: lsp.Range) -> Span | None:
        """What a range of a text is in the document, None where that has no such text."""
        text = _text(opened, uri)
        first = opened.first_row(uri)
        if text is None or first is None:
            return None
        (row, column), (end_row, end_column) = (
            self._positions.place(text.lines, one) for one in (where.start, where.end)
        )
        return Span(row + first - 1, column, end_row + first - 1, end_column)

    def _places(self, opened: Opened, finding: Finding) -> Iterator[lsp.DiagnosticRelatedInformation]:
        for path, span, message in finding.related:
            if path == finding.path:
                where = lsp.Location(opened.part(span.row).text.uri, self.range(opened, span))
            else:
                try:
                    lines = Document.read(path).lines
                except SourceError:
                    continue
                where = lsp.Location(Path(path).as_uri(), self._positions.range(lines, span))
            yield lsp.DiagnosticRelatedInformation(where, message)

    # --- hover -------------------------------------------------------------------------------------------------------

    def hover(self, checked: Checked, uri: str, position: lsp.Position) -> lsp.Hover | None:
        """The pages of the rules of what is found at a place, or of the code in a comment there."""
        opened = checked.opened
        at = self.span(opened, uri, lsp.Range(position, position))
        if at is None:
            return None
        here = [finding for finding in checked.result.findings if touches(finding.span, at)]
        pages = [_page(finding) for finding in dict.fromkeys(here) if finding.code in registry()]
        where = self.range(opened, here[0].span) if pages else None
        if not pages and (text := _text(opened, uri)) is not None:
            pages = _named(text, position.line, self._positions.place(text.lines, position)[1])
        markdown = "\n\n---\n\n".join(dict.fromkeys(pages))
        return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, markdown), where) if markdown else None


def touches(span: Span, other: Span) -> bool:
    """Whether two spans have a place in common, their ends too."""
    return span[:2] <= other[2:] and other[:2] <= span[2:]


def _text(opened: Opened, uri: str) -> Text | None:
    return next((text for text in opened.texts if text.uri == uri), None)


def _page(finding: Finding) -> str:
    """What this finding does on each route, then the page of its rule. Nothing of the user's text is in it."""
    page = rule_page(registry()[finding.code])
    if finding.harm is None:
        return page
    told = [f"{finding.harm.on(route).name} on `{route}`" for route in ROUTES]
    told += [f"{level.name} on {target}" for target, level in finding.harm.targets]
    return f"**Here:** {', '.join(told)}.\n\n{page}"


def _named(text: Text, line: int, column: int) -> list[str]:
    """The page of the rule whose code is written at a place of a comment."""
    if line >= len(text.lines) or "#" not in text.lines[line][: column - 1]:
        return []
    words = (match for match in _WORD.finditer(text.lines[line]) if match.start() <= column - 1 <= match.end())
    return [rule_page(registry()[code]) for match in words if (code := current(match[0])) in registry()]
