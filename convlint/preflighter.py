"""``convlint preflight``: models to trials, and each trial with what else is known of the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convlint import lock as locks
from convlint import subjects
from convlint.backends.matrix import MatrixResult
from convlint.backends.uses import Subject
from convlint.config import Configuration, Settings
from convlint.findings import EXPORTERS, Finding, Level, Span
from convlint.graph.apart import called
from convlint.graph.problems import Diagnosis
from convlint.judge import Judged, judge
from convlint.linter import Repairable, lint
from convlint.lock import Departure
from convlint.trial import many
from convlint.trial.job import Job, ModelSpec, Trial, Watch, at_opset

if TYPE_CHECKING:
    import torch


@dataclass
class Preflighted:
    """What running a model on every route showed."""

    label: str
    trial: Trial
    judged: Judged
    """Its findings: those of the source on lines that it runs, and those that only running it found."""
    matrix: MatrixResult | None = None
    """What the targets make of the ONNX file that it became, None where it became none."""
    spec: ModelSpec | None = None
    """How it was named; None for a model that was there already."""
    departures: list[Departure] | None = None
    """In what it is not the model of its lock; None where nobody asked."""
    diagnoses: dict[str, Diagnosis] = field(default_factory=dict)
    """By route what is wrong with a file that is refused."""

    @property
    def right(self) -> list[str]:
        """The routes that gave eager's results on all inputs."""
        return [route for route, outcome in self.trial.every.items() if outcome.level is Level.harmless]

    @property
    def passes(self) -> bool:
        """Whether nothing is wrong with it: all routes are right, no finding and no lock says otherwise."""
        if any(one.matters for one in self.departures or ()):
            return False
        return len(self.right) == len(self.trial.every) and all(f.severity == "info" for f in self.judged.findings)


@dataclass(frozen=True)
class OfFiles:
    """What the ONNX files show that a model became: they are not kept."""

    subject: Subject | None = None
    """What a matrix is made of."""
    diagnoses: dict[str, Diagnosis] = field(default_factory=dict)
    """By route what is wrong with a file that is refused."""


@dataclass
class PreflightResult:
    """What became of each model."""

    models: list[Preflighted] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """The models that did not run, with the reason."""


@dataclass(frozen=True)
class How:
    """How models are run."""

    seconds: float = 180.0
    """How long each step of a model may take."""
    gigabytes: int = 8
    """How much memory its process may take."""
    jobs: int = 1
    """How many models run at a time."""
    dask: str = ""
    """The address of the Dask cluster that runs them instead."""
    store: Path | None = None
    """A folder that keeps the results: what is there is not run again."""
    lock: bool = False
    """Whether to keep what tells a model apart from others."""
    draw: bool = False
    """Whether to look at what a page draws: the graph of the file, and how far its tensors are from eager's."""
    opsets: tuple[int, ...] = ()
    """Opsets besides that of the settings, at which they are exported to ONNX too."""
    sandbox: bool = False
    """Whether models can neither write nor reach a network."""


def preflight_models(
    models: Sequence[ModelSpec], configuration: Configuration, how: How, watch: Watch, *, want_fixes: bool
) -> PreflightResult:
    """Runs models on every route of the exporter; ``watch`` is told each step.

    Raises:
        UsageError: the cluster does not answer, or results cannot be kept.
    """
    settings = configuration.settings(Path.cwd())
    done: dict[str, many.Answer] = {}
    shown: dict[str, OfFiles] = {}
    result = PreflightResult()
    drawn = {model.label: configuration.of_model(settings, model) for model in models if how.draw}

    def tell(label: str, step: str) -> None:
        watch(f"{len(done)} of {len(models)} models; {label}: {step}" if len(models) > 1 else f"{label}: {step}")

    with tempfile.TemporaryDirectory(prefix="convlint-", ignore_cleanup_errors=True) as folder:
        requests = [
            many.Request(
                job=Job(
                    path=model.label,
                    preflight=model,
                    routes=(*EXPORTERS[settings.exporter], *_further(EXPORTERS[settings.exporter], how.opsets)),
                    opset=settings.opset,
                    files=tempfile.mkdtemp(dir=folder),
                    lock=how.lock,
                    along=how.draw,
                ),
                seconds=how.seconds,
                gigabytes=how.gigabytes,
                sandbox=how.sandbox,
            )
            for model in models
        ]
        with many.on_dask(how.dask) if how.dask else many.here(how.jobs, tell) as (start, at_once):
            for request, answer in many.run_all(requests, start, at_once, how.store):
                done[request.label] = answer
                shown[request.label] = _of_files(request, answer, how.store, drawn.get(request.label))
                tell(request.label, "done")
    for model in models:
        trial = done[model.label].trial
        if trial is None:
            result.errors[model.label] = done[model.label].error
            continue
        judged = _judged_trial(model, trial, shown[model.label], configuration, want_fixes=want_fixes)
        judged.spec = model
        result.models.append(judged)
    return result


