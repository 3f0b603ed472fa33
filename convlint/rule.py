"""What a rule is, what it may ask, and how rules are found (entry-point group ``convlint.rules``)."""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
import re
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple, Protocol, get_args

from convlint.events import Event
from convlint.findings import (
    EXPORTERS,
    ROUTES,
    SEVERITIES,
    Applicability,
    Finding,
    Fix,
    Harm,
    Level,
    Severity,
    Span,
    severity,
)

CODE = re.compile(r"[A-Z]+\d+")
"""What the code of a rule looks like."""
MARK = re.compile(r"[ \t]*# <-$", re.MULTILINE)
"""The comment that marks, in an example, a line on which a finding must start."""


@dataclass(frozen=True)
class Example:
    """A module that goes wrong and its repair: test, documentation and proof in one.

    ``bad`` and ``good`` are whole source files that define ``class Model(nn.Module)``; in ``bad`` each line on
    which a finding must start ends with ``# <-``. ``inputs`` describes the example inputs in the language of
    ``convlint preflight --input``: named dimensions (``N=3``) are dynamic, numbers are fixed. Without inputs nothing is
    run: the example of a convention (a company's forbidden call), which no tracer can judge.
    """

    bad: str
    good: str
    inputs: str = ""
    harm: Harm = Harm()  # noqa: RUF009 - frozen
    """What the proof must show for ``bad``, exactly."""
    fix: Applicability | None = None
    """Whether ``--fix`` (safe) or ``--unsafe-fixes`` turns ``bad`` into ``good``, to the letter."""
    title: str = ""
    opset: int | None = None
    """Opset for the ONNX exporters, None for the exporter's own."""
    same_in_eager: bool = True
    """Whether ``good`` equals ``bad`` in eager on all inputs."""
    good_inputs: str = ""
    """The inputs of ``good`` where it takes others: what ``bad`` keeps, say."""
    good_routes: tuple[str, ...] | None = None
    """Routes on which ``good`` must export and equal eager; None for all."""
    targets: tuple[str, ...] = ()
    """Targets for which the finding is expected, besides ONNX Runtime; with a version or without."""
    script: tuple[str, ...] = ()
    """The routes that ``bad`` and ``good`` take themselves where they are scripts (several where all begin alike): they
    make a ``model`` and write ``model.onnx`` or make ``exported``. That must equal the model in evaluation mode on all
    inputs, and be of the opset of the example if it has one."""

    @property
    def source(self) -> str:
        """``bad`` without its marks."""
        return MARK.sub("", self.bad)

    @property
    def marked_rows(self) -> list[int]:
        """The 1-based lines of ``bad`` that are marked."""
        return [i for i, line in enumerate(self.bad.splitlines(), 1) if MARK.search(line)]


@dataclass(frozen=True)
class Fact:
    """A claim about a target, documented or seen when its converter was run: no proof repeats it."""

    target: str
    claim: str
    source: str
    date: str
    until: str = ""
    """The last version of the target that the source speaks of, empty where it speaks of all."""
    measured: bool = False
    """Whether the converter was run, by `convlint.backends.try_masks`."""

    @property
    def evidence(self) -> str:
        """How it is known, for a message."""
        return f"{'measured' if self.measured else 'documented, not measured'}; {self.source} of {self.date}"

    def holds_for(self, version: str) -> bool:
        """Whether the source speaks of a version, as far as both are written; of later ones nothing is known."""
        parts = [
            [int(part) for part in one.split(".")] for one in (version, self.until) if re.fullmatch(r"[\d.]+", one)
        ]
        return len(parts) < 2 or parts[0][: len(parts[1])] <= parts[1]


@dataclass(frozen=True)
class Verdict:
    """What is known of an operator on a target."""

    supported: str
    """yes, no, or unknown, which is not no."""
    reason: str = ""
    source: str = ""
    date: str = ""
    """When the source was written or measured."""
    named: str = ""
    """The target and its version that the source is about: ``TensorRT 10.0``."""
    dtypes: tuple[str, ...] = ()
    """What the operator's first input may be, where the source says so."""
    passed: int = 0
    tests: int = 0
    """How many of ONNX's own tests of the operator the target passed, of how many; documented only where none ran."""


class Backends(Protocol):
    """What is known of targets: `convlint.backends` fills it in, so that a rule imports nothing from there."""

    def reads(self, target: str) -> Sequence[str]:
        """The graphs that a target's converter reads: of which routes, or ``core``."""

    def newest(self, target: str) -> str:
        """The newest version of a target of which anything is known, empty where nothing is."""

    def verdict(
        self, target: str, version: str | None, operator: str, opset: int, dtypes: Sequence[str] = ()
    ) -> Verdict:
        """Whether a target takes an operator."""


DEFAULT_OPSET = 20
"""What `torch.onnx.export` writes where no opset is asked for (a test asks the installed torch)."""


