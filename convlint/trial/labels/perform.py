"""A case of a suite, done in this process: eager first, then each route with its tool watched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from convlint.findings import Level
from convlint.trial.execute import measure
from convlint.trial.job import Answer, Job, Outcome, Reference
from convlint.trial.labels.suite import read_suite, subject
from convlint.trial.watch.places import of_packages
from convlint.trial.watch.tools import Watched, failed, lines_of

ROUTES = ("jit_trace", "torch_export", "torch_export_auto", "onnx_torchscript", "onnx_dynamo")


def perform(job: Job) -> Iterator[Answer]:
    """The lines that eager runs, then the outcome and the events of each route.

    Raises:
        UsageError: the suite or the model's inputs cannot be used.
    """
    suite = read_suite(Path(job.path))
    model, places = subject(Path(job.path), suite.cases[job.case]), of_packages(suite.source)
    measured, skipped = measure(model)
    executed = lines_of(model, measured[0].sample, places)
    watched = Watched(model, measured, places, measured[1:], executed)
    yield Reference(("A", "B"), skipped, {}, executed)
    exports = False
    for route in job.routes:
        if route == "torch_export_auto" and exports:
            yield Outcome(route, Level.harmless, "not needed")
            continue
        done = watched.on(route)
        exports = route == "torch_export" and not failed(done)
        yield done
