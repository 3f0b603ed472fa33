"""The fingerprint by which GitHub's code scanning knows a line again, as its upload action computes it.

It is computed here so that it is the same for reports that reach GitHub in other ways, where nobody computes it.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence

from convlint.source.document import Document

_WINDOW = 100
"""A line's hash is of so many characters from its start on, blanks and tabs left out."""
_BASE = 37
_WRAP = (1 << 64) - 1
_TOP = pow(_BASE, _WINDOW, 1 << 64)
_END = 0xFFFF
"""Stands for the end of the file; the window is filled up with zeros behind it."""


def line_hashes(document: Document) -> Sequence[str]:
    """``hash:n`` for each line, where n counts the lines with the same hash."""
    units: list[int] = []
    starts = []
    begins = True
    for unit in _units(document):
        if begins:
            starts.append(len(units))
        units.append(unit)
        begins = unit == 10
    hashes, hashed = [0], 0
    for unit in [*units, *[0] * _WINDOW]:
        hashed = hashed * _BASE + unit & _WRAP
        hashes.append(hashed)
    seen: Counter[int] = Counter()
    found = []
    for start in starts:
        value = hashes[start + _WINDOW] - hashes[start] * _TOP & _WRAP
        seen[value] += 1
        found.append(f"{value:x}:{seen[value]}")
    return found


def _units(document: Document) -> Iterator[int]:
    """What is hashed: UTF-16 code units, each line end as a line feed, without blanks and tabs."""
    text = ("\ufeff" if document.bom else "") + document.text
    after_return = False
    for unit in array("H", text.encode("utf-16-le", "surrogatepass")):
        if unit in (32, 9) or (after_return and unit == 10):
            after_return = False
            continue
        after_return = unit == 13
        yield 10 if after_return else unit
    yield _END
