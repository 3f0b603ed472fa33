"""What ends at the limit of memory, which is no verdict: whether an error says so, and how it is told."""

from __future__ import annotations

import os
import re
from contextlib import suppress

from convlint.process import memory_limit
from convlint.source.place import causes

_SAID = re.compile(r"can't allocate memory|bad[_ ]alloc|[Ff]ailed to allocate|Could not allocate")
"""By torch, C++, ONNX Runtime and pybind11."""
_ASKED = re.compile(r"tried to allocate (\d+) bytes|requested buffer of size (\d+)")


def of_memory(error: BaseException, during: str = "") -> str:
    """That the limit of memory has ended something; nothing of another error, or where more memory would not help."""
    limit, chain = memory_limit(), causes(error)
    if not limit or not any(isinstance(one, MemoryError) or _SAID.search(str(one)) for one in chain):
        return ""
    asked = [int(a or b) for one in chain for a, b in _ASKED.findall(str(one))]
    if any(size > of_machine() for size in asked):
        return ""
    return f"no memory left within {limit >> 30} GB{during}; `--memory` allows it more"


def of_machine() -> float:
    """All memory that the machine has, as far as it says so."""
    with suppress(AttributeError, ValueError, OSError):  # not on Windows
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return float("inf")
