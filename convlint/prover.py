"""Repairs proven before they are written: tried on a shadow of the sources with the user's models, kept or dropped."""

from __future__ import annotations

import ast
import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import CodeType
from typing import Literal, NamedTuple

from convlint.analyzer.files import Files
from convlint.config import Settings
from convlint.errors import UsageError
from convlint.findings import ROUTES, Applicability, Finding, Level
from convlint.fixer import FixResult, Repair, refused, replace_all, together, wanted_repairs, with_repairs
from convlint.linter import LintResult, lint, lint_documents
from convlint.source.document import Document
from convlint.trial.job import Job, ModelSpec, Outcome, Shadow, Trial, Watch, unwatched
from convlint.trial.runner import Runner

_ROUNDS = 6
"""How often what repairs lead to is repaired too: each round runs the models."""

Groups = Sequence[tuple[Settings, Sequence[Path]]]
Trials = Mapping[str, Trial]
"""By the label of the model."""


class Help(NamedTuple):
    """What a route made of a model before some repairs, and after them."""

    model: str
    route: str
    before: Outcome
    after: Outcome


@dataclass(frozen=True)
class Verdict:
    """What became of a repair."""

    finding: Finding
    kind: Literal["proven", "dropped", "not exercised"]
    reason: str = ""
    """Why it was dropped, what was not run, or that nothing had to be."""
    models: tuple[str, ...] = ()
    """The models that run it."""
    helped: tuple[Help, ...] = ()
    """Where an exporter makes more of a model than before."""
    unshown: tuple[Help, ...] = ()
    """Where none does: the routes that the finding is about, which fail for another reason before and after."""


@dataclass(frozen=True)
class Proved:
    """What a model did before and after the repairs that were kept."""

    label: str
    before: Trial
    after: Trial


@dataclass
class ProveResult(FixResult):
    """What was repaired, what is left, and why."""

    verdicts: list[Verdict] = field(default_factory=list)
    models: list[Proved] = field(default_factory=list)


