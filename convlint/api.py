"""What the command line, the server and users call: one function a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from convlint.config import Configuration, Settings
from convlint.errors import UsageError, nearest
from convlint.findings import Finding, Span
from convlint.rule import DEFAULT_OPSET, faults
from convlint.source.discovery import discover, matches
from convlint.source.document import Document
from convlint.trial.job import ModelSpec, Watch, unwatched

if TYPE_CHECKING:
    from convlint.backends.matrix import Matrix
    from convlint.backends.uses import OperatorUse
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


def matrix(
    what: Sequence[Path | str], configuration: Configuration | None = None, *, opsets: Sequence[int] = ()
) -> MatrixResult:
    """What the targets of the configuration make of an ONNX file, or of what source files and folders call.

    Without ``opsets`` that of the file, or of the configuration, or the one that torch writes by itself.

    Raises:
        UsageError: something is not there or cannot be read, or two things are asked for at once.
    """
    from convlint.backends.matrix import matrix as make

    configuration = configuration or Configuration()
    settings = configuration.settings(Path.cwd())
    subject = _subject(what, configuration)
    chosen = list(opsets) or [settings.opset or subject.opset or DEFAULT_OPSET]
    return MatrixResult(subject, make(subject.uses, settings.targets, chosen, settings.exporter, ir=subject.ir))


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
