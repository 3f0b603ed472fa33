"""What is asked of the worker, and what it answers. Light: imports nothing of torch."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from convlint.findings import ROUTES, Harm, Level
from convlint.trial.divergence.told import Errors

_FOLDER = re.compile(r"""[^\s'"(]*/(?=[\w.-]+\.(?:py|cpp|onnx)\b)|(?<![^\s'"(])/(?:[^\s'"(]*/)?(?=[\w.-]*$)""")
"""Before the name of a file, or in an absolute path that ends with the text: a long message is cut anywhere."""


CUT = " ..."
"""At the end of a message of which no more is kept."""


def without_folders(text: str) -> str:
    """A message without the folders of this machine, or temporary ones: they would make two runs differ."""
    return _FOLDER.sub("", text)


Watch = Callable[[str], None]
"""Who is told each step."""


def unwatched(step: str) -> None:
    """Tells nobody."""


class ModelSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A model and its inputs, as a user names them."""

    factory: str
    """``package.module:name`` or ``path/file.py:name``: a class, a function or a module."""
    name: str = ""
    """What to call it where several are configured."""
    arguments: list[Any] | dict[str, Any] = {}
    """What the factory is called with."""
    weights: str = ""
    """A file with its state, none for random weights."""
    inputs: str = ""
    """Inputs in the language of ``convlint.trial.inputs``, or ``package.module:function`` that gives them. Where it
    is empty they are guessed."""
    targets: list[str] = []
    """The runtimes that it is exported for."""
    training: bool = False
    """Whether it is exported in training mode, to be trained where it runs."""
    folders: tuple[str, ...] = ()
    """Where its module is looked for, before what is installed."""

    @property
    def label(self) -> str:
        """Its name, or else its factory."""
        return self.name or self.factory


def at_opset(route: str, opset: int) -> str:
    """A route at another opset than the others, as ``Job.routes`` names it."""
    return f"{route}@{opset}"


def opset_of(route: str) -> tuple[str, int | None]:
    """Such a route, and its opset; None for one at that of the job."""
    name, _, opset = route.partition("@")
    return name, int(opset) if opset else None


class Shadow(msgspec.Struct, frozen=True, kw_only=True):
    """A model to run on sources other than those on disk, and to compare in eager with what it did before."""

    model: ModelSpec
    folder: str
    """Where eager's results lie: the first job of a folder writes them, all others compare with them."""
    texts: dict[str, str] = {}
    """Path to the text that stands in for a file."""
    watched: tuple[str, ...] = ()
    """The files whose executed lines are noted."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One model to put through the routes."""

    path: str
    """The Python file that defines the model; what to call the model where ``shadow`` says where it is."""
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
    shadow: Shadow | None = None
    """Or: a model of the user's project, on changed sources."""
    preflight: ModelSpec | None = None
    """Or: a model of the user's project, of which everything is to be known."""
    files: str = ""
    """A folder for the ONNX files that such a model becomes: each is named by its route."""
    lock: bool = False
    """Whether to keep what tells it and its graphs apart from others."""
    along: bool = False
    """Whether to measure, where a file is wrong, how far each of its tensors is from eager."""


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
    on: str = ""
    """The sample on which a value differs from the traced one."""
    origin: str = ""
    """The line (``file.py:12``) that made the number which is asked for here."""


class Running(msgspec.Struct, frozen=True, tag=True):
    """What the worker does next."""

    step: str
    known: Outcome | None = None
    """What is known of a route of which more is looked for: it stands, whatever becomes of the search."""
    on: str = ""
    """The sample that its graph runs on, nothing where it does not run: then it may not come to its end."""


A_TUPLE, LOOSE = "a tuple", "strict=False"
"""What an exporter takes that does not take what the model gives: its tensors alone, or it, where it is told so."""
Stage = Literal["", "export", "checker", "runtime"]
"""Where a route has ended: at the export, or at the checker or the runtime that does not take the graph."""
Kind = Literal["traced", "values", "calls", "batch", "sizes"]
"""In what a sample differs from the traced one."""


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a tensor."""

    dtype: str
    shape: tuple[int, ...]
    numbers: tuple[float, ...]
    """Some of its values at even distances, then the mean of all without their signs."""


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a graph."""

    hash: str
    """Of its operators, how they are connected and set; neither names nor weights count."""
    operators: dict[str, int]


