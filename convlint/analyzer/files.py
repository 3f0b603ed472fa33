"""The files of a project as a run sees them: what is open in memory stands in for what is on disk."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import re
from collections.abc import Collection, Container, Hashable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from convlint.analyzer.index import FunctionInfo, ModuleInfo, build
from convlint.analyzer.project import place
from convlint.source.discovery import DEFAULT_EXCLUDE, INSTALLED, absolute, discover, is_file, project_root
from convlint.source.document import Document, SourceError, content
from convlint.source.reparsing import parsed

if TYPE_CHECKING:
    from convlint.analyzer.again import Before

_WORD = re.compile(rb"[^\W\d]\w*")
_MOST_FILES = 20_000
"""How many files around the given ones are looked into."""


@dataclass(frozen=True)
class _Around:
    """Which files count as the project around a file: those that a run on the whole of it would take."""

    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    force_exclude: bool = False
    respect_gitignore: bool = True


class Files:
    """Where a run reads files from: documents that are in memory newer than on disk, else the disk."""

    keeps = False
    """Whether somebody keeps what runs find (``keep``)."""

    def __init__(self, in_memory: Iterable[Document] = ()) -> None:
        self._in_memory = {absolute(document.path): document for document in in_memory}
        self._digests: dict[Path, str] = {}
        self._below: dict[frozenset[Path], list[Path]] = {}

    def also(self, documents: Iterable[Document]) -> Files:
        """The same with more documents in memory."""
        other = copy.copy(self)
        other._in_memory = self._in_memory | {absolute(document.path): document for document in documents}
        return other

    def pause(self) -> None:
        """Called between the steps of a run: whoever does not want its result any more may raise here."""

    def is_file(self, path: Path) -> bool:
        """Whether there is a file."""
        return absolute(path) in self._in_memory or is_file(path)

    def importable(self, folder: Path) -> set[str]:
        """The names of what can be imported from a folder."""
        names = {path.stem for path in self._in_memory if path.parent == folder and path.suffix == ".py"}
        with contextlib.suppress(OSError):
            entries = list(folder.iterdir())
            names |= {e.stem for e in entries if e.suffix == ".py" or is_file(e / "__init__.py")}
        return names

    def document(self, path: Path) -> Document:
        """The document of a file.

        Raises:
            SourceError: it cannot be read or decoded.
        """
        if document := self._in_memory.get(absolute(path)):
            return document
        try:
            data = content(path)
        except SourceError:
            self._digests[absolute(path)] = ""
            raise
        digest = self._digests[absolute(path)] = digest_of(data)
        document = Document.decode(data, str(path))
        document.digest = digest
        return document

    def digest(self, path: Path) -> str:
        """What tells the content of a file apart from others, as it was read; empty where that was not on disk."""
        document = self._in_memory.get(absolute(path))
        return self._digests.get(absolute(path), "") if document is None else document.digest

    def state(self, path: Path) -> str:
        """What tells one state of a file from another."""
        return self.digest(path)

    def before(self, asked: Hashable) -> Before | None:  # noqa: ARG002 - this one keeps nothing
        """What the last run that was asked the same found, where somebody keeps it."""
        return None

    def keep(self, asked: Hashable, found: Before) -> None:
        """What this run found, for the next one."""

    def holds(self, path: Path, digest: str) -> bool:
        """Whether a file may be the one with this content, which another process has read from disk."""
        document = self._in_memory.get(absolute(path))
        return (self._digests.get(absolute(path), digest) if document is None else document.digest) == digest

    def module(self, path: Path, name: str, package: bool) -> ModuleInfo:
        """The index of a file that is not to be reported.

        Raises:
            SourceError: it cannot be read, decoded or parsed.
        """
        return build(parsed(self.document(path)), name, package)

    def rest(self, module: ModuleInfo, awake: list[FunctionInfo]) -> None:
        """A run asks for the names of a module, and for what few of its functions do."""
        module.rest(awake)

    def release(self, module: ModuleInfo) -> None:
        """A run asks no more for a module: its tree is freed."""
        module.close()

    def content(self, path: Path) -> bytes:
        """What a file holds, nothing where it cannot be read."""
        if document := self._in_memory.get(absolute(path)):
            return document.text.encode(errors="replace")
        try:
            return content(path)
        except SourceError:
            return b""

    def text(self, path: Path) -> str:
        """What a file says; of one that is not in memory only what is ASCII can be relied on."""
        document = self._in_memory.get(absolute(path))
        return self.content(path).decode("latin-1") if document is None else document.text

    def words(self, path: Path) -> Container[bytes]:
        """The words of a file, none of one that imports nothing."""
        return _Words(self.content(path))

    def mentioning(self, paths: Iterable[Path], words: Collection[bytes]) -> Iterator[Path]:
        """Those of some files in which one of some words is, be it as a part of another."""
        for path in paths:
            content = self.content(path)
            if any(word in content for word in words):
                yield path

    def around(self, given: set[Path]) -> list[Path]:
        """The files of the projects that the given ones belong to, without those."""
        known = {path.absolute() for path in given}
        return [path for path in self.below(tops_of(given)) if path not in known][:_MOST_FILES]

    def below(self, tops: frozenset[Path]) -> list[Path]:
        """The files that a run on some folders would take, as they were when it was asked first."""
        if tops not in self._below:
            self._below[tops] = list(discover([top for top in tops if top.is_dir()], lambda _: _Around()))
        return self._below[tops]


class _Words(Container[bytes]):
    """The words of a file; it is taken apart only where one may well be there."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._words: set[bytes] | None = None

    def __contains__(self, word: object) -> bool:
        if not isinstance(word, bytes) or word not in self._content:
            return False
        if self._words is None:
            self._words = words_in(self._content)
        return word in self._words


def digest_of(data: bytes) -> str:
    """What tells the content of a file apart from others."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def words_in(content: bytes) -> set[bytes]:
    """The words of a file's content, none of one that imports nothing."""
    return set(_WORD.findall(content)) if b"import" in content else set()


def tops_of(given: Iterable[Path]) -> frozenset[Path]:
    """The folders of the projects (installed packages too) that some files belong to."""
    tops: set[Path] = set()
    roots: dict[Path, Path] = {}
    for path in given:
        folder = path if path.is_dir() else path.parent
        root = roots.get(folder) or roots.setdefault(folder, project_root(folder))
        if root.name in INSTALLED:
            name, base, _ = place(path.absolute())
            tops.add(base / name.partition(".")[0])
        else:
            tops.add(root)
    return frozenset(tops)
