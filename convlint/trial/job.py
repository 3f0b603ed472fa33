"""What is asked of the worker, and what it answers. Light: imports nothing of torch."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from convlint.findings import ROUTES, Harm, Level

_FOLDER = re.compile(r"""[^\s'"(]*/(?=[\w.-]+\.(?:py|cpp|onnx)\b)|(?<![^\s'"(])/(?:[^\s'"(]*/)?(?=[\w.-]*$)""")
"""Before the name of a file, or in an absolute path that ends with the text: a long message is cut anywhere."""


def without_folders(text: str) -> str:
    """A message without the folders of this machine, or temporary ones: they would make two runs differ."""
    return _FOLDER.sub("", text)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One model to put through the routes."""

    path: str
    """The Python file that defines the model."""
    model: str = "Model"
    """Its name there: a class or function without arguments, or a module."""
    inputs: str = ""
    """The inputs in the language of ``convlint.trial.inputs``..."""
    samples: str = ""
    """...or a function of the same file that returns name to inputs, the traced ones first."""
    dynamic: dict[int, dict[int, str]] = {}
    """The dynamic axes of such samples: input index to axis to name."""
    opset: int | None = None
    routes: tuple[str, ...] = ROUTES
    original: str = ""
    """A file with the same model before its repair, to compare with in eager."""
    script: bool = False
    """Or: the file is a script that exports by itself, by the one route given (``Example.script``)."""
    case: str = ""
    """Or: the file is a suite (``convlint.trial.labels``), and the tools are watched on this case of it."""


class Started(msgspec.Struct, frozen=True, tag=True):
    """The worker is ready."""

    versions: dict[str, str]


EventLevel = Literal["harm", "dyn", "warn"]
"""It fails or is wrong on other inputs; a size or value that depends on data begins; only a warning."""


class Event(msgspec.Struct, frozen=True, order=True, kw_only=True):
    """What a tool did at a statement of the watched source."""

    file: str
    """Relative to the folder that the package is in."""
    line: int
    statement: tuple[int, int]
    """The first and last row."""
    tool: str
    kind: str
    level: EventLevel
    code: str = ""
    message: str = ""


class Reference(msgspec.Struct, frozen=True, tag=True):
    """What eager itself makes of the samples."""

    tried: tuple[str, ...]
    skipped: dict[str, str]
    """Samples that do not count, with the reason: eager raises, or a rounding error changes its result."""
    changed: dict[str, str]
    """Samples on which the model differs from its original in eager, with the difference."""
    executed: dict[str, list[int]] = {}
    """The lines of the watched source that eager executes on the traced inputs, by file."""


class Outcome(msgspec.Struct, frozen=True, tag=True):
    """What one route made of the model."""

    route: str
    level: Level
    message: str = ""
    """Why it is not harmless."""
    on: str = ""
    """The sample on which that shows, empty where the export itself fails."""
    worst: float | None = None
    """The largest difference of a value there."""
    failed: dict[str, str] = {}
    """Every sample on which the route fails or differs."""
    vanished: tuple[str, ...] = ()
    """Inputs that the exported graph does not have."""
    seconds: float = 0.0
    events: tuple[Event, ...] = ()
    """What was watched during the export."""
    unreached: dict[str, list[int]] = {}
    """Of the lines that eager executes those that a failed export did not come to."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The job cannot be done: the file, the model or its inputs are wrong."""

    message: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The end of a job."""


Answer = Started | Reference | Outcome | Refused | Done


@dataclass(frozen=True)
class Trial:
    """All outcomes of a job, by route."""

    reference: Reference
    outcomes: dict[str, Outcome]
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def harm(self) -> Harm:
        """The level on each route (harmless on routes that were not run)."""
        levels: dict[str, Any] = {route: outcome.level for route, outcome in self.outcomes.items()}
        return Harm(**levels)
