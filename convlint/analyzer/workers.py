"""Parts read by several processes, each of which takes the next files when it has read those before."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from convlint.analyzer import roomy
from convlint.analyzer.files import Files
from convlint.analyzer.task import Task
from convlint.analyzer.wire import Kept, encoded
from convlint.errors import UsageError

_PAYS = 400_000
"""Characters of source a process, below which starting it costs more than it saves."""
_SHARE = 12
"""In so many pieces a process's share is handed out: few, so that files that import the same are read by one."""


def count(jobs: int, characters: int) -> int:
    """How many processes to start: as many as are allowed and pay, none where that is not possible."""
    alone = threading.active_count() > 1 or multiprocessing.current_process().daemon
    wanted = min(jobs, characters // _PAYS)
    return 0 if alone or wanted < 2 else wanted


def read_apart(task: Task, sizes: dict[Path, int], processes: int) -> dict[Path, Kept]:
    """The encoded parts of files, of so many characters each, from so many processes; as many as can be encoded.

    Raises:
        UsageError: a process was ended from outside.
    """
    pieces = _pieces(sizes, sum(sizes.values()) // (processes * _SHARE) + 1)
    found: dict[Path, Kept] = {}
    with _crew(task, processes) as crew:
        idle, busy = [*crew], set[Connection]()
        while pieces or busy:
            while pieces and idle:
                connection = idle.pop()
                busy.add(connection)
                with contextlib.suppress(OSError):  # it was ended, which is told below
                    connection.send(pieces.pop())
            ready = wait(busy)
            for connection in [one for one in busy if one in ready]:
                found |= _received(connection, crew[connection])
                busy.remove(connection)
                idle.append(connection)
    return found


def _received(connection: Connection, process: BaseProcess) -> dict[Path, Kept]:
    try:
        parts: dict[Path, Kept] = connection.recv()
        return parts
    except (EOFError, OSError):
        process.join(1)
        raise UsageError(
            f"a process that reads files was ended from outside (exit code {process.exitcode}; maybe for want of "
            f"memory); run again with fewer, `--jobs 1` for none"
        ) from None


def _pieces(sizes: dict[Path, int], size: int) -> list[list[Path]]:
    """The files in pieces of about a size, the last first."""
    pieces: list[list[Path]] = [[]]
    total = 0
    for path, characters in sizes.items():
        if total >= size:
            pieces.append([])
            total = 0
        pieces[-1].append(path)
        total += characters
    return pieces[::-1]


@contextlib.contextmanager
def _crew(task: Task, processes: int) -> Iterator[dict[Connection, BaseProcess]]:
    """Processes that are ready to read files; none of them is left afterwards, whatever happens."""
    crew: dict[Connection, BaseProcess] = {}
    try:
        for _ in range(processes):
            ours, theirs = multiprocessing.Pipe()
            crew[ours] = multiprocessing.Process(target=_work, args=(task, theirs, [*crew, ours]), daemon=True)
            with _uninterrupted():
                crew[ours].start()
            theirs.close()
        yield crew
    finally:
        for connection, process in crew.items():
            connection.close()
            if process.pid is not None:
                process.kill()
                process.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits: what is raised while a process divides is lost in the callbacks of Python's library."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(task: Task, connection: Connection, others: Sequence[Connection]) -> None:
    """Reads the files that it is sent, until nobody is there any more.

    ``others`` are the ends that who started it sends from: as long as a process has them, none sees that it is gone.
    """
    for other in others:
        other.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    with roomy(), contextlib.suppress(EOFError, OSError):
        interpreter = task.interpreter(Files())
        while True:
            paths: Sequence[Path] = connection.recv()
            found = {}
            for path in paths:
                with contextlib.suppress(Exception):  # it is read again by who asked, and fails there
                    found[path] = encoded(path, interpreter.part(path), interpreter.project)
            connection.send(found)
