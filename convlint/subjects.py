"""What a matrix is about: the operators of an ONNX file, of sources, or of the file that a model becomes."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from convlint.backends.matrix import MatrixResult, matrix, with_runs
from convlint.backends.really import ran
from convlint.backends.uses import Subject
from convlint.config import Configuration, Settings
from convlint.errors import UsageError
from convlint.findings import EXPORTERS
from convlint.graph.apart import called
from convlint.rule import DEFAULT_OPSET
from convlint.trial.job import Job, ModelSpec

_WRAPPED = "model"
"""What ``trial.flat`` calls the user's model in the module that it is exported in."""


def judged(subject: Subject, settings: Settings, opsets: Sequence[int] = ()) -> MatrixResult:
    """What the targets of the settings make of a subject; without opsets at its own, or at the one torch writes."""
    chosen = list(opsets) or [settings.opset or subject.opset or DEFAULT_OPSET]
    found = matrix(
        subject.uses, settings.targets, chosen, settings.exporter, ir=subject.ir, contradiction=subject.contradiction
    )
    if subject.ran is not None and subject.opset is not None:
        found = with_runs(found, subject.ran, subject.opset)
    return MatrixResult(subject, found)


def of_paths(
    paths: Sequence[Path | str], configuration: Configuration, *, draw: bool = False, really: bool = False
) -> Subject:
    """An ONNX file, with its picture and what runtimes do with it where that is asked, or sources.

    Raises:
        UsageError: something is not there or cannot be read, or two things are asked for at once.
    """
    files = [Path(path) for path in paths if _is_onnx(Path(path))]
    if files and len(paths) > 1:
        raise UsageError(f"{files[0]}: an ONNX file is looked at alone; leave out the other paths")
    if not files:
        if really:
            raise UsageError("--really runs an ONNX file, or what a model becomes; name one, not sources")
        return _of_sources(paths, configuration)
    settings, subject = configuration.settings(Path.cwd()), _of_file(files[0])
    subject = _run(subject, files[0], settings) if really else subject
    return _with_picture(subject, files[0], settings) if draw else subject


def of_model(model: ModelSpec, settings: Settings, *, draw: bool = False, really: bool = False) -> Subject:
    """The ONNX file that a model becomes, by the newer exporter that writes one.

    Raises:
        UsageError: none does, or the model does not run.
    """
    from convlint.trial.runner import Runner

    routes = tuple(route for route in EXPORTERS[settings.exporter] if route.startswith("onnx"))
    with tempfile.TemporaryDirectory(prefix="convlint-", ignore_cleanup_errors=True) as folder, Runner() as runner:
        job = Job(path=model.label, preflight=model, routes=routes, opset=settings.opset, files=folder)
        trial = runner.run(job)
        subject = of_folder(model.label, Path(folder), settings if draw else None, settings if really else None)
    if subject is None:
        name = model.label
        why = "; ".join(f"{route}: {outcome.message}" for route, outcome in trial.outcomes.items())
        raise UsageError(f"{name}: no exporter writes an ONNX file of it ({why}); see `convlint preflight {name}`")
    return subject


def of_folder(label: str, folder: Path, draw: Settings | None = None, really: Settings | None = None) -> Subject | None:
    """Of the ONNX files that a model became (``Job.files``) that of the newer exporter, None where there is none.

    With the targets of ``draw`` it has its picture, with those of ``really`` what their runtimes do with it.
    """
    files = sorted(folder.glob("*.onnx"))  # onnx_dynamo comes first
    if not files:
        return None
    subject = replace(_of_file(files[0]), name=f"{label} by {files[0].stem}")
    subject = _run(subject, files[0], really) if really else subject
    return _with_picture(subject, files[0], draw, _WRAPPED) if draw else subject


def _run(subject: Subject, file: Path, settings: Settings) -> Subject:
    return replace(subject, ran=ran(file, subject.rows, [name for name, _ in settings.targets]))


def _with_picture(subject: Subject, file: Path, settings: Settings, wrapper: str = "") -> Subject:
    """The same with the picture of its file, with none where the file cannot be drawn."""
    try:
        return replace(subject, picture=called(file, "convlint.graph.drawn:drawn", file, settings.targets, wrapper))
    except UsageError:
        return subject


def _of_file(path: Path) -> Subject:
    subject: Subject = called(path, "convlint.backends.onnx_file:read", path)
    return subject


def _is_onnx(path: Path) -> bool:
    return path.suffix not in (".py", ".pyi", ".ipynb") and (path.suffix == ".onnx" or path.is_file())


def _of_sources(paths: Sequence[Path | str], configuration: Configuration) -> Subject:
    from convlint.backends.from_source import uses
    from convlint.linter import events

    found = [event for settings, group in configuration.groups(paths) for event in events(group, settings)]
    name, seen = " ".join(map(str, paths)), tuple(uses(found))
    if not seen:
        raise UsageError(f"{name}: no call of torch is seen that a model makes; name its files, or an ONNX file")
    return Subject(name, seen)
