"""A process of its own for what reads models: onnx and ONNX Runtime do not survive every file that contradicts itself.

``python -m convlint.graph.apart`` takes one call on stdin and gives its result on stdout, both pickled.
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
        ended = subprocess.run(
            [sys.executable, "-m", "convlint.graph.apart"],
            input=pickle.dumps((function, arguments, str(place))),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        at = place.read_text(encoding="utf-8", errors="replace").rstrip("\0 ") if place.exists() else ""
    if ended.returncode:
        cause = signal.Signals(-ended.returncode).name if ended.returncode < 0 else f"exit code {ended.returncode}"
        where = f" at {at}" if at else ""
        raise UsageError(f"{path} ends the process that reads it ({cause}){where}: it contradicts itself there")
    kind, result = pickle.loads(ended.stdout)  # noqa: S301 - from our own process
    if kind == "refused":
        raise UsageError(result)
    if kind == "fault":
        raise RuntimeError(result)
    return result


def main() -> None:
    """Answers one call."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for the answer
    function, arguments, place = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our own process
    module, _, name = function.partition(":")
    with progress.kept(Path(place)):
        try:
            answer: tuple[str, Any] = ("result", getattr(importlib.import_module(module), name)(*arguments))
        except UsageError as error:
            answer = ("refused", str(error))
        except Exception:
            answer = ("fault", traceback.format_exc())
    out.write(pickle.dumps(answer))
    out.close()


if __name__ == "__main__":
    main()
