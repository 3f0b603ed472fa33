"""What ``--fix`` would write, as a patch that ``git apply`` and ``patch -p1`` take."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from convlint.report.style import Painter
from convlint.source.document import Document

_STYLES = {"-": "red", "+": "green", "@": "cyan"}
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
"""A line of a patch ends with a line feed, whatever ends the lines of the file."""
_QUOTED = re.compile(rb'[\x00-\x1f"\\\x7f]')
_QUOTED_OF_OTHERS = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
"""In a name that is no UTF-8: a patch is text."""


def diff(old: Document, new: str, painter: Painter) -> Iterator[bytes]:
    """The lines of the patch, each with its own ending and in the file's encoding.

    Without a line ``diff --git``, behind which `git apply` would look for the paths from the top of the repository.
    """
    before, after = (_name(side, old.path) for side in ("a", "b"))
    was, will_be = (_LINE.findall(old.on_disk(text)) for text in (old.text, new))
    lines = difflib.unified_diff(was, will_be, lineterm="\n")
    for number, line in enumerate(lines):
        if number < 2:
            name, mark = (before, "---") if number == 0 else (after, "+++")
            yield painter(mark, _STYLES[line[0]]).encode() + b" " + name + b"\t" * (b" " in name) + b"\n"
            continue
        style = _STYLES.get(line[0], "")
        body = line.rstrip("\r\n")
        ending = line[len(body) :]
        text = (painter(body, style) if style else body) + ending
        yield text.encode(old.encoding) + (b"" if line.endswith("\n") else b"\n\\ No newline at end of file\n")


def _name(side: str, path: str) -> bytes:
    """A path as git writes it, below the working directory or else below the root, quoted where it must be."""
    try:
        path = Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        path = path.replace(os.sep, "/").lstrip("/")
    name = os.fsencode(f"{side}/{path}")
    quoted = _QUOTED_OF_OTHERS if any("\udc80" <= letter <= "\udcff" for letter in path) else _QUOTED
    if not quoted.search(name):
        return name
    return b'"' + quoted.sub(lambda match: b"\\%03o" % ord(match[0]), name) + b'"'
