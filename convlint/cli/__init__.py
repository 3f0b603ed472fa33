"""The command line."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys

from convlint import __version__


class _Ended(BaseException):
    """The system asks the process to end."""


def main() -> None:
    """The console script ``convlint``."""
    if sys.argv[1:] in (["--version"], ["-V"]):  # answered before anything slow is imported
        sys.stdout.write(f"convlint {__version__}\n")
        return
    from convlint.cli.app import INTERRUPTED, is_brief, run

    signal.signal(signal.SIGTERM, _end)
    brief = is_brief(sys.argv[1:])
    if brief:
        gc.disable()
    try:
        code = run(sys.argv[1:])
    except _Ended:
        code = 128 + signal.SIGTERM
    if brief or code in (INTERRUPTED, 128 + signal.SIGTERM):
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)  # nobody waits until Python has freed, piece by piece, what a long run has in memory
    sys.exit(code)


def _end(*_: object) -> None:
    """Ends as Ctrl-C does: what is half written is taken away, and processes that were started end."""
    raise _Ended