def prove_paths(
    groups: Groups,
    models: Sequence[ModelSpec],
    *,
    write: bool,
    seconds: float = 180.0,
    watch: Watch = unwatched,
) -> ProveResult:
    """Repairs files as far as the models prove it: eager does the same, and no exporter makes less of them.

    Raises:
        UsageError: a model cannot be run as it is, or a file cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        prover = _Prover(groups, _Laboratory(models, groups, Path(folder), seconds, watch))
        result = prover.run()
    if write:
        replace_all(list(result.changed.values()))
    return result


class _RefutedError(Exception):
    """Repairs change what a model does, or make an exporter do less."""


class _Laboratory:
    """Runs models on texts, each text once."""

    def __init__(self, models: Sequence[ModelSpec], groups: Groups, folder: Path, seconds: float, watch: Watch) -> None:
        self._models = {model.label: model for model in models}
        self._folder, self._seconds, self._watch = folder, seconds, watch
        settings = [settings for settings, _ in groups]
        self._routes = tuple(route for route in ROUTES if any(route in one.context.routes for one in settings))
        self._opset = next((one.opset for one in settings if one.opset is not None), None)
        self._watched = tuple(str(path) for _, paths in groups for path in paths)
        self._known: dict[tuple[str, str], Trial | str] = {}

    def before(self) -> Trials:
        """What the models do as they are.

        Raises:
            UsageError: one does not run.
        """
        return {label: self._run(label, {}, "as it is") for label in self._models}

    def after(self, texts: Mapping[str, str], now: Trials, what: str) -> Trials:
        """What the models do on changed texts, which must not be less than they do now.

        Raises:
            _RefutedError: it is; the message says on which input, or on which route.
        """
        tried = dict(now)
        for label in self._models:
            if not now[label].reference.executed.keys() & texts.keys():
                continue
            trial = self._tried(label, texts, what)
            why = trial if isinstance(trial, str) else _worse(now[label], trial)
            if why:
                raise _RefutedError(f"{label}: {why}" if len(self._models) > 1 else why)
            assert isinstance(trial, Trial)
            tried[label] = trial
        return tried

    def _tried(self, label: str, texts: Mapping[str, str], what: str) -> Trial | str:
        digest = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()
        if (label, digest) not in self._known:
            try:
                trial = self._run(label, texts, what)
                changed = next((f"{why} ({_on(on)})" for on, why in trial.reference.changed.items()), "")
                self._known[label, digest] = changed or trial
            except UsageError as error:
                self._known[label, digest] = str(error)
        return self._known[label, digest]

    def _run(self, label: str, texts: Mapping[str, str], what: str) -> Trial:
        folder = self._folder / hashlib.sha256(label.encode()).hexdigest()[:16]
        folder.mkdir(exist_ok=True)
        shadow = Shadow(model=self._models[label], folder=str(folder), texts=dict(texts), watched=self._watched)
        with Runner(self._seconds, watch=lambda step: self._watch(f"{label} {what}: {step}")) as runner:
            return runner.run(Job(path=label, shadow=shadow, routes=self._routes, opset=self._opset))


@dataclass
class _Group:
    """Files that share their settings, as they were and as they are now."""

    settings: Settings
    first: LintResult
    current: LintResult


class _Prover:
    """Rounds of: what could be repaired now, what of it is run, what of that is right."""

    def __init__(self, groups: Groups, laboratory: _Laboratory) -> None:
        linted = [(settings, lint(paths, settings)) for settings, paths in groups]
        self._groups = [_Group(settings, first, first) for settings, first in linted]
        self._original = {path: one for group in self._groups for path, one in group.current.documents.items()}
        self._unread = [f for g in self._groups for f in g.current.findings if f.path not in self._original]
        self._laboratory = laboratory
        self._endless: set[tuple[str, str]] = set()
        """The files' codes whose repairs call for ever more repairs: left out."""
        self._settled: set[tuple[str, str, str]] = set()
        """The repairs that are not proposed again."""
        self._verdicts: list[Verdict] = []
        self._before: Trials = {}
        self._now: Trials = {}

    def run(self) -> ProveResult:
        """All rounds, from the beginning again without what finds no end."""
        while endless := self._rounds():
            self._endless |= endless
            self._settled, self._verdicts, self._now = set(), [], self._before
            for group in self._groups:
                group.current = group.first
        result = ProveResult(unstable=sorted({path for path, _ in self._endless}))
        documents = self._documents
        result.changed = {
            path: (one, documents[path].text)
            for path, one in self._original.items()
            if documents[path].text != one.text
        }
        result.verdicts = self._verdicts
        result.fixed = [verdict.finding for verdict in self._verdicts if verdict.kind == "proven"]
        result.models = [Proved(label, self._before[label], self._now[label]) for label in self._before]
        result.left = LintResult(
            [self._as_left(f) for g in self._groups for f in g.current.findings if f.path in documents] + self._unread,
            sum(group.current.files for group in self._groups),
        )
        result.refused = [
            (finding, why)
            for group in self._groups
            for finding, why in refused(group.current, group.settings, self._endless)
            if _key(documents[finding.path], finding) not in self._settled  # these have a verdict
        ]
        return result

    def _rounds(self) -> set[tuple[str, str]]:
        """Makes repairs until there are none to make; says which files' codes find no end."""
        for _ in range(_ROUNDS):
            proposed = self._proposed()
            if not proposed:
                return set()
            if not self._before:
                self._before = self._now = self._laboratory.before()
            kept = self._kept(proposed)
            if kept:
                self._make(kept)
        return {(repair.finding.path, repair.finding.code) for repair in self._proposed()}

    def _as_left(self, finding: Finding) -> Finding:
        """A finding whose repair was not kept offers none."""
        settled = _key(self._documents[finding.path], finding) in self._settled
        return replace(finding, fixable=None, fix=None) if settled else finding

    @property
    def _documents(self) -> dict[str, Document]:
        return {path: one for group in self._groups for path, one in group.current.documents.items()}

    def _proposed(self) -> list[Repair]:
        """What can be repaired together now, the safe ones first."""
        proposed: list[Repair] = []
        for group in self._groups:
            for path, repairs in wanted_repairs(group.current, group.settings).items():
                left = [repair for repair in repairs if not self._excluded(group, repair.finding)]
                proposed += together(group.current.documents[path], left, group.settings)
        return sorted(proposed, key=lambda repair: repair.finding.fixable is not Applicability.safe)

    def _excluded(self, group: _Group, finding: Finding) -> bool:
        endless = (finding.path, finding.code) in self._endless
        return endless or _key(group.current.documents[finding.path], finding) in self._settled

    def _kept(self, proposed: Sequence[Repair]) -> list[Repair]:
        """Those that are run and right, and those that change no code."""
        documents = self._documents
        executed: dict[str, set[int]] = defaultdict(set)
        for trial in self._now.values():
            for path, run in trial.reference.executed.items():
                executed[path].update(run)
        kept: list[Repair] = []
        exercised: list[Repair] = []
        for repair in proposed:
            document = documents[repair.finding.path]
            rows = _rows(document, repair)
            never = sorted(rows - executed[repair.finding.path])
            if not _changes_code(document, repair):
                kept.append(repair)
                self._verdicts.append(Verdict(repair.finding, "proven", "it changes no code"))
            elif never or not rows:
                self._settle(repair, Verdict(repair.finding, "not exercised", _unrun(never, rows)))
            elif needless := self._needless(repair):
                self._settle(repair, Verdict(repair.finding, "dropped", needless, self._run_by(repair)))
            else:
                exercised.append(repair)
        return kept + self._right(exercised, kept)

    def _right(self, repairs: Sequence[Repair], kept: Sequence[Repair]) -> list[Repair]:
        """Those of some repairs that can be made besides ``kept``, found by halving: what is right together stays."""
        if not repairs:
            return []
        what = "with 1 repair" if len(repairs) == 1 else f"with {len(repairs)} repairs"
        try:
            trials = self._laboratory.after(self._texts([*kept, *repairs]), self._now, what)
        except _RefutedError as error:
            if len(repairs) == 1:
                self._settle(repairs[0], Verdict(repairs[0].finding, "dropped", str(error), self._run_by(repairs[0])))
                return []
            middle = len(repairs) // 2
            first = self._right(repairs[:middle], kept)
            return first + self._right(repairs[middle:], [*kept, *first])
        for repair in repairs:
            seen = list(self._seen(repair, trials))
            helped = tuple(one for one in seen if better(one.before, one.after))
            unshown = () if helped else tuple(one for one in seen if one.after.level is not Level.harmless)
            self._verdicts.append(Verdict(repair.finding, "proven", "", self._run_by(repair), helped, unshown))
        self._now = trials
        return list(repairs)

    def _run_by(self, repair: Repair) -> tuple[str, ...]:
        rows = _rows(self._documents[repair.finding.path], repair)
        executed = {label: trial.reference.executed.get(repair.finding.path, ()) for label, trial in self._now.items()}
        return tuple(label for label, run in executed.items() if rows.intersection(run))

    def _seen(self, repair: Repair, trials: Trials) -> Iterator[Help]:
        """What the routes that a finding is about make of the models that run it, now and in trials."""
        harm = repair.finding.harm
        for label in self._run_by(repair):
            for route, before in self._now[label].outcomes.items():
                if harm and harm.on(route) is not Level.harmless:
                    yield Help(label, route, before, trials[label].outcomes[route])

    def _needless(self, repair: Repair) -> str:
        """Why a repair can help nobody, nothing where it may."""
        seen = list(self._seen(repair, self._now))
        harm = repair.finding.harm
        if not seen or (harm and harm.targets) or any(one.before.level is not Level.harmless for one in seen):
            return ""
        *routes, last = dict.fromkeys(one.route for one in seen)
        right = f"{', '.join(routes)} and {last} are" if routes else f"{last} is"
        return f"no exporter needs it on these inputs: {right} right already; other sizes or values may show why"

    def _settle(self, repair: Repair, verdict: Verdict) -> None:
        self._settled.add(_key(self._documents[repair.finding.path], repair.finding))
        self._verdicts.append(verdict)

    def _texts(self, repairs: Iterable[Repair]) -> dict[str, str]:
        """All texts that differ from those on disk, with repairs made besides."""
        by_path = defaultdict(list)
        for repair in repairs:
            by_path[repair.finding.path].append(repair)
        texts = {path: with_repairs(one, by_path[path]) for path, one in self._documents.items()}
        return {path: text for path, text in texts.items() if text != self._original[path].text}

    def _make(self, kept: Sequence[Repair]) -> None:
        """Makes repairs, and lints again."""
        texts = self._texts(kept)
        documents = {p: replace(one, text=texts.get(p, one.text)) for p, one in self._documents.items()}
        for group in self._groups:
            own = [documents[path] for path in group.current.documents]
            around = [one for path, one in documents.items() if path not in group.current.documents]
            group.current = lint_documents(own, group.settings, Files(around))


