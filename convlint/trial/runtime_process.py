"""Hands ONNX files to a runtime in a process of its own, and survives what it does to them."""

from __future__ import annotations

import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, NamedTuple

from convlint.errors import UsageError
from convlint.process import command

What = Literal["ran", "right", "wrong", "refused", "unable", "ended", "hung"]
"""``ran`` where nothing says what is right; ``unable`` where Python cannot ask."""
_START_SECONDS = 180.0
ROOT = Path(__file__).parents[2]


class Said(NamedTuple):
    """What a runtime made of a file."""

    what: What
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether it took the file and nothing came out wrong."""
        return self.what in ("ran", "right")


class RuntimeProcess:
    """Runs files, one at a time, in a process that is started again where a file ends it."""

    def __init__(self, target: str, python: str = sys.executable, seconds: float = 60.0, gigabytes: int = 8) -> None:
        self.version = ""
        """The version of the runtime, once a file was run."""
        self._command = [python, *command("convlint.trial.runtimes", target, str(gigabytes))[1:]]
        self._is_ours = python == sys.executable
        self._seconds = seconds
        self._folder = tempfile.TemporaryDirectory(prefix="convlint-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: queue.Queue[bytes] = queue.Queue()

    def __enter__(self) -> RuntimeProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()
        self._folder.cleanup()

    def run(
        self, model: Path | bytes, given: Mapping[str, Any], right: Sequence[Any] | None = None, rtol: float = 1e-2
    ) -> Said:
        """What becomes of a file on inputs, by name and in their order.

        Raises:
            UsageError: the runtime itself does not start.
        """
        data, path = Path(self._folder.name, "data"), model
        data.write_bytes(pickle.dumps((dict(given), right, rtol)))
        if isinstance(path, bytes):
            path = Path(self._folder.name, "model.onnx")
            path.write_bytes(model)  # type: ignore[arg-type]
        process = self._process or self._started()
        assert process.stdin
        with suppress(BrokenPipeError):
            process.stdin.write(json.dumps([str(path), str(data)]).encode() + b"\n")
            process.stdin.flush()
        line = self._next(self._seconds)
        if line:
            return Said(*json.loads(line))
        code = None if line is None else process.wait()
        self._end()
        if code is None:
            return Said("hung", f"no end within {self._seconds:g} s")
        return Said("ended", signal.Signals(-code).name if code < 0 else f"exit code {code}")

    def _started(self) -> subprocess.Popen[bytes]:
        path = {} if self._is_ours else {"PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(  # noqa: S603 - our own worker
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "RUST_BACKTRACE": "0"} | path,
            start_new_session=True,  # Ctrl-C is not for it to handle
        )
        self._process, self._lines = process, queue.Queue()
        assert process.stdout
        threading.Thread(target=_read, args=(process.stdout, self._lines), daemon=True).start()
        line = self._next(_START_SECONDS)
        if not line:
            self._end()
            raise UsageError(f"the process that runs {self._command[-2]} does not start; import it by hand to see why")
        _, self.version = json.loads(line)
        return process

    def _next(self, seconds: float) -> bytes | None:
        """The next line, empty where the process has ended, None where it says nothing."""
        try:
            return self._lines.get(timeout=seconds)
        except queue.Empty:
            return None

    def _end(self) -> None:
        if self._process:
            if hasattr(os, "killpg"):  # not on Windows; what the runtime has started holds its pipes
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(BrokenPipeError):
                    assert pipe
                    pipe.close()
            self._process = None


def _read(stdout: IO[bytes], lines: queue.Queue[bytes]) -> None:
    with suppress(ValueError):  # closed meanwhile
        for line in stdout:
            lines.put(line)
    lines.put(b"")
