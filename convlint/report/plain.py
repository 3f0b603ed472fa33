"""Text of other people's (names, code in messages) made fit for one line of an output: nothing in it acts or hides."""

from __future__ import annotations

import os
import re
from pathlib import Path

from convlint.findings import Finding

_COMMAND = re.compile(r"#(?=#(?:vso)?\[)")
"""``##vso[`` and ``##[`` are commands to a build server, wherever in a line they stand."""


def printable(text: str) -> str:
    """Control characters, line ends, marks that turn the direction of writing: spelled out as Python would."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in _COMMAND.sub(r"\\x23", text))


def one_line(text: str) -> str:
    """A message with its white space made single blanks and the rest printable."""
    return printable(" ".join(text.split()))


def shown_path(path: str) -> str:
    """A path as the user would write it: relative to the working directory where it is below, always on one line."""
    try:
        shown = Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        shown = path.replace(os.sep, "/")
    return before_colon(shown)


def shown_row(finding: Finding) -> str:
    """The row of a finding, behind ``cell 3:`` in a notebook, as Ruff writes it."""
    return str(finding.span.row) if finding.cell is None else f"cell {finding.cell}:{finding.span.row}"


def before_colon(path: str) -> str:
    """A path at the beginning of a line: nothing in it looks like what follows it, ``:row:column: text``.

    A line that begins with two colons is a command to GitHub.
    """
    return printable(f"./{path}" if path[:1] in (":", " ") else path).replace(": ", r":\x20")
