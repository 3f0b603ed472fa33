"""A process of its own for what reads models: onnx and ONNX Runtime do not survive every file that contradicts itself.

It takes one call on stdin and gives its result on stdout, both pickled. A small file can ask for more time and memory
than any machine has: both are limited.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from convlint.errors import UsageError
from convlint.graph import progress
from convlint.process import command, end_with_parent, limit_memory

SECONDS = 600
"""What reading a model may take."""
GIGABYTES = 8


def called(path: Path, function: str, *arguments: object) -> Any:
    """What a function, ``module:name``, returns in a process of its own; ``path`` is the model that it is about.

    Raises:
        UsageError: the function does, onnx is not installed, or the process does not survive the model.
    """
    if importlib.util.find_spec("onnx") is None:
        raise UsageError(
            f"reading {path} needs the package onnx, which is not installed; pip install 'convlint[trace]'"
        )
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        place = Path(folder) / "place"
        try:
            ended = subprocess.run(  # noqa: S603 - our own process
                command("convlint.graph.apart", str(GIGABYTES)),
                input=pickle.dumps((function, arguments, str(place))),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise UsageError(f"{path} takes more than {SECONDS} s to read{_place(place)}; make it smaller") from None
        where = _place(place)
    if ended.returncode:
        cause = signal.Signals(-ended.returncode).name if ended.returncode < 0 else f"exit code {ended.returncode}"
        raise UsageError(f"{path} ends the process that reads it ({cause}){where}: it contradicts itself there")
    kind, result = pickle.loads(ended.stdout)  # noqa: S301 - from our own process
    if kind == "refused":
        raise UsageError(result)
    if kind == "fault":
        raise RuntimeError(result)
    return result


def _place(kept: Path) -> str:
    """Where the process was, as far as it said."""
    at = kept.read_text(encoding="utf-8", errors="replace").rstrip("\0 ") if kept.exists() else ""
    return f" at {at}" if at else ""


def main() -> None:
    """Answers one call."""
    end_with_parent()
    limit_memory(int(sys.argv[1]))
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for the answer
    function, arguments, place = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our own process
    module, _, name = function.partition(":")
    with progress.kept(Path(place)):
        try:
            answer: tuple[str, Any] = ("result", getattr(importlib.import_module(module), name)(*arguments))
        except UsageError as error:
            answer = ("refused", str(error))
        except RecursionError:
            answer = ("refused", f"{arguments[0]} is nested too deeply to be read; make it flatter")
        except MemoryError:
            answer = ("refused", f"{arguments[0]} takes more than {GIGABYTES} GB of memory to read; make it smaller")
        except Exception:
            answer = ("fault", traceback.format_exc())
    out.write(pickle.dumps(answer))
    out.close()
