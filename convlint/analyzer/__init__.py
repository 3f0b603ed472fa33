"""Documents to events, without importing or running anything of the user's."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from convlint.entry_points import EntryPoint
from convlint.events import Event
from convlint.source.discovery import absolute
from convlint.source.document import Document, SourceError

if TYPE_CHECKING:
    from convlint.analyzer.again import Again
    from convlint.analyzer.files import Files
    from convlint.analyzer.interpreter import Interpreter
    from convlint.analyzer.known import Known, Store
    from convlint.analyzer.project import Grounds
    from convlint.analyzer.task import Task


class Asked(NamedTuple):
    """What rules want to know besides what every run finds: plain code, and what operators calls become."""

    callees: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    classes: bool = False
    operators: bool = False

    @property
    def plain(self) -> bool:
        """Whether anybody wants to know of plain code."""
        return bool(self.callees or self.attributes or self.classes)


class Analyzer:
    """Indexes documents and, as far as they reach, the project around them; yields the documents' events.

    ``files`` is where these are read from; ``asked`` is the plain code that rules want to know of; ``named`` and
    ``excluded`` say what is an entry of an export besides what looks like one. To be used within ``roomy``.
    """

    def __init__(
        self,
        files: Files | None = None,
        asked: Asked = Asked(),  # noqa: B008 - never changes
        named: Sequence[EntryPoint] = (),
        excluded: Sequence[EntryPoint] = (),
        jobs: int = 1,
        store: Store | None = None,
        alone: bool = False,
    ) -> None:
        from convlint.analyzer.files import Files

        self._files = files or Files()
        self._asked = asked
        self._named, self._excluded = named, excluded
        self._jobs = jobs
        self._store = store
        """Where parts are kept; only for documents whose digest is that of their text."""
        self._alone = alone
        """Whether no other file calls what the documents define."""
        self.grounds: Grounds | None = None
        """Where parts are kept: what they rest on."""

    def events(self, documents: Sequence[Document]) -> tuple[dict[str, list[Event]], dict[Path, SourceError]]:
        """The events of documents by ``Document.path``, in source order; why others cannot be parsed.

        Raises:
            UsageError: an entry point is named that is not there, or one of several processes was ended.
        """
        from convlint.analyzer.assembly import Assembly
        from convlint.analyzer.known import Known
        from convlint.analyzer.task import Task

        by_path = {absolute(document.path): document for document in documents}
        task = Task.of(by_path, self._asked, self._excluded)
        interpreter = task.interpreter(self._files.also(documents))
        named = [entered for point in self._named if (entered := interpreter.named(point)) is not None]
        again = self._again(interpreter, documents)
        parts = Known(interpreter, self._store, by_path, again)
        self._read_apart(task, parts, by_path)
        assembly = Assembly(interpreter.project, parts, [*by_path], named, self._alone)
        found: dict[str, list[Event]] = {document.path: [] for document in documents}
        for event in (*assembly.events(), *assembly.plain):
            found[event.document.path].append(event)
        parts.close()
        if again is not None:
            again.close()
        self.grounds = parts.grounds
        for events in found.values():
            events.sort(key=lambda event: (event.span, type(event).__name__))
        return found, assembly.errors

    def _again(self, interpreter: Interpreter, documents: Sequence[Document]) -> Again | None:
        """What the last run on one document found, where somebody keeps it."""
        if not (self._files.keeps and len(documents) == 1 and type(documents[0]) is Document):
            return None
        from convlint.analyzer.again import Again

        return Again(interpreter, absolute(documents[0].path), (self._asked, tuple(self._excluded)))

    def _read_apart(self, task: Task, parts: Known, documents: Mapping[Path, Document]) -> None:
        """Has other processes read the files of which nothing is known, where that pays."""
        if self._jobs == 1:
            return
        from convlint.analyzer import workers

        lacking = {path: document for path, document in documents.items() if parts.lacks(path)}
        sizes = {path: len(document.text) for path, document in lacking.items() if document.digest}
        processes = workers.count(self._jobs, sum(sizes.values()))
        if processes:
            parts.learn(workers.read_apart(task, sizes, processes))


@contextmanager
def roomy() -> Iterator[None]:
    """Deep code needs a deep stack; and collecting garbage among millions of live nodes costs four times the work."""
    limit = sys.getrecursionlimit()
    collecting = gc.isenabled()
    gc.disable()
    sys.setrecursionlimit(max(limit, 6000))
    try:
        yield
    except BaseException as error:
        collecting = collecting and isinstance(error, Exception)  # who interrupts does not wait for the garbage
        raise
    finally:
        sys.setrecursionlimit(limit)
        if collecting:
            gc.enable()
