"""Documents to events, without importing or running anything of the user's."""

from __future__ import annotations

import gc
import sys
from collections import defaultdict
from collections.abc import Iterable
from contextlib import contextmanager
from collections.abc import Iterator
from pathlib import Path

from convlint.events import Event
from convlint.source.document import Document


class Analyzer:
    """Indexes the project under ``root`` as far as the reported documents reach, and yields their events."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def events(self, documents: Iterable[Document]) -> dict[str, list[Event]]:
        """The events of the given documents (which parse) by ``Document.path``, in source order.

        Raises:
            SourceError: a document does not parse.
        """
        from convlint.analyzer.index import Project
        from convlint.analyzer.interpreter import analyze

        given = list(documents)
        found: dict[str, list[Event]] = defaultdict(list)
        with _roomy():
            for event in analyze(Project(self.root), given):
                found[event.document.path].append(event)
        return {d.path: sorted(found[d.path], key=lambda e: (e.span, type(e).__name__)) for d in given}


@contextmanager
def _roomy() -> Iterator[None]:
    """Deep code needs a deep stack; and collecting garbage among millions of live nodes costs four times the work."""
    limit = sys.getrecursionlimit()
    collecting = gc.isenabled()
    gc.disable()
    sys.setrecursionlimit(max(limit, 6000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
        if collecting:
            gc.enable()
