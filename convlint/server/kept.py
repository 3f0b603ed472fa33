"""What one run leaves for the next: files on disk, read and parsed, as long as they stay as they are."""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Collection, Container, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from convlint.analyzer.again import Before
from convlint.analyzer.files import Files, words_in
from convlint.analyzer.index import FunctionInfo, ModuleInfo, build
from convlint.source.document import Document
from convlint.source.reparsing import Parsed, parsed

_MOST_SOURCE = 6_000_000
"""Characters of source whose trees are kept: each takes some thirty bytes of memory."""
_MOST_FOUND = 10
"""Of so many files that are written in, what was found last is kept with their trees."""
_TRUSTED = 2.0
"""Seconds for which nothing is asked again of a file that nobody said has changed."""
_SHARE = 30
"""Looking for the files of a project takes at most one part in so many of the time."""

Stamp = tuple[int, int, int] | None
"""What tells one state of a file from another; None where there is no file."""


def stamp_of(path: Path) -> Stamp:
    """The state of a file now."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


class StaleError(BaseException):
    """Ends a run whose result nobody wants any more: an interruption, no fault from which a run could go on."""


class Words(Container[bytes]):
    """The words of a file in four bytes each; in four thousand million it may see one that is not there."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self._hashes = array("I", sorted({hash(word) & 0xFFFFFFFF for word in words}))

    def __contains__(self, word: object) -> bool:
        wanted = hash(word) & 0xFFFFFFFF
        index = bisect_left(self._hashes, wanted)
        return index < len(self._hashes) and self._hashes[index] == wanted

    def __len__(self) -> int:
        return len(self._hashes)


@dataclass
class _Module:
    stamp: Stamp
    info: ModuleInfo

    @property
    def size(self) -> int:
        return len(self.info.document.text)


@dataclass
class _Listing:
    paths: list[Path]
    until: float


class Kept:
    """Files on disk as they were read last; used by one run at a time."""

    def __init__(self) -> None:
        self._stamps: dict[Path, tuple[float, Stamp]] = {}
        self._modules: OrderedDict[tuple[Path, str, bool], _Module] = OrderedDict()
        self._words: dict[Path, tuple[Stamp, Words]] = {}
        self._below: dict[frozenset[Path], _Listing] = {}
        self._found: OrderedDict[Hashable, Before] = OrderedDict()
        self._parsed: OrderedDict[Path, Parsed] = OrderedDict()
        self._size = 0
        self._changed = 0.0

    def forget(self, *, there: bool) -> None:
        """Somebody said that files on disk have changed; ``there`` if some came or went."""
        self._changed = time.monotonic()
        if there:
            self._below.clear()

    def stamp(self, path: Path) -> Stamp:
        """The state of a file, as it was a moment ago at most."""
        return next(self._stamps_of([path]))

    def _stamps_of(self, paths: Sequence[Path]) -> Iterator[Stamp]:
        now, stamps = time.monotonic(), self._stamps
        trusted = max(now - _TRUSTED, self._changed)
        for path in paths:
            asked, known = stamps.get(path, (0.0, None))
            if asked <= trusted:
                known = stamp_of(path)
                stamps[path] = now, known
            yield known

    def module(self, path: Path, name: str, package: bool, build: Callable[[], ModuleInfo]) -> ModuleInfo:
        """The index of a file, parsed again only if the file has changed."""
        key, stamp = (path, name, package), self.stamp(path)
        known = self._modules.get(key)
        if known is not None and known.stamp == stamp:
            self._modules.move_to_end(key)
            return known.info
        made = _Module(stamp, build())
        self._size += made.size - (known.size if known else 0)
        self._modules[key] = made
        self._modules.move_to_end(key)
        while self._size > _MOST_SOURCE and len(self._modules) > 1:
            _, old = self._modules.popitem(last=False)
            self._size -= old.size
        return made.info

    def parsed(self, path: Path, document: Document) -> Parsed:
        """The statements of an open file; those that stand as they did when it last parsed are the nodes of then.

        Raises:
            SourceError: it does not parse.
        """
        now = self._parsed[path] = parsed(document, self._parsed.get(path))
        self._parsed.move_to_end(path)
        if len(self._parsed) > _MOST_FOUND:
            self._parsed.popitem(last=False)
        return now

    def words(self, path: Path, read: Callable[[Path], bytes]) -> Words:
        """The words of a file, read again only if the file has changed."""
        return next(self.words_of([path], read))

    def words_of(self, paths: Sequence[Path], read: Callable[[Path], bytes]) -> Iterator[Words]:
        """The words of files, each read again only if it has changed."""
        for path, stamp in zip(paths, self._stamps_of(paths), strict=True):
            known = self._words.get(path)
            if known is None or known[0] != stamp:
                known = self._words[path] = stamp, Words(words_in(read(path)))
            yield known[1]

    def found(self, asked: Hashable) -> Before | None:
        """What the last run found that was asked the same."""
        return self._found.get(asked)

    def keep(self, asked: Hashable, found: Before) -> None:
        """What a run found, instead of what the last one did; of the files that nobody checked lately nothing."""
        self._let_go(self._found.pop(asked, None))
        self._found[asked] = found
        if len(self._found) > _MOST_FOUND:
            self._let_go(self._found.popitem(last=False)[1])

    def _let_go(self, found: Before | None) -> None:
        if found is not None:
            found.module.close()

    def below(self, tops: frozenset[Path]) -> list[Path]:
        """The files under folders, as they were when somebody looked last."""
        return (self._below.get(tops) or self._look(tops)).paths

    def look_again(self) -> None:
        """Looks for the files of projects anew where that is long ago."""
        for tops, listing in list(self._below.items()):
            if listing.until < time.monotonic():
                self._look(tops)

    def _look(self, tops: frozenset[Path]) -> _Listing:
        started = time.monotonic()
        paths = Files().below(tops)
        took = time.monotonic() - started
        listing = self._below[tops] = _Listing(paths, started + max(_TRUSTED, took * _SHARE))
        self._leave_out_what_is_gone()
        return listing

    def _leave_out_what_is_gone(self) -> None:
        there = {path for listing in list(self._below.values()) for path in listing.paths}
        self._words = {path: words for path, words in self._words.items() if path in there}
        used = there | {key[0] for key in self._modules}
        self._stamps = {path: asked for path, asked in self._stamps.items() if path in used}


