"""The one error that ends a run: what the user asked for cannot be done."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UsageError(Exception):
    """Ends a run with exit code 2; its text is one sentence for the user: what was read, what is wrong, what to do."""


def nearest(word: str, known: Iterable[str]) -> str:
    """``; did you mean `x`?`` for the known word nearest to a misspelt one, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean `{close[0]}`?" if close else ""
