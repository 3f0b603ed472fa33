"""All places at which a model asks for what depends on values: ``torch.export`` itself stops at the first."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.export import draft_export
from torch.export._draft_export import FailureType

from convlint.trial.routes import Export
from convlint.trial.watch.places import Place, Places

_SYMBOL = re.compile(r"\bz?uf?\d+\b")
"""What torch calls a number that it does not know."""
_LOGS = "TORCH_TRACE"


class Asked(NamedTuple):
    """What a line asks for."""

    place: Place
    condition: str


def asked(export: Export, places: Places) -> list[Asked]:
    """The lines, in order, at which numbers are asked for that depend on values, each number once.

    ``draft_export`` takes their real values and goes on.
    """
    with _logging_elsewhere(), torch.no_grad():
        program: Any = draft_export(export.model, export.args, dynamic_shapes=export.dynamic_shapes)
    report = program._report
    return list(_first_of_each(report.failures, report.str_to_filename, places))


def _first_of_each(failures: list[Any], files: dict[int, str], places: Places) -> Iterator[Asked]:
    known: set[str] = set()
    for failure in failures:
        if failure.failure_type is not FailureType.DATA_DEPENDENT_ERROR:
            continue
        condition = str(failure.data["expr"])
        numbers = set(_SYMBOL.findall(condition))
        stack = [Place(files.get(one["filename"], ""), one["line"]) for one in failure.data["user_stack"]]
        place = next((one for one in reversed(stack) if places.owns(one.path)), None)
        if place and not numbers <= known:
            yield Asked(place, condition)
        known |= numbers


@contextmanager
def _logging_elsewhere() -> Iterator[None]:
    """``draft_export`` leaves a log in a folder of its own choice."""
    before = os.environ.get(_LOGS)
    with tempfile.TemporaryDirectory(prefix="convlint-", ignore_cleanup_errors=True) as folder:
        os.environ[_LOGS] = folder
        try:
            yield
        finally:
            if before is None:
                del os.environ[_LOGS]
            else:
                os.environ[_LOGS] = before