def _of_files(request: many.Request, answer: many.Answer, store: Path | None, draw: Settings | None) -> OfFiles:
    """What the files show that a model became now, or when its result was stored."""
    name = f"{request.key}.files"
    folder = Path(request.job.files)
    if answer.trial is None or not any(folder.iterdir()):
        return many.stored(store, name, OfFiles) or OfFiles()
    found = _read(request.label, answer.trial, folder, draw)
    many.keep(store, name, found)
    return found


def _read(label: str, trial: Trial, folder: Path, draw: Settings | None = None) -> OfFiles:
    return OfFiles(subjects.of_folder(label, folder, draw), _diagnoses(trial, folder))


def _further(routes: Sequence[str], opsets: Sequence[int]) -> Iterator[str]:
    """The routes to ONNX at other opsets."""
    yield from (at_opset(route, opset) for opset in opsets for route in routes if route.startswith("onnx"))


def preflight_live(
    model: torch.nn.Module, inputs: str | Callable[[], Any], configuration: Configuration
) -> Preflighted:
    """Runs a model that is there already, in this process.

    Raises:
        UsageError: the model does not run in eager, or its inputs are wrong.
    """
    from convlint.trial.preflight import trial_of

    settings = configuration.settings(Path.cwd())
    with tempfile.TemporaryDirectory(prefix="convlint-", ignore_cleanup_errors=True) as folder:
        trial = trial_of(model, inputs, EXPORTERS[settings.exporter], settings.opset, folder)
        spec = ModelSpec(factory=type(model).__name__)
        return _judged_trial(spec, trial, _read(spec.label, trial, Path(folder)), configuration, want_fixes=True)


def _judged_trial(
    model: ModelSpec, trial: Trial, files: OfFiles, configuration: Configuration, *, want_fixes: bool
) -> Preflighted:
    """A trial, what the linter finds in the files that it ran, and what the targets make of its ONNX file."""
    settings = configuration.of_model(configuration.settings(Path.cwd()), model)
    found: list[Finding] = []
    repairables: dict[tuple[str, str, Span], Repairable] = {}
    there = [path for path in trial.reference.executed if Path(path).is_file()]  # a result may be older than the files
    for own, group in configuration.groups(there):
        linted = lint(group, replace(configuration.of_model(own, model), show_harmless=True), alone=True)
        found += linted.findings
        repairables |= {_key(one.finding): one for one in linted.repairables}
    judged = judge(found, trial, settings)
    if want_fixes:  # of what is shown: computing one takes time
        judged.findings = [_with_fix(one, repairables.get(_key(one)), settings) for one in judged.findings]
    matrix = subjects.judged(files.subject, settings) if files.subject else None
    return Preflighted(model.label, trial, judged, matrix, diagnoses=files.diagnoses)


def write_lock(model: Preflighted) -> Path:
    """Writes the lock of a model that was run with ``How.lock``.

    Raises:
        UsageError: it cannot be written.
    """
    assert model.spec
    path = locks.lock_file(model.spec)
    locks.write(path, locks.locked(model.label, model.trial))
    return path


def compare_with_lock(model: Preflighted) -> None:
    """Notes in what a model that was run with ``How.lock`` is not the one of its lock.

    Raises:
        UsageError: it has none.
    """
    assert model.spec
    was = locks.read(locks.lock_file(model.spec))
    model.departures = locks.departures(was, locks.locked(model.label, model.trial))


def _key(finding: Finding) -> tuple[str, str, Span]:
    return finding.path, finding.code, finding.span


def _with_fix(finding: Finding, made: Repairable | None, settings: Settings) -> Finding:
    return replace(finding, fix=made.fix(settings.context)) if made else finding


def _diagnoses(trial: Trial, folder: Path) -> dict[str, Diagnosis]:
    """What is wrong with the files that ONNX Runtime or the checker refuses, by route."""
    stages = ("checker", "runtime")
    refused = (route for route, outcome in trial.outcomes.items() if outcome.stage in stages and not outcome.ended)
    files = {route: file for route in refused if (file := folder / f"{route}.onnx").is_file()}
    return {
        route: called(file, "convlint.graph.diagnose:diagnose", file, (("onnxruntime", None),))
        for route, file in files.items()
    }
