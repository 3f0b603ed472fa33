"""``--watch``: what is found, shown again whenever a file of the project changes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from convlint import api
from convlint.config import Configuration
from convlint.errors import UsageError
from convlint.report.summary import plural
from convlint.source.discovery import INSTALLED, project_root

_PAUSE = 0.3
_SHARE = 20
"""Looking takes at most one part in so many of the time."""
_CLEAR = "\x1b[2J\x1b[3J\x1b[H"

State = dict[Path, tuple[int, int]] | str
"""When each file was changed and how long it is; or why that cannot be known."""


def watch(paths: Sequence[str], configure: Callable[[], Configuration], show: Callable[[Configuration], None]) -> None:
    """Shows what is found now and after each change, until the user interrupts.

    The configuration is read anew each time; where it is wrong, that is shown, until it is mended.
    """
    seen: State | None = None
    while True:
        started = time.monotonic()
        state = _state(paths, configure)
        took = time.monotonic() - started
        if state != seen:
            seen = state
            _show(state, configure, show)
        time.sleep(max(_PAUSE, took * _SHARE))


def _show(state: State, configure: Callable[[], Configuration], show: Callable[[Configuration], None]) -> None:
    sys.stdout.write(_CLEAR if sys.stdout.isatty() else "\n")
    try:
        show(configure())
        sys.stdout.write(f"Watching {plural(len(state), 'file')}; stop with Ctrl+C.\n")
    except UsageError as error:
        sys.stdout.write(f"convlint: error: {error}\n")
    sys.stdout.flush()


def _state(paths: Sequence[str], configure: Callable[[], Configuration]) -> State:
    """The files under the paths and of the projects they are in, with the configuration files."""
    try:
        configuration = configure()
        found = api.files(paths, configuration)
        projects = {project_root(path) for path in found}
        found |= api.files([project for project in projects if project.name not in INSTALLED], configuration)
    except UsageError as error:
        return str(error)
    configured = {settings.config_file for settings in found.values() if settings.config_file}
    state = {}
    for path in sorted(configured | set(found)):
        try:
            status = path.stat()
        except OSError:  # gone since it was found: that is a change as well
            continue
        state[path] = status.st_mtime_ns, status.st_size
    return state