@dataclass(frozen=True)
class Context:
    """What a rule may ask about the run."""

    exporter: str = "any"
    targets: Mapping[str, str | None] = field(default_factory=lambda: {"onnxruntime": None})
    """Target to version (None for any)."""
    opset: int | None = None
    torch_version: str = "2.13"
    options: Mapping[str, Any] = field(default_factory=dict)
    backends: Backends | None = None

    @property
    def chosen(self) -> Mapping[str, str | None]:
        """The targets that the run names, without the one that every run is for: ONNX Runtime of any version."""
        return {name: version for name, version in self.targets.items() if (name, version) != ("onnxruntime", None)}

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes of the chosen exporter."""
        return EXPORTERS[self.exporter]

    def supports(self, operator: str, dtypes: Sequence[str], target: str) -> Verdict:
        """What is known of an operator on a target of the run, at the run's opset."""
        if self.backends is None:
            return Verdict("unknown", "there are no facts")
        opset = self.opset or DEFAULT_OPSET
        return self.backends.verdict(target, self.targets.get(target), operator, opset, dtypes)

    def faces(self, fact: Fact) -> bool:
        """Whether a fact is about a target of the run; where that names no version, the newest known is meant."""
        if fact.target not in self.targets:
            return False
        newest = self.backends.newest(fact.target) if self.backends is not None else ""
        return fact.holds_for(self.targets[fact.target] or newest)

    def reads(self, target: str) -> Sequence[str]:
        """The graphs that a target's converter reads: of which routes, or ``core``, ATen's core operators."""
        return self.backends.reads(target) if self.backends is not None else ()


Status = Literal["preview", "stable", "deprecated", "removed"]


class Rule:
    """One thing that goes wrong. The docstring is the documentation; see ``CONTRIBUTING.md`` for its sections."""

    code: ClassVar[str]
    name: ClassVar[str]
    since: ClassVar[str] = "0.1"
    status: ClassVar[Status] = "stable"
    """``preview`` needs ``--preview``, ``deprecated`` works and warns; ``removed`` keeps the class, without events, so
    that its code and page stay known."""
    reason: ClassVar[str] = ""
    """Why the rule is deprecated or was removed and what to use instead, as a sentence."""
    formerly: ClassVar[Sequence[str]] = ()
    """The codes that the rule had before: they go on to mean it, with a warning."""
    events: ClassVar[tuple[type[Event], ...]]
    for_targets: ClassVar[bool] = False
    """Whether the rule only judges the targets that a run names, and does not take part in a run that names none."""
    callees: ClassVar[Sequence[str]] = ()
    """The functions, by qualified name, of whose calls the rule wants the ``Call`` events."""
    attributes: ClassVar[Sequence[str]] = ()
    """What else of libraries, by qualified name, the rule wants ``Attribute``, ``Assign``, ``Subscript`` events of."""
    examples: ClassVar[Sequence[Example]] = ()
    facts: ClassVar[Sequence[Fact]] = ()
    """Documented harm for targets (no proof here)."""

    def check(self, event: Any, context: Context) -> Finding | None:
        """The finding that an event of ``events`` makes, or None. Decides on the event's facts alone."""
        raise NotImplementedError

    def fix(self, event: Any, context: Context) -> Fix | None:  # noqa: ARG002
        """The repair of a finding that ``check`` made with ``fixable``, or None where it cannot be written."""
        return None

    @classmethod
    def harm(cls) -> Harm:
        """The worst that the rule's proof and facts show, for each route and target."""
        shown = Harm.worst_of(example.harm for example in cls.examples)
        return replace(shown, targets=tuple((fact.target, Level.breaks) for fact in cls.facts))

    def refusals(self, context: Context) -> tuple[tuple[tuple[str, Level], ...], str]:
        """What the targets of the run refuse by the rule's facts: as harm, and in words with the evidence."""
        faced = [fact for fact in self.facts if context.faces(fact)]
        told = ", and ".join(f"{fact.target}: {fact.claim}, {fact.evidence}" for fact in faced)
        return tuple((fact.target, Level.breaks) for fact in faced), told

    def finding(
        self,
        event: Event,
        message: str,
        harm: Harm | None,
        context: Context,
        *,
        fixable: Applicability | None = None,
        span: Span | None = None,
        at_most: Severity = "error",
    ) -> Finding:
        """A finding of this rule at an event, as severe as its harm on the run's routes and targets, or ``at_most``.

        What goes against a convention has no harm that a tracer could show, None, and is as severe as ``at_most``.
        """
        gone = set(ROUTES) - event.routes
        if event.only_checks:
            gone.update(EXPORTERS["torchscript"])  # a check is not traced: what it computes is in no graph
        harm = harm.without(gone) if harm is not None else None
        severe = severity(harm.worst(context.routes, context.targets)) if harm is not None else at_most
        return Finding(
            code=self.code,
            name=self.name,
            message=message,
            path=event.document.path,
            span=span or event.span,
            severity=min(severe, at_most, key=SEVERITIES.index),
            harm=harm,
            fixable=None if event.scripted else fixable,  # TorchScript may need what it repairs, `int(n)` say
            statement=event.statement,
            related=event.related,
        )


