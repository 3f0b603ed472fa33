"""Hands jobs to a worker process and survives what they do to it."""

from __future__ import annotations

import importlib.util
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO

import msgspec
from msgspec.structs import replace

from convlint.errors import UsageError
from convlint.findings import Level
from convlint.process import command
from convlint.source.place import of_dump
from convlint.trial.job import (
    Answer,
    Done,
    Job,
    Outcome,
    Reference,
    Refused,
    Running,
    Started,
    Trial,
    Watch,
    opset_of,
    unwatched,
)
from convlint.trial.sandbox import sandboxed

NEEDED = ("torch", "onnx", "onnxscript", "onnxruntime")
_LONGEST_NAME = 200
_START_SECONDS = 180.0
_LEAST_SECONDS = 10.0
"""How long it may look for more where everything was quick."""
_LOOKING = 0.25
"""How long it may else, as a part of what all routes took: who waits for a trial waits for them first of all."""
_LOOK_SECONDS = 0.2
"""How long it takes to notice that a run is stopped."""
_KILLED = "SIGKILL"
_ANSWER_SECONDS = 5.0
"""What a process that hangs may need to write where it is."""


class Runner:
    """Runs jobs, one at a time, in a worker that is kept while it is healthy (importing torch takes seconds)."""

    def __init__(
        self,
        seconds: float = 180.0,
        gigabytes: int = 8,
        watch: Watch = unwatched,
        stopped: threading.Event | None = None,
        sandbox: bool = False,
    ) -> None:
        self.seconds = seconds
        """How long one route of one model may take."""
        self.watch = watch
        """What is told each step."""
        self.gigabytes = gigabytes
        """How much memory the worker may take."""
        self.sandbox = sandbox
        """Whether the worker may write nothing but the files of its first job, and has no network."""
        self._stopped = stopped or threading.Event()
        self._worker: _Process | None = None

    def __enter__(self) -> Runner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the worker."""
        if self._worker:
            self._worker.end()
            self._worker = None

    def run(self, job: Job) -> Trial:
        """The outcome of each route. A route on which the process dies or hangs breaks; the others go on.

        Raises:
            UsageError: packages are missing, or the job's file, model or inputs are wrong.
        """
        reference: Reference | None = None
        outcomes: dict[str, Outcome] = {}
        versions: dict[str, str] = {}
        while reference is None or len(outcomes) < len(job.routes):
            todo = tuple(route for route in job.routes if route not in outcomes)
            worker = self._started(job)
            worker.send(replace(job, routes=todo))
            versions = worker.versions
            met, found, death = self._answers(worker, todo)
            reference = reference or met
            outcomes |= found
            if death is None:
                break
            self.close()
            if reference and len(outcomes) == len(job.routes):
                break
            if met is None:
                raise UsageError(f"{job.path}: {_told_before_export(death)}")
            if not death.exporting:
                continue
            route = next(route for route in todo if route not in outcomes)
            ended = death.at_limit(" while it exports") if job.preflight else ""
            outcomes[route] = Outcome(
                route, Level.breaks, ended or str(death), place=death.place, stage="export", ended=ended
            )
        assert reference is not None
        ordered = {route: outcomes[route] for route in job.routes if route in outcomes}
        further = {name: ordered.pop(name) for name in list(ordered) if opset_of(name)[1] is not None}
        return Trial(reference, ordered, versions, further)

    def _patience(self, outcomes: Mapping[str, Outcome]) -> float:
        taken = sum(one.seconds for one in outcomes.values())
        return min(self.seconds, max(_LOOKING * taken, _LEAST_SECONDS))

    def _started(self, job: Job) -> _Process:
        if self._worker is None:
            worker = command("convlint.trial.worker", str(self.gigabytes))
            if self.sandbox:
                worker = sandboxed(worker, [job.files] if job.files else [])
            self._worker = _Process(worker, self._stopped, is_ours=not self.sandbox)
        return self._worker

    def _answers(
        self, worker: _Process, routes: Sequence[str]
    ) -> tuple[Reference | None, dict[str, Outcome], _WorkerDiedError | None]:
        """What the worker says to a job until it is done, or until it dies and of what.

        When all routes are known it looks for more, for no longer than a part of what they took.
        """
        reference: Reference | None = None
        outcomes: dict[str, Outcome] = {}
        now, began, seconds = Running(""), time.monotonic(), _START_SECONDS
        while True:
            try:
                answer = worker.receive(seconds, began)
            except _WorkerDiedError as error:
                error.step, error.exporting = now.step, now.known is None
                return reference, outcomes | _known(now, reference, error), error
            before = now
            if isinstance(answer, Reference):
                reference = answer
            elif isinstance(answer, Outcome):
                outcomes[answer.route] = answer
            elif isinstance(answer, Running):
                now = answer
                self.watch(now.step)
            elif isinstance(answer, Refused):
                worker.receive(self.seconds)  # its Done
                raise UsageError(answer.message)
            elif isinstance(answer, Done):
                return reference, outcomes, None
            if not (before.on and now.on):  # all runs of a graph share their time
                began = time.monotonic()
                seconds = self._patience(outcomes) if len(outcomes) == len(routes) else self.seconds


def _known(now: Running, reference: Reference | None, death: _WorkerDiedError) -> dict[str, Outcome]:
    """What is known of a route that a worker was at when it died, by route: nothing of one that it still exported."""
    known = now.known
    if known is None:
        return {}
    if now.on and reference:
        known = _ended_on(now.on, list(reference.kinds), known, death)
    return {known.route: known}


def _ended_on(name: str, names: Sequence[str], known: Outcome, death: _WorkerDiedError) -> Outcome:
    """What is known of a graph that has taken the worker with it, or all its time or memory, on one of the samples."""
    place = names.index(name)
    told = death.at_limit(f" on {name}, after {place} of {len(names)} inputs")
    if not told:
        failed, raised = known.failed | {name: str(death)}, (*known.raised, name)
        ended = replace(known, failed=failed, raised=raised, unrun=tuple(names[place + 1 :]))
        return replace(ended, level=Level.breaks, message=str(death), on=name)
    ended = replace(known, ended=told, unrun=tuple(names[place:]))
    return ended if known.failed else replace(ended, level=Level.breaks, message=told, on=name)


class _WorkerDiedError(Exception):
    """The worker has ended, or was ended because it hung; ``place`` is the user's line where it was."""

    def __init__(self, message: str, place: str = "", *, hung: bool = False, starved: bool = False) -> None:
        super().__init__(message)
        self.place = place
        self.hung = hung
        self.starved = starved
        """Whether the system has ended it, which had no memory left."""
        self.step = ""
        """What it had said that it does."""
        self.exporting = True
        """Whether no outcome was known of the route that it was at."""

    def at_limit(self, during: str) -> str:
        """That a limit has ended it, and when; nothing where it ended by itself."""
        if self.starved:
            return f"{self}{during}; run it where there is more, or fewer models at a time"
        return f"{self}{during}; `--timeout` allows it more" if self.hung else ""


