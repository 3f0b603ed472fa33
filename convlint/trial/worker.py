"""The worker process: reads jobs from stdin, writes answers to stdout, one JSON line each.

Started by ``convlint.trial.runner``. What the model prints goes to stderr.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator

import msgspec

from convlint.errors import UsageError
from convlint.process import end_with_parent, limit_memory
from convlint.trial.job import Answer, Done, Job, Refused, Running, Started


def main() -> None:
    """Answers jobs until stdin ends."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def say(answer: Answer) -> None:
        out.write(msgspec.json.encode(answer) + b"\n")

    end_with_parent()
    _tell_where_it_ends()
    limit_memory(int(sys.argv[1]))
    logging.disable(logging.CRITICAL)
    say(Started(_versions()))

    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        try:
            answers = _performed(job)  # imports what the job needs
            say(Running("run in eager"))
            for answer in answers:
                say(answer)
        except UsageError as error:
            say(Refused(str(error)))
        say(Done())
        _forget()


def _tell_where_it_ends() -> None:
    """A process that dies, is asked where it hangs, or ends itself, writes its Python stack to stderr."""
    faulthandler.enable()
    if hasattr(faulthandler, "register"):  # not on Windows
        faulthandler.register(signal.SIGUSR1, all_threads=False)
    end = os._exit

    def end_telling(code: int) -> None:
        faulthandler.dump_traceback(all_threads=False)
        end(code)

    os._exit = end_telling  # type: ignore[assignment]


def _performed(job: Job) -> Iterator[Answer]:
    if job.case:  # watching reaches into torch's inner parts, which another torch may not have
        from convlint.trial.labels.perform import perform
    elif job.preflight:
        from convlint.trial.preflight import perform
    elif job.shadow:
        from convlint.trial.shadow import perform
    else:
        from convlint.trial.execute import perform
    return perform(job)


def _versions() -> dict[str, str]:
    import onnx
    import onnxruntime
    import torch

    torch.set_num_threads(1)
    return {module.__name__: str(module.__version__) for module in (torch, onnx, onnxruntime)}


def _forget() -> None:
    """Drops what a job left behind, so that the next finds a new process, almost."""
    import torch

    for name in [name for name in sys.modules if name.startswith("convlint_subject_")]:
        del sys.modules[name]
    torch.compiler.reset()
    torch.distributions.Distribution.set_default_validate_args(__debug__)  # strict exports switch it off for good
    gc.collect()
