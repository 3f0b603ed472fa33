"""Processes that run a part of convlint: what they import, how much they may take, and when they end."""

from __future__ import annotations

import signal
import sys
from contextlib import suppress

_RUN = """\
import sys
if not getattr(sys.flags, "safe_path", sys.flags.isolated):
    del sys.path[0]
from {module} import main
main()
"""
_PR_SET_PDEATHSIG = 1


def command(module: str, *arguments: str) -> list[str]:
    """The command that calls ``main`` of a module in a process of its own.

    Python itself looks for modules in the working folder first: there a file named ``onnx.py`` would be run.
    """
    return [sys.executable, "-c", _RUN.format(module=module), *arguments]


def limit_memory(gigabytes: int) -> None:
    """A model that eats all memory must not take the machine with it (only where the system can limit that)."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (gigabytes << 30, gigabytes << 30))


def memory_limit() -> int | None:
    """How many bytes this process may take, None where that has no limit."""
    with suppress(ImportError):
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_DATA)
        return None if limit == resource.RLIM_INFINITY else limit
    return None


def end_with_parent() -> None:
    """Lets Linux end this process together with the one that started it, whatever ends that."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