def _told_before_export(death: _WorkerDiedError) -> str:
    """Of a worker that ended before any exporter began: what happened, at which step, and what to do."""
    during = f" while the model is {death.step}" if death.step else " before the model is run"
    at = f" at {death.place}" if death.place else ""
    advice = "; run it where there is more" if death.starved else ""
    advice = "; allow it more time, if it needs that" if death.hung else advice
    return f"{death}{at}{during}{advice}"


class _Process:
    """One worker process and the pipes to it."""

    def __init__(self, worker: list[str], stopped: threading.Event, *, is_ours: bool) -> None:
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise UsageError(f"running a model needs {', '.join(missing)}; run `pip install 'convlint[trace]'`")
        self._stopped = stopped
        self._is_ours = is_ours  # and not bubblewrap, which would not pass on a signal
        self._stderr = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - lives as long as the process, which appends
        self._process = subprocess.Popen(  # noqa: S603 - our own worker
            worker,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
            start_new_session=True,  # what the model starts ends with it; Ctrl-C is not for it to handle
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin = self._process.stdin
        self._lines: queue.Queue[bytes] = queue.Queue()
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        try:
            started = self.receive(_START_SECONDS)
        except _WorkerDiedError as error:
            why = self._last_words() or error
            self.end()
            raise UsageError(f"the process that runs models does not start: {why}") from None
        except BaseException:
            self.end()
            raise
        assert isinstance(started, Started)
        self.versions = started.versions

    def _read(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def send(self, job: Job) -> None:
        """Hands over a job.

        Raises:
            UsageError: a name in it is no text.
        """
        try:
            asked = msgspec.json.encode(job)
        except UnicodeEncodeError as error:
            name = ascii(error.object[:_LONGEST_NAME])
            raise UsageError(f"{name}: this name is not UTF-8; rename it, or leave it out") from None
        self._stdin.write(asked + b"\n")
        self._stdin.flush()

    def receive(self, seconds: float, began: float | None = None) -> Answer:
        """The next answer.

        Raises:
            _WorkerDiedError: there is none any more, or not within so many seconds of a time, of now without one.
            UsageError: nobody waits for it any more.
        """
        line, end = None, (began or time.monotonic()) + seconds
        while line is None and time.monotonic() < end:
            if self._stopped.is_set():
                raise UsageError("it was stopped")
            with suppress(queue.Empty):
                line = self._lines.get(timeout=min(seconds, _LOOK_SECONDS))
        if line is None:
            place = self._where_it_is()
            self.end()
            raise _WorkerDiedError(f"no end within {seconds:g} s", place, hung=True)
        if not line:
            raise self._death()
        return msgspec.json.decode(line, type=Answer)  # type: ignore[no-any-return]

    def _death(self) -> _WorkerDiedError:
        """Of what a process died that nobody has ended."""
        cause = _cause(self._process.wait())
        if cause == _KILLED:
            return _WorkerDiedError("the system ends it (SIGKILL), as it does where memory is short", starved=True)
        return _WorkerDiedError(f"the process dies ({cause})", of_dump(self._said()))

    def end(self) -> None:
        """Ends the process, however it is, and what it has started."""
        if hasattr(os, "killpg"):  # not on Windows
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        self._stderr.close()

    def _where_it_is(self) -> str:
        """The user's line that a process which hangs is at, as far as it says so."""
        if not (hasattr(signal, "SIGUSR1") and self._is_ours):
            return ""
        self._process.send_signal(signal.SIGUSR1)
        end = time.monotonic() + _ANSWER_SECONDS
        while not (place := of_dump(self._said())) and time.monotonic() < end:
            time.sleep(0.1)
        return place

    def _said(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def _last_words(self) -> str:
        lines = self._said().strip().splitlines()
        return lines[-1] if lines else ""


def _cause(code: int) -> str:
    if code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"
