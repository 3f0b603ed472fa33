"""Many models: each in a worker process of its own, several at a time, here or on a Dask cluster.

A job is plain data and its answer too, so that the same function runs in a thread of this process, which starts the
worker and waits, and on another machine.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from convlint import __version__
from convlint.errors import UsageError
from convlint.source.replacing import replace_bytes
from convlint.trial.job import Job, Trial, unwatched
from convlint.trial.runner import NEEDED, Runner


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A model to run, and how."""

    job: Job
    seconds: float
    gigabytes: int
    sandbox: bool = False

    @property
    def label(self) -> str:
        """What the model is called."""
        return self.job.path

    @property
    def key(self) -> str:
        """What a stored answer is found by: all that is asked, and the versions that answer."""
        packages = {name: _version(name) for name in ("convlint", *NEEDED)}
        asked = replace(self, job=replace(self.job, files=""))
        return hashlib.sha256(msgspec.json.encode((asked, packages), order="sorted")).hexdigest()[:24]


class Answer(msgspec.Struct, frozen=True):
    """What became of a request."""

    trial: Trial | None = None
    error: str = ""
    """Why there is no trial."""


Kept = TypeVar("Kept")
Told = Callable[[str, str], None]
"""Who is told what a model does at the moment."""
Start = Callable[[Request], "Future[bytes]"]


def answered(request: bytes, tell: Callable[[str], None] = unwatched, stopped: threading.Event | None = None) -> bytes:
    """Runs a request, here and now: from JSON to JSON. Another thread may stop it."""
    asked = msgspec.json.decode(request, type=Request)
    try:
        with Runner(asked.seconds, asked.gigabytes, tell, stopped, asked.sandbox) as runner:
            there = Path(asked.job.files).is_dir()  # not on a machine of a cluster
            job = asked.job if there else replace(asked.job, files="")
            answer = Answer(runner.run(job))
    except UsageError as error:
        answer = Answer(error=str(error))
    return msgspec.json.encode(answer)


def run_all(
    requests: Sequence[Request], start: Start, at_once: int, store: Path | None = None
) -> Iterator[tuple[Request, Answer]]:
    """The answer to each request, as they come; ``store`` keeps them, and what it has is not run again.

    Raises:
        UsageError: an answer cannot be stored.
    """
    waiting: list[Request] = []
    for request in requests:
        kept = stored(store, request.key, Answer)
        if kept:
            yield request, kept
        else:
            waiting.append(request)
    running: dict[Future[bytes], Request] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                request = waiting.pop(0)
                running[start(request)] = request
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                request = running.pop(future)
                answer = msgspec.json.decode(future.result(), type=Answer)
                if answer.trial is not None:  # an error is asked again the next time
                    keep(store, request.key, answer)
                yield request, answer
    finally:
        for future in running:
            future.cancel()


@contextmanager
def here(at_once: int, tell: Told) -> Iterator[tuple[Start, int]]:
    """Starts requests in processes of this machine, so many at a time; they end with this context, whatever ends it."""
    stopped = threading.Event()
    with ThreadPoolExecutor(at_once) as pool:

        def start(request: Request) -> Future[bytes]:
            return pool.submit(answered, msgspec.json.encode(request), lambda step: tell(request.label, step), stopped)

        try:
            yield start, at_once
        finally:
            stopped.set()


@contextmanager
def on_dask(address: str) -> Iterator[tuple[Start, int]]:
    """Starts requests on a Dask cluster, and says how many it runs at a time.

    A worker that dies gives its request to another.

    Raises:
        UsageError: Dask is not installed, or nothing answers at the address.
    """
    try:
        from distributed import Client
    except ImportError:
        raise UsageError("--dask needs `pip install 'convlint[distributed]'`") from None
    try:
        client = Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, TimeoutError, ValueError) as error:
        raise UsageError(f"--dask {address}: no Dask scheduler answers ({error}); start one, or correct it") from None
    with client:

        def start(request: Request) -> Future[bytes]:
            made: Future[bytes] = Future()
            remote = client.submit(answered, msgspec.json.encode(request), key=f"convlint-{request.key}", retries=2)
            remote.add_done_callback(lambda one: _settle(made, one))  # type: ignore[no-untyped-call]
            return made

        yield start, max(1, sum(client.nthreads().values()))  # type: ignore[no-untyped-call]


def _settle(made: Future[bytes], remote: Any) -> None:
    try:
        made.set_result(remote.result())
    except Exception as error:  # whatever became of it there ends this model, not the others
        made.set_result(msgspec.json.encode(Answer(error=f"the Dask worker that ran it failed: {error}")))


def stored(store: Path | None, name: str, kind: type[Kept]) -> Kept | None:
    """What a store keeps by a name, None where that is nothing of its kind."""
    if store is None:
        return None
    try:
        return msgspec.json.decode((store / f"{name}.json").read_bytes(), type=kind)
    except (OSError, msgspec.MsgspecError):
        return None


def keep(store: Path | None, name: str, value: object) -> None:
    """Writes something so that it is there whole or not at all.

    Raises:
        UsageError: it cannot be written.
    """
    if store is None:
        return
    try:
        store.mkdir(parents=True, exist_ok=True)
        replace_bytes(store / f"{name}.json", msgspec.json.encode(value))
    except OSError as error:
        raise UsageError(f"{store}: results cannot be kept there: {error.strerror or error}") from None


def _version(package: str) -> str:
    if package == "convlint":
        return __version__
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
