"""Findings in notebooks as they are told: by cell, or by line of the file for readers that know files only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from convlint.findings import Edit, Finding, Fix, Span
from convlint.report.formats import Sources
from convlint.source.document import Document
from convlint.source.notebook import Notebook


def by_cell(findings: Iterable[Finding], sources: Sources) -> Iterator[Finding]:
    """The findings, those in notebooks with their cell, and rows counted in there."""
    for finding in findings:
        notebook = sources(finding.path) if finding.path.endswith(".ipynb") else None
        if not isinstance(notebook, Notebook) or not notebook.cells:
            yield finding
            continue
        cell, row = notebook.place(finding.span.row)
        up = finding.span.row - row
        fix = finding.fix and Fix(
            finding.fix.message,
            tuple(Edit(_moved(edit.span, up), edit.content) for edit in finding.fix.edits),
            finding.fix.applicability,
        )
        statement = finding.statement and _moved(finding.statement, up)
        yield replace(finding, cell=cell.number, span=_moved(finding.span, up), statement=statement, fix=fix)


def by_line(findings: Iterable[Finding], sources: Sources) -> Iterator[Finding]:
    """The findings, those in notebooks at the lines of the file where their code is written; without repairs."""
    for finding in by_cell(findings, sources):
        notebook = sources(finding.path)
        if finding.cell is None or not isinstance(notebook, Notebook):
            yield finding
            continue
        cell = next(cell for cell in notebook.cells if cell.number == finding.cell)
        row, end_row = (notebook.row_in_file(cell, row) for row in (finding.span.row, finding.span.end_row))
        width = len(notebook.raw.split("\n")[end_row - 1].rstrip("\r"))
        place = f"cell {cell.number}, line {finding.span.row}"
        yield replace(
            finding,
            message=f"{place}: {finding.message}",
            span=Span(row, 1, end_row, width + 1),
            statement=None,
            fix=None,
            cell=None,
        )


def cell_of(document: Document | None, finding: Finding) -> Document | None:
    """The document in which a finding's rows count: its cell, where it is in one."""
    if not isinstance(document, Notebook):
        return document
    if finding.cell is None:
        return Document(document.path, document.raw)
    cell = next(cell for cell in document.cells if cell.number == finding.cell)
    return Document(document.path, "".join(document.lines_of(cell)))


def _moved(span: Span, up: int) -> Span:
    return Span(span.row - up, span.column, span.end_row - up, span.end_column)
