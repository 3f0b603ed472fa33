"""Parts that were read elsewhere, by other processes or at another time, and the others."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from convlint.analyzer.interpreter import Interpreter
from convlint.analyzer.parts import Part, Step, Trace
from convlint.analyzer.project import Grounds
from convlint.analyzer.wire import Kept, WireError, answers_of, decoded, encoded
from convlint.source.document import Document

if TYPE_CHECKING:
    from convlint.analyzer.again import Again

Piece = tuple[Path, Step | None]
"""The part of a file, or what is met from one entry of it where its part does not say."""


class Store(Protocol):
    """Where parts are kept from one run to the next."""

    def parts(self, pieces: Sequence[Piece]) -> Mapping[Piece, Kept]:
        """What is kept, whether it still holds or not."""

    def digest(self, path: Path) -> str:
        """What tells the content of a file apart from others, empty where it cannot be read."""

    def keep(self, parts: Mapping[Piece, Kept]) -> None:
        """Keep parts."""


class Known:
    """The parts of a run: those of a store that still hold, those that other processes read, and the others."""

    def __init__(
        self,
        interpreter: Interpreter,
        store: Store | None,
        documents: Mapping[Path, Document],
        again: Again | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._again = again
        self._store = store
        self._documents = {document.path: document for document in documents.values()}
        self.grounds = Grounds()
        """What all that was used rests on."""
        self._kept: dict[Piece, Kept] = {}
        self._new: dict[Piece, Kept] = {}
        self._look([(path, None) for path in documents])

    def lacks(self, path: Path) -> bool:
        """Whether a file is to be read yet."""
        return (path, None) not in self._kept

    def learn(self, parts: Mapping[Path, Kept]) -> None:
        """Parts that other processes read, where all files that they rest on are as they are in this one."""
        files = self._interpreter.project.files
        for path, kept in parts.items():
            answers = answers_of(kept.answers)
            if all(files.holds(Path(file), known) for file, (known, _) in answers.files.items()):
                self._kept[path, None] = kept
                if self._store is not None:
                    self.grounds.add(answers)
                    self._new[path, None] = kept

    def part(self, path: Path) -> Part:
        """All that a file shows by itself."""
        return self._recalled((path, None)) or self._read(path, None)

    def trace(self, path: Path, step: Step) -> Trace:
        """What is met on the way from one entry of a file, where its part does not say."""
        self._look([(path, step)])
        part = self._recalled((path, step)) or self._read(path, step)
        return part.traces[step]

    def close(self) -> None:
        """Everything is known: what is new is kept for the next run."""
        if self._new and self._store is not None:
            self._store.keep(self._new)

    def _look(self, pieces: Sequence[Piece]) -> None:
        """Take from the store what still holds."""
        for piece, kept in self._store.parts(pieces).items() if self._store is not None else ():
            with contextlib.suppress(WireError):
                answers = answers_of(kept.answers)
                if self._interpreter.project.agrees(piece[0], answers, self._digest):
                    self._kept[piece] = kept
                    self.grounds.add(answers)

    def _digest(self, path: Path) -> str:
        assert self._store is not None
        return self._interpreter.project.files.digest(path) or self._store.digest(path)

    def _recalled(self, piece: Piece) -> Part | None:
        if piece not in self._kept:
            return None
        with contextlib.suppress(WireError):
            return decoded(self._kept[piece].part, self._documents.__getitem__)
        return None

    def _read(self, path: Path, step: Step | None) -> Part:
        project = self._interpreter.project
        if step is None:
            part = (self._again or self._interpreter).part(path)
        else:
            trace = self._interpreter.trace(path, step)
            part = Part(None, project.asked, {step: trace})
        if self._store is not None:
            self.grounds.add(project.answers(path, part.asked))
            with contextlib.suppress(ValueError):  # a name that is not of Unicode: it is read again next time
                self._new[path, step] = encoded(path, part, project)
        return part
