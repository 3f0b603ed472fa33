"""What the command line, the server and users call: one function a job."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from convlint.config import Configuration, Settings, parse_targets
from convlint.errors import UsageError, nearest
from convlint.findings import EXPORTERS, Finding, Level, Span
from convlint.rule import DEFAULT_OPSET, faults
from convlint.source.discovery import discover, matches
from convlint.source.document import Document
from convlint.trial.job import ModelSpec, Watch, unwatched

if TYPE_CHECKING:
    import torch

    from convlint.backends.matrix import Matrix
    from convlint.backends.uses import OperatorUse
    from convlint.graph.cut import Cut
    from convlint.graph.problems import Diagnosis
    from convlint.judge import Judged
    from convlint.linter import Repairable
    from convlint.lock import Departure
    from convlint.prover import Proved, Verdict
    from convlint.trial.job import Trial

ALL_MODELS = "all"
"""The name that stands for every model of the configuration."""


@dataclass
class CheckResult:
    """What a run found, suppressed and baselined findings left out."""

    findings: list[Finding] = field(default_factory=list)
    """In the order of files and lines."""
    files: int = 0


@dataclass
class FixResult:
    """What a run repaired and what it left."""

    changed: list[tuple[Document, str]] = field(default_factory=list)
    """Each repaired file as it was, and its new text."""
    fixed: list[Finding] = field(default_factory=list)
    """The findings that are gone."""
    left: CheckResult = field(default_factory=CheckResult)
    unstable: list[str] = field(default_factory=list)
    """Files whose repairs called for ever more repairs."""
    refused: list[tuple[Finding, str]] = field(default_factory=list)
    """The findings whose repair was wanted and not made, and why not."""


@dataclass
class ProveResult(FixResult):
    """What a run repaired and what it left, with what the models did."""

    verdicts: list[Verdict] = field(default_factory=list)
    """What became of each repair that could be made."""
    models: list[Proved] = field(default_factory=list)
    """The models before and after the repairs that were kept; none where nothing could be repaired."""


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
        return [route for route, outcome in self.trial.outcomes.items() if outcome.level is Level.harmless]

    @property
    def passes(self) -> bool:
        """Whether nothing is wrong with it: all routes are right, no finding and no lock says otherwise."""
        if any(one.matters for one in self.departures or ()):
            return False
        return len(self.right) == len(self.trial.outcomes) and all(f.severity == "info" for f in self.judged.findings)


@dataclass
class PreflightResult:
    """What became of each model."""

    models: list[Preflighted] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """The models that did not run, with the reason."""


@dataclass(frozen=True)
class Subject:
    """What a matrix is about: a file, or sources."""

    name: str
    uses: tuple[OperatorUse, ...]
    opset: int | None = None
    """That of a file."""
    producer: str = ""
    nodes: int = 0
    ir: int = 0
    """The IR version of a file."""


@dataclass(frozen=True)
class MatrixResult:
    """What targets make of a model."""

    subject: Subject
    matrix: Matrix


def files(paths: Sequence[Path | str], configuration: Configuration) -> dict[Path, Settings]:
    """The files under the paths that a run is about, each with the settings of its folder.

    Raises:
        UsageError: a path does not exist or a configuration file is wrong.
    """
    return discover([Path(path) for path in paths], configuration.settings)


def check(
    paths: Sequence[Path | str] = (),
    configuration: Configuration | None = None,
    *,
    stdin: Document | None = None,
    want_fixes: bool = False,
) -> CheckResult:
    """The findings in files and folders, or in one document that is not on disk (``stdin``).

    Raises:
        UsageError: a path does not exist or a configuration file is wrong.
    """
    from convlint.linter import lint

    configuration = configuration or Configuration()
    result = CheckResult()
    for settings, group in _groups(paths, configuration, stdin):
        part = lint(group, settings, stdin=stdin, want_fixes=want_fixes)
        result.findings += part.findings
        result.files += part.files
    result.findings += _about_packs(configuration)
    _sort(result.findings)
    return result


def fix(
    paths: Sequence[Path | str] = (),
    configuration: Configuration | None = None,
    *,
    stdin: Document | None = None,
    write: bool = True,
) -> FixResult:
    """Repairs files and folders, or one document that is not on disk; writes the files only where ``write`` says so.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or a file cannot be written.
    """
    from convlint.fixer import fix_paths

    configuration = configuration or Configuration()
    result = FixResult()
    for settings, group in _groups(paths, configuration, stdin):
        part = fix_paths(group, settings, write=write, stdin=stdin)
        result.changed += part.changed.values()
        result.fixed += part.fixed
        result.unstable += map(str, part.unstable)
        result.refused += part.refused
        result.left.findings += part.left.findings
        result.left.files += part.left.files
    result.left.findings += _about_packs(configuration)
    _sort(result.left.findings)
    return result


def prove(
    paths: Sequence[Path | str],
    configuration: Configuration | None = None,
    *,
    models: Sequence[str | ModelSpec] = (ALL_MODELS,),
    inputs: str = "",
    write: bool = True,
    seconds: float = 180.0,
    watch: Watch = unwatched,
) -> ProveResult:
    """Repairs files and folders as far as models prove it; ``watch`` is told each step.

    A model is ``package.module:name``, ``path/file.py:name``, the name of one of the configuration, or ``all`` of
    these. ``inputs`` stand in for those of the configuration; without either they are guessed. Each step of a model,
    in a process of its own, may take so many ``seconds``.

    Raises:
        UsageError: what ``fix`` raises it for, or a model is not there or does not run; then nothing is written.
    """
    from convlint.prover import prove_paths

    configuration = configuration or Configuration()
    groups = _groups(paths, configuration, None)
    named = _models(models, [settings for settings, _ in groups] or [configuration.settings(Path.cwd())])
    if inputs:
        named = [structs.replace(model, inputs=inputs) for model in named]
    part = prove_paths(groups, named, write=write, seconds=seconds, watch=watch)
    left = CheckResult(part.left.findings, part.left.files)
    _sort(left.findings)
    return ProveResult(
        changed=list(part.changed.values()),
        fixed=part.fixed,
        left=left,
        unstable=part.unstable,
        refused=part.refused,
        verdicts=part.verdicts,
        models=part.models,
    )


def preflight(
    model: torch.nn.Module | str,
    inputs: str | Callable[[], Any] = "",
    configuration: Configuration | None = None,
) -> Preflighted:
    """Runs one model on every route of the exporter, on other data than it was traced with.

    A model that is there already runs in this process, and what ends the process ends it; one that a name stands for
    (``package.module:name``, ``path/file.py:name``) in a process of its own. ``inputs`` are described
    (``x: float32[N=2, 3, H=96, W=128]``), given by a function (a tuple of tensors, or a dict by name; one that yields
    several gives other values and sizes too), or guessed.

    Raises:
        UsageError: the model does not run in eager, or its inputs are wrong.
    """
    configuration = configuration or Configuration()
    if isinstance(model, str):
        if not isinstance(inputs, str):
            raise UsageError("a model by name takes inputs by name: `package.module:function`, or as described")
        result = preflight_all([model], configuration, inputs=inputs)
        for why in result.errors.values():
            raise UsageError(why)
        return result.models[0]
    from convlint.trial.preflight import trial_of

    settings = configuration.settings(Path.cwd())
    trial = trial_of(model, inputs, EXPORTERS[settings.exporter], settings.opset)
    return _preflighted(type(model).__name__, trial, configuration, settings, want_fixes=True)


def preflight_all(
    models: Sequence[str | ModelSpec] = (ALL_MODELS,),
    configuration: Configuration | None = None,
    *,
    inputs: str = "",
    weights: str = "",
    seconds: float = 180.0,
    gigabytes: int = 8,
    jobs: int = 1,
    dask: str = "",
    store: Path | None = None,
    shard: tuple[int, int] = (1, 1),
    lock: bool = False,
    want_fixes: bool = False,
    watch: Watch = unwatched,
) -> PreflightResult:
    """Runs models on every route of the exporter, on other data than they were traced with.

    A model is ``package.module:name``, ``path/file.py:name``, the name of one of the configuration, or ``all`` of
    these. ``inputs`` and ``weights`` stand in for those of the configuration; inputs that nobody gives are guessed.
    Each model runs in a process of its own, each step of it for at most so many ``seconds``, in so many ``gigabytes``
    of memory; so many ``jobs`` at a time, or on the Dask cluster at an address. ``store`` is a folder that keeps the
    results: what is there is not run again. ``shard`` (3, 16) runs the third of sixteen parts of the models. ``lock``
    keeps what tells a model apart from others.

    Raises:
        UsageError: a model is not configured, the cluster does not answer, or results cannot be kept.
    """
    from convlint.trial import many

    configuration = configuration or Configuration()
    settings = configuration.settings(Path.cwd())
    given = {name: value for name, value in (("inputs", inputs), ("weights", weights)) if value}
    part, parts = shard
    folder = tempfile.TemporaryDirectory(prefix="convlint-", ignore_cleanup_errors=True)
    requests = [
        many.Request(
            model=structs.replace(model, **given),
            routes=EXPORTERS[settings.exporter],
            opset=settings.opset,
            seconds=seconds,
            gigabytes=gigabytes,
            files=tempfile.mkdtemp(dir=folder.name),
            lock=lock,
        )
        for model in _models(models, [settings])[part - 1 :: parts]
    ]
    done: dict[str, many.Answer] = {}
    result = PreflightResult()

    def tell(label: str, step: str) -> None:
        watch(f"{len(done)} of {len(requests)} models; {label}: {step}" if len(requests) > 1 else f"{label}: {step}")

    with many.on_dask(dask) if dask else many.here(jobs, tell) as (start, at_once):
        for request, answer in many.run_all(requests, start, at_once, store):
            done[request.model.label] = answer
            tell(request.model.label, "done")
    with folder:
        for request in requests:
            label = request.model.label
            trial = done[label].trial
            if trial is None:
                result.errors[label] = done[label].error
                continue
            model = _preflighted(label, trial, configuration, settings, want_fixes)
            model.spec = request.model
            model.matrix = _of_file(label, Path(request.files), configuration)
            model.diagnoses = {
                route: diagnose(Path(request.files, f"{route}.onnx"))
                for route, outcome in trial.outcomes.items()
                if outcome.stage in ("checker", "runtime") and Path(request.files, f"{route}.onnx").is_file()
            }
            result.models.append(model)
    return result


def lock(
    models: Sequence[str | ModelSpec] = (ALL_MODELS,),
    configuration: Configuration | None = None,
    *,
    inputs: str = "",
    weights: str = "",
    watch: Watch = unwatched,
) -> list[Path]:
    """Writes the lock of each model beside its weights: what ``check_locks`` compares today's code with.

    Raises:
        UsageError: a model does not run, or a lock cannot be written.
    """
    from convlint import lock as locks

    done = preflight_all(models, configuration, inputs=inputs, weights=weights, lock=True, watch=watch)
    for label, why in done.errors.items():
        raise UsageError(f"{label}: {why}")
    written = []
    for model in done.models:
        assert model.spec
        written.append(locks.lock_file(model.spec))
        locks.write(written[-1], locks.locked(model.label, model.trial))
    return written


def check_locks(result: PreflightResult) -> None:
    """Notes in what each model, run with ``lock``, is not the one of its lock.

    Raises:
        UsageError: a model has no lock.
    """
    from convlint import lock as locks

    for model in result.models:
        assert model.spec
        was = locks.read(locks.lock_file(model.spec))
        model.departures = locks.departures(was, locks.locked(model.label, model.trial))


def _of_file(label: str, folder: Path, configuration: Configuration) -> MatrixResult | None:
    """What targets make of the ONNX file that a model became, by the newer exporter where both wrote one."""
    files = sorted(folder.glob("*.onnx"))  # onnx_dynamo comes first
    if not files:
        return None
    found = matrix([files[0]], configuration)
    return replace(found, subject=replace(found.subject, name=f"{label} by {files[0].stem}"))


def _preflighted(
    label: str, trial: Trial, configuration: Configuration, settings: Settings, want_fixes: bool
) -> Preflighted:
    """A trial, and what the linter finds in the files that it ran."""
    from convlint.judge import judge
    from convlint.linter import lint

    found: list[Finding] = []
    repairables: dict[tuple[str, str, Span], Repairable] = {}
    there = [path for path in trial.reference.executed if Path(path).is_file()]  # a result may be older than the files
    for own, group in _groups(there, configuration, None):
        result = lint(group, replace(own, show_harmless=True))
        found += result.findings
        repairables |= {(one.finding.path, one.finding.code, one.finding.span): one for one in result.repairables}
    judged = judge(found, trial, settings)
    if want_fixes:  # of what is shown: computing one takes time
        judged.findings = [
            replace(one, fix=made.fix(settings.context))
            if (made := repairables.get((one.path, one.code, one.span)))
            else one
            for one in judged.findings
        ]
    return Preflighted(label, trial, judged)


def _models(named: Sequence[str | ModelSpec], settings: Sequence[Settings]) -> list[ModelSpec]:
    """The models that are named, each once."""
    configured = {model.label: model for one in settings for model in one.models}
    found: dict[str, ModelSpec] = {}
    for name in named:
        if isinstance(name, ModelSpec):
            found[name.label] = name
        elif name == ALL_MODELS:
            found |= configured
        elif name in configured:
            found[name] = configured[name]
        elif ":" in name:
            folders = dict.fromkeys(str(folder) for one in settings for folder in (one.root, one.root / "src"))
            found[name] = ModelSpec(factory=name, folders=(str(Path.cwd()), *folders))
        else:
            hint = nearest(name, configured) or "; write `package.module:name` or `path/file.py:name`"
            raise UsageError(f"there is no model `{name}` in the configuration{hint}")
    if not found:
        raise UsageError("no model is configured; add a [[tool.convlint.models]] table, or name a model")
    return list(found.values())


def diagnose(path: Path | str, targets: Sequence[str] | None = None) -> Diagnosis:
    """All that is wrong with the ONNX model in a file, by ONNX's own rules and by what targets take.

    ``targets`` are written ``onnxruntime`` or ``tensorrt==10.0``; without any, those of the configuration.

    Raises:
        UsageError: the file holds no model, a target is unknown, or onnx is not installed.
    """
    from convlint.graph.apart import called

    named = Configuration().settings(Path.cwd()).targets if targets is None else parse_targets(targets)
    told: Diagnosis = called(Path(path), "convlint.graph.diagnose:diagnose", Path(path), named)
    return told


def cut(path: Path | str, target: str, head: Path | str | None = None, tail: Path | str | None = None) -> Cut:
    """Cuts the ONNX model in a file into what a target takes and the rest, and proves that both are the whole.

    The parts are written where ``head`` and ``tail`` say. ``target`` is written ``tvm`` or ``tensorrt==10.0``.

    Raises:
        UsageError: the file holds no model or a wrong one, the target takes no part of it, or the parts are not the
            whole; then nothing is written.
    """
    from convlint.graph.apart import called

    targets = parse_targets(target)
    if len(targets) != 1:
        raise UsageError(f"--target {target}: a model is cut for one target; name one")
    parts = [Path(part) if part else None for part in (head, tail)]
    told: Cut = called(Path(path), "convlint.graph.cut:cut", Path(path), targets[0], *parts)
    return told


def matrix(
    what: Sequence[Path | str], configuration: Configuration | None = None, *, opsets: Sequence[int] = ()
) -> MatrixResult:
    """What the targets of the configuration make of an ONNX file, or of what source files and folders call.

    A model (``package.module:name``, ``path/file.py:name``) is exported on inputs that are configured or guessed.
    Without ``opsets`` that of the file, or of the configuration, or the one that torch writes by itself.

    Raises:
        UsageError: something is not there or cannot be read, or two things are asked for at once.
    """
    from convlint.backends.matrix import matrix as make

    configuration = configuration or Configuration()
    settings = configuration.settings(Path.cwd())
    if len(what) == 1 and _is_model(str(what[0]), settings):
        with tempfile.TemporaryDirectory(prefix="convlint-", ignore_cleanup_errors=True) as folder:
            file = _exported(str(what[0]), settings, Path(folder))
            found = matrix([file], configuration, opsets=opsets)
        return replace(found, subject=replace(found.subject, name=f"{what[0]} by {file.stem}"))
    subject = _subject(what, configuration)
    chosen = list(opsets) or [settings.opset or subject.opset or DEFAULT_OPSET]
    return MatrixResult(subject, make(subject.uses, settings.targets, chosen, settings.exporter, ir=subject.ir))


def _is_model(name: str, settings: Settings) -> bool:
    return not Path(name).exists() and (":" in name or name in {model.label for model in settings.models})


def _exported(name: str, settings: Settings, folder: Path) -> Path:
    """The ONNX file that a model becomes, by the newer exporter that writes one.

    Raises:
        UsageError: none does, or the model does not run.
    """
    from convlint.trial.job import Job
    from convlint.trial.runner import Runner

    (model,) = _models([name], [settings])
    routes = tuple(route for route in reversed(EXPORTERS[settings.exporter]) if route.startswith("onnx"))
    with Runner() as runner:
        job = Job(path=model.label, preflight=model, routes=routes, opset=settings.opset, files=str(folder))
        trial = runner.run(job)
    files = sorted(folder.glob("*.onnx"))
    if not files:
        why = "; ".join(f"{route}: {outcome.message}" for route, outcome in trial.outcomes.items())
        raise UsageError(f"{name}: no exporter writes an ONNX file of it ({why}); see `convlint preflight {name}`")
    return files[0]


def _subject(what: Sequence[Path | str], configuration: Configuration) -> Subject:
    """What a matrix is about."""
    onnx = [Path(one) for one in what if _is_onnx(Path(one))]
    if onnx and len(what) > 1:
        raise UsageError(f"{onnx[0]}: an ONNX file is looked at alone; leave out the other paths")
    if onnx:
        from convlint.backends.onnx_file import read

        file = read(onnx[0])
        return Subject(str(onnx[0]), file.uses, file.opset, file.producer, file.nodes, file.ir)
    return _sources(what, configuration)


def _is_onnx(path: Path) -> bool:
    return path.suffix not in (".py", ".pyi", ".ipynb") and (path.suffix == ".onnx" or path.is_file())


def _sources(what: Sequence[Path | str], configuration: Configuration) -> Subject:
    from convlint.backends.from_source import uses
    from convlint.linter import events

    found = [event for settings, group in _groups(what, configuration, None) for event in events(group, settings)]
    name, seen = " ".join(map(str, what)), tuple(uses(found))
    if not seen:
        raise UsageError(f"{name}: no call of torch is seen that a model makes; name its files, or an ONNX file")
    return Subject(name, seen)


def add_ignores(paths: Sequence[Path | str], configuration: Configuration) -> int:
    """Writes a suppression for every finding; returns how many codes were written.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or a file cannot be written.
    """
    from convlint.fixer import add_ignores as write

    return sum(write(group, settings) for settings, group in _groups(paths, configuration, None))


def write_baseline(file: Path, paths: Sequence[Path | str], configuration: Configuration) -> int:
    """Writes a baseline of all findings; returns how many it lists.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or the baseline cannot be written.
    """
    from convlint import baseline
    from convlint.linter import lint

    keys = []
    for settings, group in _groups(paths, configuration, None):
        result = lint(group, replace(settings, baseline=None))
        keys += [baseline.key(f, result.documents.get(f.path), file) for f in result.findings]
    return baseline.write(file, keys)


def _about_packs(configuration: Configuration) -> list[Finding]:
    """What is wrong with installed rule packs, once a run and not in the user's files."""
    wrong = faults()
    if not (wrong and configuration.settings(Path.cwd()).selects("CVL005")):
        return []
    return [
        Finding("CVL005", "rule-crashed", one.message, one.path, Span(one.row, 1, one.row, 2), "error") for one in wrong
    ]


def _sort(findings: list[Finding]) -> None:
    findings.sort(key=lambda finding: (finding.path, finding.span, finding.code))


def _groups(
    paths: Sequence[Path | str], configuration: Configuration, stdin: Document | None
) -> list[tuple[Settings, list[Path]]]:
    """Files that share their settings together: one run of the linter each."""
    if stdin is not None:
        settings = configuration.settings(Path(stdin.path).absolute().parent)
        excluded = settings.force_exclude and matches(settings.exclude, Path(stdin.path).absolute())
        return [] if excluded else [(settings, [])]
    groups: dict[Settings, list[Path]] = {}
    for path, settings in files(paths, configuration).items():
        groups.setdefault(settings, []).append(path)
    return list(groups.items())
