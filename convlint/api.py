"""What the command line, the server and users call: one function a job."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from convlint.config import Configuration, Settings, parse_targets
from convlint.errors import UsageError, nearest
from convlint.findings import Finding, Span
from convlint.rule import faults
from convlint.source.document import Document
from convlint.trial.job import ModelSpec, Watch, unwatched

if TYPE_CHECKING:
    import torch

    from convlint.backends.matrix import MatrixResult
    from convlint.graph.cut import Cut
    from convlint.graph.problems import Diagnosis
    from convlint.preflighter import Preflighted, PreflightResult
    from convlint.prover import Proved, Verdict

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


def files(paths: Sequence[Path | str], configuration: Configuration) -> dict[Path, Settings]:
    """The files under the paths that a run is about, each with the settings of its folder.

    Raises:
        UsageError: a path does not exist or a configuration file is wrong.
    """
    return configuration.files(paths)


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
    configuration = configuration or Configuration()
    result = CheckResult()
    for settings, group in configuration.groups(paths, stdin):
        if settings.cache and stdin is None:
            from convlint import remembered

            part = remembered.check(group, settings, want_fixes=want_fixes)
        else:
            from convlint.linter import lint

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
    for settings, group in configuration.groups(paths, stdin):
        store = None
        if settings.cache and stdin is None and write:  # else the cache would learn of texts that nobody writes
            from convlint import remembered

            store = remembered.store(settings)
        part = fix_paths(group, settings, write=write, stdin=stdin, store=store)
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
    groups = configuration.groups(paths)
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

    A model that is there already runs in this process, in evaluation mode, and what ends the process ends it; it is
    left in the mode that it was in, and copies of it are exported. One that a name stands for runs
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
    from convlint.preflighter import preflight_live

    done = preflight_live(model, inputs, configuration)
    _tell_of_packs([done], configuration)
    return done


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
    opsets: Sequence[int] = (),
    sandbox: bool = False,
    want_fixes: bool = False,
    draw: bool = False,
    watch: Watch = unwatched,
) -> PreflightResult:
    """Runs models on every route of the exporter, on other data than they were traced with.

    A model is ``package.module:name``, ``path/file.py:name``, the name of one of the configuration, or ``all`` of
    these. ``inputs`` and ``weights`` stand in for those of the configuration; inputs that nobody gives are guessed.
    Each model runs in a process of its own, each step of it for at most so many ``seconds``, in so many ``gigabytes``
    of memory; so many ``jobs`` at a time, or on the Dask cluster at an address. ``store`` is a folder that keeps the
    results: what is there is not run again. ``shard`` (3, 16) runs the third of sixteen parts of the models. ``lock``
    keeps what tells a model apart from others, ``draw`` what its page draws: the graph, and the error along it.
    ``opsets`` are others than that of the configuration, at which they are exported to ONNX too. In a ``sandbox`` a
    model can neither write nor reach a network.

    Raises:
        UsageError: a model is not configured, the cluster does not answer, or results cannot be kept.
    """
    from convlint.preflighter import How, preflight_models

    configuration = configuration or Configuration()
    given = {name: value for name, value in (("inputs", inputs), ("weights", weights)) if value}
    part, parts = shard
    named = _models(models, [configuration.settings(Path.cwd())])[part - 1 :: parts]
    specs = [structs.replace(model, **given) for model in named]
    how = How(seconds, gigabytes, jobs, dask, store, lock, draw, tuple(opsets), sandbox)
    done = preflight_models(specs, configuration, how, watch, want_fixes=want_fixes)
    _tell_of_packs(done.models, configuration)
    return done


def _tell_of_packs(models: Sequence[Preflighted], configuration: Configuration) -> None:
    """Adds what is wrong with rule packs to the first of some models."""
    for model in models[:1]:
        model.judged.findings[:0] = _about_packs(configuration)


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
    from convlint.preflighter import write_lock

    done = preflight_all(models, configuration, inputs=inputs, weights=weights, lock=True, watch=watch)
    for label, why in done.errors.items():
        raise UsageError(f"{label}: {why}")
    return [write_lock(model) for model in done.models]


def check_locks(result: PreflightResult) -> None:
    """Notes in what each model, run with ``lock``, is not the one of its lock.

    Raises:
        UsageError: a model has no lock.
    """
    from convlint.preflighter import compare_with_lock

    for model in result.models:
        compare_with_lock(model)


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
    what: Sequence[Path | str],
    configuration: Configuration | None = None,
    *,
    opsets: Sequence[int] = (),
    draw: bool = False,
    really: bool = False,
) -> MatrixResult:
    """What the targets of the configuration make of an ONNX file, or of what source files and folders call.

    A model (``package.module:name``, ``path/file.py:name``) is exported on inputs that are configured or guessed.
    Without ``opsets`` that of the file, or of the configuration, or the one that torch writes by itself. ``draw``
    keeps the graph of the file too; ``really`` runs it on the installed runtimes, on random inputs.

    Raises:
        UsageError: something is not there or cannot be read, or two things are asked for at once.
    """
    from convlint import subjects

    configuration = configuration or Configuration()
    settings = configuration.settings(Path.cwd())
    if len(what) == 1 and _is_model(str(what[0]), settings):
        (model,) = _models([str(what[0])], [settings])
        settings = configuration.of_model(settings, model)
        subject = subjects.of_model(model, settings, draw=draw, really=really)
    else:
        subject = subjects.of_paths(what, configuration, draw=draw, really=really)
    return subjects.judged(subject, settings, opsets)


def _is_model(name: str, settings: Settings) -> bool:
    return not Path(name).exists() and (":" in name or name in {model.label for model in settings.models})


def add_ignores(paths: Sequence[Path | str], configuration: Configuration) -> int:
    """Writes a suppression for every finding; returns how many codes were written.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or a file cannot be written.
    """
    from convlint.fixer import add_ignores as write

    return sum(write(group, settings) for settings, group in configuration.groups(paths))


def write_baseline(file: Path, paths: Sequence[Path | str], configuration: Configuration) -> int:
    """Writes a baseline of all findings; returns how many it lists.

    Raises:
        UsageError: a path does not exist, a configuration file is wrong or the baseline cannot be written.
    """
    from convlint import baseline
    from convlint.linter import lint

    keys = []
    for settings, group in configuration.groups(paths):
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
