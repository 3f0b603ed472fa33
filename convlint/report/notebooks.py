"""Findings in notebooks as they are told: by cell, or by line of the file for readers that know files only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from convlint.findings import Edit, Finding, Span
from convlint.source.document import Document

if TYPE_CHECKING:
    from convlint.report.formats import Sources
    from convlint.source.notebook import Notebook


def by_cell(findings: Iterable[Finding], sources: Sources) -> Iterator[Finding]:
    """The findings, those in notebooks with their cell, and rows counted in there."""
    for finding in findings:
        notebook = _notebook(finding, sources)
        yield _in_cell(finding, notebook) if notebook and notebook.cells else finding


def by_line(findings: Iterable[Finding], sources: Sources) -> Iterator[Finding]:
    """The findings, those in notebooks at the lines of the file where their code is written; without repairs."""
    for finding in findings:
        notebook = _notebook(finding, sources)
        yield _in_file(finding, notebook) if notebook and notebook.cells else finding


def _notebook(finding: Finding, sources: Sources) -> Notebook | None:
    """The notebook that a finding is in, None where it is in none or in one that cannot be read."""
    if not finding.path.endswith(".ipynb"):
        return None
    from convlint.source.notebook import Notebook

    document = sources(finding.path)
    return document if isinstance(document, Notebook) else None


def _in_cell(finding: Finding, notebook: Notebook) -> Finding:
    cell, row = notebook.place(finding.span.row)
    up = finding.span.row - row
    statement = finding.statement and _moved(finding.statement, up)
    fix = finding.fix
    if fix and any(notebook.place(edit.span.row)[0] is not cell for edit in fix.edits):
        fix = None  # it cannot be said of one cell
    elif fix:
        fix = replace(fix, edits=tuple(Edit(_moved(edit.span, up), edit.content) for edit in fix.edits))
    return replace(finding, cell=cell.number, span=_moved(finding.span, up), statement=statement, fix=fix)


def _in_file(finding: Finding, notebook: Notebook) -> Finding:
    cell, first = notebook.place(finding.span.row)
    last = finding.span.end_row - finding.span.row + first
    row, end_row = notebook.row_in_file(cell, first), notebook.row_in_file(cell, last)
    width = len(notebook.raw.split("\n")[end_row - 1].rstrip("\r"))
    message = f"cell {cell.number}, line {first}: {finding.message}"
    return replace(finding, message=message, span=Span(row, 1, end_row, width + 1), statement=None, fix=None)


def document_of(finding: Finding, sources: Sources) -> Document | None:
    """The document in which a finding's rows count: of a notebook the cell, or its file where no cell is told."""
    notebook = _notebook(finding, sources)
    if notebook is None:
        return sources(finding.path)
    if finding.cell is None:
        return Document(notebook.path, notebook.raw)
    cell = next(cell for cell in notebook.cells if cell.number == finding.cell)
    return Document(notebook.path, "".join(notebook.lines_of(cell)))


def _moved(span: Span, up: int) -> Span:
    return Span(span.row - up, span.column, span.end_row - up, span.end_column)