class KeptFiles(Files):
    """Where a run of the server reads from: open documents, then what is kept, then the disk."""

    def __init__(self, kept: Kept, in_memory: Iterable[Document], pause: Callable[[], None]) -> None:
        super().__init__(in_memory)
        self._kept = kept
        self._pause = pause
        self.asked: set[Path] = set()
        """The files around that the run has looked into."""

    keeps = True

    def before(self, asked: Hashable) -> Before | None:
        """What the last run found that was asked the same."""
        return self._kept.found(asked)

    def keep(self, asked: Hashable, found: Before) -> None:
        """What this run found, for the next one."""
        self._kept.keep(asked, found)

    def state(self, path: Path) -> str:
        """What tells one state of a file from another; of one that is open by its text."""
        document = self._in_memory.get(path)
        return str(self._kept.stamp(path)) if document is None else f"{hash(document.text)} {len(document.text)}"

    def pause(self) -> None:
        """Ends the run where nobody wants its result any more."""
        self._pause()

    def document(self, path: Path) -> Document:
        """The document of a file."""
        self._is_open(path)
        return super().document(path)

    def module(self, path: Path, name: str, package: bool) -> ModuleInfo:
        """The index of a file; of one that is open it is made anew."""
        self.pause()
        if self._is_open(path):
            return build(self._kept.parsed(path, self.document(path)), name, package)
        return self._kept.module(path, name, package, lambda: super(KeptFiles, self).module(path, name, package))

    def rest(self, module: ModuleInfo, awake: list[FunctionInfo]) -> None:
        """The trees stay for the next run."""

    def release(self, module: ModuleInfo) -> None:
        """The run asks no more for a module: the next one will."""

    def words(self, path: Path) -> Container[bytes]:
        """The words of a file."""
        if self._is_open(path):
            return super().words(path)
        return self._kept.words(path, self._read)

    def mentioning(self, paths: Iterable[Path], words: Collection[bytes]) -> Iterator[Path]:
        """Those of some files in which one of some words is: mostly all of a project, so little is done for each."""
        self.pause()
        paths = list(paths)
        self.asked.update(paths)
        for path, known in zip(paths, self._kept.words_of(paths, self._read), strict=True):
            there = super().words(path) if path in self._in_memory else known
            if any(word in there for word in words):
                yield path

    def _read(self, path: Path) -> bytes:
        self.pause()
        return self.content(path)

    def below(self, tops: frozenset[Path]) -> list[Path]:
        """The files that a run on some folders would take."""
        return self._kept.below(tops)

    def _is_open(self, path: Path) -> bool:
        self.asked.add(path)
        return path in self._in_memory
