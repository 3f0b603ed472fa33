"""The command line."""

from __future__ import annotations

import signal
import sys

from convlint import __version__


def _end(number: int, _: object) -> None:
    """Ends as Ctrl-C does: what is half written is taken away, and processes that were started end."""
    sys.exit(128 + number)


def main() -> None:
    """The console script ``convlint``."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered before anything slow is imported
        sys.stdout.write(f"convlint {__version__}\n")
        return
    from convlint.cli.app import run

    signal.signal(signal.SIGTERM, _end)
    sys.exit(run(sys.argv[1:]))
