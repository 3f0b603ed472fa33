"""How long fuzzers run: ``FUZZ_SECONDS`` (10 unless given) are what all of them take together."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator

SECONDS = float(os.environ.get("FUZZ_SECONDS", "10"))


def seeds(share: float) -> Iterator[int]:
    """Counts up from 0 until a share of the time is over, so that a longer run sees what a shorter one saw and more."""
    end = time.monotonic() + share * SECONDS
    for number in itertools.count():
        if time.monotonic() >= end:
            return
        yield number
