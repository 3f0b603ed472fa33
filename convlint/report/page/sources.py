"""The sources that a page shows, and the links to their lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from convlint.report.page.code import Line, excerpt
from convlint.report.plain import shown_path
from convlint.report.text import read
from convlint.source.document import Document

_WHOLE = 160
"""A file of so many lines is shown as a whole."""
_AROUND = 3
"""Of a longer one the lines that are linked to, and so many around."""


class Link(NamedTuple):
    """A line of a file."""

    text: str
    """``net.py:12``."""
    href: str = ""
    """Where it is on the page, empty where the file cannot be shown."""

    @property
    def short(self) -> str:
        """Without the folders."""
        return self.text.rpartition("/")[2]


class Shown(NamedTuple):
    """A file on the page."""

    id: str
    path: str
    lines: Sequence[Line]
    length: int
    marks: dict[int, list[tuple[str, str]]]
    """By row the severity and the anchor of the findings there."""


@dataclass
class _File:
    id: str
    path: str
    document: Document
    rows: set[int] = field(default_factory=set)
    marks: dict[int, list[tuple[str, str]]] = field(default_factory=dict)


class Sources:
    """Collects what is linked to while a page is made."""

    def __init__(self) -> None:
        self._files: dict[str, _File | None] = {}

    def link(self, path: str, row: int) -> Link:
        """A link to a line of a file on disk; a model names any file it likes, so only Python is shown."""
        return self._link(shown_path(path), row, lambda: read(path) if path.endswith(".py") else None)

    def at(self, place: str) -> Link:
        """The same of ``net.py:12``."""
        path, _, row = place.rpartition(":")
        return self.link(path, int(row)) if path and row.isdecimal() else Link(place)

    def link_in(self, document: Document, title: str, row: int) -> Link:
        """A link to a line of a document that is there already: of a file, or of a cell of a notebook."""
        return self._link(title, row, lambda: document)

    def mark(self, title: str, row: int, severity: str, anchor: str) -> None:
        """Notes that a finding stands on a line that is linked to."""
        if file := self._files.get(title):
            file.marks.setdefault(row, []).append((severity, anchor))

    def _link(self, title: str, row: int, load: Callable[[], Document | None]) -> Link:
        if title not in self._files:
            document = load()
            self._files[title] = _File(f"s{len(self._files) + 1}", title, document) if document else None
        file = self._files[title]
        text = f"{title}:{row}"
        if file is None or not 1 <= row <= len(file.document.lines):
            return Link(text)
        file.rows.add(row)
        return Link(text, f"#{file.id}-{row}")

    def shown(self) -> list[Shown]:
        """The files that are linked to."""
        return [_shown(file) for file in self._files.values() if file and file.rows]


def _shown(file: _File) -> Shown:
    count = len(file.document.lines)
    rows = range(1, count + 1) if count <= _WHOLE else sorted(_around(file.rows))
    return Shown(file.id, file.path, list(excerpt(file.document, rows)), count, file.marks)


def _around(rows: set[int]) -> set[int]:
    return {near for row in rows for near in range(row - _AROUND, row + _AROUND + 1)}
