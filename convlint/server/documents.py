"""What is open in the editor: files and notebooks with their newest text, saved or not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from lsprotocol import types as lsp
from pygls.uris import to_fs_path

from convlint.findings import Edit
from convlint.server.positions import Positions
from convlint.source.discovery import absolute
from convlint.source.document import Document, SourceError, split
from convlint.source.notebook import Notebook

_revisions = itertools.count(1)


@dataclass(frozen=True)
class Text:
    """The text of a file, or of a cell of a notebook, at one moment."""

    uri: str
    text: str
    version: int
    is_python: bool

    @cached_property
    def lines(self) -> list[str]:
        """Its lines with their endings, as the protocol splits them, too."""
        return split(self.text)

    def changed(
        self, changes: Sequence[lsp.TextDocumentContentChangeEvent], version: int, positions: Positions
    ) -> Text:
        """The text after changes, each of which counts in the text that the one before it left."""
        text, lines = self.text, self.lines
        for change in changes:
            if isinstance(change, lsp.TextDocumentContentChangePartial):
                start = positions.offset(lines, change.range.start)
                end = max(start, positions.offset(lines, change.range.end))
                text = text[:start] + change.text + text[end:]
            else:
                text = change.text
            lines = split(text)
        return Text(self.uri, text, version, self.is_python)


@dataclass(frozen=True)
class Part:
    """A text in which a row of a document stands, and how many rows of the document are above it."""

    text: Text
    above: int


@dataclass(frozen=True)
class Opened:
    """A file or a notebook that is open, at one moment."""

    uri: str
    path: Path
    texts: tuple[Text, ...]
    """The one of a file, or those of a notebook's cells."""
    is_notebook: bool = False
    revision: int = field(default_factory=lambda: next(_revisions))
    """A later state has a higher one."""

    @cached_property
    def document(self) -> Document:
        """What is checked."""
        if not self.is_notebook:
            return Document(str(self.path), _whole(self.texts[0].text))
        cells = [{"cell_type": "code" if text.is_python else "raw", "source": _whole(text.text)} for text in self.texts]
        try:
            return Notebook.of(json.dumps({"cells": cells}).encode(), str(self.path))
        except SourceError:
            return Document(str(self.path), "")

    def part(self, row: int) -> Part:
        """Where a row of the document stands."""
        document = self.document
        if not isinstance(document, Notebook) or not document.cells:
            return Part(self.texts[0], 0)
        cell, in_cell = document.place(row)
        return Part(self.texts[cell.number - 1], row - in_cell)

    def first_row(self, uri: str) -> int | None:
        """The row of the document at which one of the texts begins, None where that is not in it."""
        document = self.document
        if not isinstance(document, Notebook):
            return 1
        firsts = zip(document.cells, document.first_rows, strict=False)  # an empty one has a first row, too
        return next((first for cell, first in firsts if self.texts[cell.number - 1].uri == uri), None)

    def placed(self, edit: Edit) -> tuple[Text, Edit] | None:
        """An edit in the text that it is about, None where it is about several or about a line that is no Python."""
        document, span = self.document, edit.span
        part = self.part(span.row)
        if self.part(span.end_row) != part:
            return None
        if isinstance(document, Notebook) and f"# {document.mark} " in "".join(
            document.lines[span.row - 1 : span.end_row]
        ):
            return None
        moved = span._replace(row=span.row - part.above, end_row=span.end_row - part.above)
        return part.text, Edit(moved, edit.content)

    def new_texts(self, text: str) -> Iterator[tuple[Text, str]]:
        """Each text and what becomes of it when the document's is ``text``."""
        document = self.document
        if not isinstance(document, Notebook):
            yield self.texts[0], text
            return
        for cell, source in zip(document.cells, document.sources(text), strict=True):
            yield self.texts[cell.number - 1], source