class Fingerprint(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a model."""

    parameters: dict[str, str]
    """Names to dtypes and shapes, buffers too."""
    outputs: dict[str, dict[str, Leaf]]
    """By sample what it gives there."""
    files: dict[str, str]
    """The hashes of the files that it runs."""
    packages: dict[str, str]
    """The versions of what these import."""


class Reference(msgspec.Struct, frozen=True, tag=True):
    """What eager itself makes of the samples."""

    tried: tuple[str, ...]
    skipped: dict[str, str]
    """Samples that do not count, with the reason: eager raises, or a rounding error changes its result."""
    changed: dict[str, str]
    """Samples on which the model differs from its original in eager, with the difference."""
    executed: dict[str, list[int]] = {}
    """The lines of the watched source that eager executes, by file."""
    inputs: str = ""
    """The inputs, in words, where they were the user's or guessed."""
    guess: str = ""
    """Why these were guessed."""
    compared: dict[str, list[str]] = {}
    """What was compared in eager (``outputs``, ``gradients``, ``training``) to the samples on which it was."""
    uncompared: dict[str, str] = {}
    """What was not, with the reason."""
    gap: float = 0.0
    """The largest difference there, of those that count as none."""
    kinds: dict[str, Kind] = {}
    """In what each sample that counts differs from the traced one."""
    unsteady: str = ""
    """Why the model itself gives another result at a second call on the same inputs, nothing where it does not."""
    fingerprint: Fingerprint | None = None
    """What is kept of the model, where that was asked."""
    forward: str = ""
    """Where the model's ``forward`` begins (``file.py:12``)."""
    outputs: tuple[str, ...] = ()
    """What the model calls its outputs (``logits``, ``boxes.0``), nothing where they have no names."""
    odd: str = ""
    """What among these is no tensor, in words, nothing where all are and stand in tuples and lists."""
    cure: str = ""
    """What makes the model give outputs that exporters take, where that was seen."""
    cured: dict[str, list[int]] = {}
    """The lines that it runs then, and not as it is, by file."""

    @property
    def refused(self) -> str:
        """What is told of outputs that an exporter does not take."""
        return f"{self.odd}; {self.cure}" if self.cure else self.odd


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
    outputs: tuple[str, ...] = ()
    """What an ONNX file calls its outputs."""
    seconds: float = 0.0
    events: tuple[Event, ...] = ()
    """What was watched during the export."""
    unreached: dict[str, list[int]] = {}
    """Of the lines that eager executes those that a failed export did not come to."""
    raised: tuple[str, ...] = ()
    """Of the failed samples those on which the graph itself raises."""
    unsure: tuple[str, ...] = ()
    """Samples on which it differs, but so does eager with other rounding errors or another order of equal values."""
    place: str = ""
    """The line of the user's code (``file.py:12``) at which the export failed, the process died or hung."""
    stage: Stage = ""
    """Where it ended, nothing where it did not."""
    ended: str = ""
    """That a limit, of time or of memory, has ended it, while it exported or else while its graph ran: no verdict of
    what was not reached."""
    unrun: tuple[str, ...] = ()
    """The samples that its graph did not come to the end of."""
    refused: str = ""
    """Why the exporter does not take what the model gives, nothing where it does; what is said is then of..."""
    given: str = ""
    """...a model that gives ``A_TUPLE``, or of a trace that is ``LOOSE``."""
    outline: Outline | None = None
    """What is kept of the graph, where that was asked."""
    errors: Errors | None = None
    """How far the file's tensors are from eager's, where that was asked and the file is wrong."""


class Refused(msgspec.Struct, frozen=True, tag=True):
    """The job cannot be done: the file, the model or its inputs are wrong."""

    message: str


class Done(msgspec.Struct, frozen=True, tag=True):
    """The end of a job."""


Answer = Started | Running | Reference | Outcome | Refused | Done


@dataclass(frozen=True)
class Trial:
    """All outcomes of a job, by route."""

    reference: Reference
    outcomes: dict[str, Outcome]
    versions: dict[str, str] = field(default_factory=dict)
    at_opsets: dict[str, Outcome] = field(default_factory=dict)
    """What exporters to ONNX made of it at other opsets than the first that was asked for, by ``at_opset``."""

    @property
    def every(self) -> dict[str, Outcome]:
        """All outcomes, those at other opsets last."""
        return self.outcomes | self.at_opsets

    @property
    def harm(self) -> Harm:
        """The level on each route (harmless on routes that were not run)."""
        levels: dict[str, Any] = {route: outcome.level for route, outcome in self.outcomes.items()}
        return Harm(**levels)
