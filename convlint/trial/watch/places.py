"""Whose line it was: the innermost one of the watched files, in a stack, an exception or a text."""

from __future__ import annotations

import importlib.util
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from traceback import walk_tb
from typing import NamedTuple

from convlint.errors import UsageError
from convlint.source.place import causes, innermost, is_of_user, shown
from convlint.trial.job import CUT, Event, EventLevel, without_folders
from convlint.trial.watch.statements import statement_at

_PYTHON_STACK = re.compile(r'File "([^"]+\.py)", line (\d+)')
_GRAPH_STACK = re.compile(r"([^\s\"'(]+\.py)[(:](\d+)")
_LONGEST_CODE, _LONGEST_MESSAGE = 120, 160


class Place(NamedTuple):
    """A line of a file."""

    path: str
    line: int


class Places:
    """The lines of some files."""

    def __init__(self, owns: Callable[[str], bool], relative: Callable[[str], str]) -> None:
        self.owns = cache(owns)
        """Whether a file counts."""
        self.relative = cache(relative)
        """What such a file is called."""

    def of_caller(self) -> Place | None:
        """Of the code that runs now."""
        frame = innermost(sys._getframe(1), self.owns)
        return Place(frame.f_code.co_filename, frame.f_lineno) if frame else None

    def of_error(self, error: BaseException) -> Place | None:
        """Where an exception comes from: its first cause that ran through the files, or what its text names."""
        chain = causes(error)[::-1]
        for cause in chain:
            stack = [Place(frame.f_code.co_filename, line) for frame, line in walk_tb(cause.__traceback__)]
            owned = [place for place in stack if self.owns(place.path)]
            if owned:
                return owned[-1]
        return next((place for cause in chain if (place := self.of_text(str(cause)))), None)

    def of_text(self, text: str) -> Place | None:
        """Named by a message. Python's stacks have the innermost line last, those of graphs first."""
        stack = list(self._named(_PYTHON_STACK, text))
        return stack[-1] if stack else next(self._named(_GRAPH_STACK, text), None)

    def _named(self, pattern: re.Pattern[str], text: str) -> Iterator[Place]:
        for path, line in pattern.findall(text):
            if self.owns(path):
                yield Place(path, int(line))

    def event(
        self, place: Place, tool: str, kind: str, level: EventLevel, message: str, longest: int = _LONGEST_MESSAGE
    ) -> Event:
        """What a tool did at a place, and so much of what it said."""
        first, last = statement_at(Path(place.path), place.line)
        rows = Path(place.path).read_text(encoding="utf-8").splitlines()[first - 1 : last]
        return Event(
            file=self.relative(place.path),
            line=place.line,
            statement=(first, last),
            tool=tool,
            kind=kind,
            level=level,
            code=" ".join(row.strip() for row in rows)[:_LONGEST_CODE],
            message=textwrap.shorten(without_folders(message), longest, placeholder=CUT),
        )


def of_packages(packages: Iterable[str]) -> Places:
    """The lines of some packages, their files named from the folder that the package is in.

    Raises:
        UsageError: one is not installed.
    """
    roots = tuple(_root(package) for package in packages)

    def relative(path: str) -> str:
        root = next(root for root in roots if path.startswith(root))
        return Path(path).relative_to(Path(root).parent).as_posix()

    return Places(lambda path: path.startswith(roots), relative)


def of_user() -> Places:
    """The lines that are neither Python's nor an exporter's, their files named as a user would."""
    return Places(is_of_user, shown)


def _root(package: str) -> str:
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise UsageError(f"SOURCE names `{package}`, which is not installed; put its folder on PYTHONPATH")
    return f"{Path(spec.origin).parent}/" if spec.submodule_search_locations else spec.origin
