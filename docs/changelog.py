"""Puts what the files of ``docs/changes`` say into ``CHANGELOG.md``: ``python docs/changelog.py VERSION``.

They are removed then. A change brings a file of its own there, so that two never meet in one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHANGELOG = HERE.parent / "CHANGELOG.md"
FRAGMENTS = HERE / "changes"


def collected(changelog: str, version: str, told: Sequence[str]) -> str:
    """The changelog with what is told at the end of a version, which is the first where it is a new one."""
    title, said = f"\n## {version}\n", "".join(f"{one.strip()}\n" for one in told)
    before, there, after = changelog.partition(title)
    if there:
        section, next_title, rest = after.partition("\n## ")
        return f"{before}{title}{section.rstrip()}\n{said}{next_title}{rest}"
    heading, first, rest = changelog.partition("\n## ")
    return f"{heading}{title}\n{said}{first}{rest}"


def main(arguments: Sequence[str]) -> int:
    """Collects for the version that is named."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    files = sorted(FRAGMENTS.glob("*.md"))
    told = [file.read_text(encoding="utf-8") for file in files]
    text = collected(CHANGELOG.read_text(encoding="utf-8"), arguments[0], told)
    CHANGELOG.write_text(text, encoding="utf-8")
    for file in files:
        file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