def _whole(text: str) -> str:
    """The text without halves of characters, which no parser takes; all others stay where they are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)
    return text


class OpenDocuments:
    """All that is open."""

    def __init__(self, root: Path, positions: Positions) -> None:
        self.positions = positions
        self._root = root
        self._opened: dict[str, Opened] = {}
        self._notebook_of: dict[str, str] = {}

    def __iter__(self) -> Iterator[Opened]:
        return iter(self._opened.values())

    def get(self, uri: str) -> Opened | None:
        """The file, or the notebook that a cell is of."""
        return self._opened.get(self._notebook_of.get(uri, uri))

    def open(self, item: lsp.TextDocumentItem) -> Opened:
        """A file is opened."""
        opened = Opened(item.uri, self._path(item.uri), (_text(item),))
        self._opened[item.uri] = opened
        return opened

    def change(self, params: lsp.DidChangeTextDocumentParams) -> Opened | None:
        """A file is written in; None where it is not open."""
        old = self._opened.get(params.text_document.uri)
        if old is None or old.is_notebook:
            return None
        text = old.texts[0].changed(params.content_changes, params.text_document.version, self.positions)
        return self._put(old, (text,))

    def close(self, uri: str) -> Opened | None:
        """A file or notebook is closed; None where it is not open."""
        old = self._opened.pop(uri, None)
        for text in old.texts if old is not None else ():
            self._notebook_of.pop(text.uri, None)
        return old

    def open_notebook(self, params: lsp.DidOpenNotebookDocumentParams) -> Opened:
        """A notebook is opened."""
        uri = params.notebook_document.uri
        by_uri = {item.uri: _text(item) for item in params.cell_text_documents}
        texts = tuple(by_uri[cell.document] for cell in params.notebook_document.cells if cell.document in by_uri)
        opened = Opened(uri, self._path(uri), texts, is_notebook=True)
        self._opened[uri] = opened
        self._notebook_of.update(dict.fromkeys(by_uri, uri))
        return opened

    def change_notebook(self, params: lsp.DidChangeNotebookDocumentParams) -> Opened | None:
        """Cells are written in, added, moved or removed; None where the notebook is not open."""
        uri = params.notebook_document.uri
        old = self._opened.get(uri)
        if old is None or not old.is_notebook:
            return None
        cells = params.change.cells
        texts = list(old.texts)
        if cells is not None and cells.structure is not None:
            texts = self._rearranged(uri, texts, cells.structure)
        for one in (cells.text_content or ()) if cells is not None else ():
            texts = [
                text.changed(one.changes, one.document.version, self.positions)
                if text.uri == one.document.uri
                else text
                for text in texts
            ]
        return self._put(old, tuple(texts))

    def _rearranged(
        self, uri: str, texts: list[Text], structure: lsp.NotebookDocumentCellChangeStructure
    ) -> list[Text]:
        by_uri = {text.uri: text for text in texts} | {item.uri: _text(item) for item in structure.did_open or ()}
        array = structure.array
        new = [by_uri[cell.document] for cell in array.cells or () if cell.document in by_uri]
        for closed in structure.did_close or ():
            self._notebook_of.pop(closed.uri, None)
        arranged = [*texts[: array.start], *new, *texts[array.start + array.delete_count :]]
        self._notebook_of.update({text.uri: uri for text in arranged})
        return arranged

    def _put(self, old: Opened, texts: tuple[Text, ...]) -> Opened:
        opened = Opened(old.uri, old.path, texts, old.is_notebook)
        self._opened[old.uri] = opened
        return opened

    def _path(self, uri: str) -> Path:
        """Where a file is or, of one that was never saved, where it would be."""
        path = to_fs_path(uri)
        return absolute(path) if path else self._root / (Path(urlsplit(uri).path).name or "untitled")


def _text(item: lsp.TextDocumentItem) -> Text:
    is_python = item.language_id == "python" or item.uri.endswith(".py")
    return Text(item.uri, item.text, item.version, is_python)
