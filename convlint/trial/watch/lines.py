"""The lines that run."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Mapping
from types import CodeType, FrameType, TracebackType
from typing import Any, Protocol


class Watched(Protocol):
    """Which files count, and what they are called."""

    def owns(self, path: str, /) -> bool:
        """Whether a file counts."""

    def relative(self, path: str, /) -> str:
        """The name of such a file."""


class Lines:
    """While open, notes the lines of the watched files that run."""

    def __init__(self, places: Watched) -> None:
        self._places = places
        self.seen: dict[str, set[int]] = defaultdict(set)
        """By the name of the file."""
        self.ends: dict[CodeType, int] = {}
        """By function the line at which it has ended."""

    def __enter__(self) -> Lines:
        sys.settrace(self._enter_function)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.settrace(None)

    def _enter_function(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002 - Python's signature
        path = frame.f_code.co_filename
        if not self._places.owns(path):
            return None
        rows = self.seen[self._places.relative(path)]

        def note(frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG001
            if event == "line":
                rows.add(frame.f_lineno)
            elif event == "return":
                self.ends[frame.f_code] = frame.f_lineno
            return note

        return note

    def sorted(self) -> dict[str, list[int]]:
        """By file, in order."""
        return {path: sorted(rows) for path, rows in sorted(self.seen.items()) if rows}

    def missing_from(self, executed: Mapping[str, list[int]]) -> dict[str, list[int]]:
        """Of some lines those that did not run."""
        return rows_beyond(executed, self.seen)


def rows_beyond(rows: Mapping[str, list[int]], others: Mapping[str, Collection[int]]) -> dict[str, list[int]]:
    """Of some lines those that are not among others, by file."""
    found = {path: [row for row in ours if row not in others.get(path, ())] for path, ours in rows.items()}
    return {path: ours for path, ours in found.items() if ours}
