"""Parts that were read elsewhere, by another process or at another time, and the others."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from convlint.analyzer.interpreter import Interpreter
from convlint.analyzer.parts import Part, Step, Trace
from convlint.analyzer.wire import WireError, decoded
from convlint.source.document import Document


class Known:
    """Encoded parts by file; what is not among them is read here and now."""

    def __init__(self, interpreter: Interpreter, encoded: Mapping[Path, bytes], documents: Sequence[Document]) -> None:
        self._interpreter = interpreter
        self._encoded = encoded
        self._documents = {document.path: document for document in documents}

    def part(self, path: Path) -> Part:
        """All that a file shows by itself."""
        if path in self._encoded:
            with contextlib.suppress(WireError):
                part = decoded(self._encoded[path], self._documents.__getitem__)
                if part.asked.files.get(str(path)) == self._interpreter.project.files.digest(path):
                    return part
        return self._interpreter.part(path)

    def trace(self, path: Path, step: Step) -> Trace:
        """What is met on the way from one entry of a file, where its part does not say."""
        return self._interpreter.trace(path, step)
