"""The command line."""

from __future__ import annotations

import sys

from convlint import __version__


def main() -> None:
    """The console script ``convlint``."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered before anything slow is imported
        sys.stdout.write(f"convlint {__version__}\n")
        return
    from convlint.cli.app import run

    sys.exit(run(sys.argv[1:]))
