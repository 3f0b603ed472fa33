"""The one error that ends a run: what the user asked for cannot be done."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from pathlib import Path


class UsageError(Exception):
    """Ends a run with exit code 2; its text is one sentence for the user: what was read, what is wrong, what to do."""


def raised(error: Exception) -> str:
    """What was raised, and the file and line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}: {error}{where}"


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean `x`?`` for the known word nearest to a misspelt one, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""