def rules_in(package: str) -> list[type[Rule]]:
    """The rule classes defined in a package's modules (what a rule pack's entry point returns)."""
    root = importlib.import_module(package)
    found: set[type[Rule]] = set()
    for info in pkgutil.walk_packages(root.__path__, f"{package}."):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, Rule)
                and value.__module__ == info.name
                and hasattr(value, "code")
            ):
                found.add(value)
    return sorted(found, key=lambda rule: rule.code)


@dataclass(frozen=True)
class Fault:
    """What keeps an installed rule pack, or one rule of it, from running, and where that stands."""

    message: str
    path: str
    row: int


class _Packs(NamedTuple):
    rules: dict[str, type[Rule]]
    faults: tuple[Fault, ...]


def registry() -> dict[str, type[Rule]]:
    """All installed rules by code: the built-in pack and anybody's, those left out that cannot run (``faults``)."""
    return _packs().rules


def faults() -> tuple[Fault, ...]:
    """What is wrong with installed rule packs."""
    return _packs().faults


def current(code: str) -> str:
    """The code of today for one that a rule had before; any other as it is."""
    return next((rule.code for rule in registry().values() if code in rule.formerly), code)


@functools.cache
def _packs() -> _Packs:
    known: dict[str, type[Rule]] = {}
    wrong: list[Fault] = []
    for point in sorted(entry_points(group="convlint.rules"), key=lambda point: (point.name != "convlint", point.name)):
        try:
            rules = list(point.load()())
        except (Exception, SystemExit) as error:  # a third party's pack must not end the run
            wrong.append(_not_loaded(point, error))
            continue
        for rule in rules:
            flaw = _flaw(rule, known)
            if flaw:
                wrong.append(_left_out(point, rule, flaw))
            else:
                known[rule.code] = rule
    return _Packs(dict(sorted(known.items())), tuple(wrong))


def _flaw(rule: Any, known: Mapping[str, type[Rule]]) -> str:
    """Why an entry of a pack cannot be run as a rule, empty where it can."""
    if not (inspect.isclass(rule) and issubclass(rule, Rule)):
        return "is no class derived from `convlint.rule.Rule`"
    code = getattr(rule, "code", None)
    if not (isinstance(code, str) and CODE.fullmatch(code)):
        return f"has the code {code!r}; write capital letters and a number, like `ACME101`"
    if not isinstance(getattr(rule, "name", None), str) or not isinstance(getattr(rule, "events", None), tuple):
        return "lacks `name` or the tuple `events`"
    if not all(inspect.isclass(event) and issubclass(event, Event) for event in rule.events):
        return "has something else than classes of `convlint.events` among its `events`"
    if isinstance(rule.callees, str) or isinstance(rule.attributes, str):
        return 'has a text for `callees` or `attributes`; write a tuple of names, `("torch.load",)`'
    if rule.status not in get_args(Status):
        return f"has the status {rule.status!r}; known are {', '.join(get_args(Status))}"
    other = known.get(code, rule)
    if other is not rule:
        return f"has the code {code} of `{other.__module__}.{other.__name__}`; give it one of its own"
    try:
        rule()
    except Exception as error:  # a third party's rule must not end the run
        return f"cannot be made without arguments ({type(error).__name__}: {error})"
    return ""


def _not_loaded(point: EntryPoint, error: BaseException) -> Fault:
    top = point.value.partition(":")[0].partition(".")[0]
    frames = [(frame.filename, frame.lineno or 1) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        frames.append((error.filename, error.lineno or 1))
    own = [(path, row) for path, row in frames if top in (*Path(path).parts[:-1], Path(path).stem)]
    path, row = own[-1] if own else (_metadata(point), 1)
    why = f"{type(error).__name__}: {error}".rstrip(": ")
    message = f"rule pack `{point.name}` ({point.value}) cannot be loaded ({why}): none of its rules run; repair it"
    return Fault(" ".join(message.split()), path, row)


def _metadata(point: EntryPoint) -> str:
    """The file that names the entry point."""
    files = point.dist.files if point.dist is not None else None
    return next((str(file.locate()) for file in files or () if file.name == "entry_points.txt"), point.value)


def _left_out(point: EntryPoint, rule: Any, flaw: str) -> Fault:
    try:
        path, row = inspect.getsourcefile(rule) or "", inspect.getsourcelines(rule)[1]
    except (TypeError, OSError):
        path, row = _metadata(point), 1
    name = getattr(rule, "__name__", repr(rule))
    return Fault(f"`{name}` of rule pack `{point.name}` {flaw}: it does not run", path, row)
