"""What a long run does at the moment, on a terminal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from convlint.trial.job import Watch, unwatched

_SLOW = 2.0
"""Seconds after which somebody wonders."""


@contextmanager
def shown_if_slow(what: str) -> Iterator[None]:
    """While open, says after a while on stderr, if that is a terminal, that and since when something is done."""
    if not sys.stderr.isatty():
        yield
        return
    over = threading.Event()

    def show() -> None:
        if not over.wait(_SLOW):
            with steps_shown(what):
                over.wait()

    thread = threading.Thread(target=show, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def steps_shown(first: str) -> Iterator[Watch]:
    """While open, shows the first step and each that it is told on stderr, if that is a terminal."""
    if not sys.stderr.isatty():
        yield unwatched
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False)
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(first, total=None)
        yield lambda step: shown.update(task, description=step)
