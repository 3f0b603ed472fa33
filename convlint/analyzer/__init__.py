"""Documents to events, without importing or running anything of the user's."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from convlint.entry_points import EntryPoint
from convlint.events import Event
from convlint.source.document import Document

if TYPE_CHECKING:
    from convlint.analyzer.files import Files
    from convlint.analyzer.index import ModuleInfo


class Asked(NamedTuple):
    """The generic events that rules want."""

    callees: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    classes: bool = False


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
    ) -> None:
        from convlint.analyzer.files import Files
        from convlint.analyzer.index import Project

        self._project = Project(files or Files())
        self._asked = asked
        self._named, self._excluded = named, excluded
        self._modules: list[ModuleInfo] = []

    def add(self, document: Document) -> None:
        """Index a document whose events are wanted.

        Raises:
            SourceError: it does not parse.
        """
        self._modules.append(self._project.add(document))

    def events(self) -> dict[str, list[Event]]:
        """The events of the added documents by ``Document.path``, in source order.

        Raises:
            UsageError: an entry point is named that is not there.
        """
        from convlint.analyzer.interpreter import Interpreter
        from convlint.analyzer.plain_code import PlainCode

        found: dict[str, list[Event]] = {module.document.path: [] for module in self._modules}
        interpreter = Interpreter(self._project, self._modules, self._named, self._excluded)
        for event in interpreter.events():
            found[event.document.path].append(event)
        if any(self._asked):
            code = PlainCode(interpreter.run, self._asked)
            for module in self._modules:
                found[module.document.path] += code.events(module)
        for events in found.values():
            events.sort(key=lambda event: (event.span, type(event).__name__))
        return found


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