def _key(document: Document, finding: Finding) -> tuple[str, str, str]:
    """What stays the same of a finding when lines move."""
    return finding.path, finding.code, document.segment(finding.statement or finding.span)


def _rows(document: Document, repair: Repair) -> set[int]:
    """The rows of code that a repair is about: the finding's, and those that it replaces."""
    spans = [repair.finding.span, *(edit.span for edit in repair.edits if edit.span[:2] != edit.span[2:])]
    rows = {row for span in spans for row in range(span.row, span.end_row + 1)}
    return rows & set(_executable(compile(document.text, os.devnull, "exec", dont_inherit=True)))


def _executable(code: CodeType) -> Iterator[int]:
    yield from (row for _, _, row in code.co_lines() if row)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _executable(constant)


def _changes_code(document: Document, repair: Repair) -> bool:
    return ast.dump(document.parse()) != ast.dump(ast.parse(with_repairs(document, [repair])))


def _unrun(never: Sequence[int], rows: set[int]) -> str:
    if set(never) == rows:
        return "no model runs this line"
    return f"no model runs line {', '.join(map(str, never))}, which it replaces too"


def better(before: Outcome, after: Outcome) -> bool:
    """Whether a route makes more of a model than before."""
    return after.level < before.level or (after.level is before.level and set(after.failed) < set(before.failed))


def _worse(before: Trial, after: Trial) -> str:
    """On which route a model fares worse than before, and why."""
    for route, now in after.outcomes.items():
        was = before.outcomes[route]
        new = [name for name in now.failed if name not in was.failed]
        if now.level > was.level or (now.level is was.level is not Level.breaks and new):
            return f"{route} gets worse: it was {told(was)}, and is {told(now)}{_why(now, new)}"
    return ""


def told(outcome: Outcome) -> str:
    """``right``, ``stopped`` or ``wrong on 3 inputs``."""
    if outcome.level is Level.harmless:
        return "right"
    if not outcome.failed:
        return "stopped"
    level = {Level.breaks: "broken"}.get(outcome.level, outcome.level.name)
    return f"{level} on {len(outcome.failed)} input{'s' * (len(outcome.failed) != 1)}"


def _why(outcome: Outcome, new: Sequence[str]) -> str:
    on = new[0] if new else outcome.on
    if on in outcome.failed:
        return f": {outcome.failed[on]} ({_on(on)})"
    return f": {outcome.message}" + (f" at {outcome.place}" if outcome.place else "")


def _on(sample: str) -> str:
    return "on the traced inputs" if sample == "traced" else f"on inputs `{sample}`"
