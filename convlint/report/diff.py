"""What ``--fix`` would write, as a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from convlint.report.style import Painter
from convlint.report.text import shown_path
from convlint.source.document import Document

_STYLES = {"-": "red", "+": "green", "@": "cyan"}


def diff(old: Document, new: str, painter: Painter) -> Iterator[str]:
    """The lines of the diff, each with its own ending."""
    name = shown_path(old.path)
    for line in difflib.unified_diff(old.lines, Document(old.path, new).lines, name, name):
        style = _STYLES.get(line[0], "")
        body = line.rstrip("\r\n")
        ending = line[len(body) :]
        yield (painter(body, style) if style else body) + (ending or "\n\\ No newline at end of file\n")
