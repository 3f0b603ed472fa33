"""A job, done in this process: eager first, then each route, each result compared with eager's."""

from __future__ import annotations

import copy
import importlib.util
import os
import random
import re
import sys
import tempfile
import time
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any, NamedTuple

import numpy
import torch
from msgspec.structs import replace

from convlint.errors import UsageError
from convlint.findings import Level
from convlint.source.place import causes, of_error
from convlint.trial.compare import Difference, difference
from convlint.trial.inputs import Dim, parse_inputs
from convlint.trial.job import Answer, Job, Outcome, Reference
from convlint.trial.limits import of_memory
from convlint.trial.routes import EXPORTS, MODEL_FILE, Args, Export, Graph, RefusedError, made_by
from convlint.trial.samples import Sample, given_samples, jitter, jittered, samples
from convlint.trial.ties import Ties
from convlint.trial.wording import readable

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ADVICE = re.compile(r"Next steps: .* ## Exception summary ")
_INTERPRETER = re.compile(
    r"^The following operation failed in the TorchScript interpreter\. Traceback.*\bRuntimeError: "
)
"""The stack of a graph, before what went wrong in it."""
_AROUND = "PassError"
"""What onnx_ir raises around an error in a pass over a graph: it names the pass by its address in memory."""
_UNKNOWN_VALUE = "unordered_map::at"
"""What the tracer says of a tensor that it has not seen made."""
_LONGEST = 600
_ROUNDINGS = range(2, 5)
"""The seeds of the rounding errors that are tried."""
_MORE_ROUNDINGS = range(5, 17)
_FEW = 0.05
"""Where no more of the values differ, two of them may only have changed places, which most rounding errors leave."""


class Subject(NamedTuple):
    """A model and its inputs, found and understood."""

    path: str
    made: Any
    """A module, or what makes one."""
    samples: list[Sample]
    input_names: tuple[str, ...]
    dynamic: dict[int, dict[int, str]]
    dims: dict[str, Dim]
    training: bool = False

    def build(self) -> torch.nn.Module:
        """A new model in its mode, with the same weights each time.

        Raises:
            UsageError: the name does not give a model.
        """
        seed()
        model = copy.deepcopy(self.made) if isinstance(self.made, torch.nn.Module) else self.made()
        if not isinstance(model, torch.nn.Module):
            raise UsageError(f"{self.path}: the model is a {type(model).__name__}, not a torch module")
        return model.train(self.training)


@dataclass(frozen=True)
class Measured:
    """A sample that counts, with eager's result on it."""

    subject: Subject
    sample: Sample
    want: Any

    def explains(self, found: Difference) -> bool:
        """Whether what a graph makes of the sample differs for what eager does with it, and not for the graph."""
        return self.is_unsteady or (found.share <= _FEW and self._changes_places)

    @cached_property
    def is_unsteady(self) -> bool:
        """Whether eager's own result is another with other rounding errors, or equal values in another order.

        Then every runtime may give another, and a difference says nothing. Rounded are the parameters, and inputs that
        were made. Inputs of the user's are as they are: a threshold that one of them meets exactly is meant.
        """
        return self._is_rounded_to_another(_ROUNDINGS) or self._depends_on_the_order_of_ties

    @cached_property
    def _changes_places(self) -> bool:
        return self._is_rounded_to_another(_MORE_ROUNDINGS)

    @property
    def _depends_on_the_order_of_ties(self) -> bool:
        for backwards in (False, True):
            model = self.subject.build()
            with suppress(Exception), Ties(backwards=backwards):
                if difference(run_on(self.sample, lambda args, model=model: model(*args)), self.want):
                    return True
        return False

    def _is_rounded_to_another(self, seeds: Iterable[int]) -> bool:
        for number in seeds:
            model = self.subject.build()
            generator = torch.Generator().manual_seed(number)
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.copy_(jitter(parameter, generator, least=0.0))  # a layer may enlarge what is small
            sample = jittered(self.sample, number) if self.sample.made else self.sample
            with suppress(Exception):
                if difference(run_on(sample, lambda args, model=model: model(*args)), self.want):
                    return True
        return False


def perform(job: Job) -> Iterator[Answer]:
    """The reference of a job, then the outcome of each of its routes.

    Raises:
        UsageError: the file, the model or its inputs cannot be used.
    """
    if job.script:
        yield from _perform_script(job)
        return
    subject = find(job)
    measured, skipped = measure(subject)
    original = getattr(load(Path(job.original)), job.model, None) if job.original else None
    changed = _changes(subject._replace(made=original), measured) if original else {}
    yield Reference(tuple(sample.name for sample in subject.samples), skipped, changed)
    for route in job.routes:
        yield outcome(route, subject, measured, job.opset)


def _perform_script(job: Job) -> Iterator[Answer]:
    """The reference and the outcome of a script that exports: what it makes must equal its ``model``."""
    started = time.monotonic()
    (route,) = job.routes
    spec = parse_inputs(job.inputs)
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder, warnings.catch_warnings(), _inside(Path(folder)):
        warnings.simplefilter("ignore")
        seed()
        try:
            module = load(Path(job.path))
        except UsageError as error:
            yield Reference((), {}, {})
            yield Outcome(route, Level.breaks, told(error.__cause__ or error), seconds=_since(started))
            return
        names = tuple(given.name for given in spec.inputs)
        model = copy.deepcopy(module.model)  # a trace shares its buffers with what was traced, and may change them
        subject = Subject(job.path, model, samples(spec), names, spec.dynamic, dict(spec.dims))
        measured, skipped = measure(subject)
        yield Reference(tuple(sample.name for sample in subject.samples), skipped, {})
        path = Path(MODEL_FILE)
        graph = made_by(module, path, names)
        judged = judge(_unjudged(route, graph), graph, measured)
        if job.opset is not None and judged.level < Level.frozen and (got := _opset(path)) != job.opset:
            message = f"the file is of opset {got}, not of {job.opset}"
            judged = replace(judged, level=Level.frozen, message=message)
        yield replace(judged, seconds=_since(started))


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Works in a folder, as a script that writes files does."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _opset(path: Path) -> object:
    import onnx

    return max(one.version for one in onnx.load(path, load_external_data=False).opset_import if not one.domain)


def find(job: Job) -> Subject:
    """The model and inputs of a job.

    Raises:
        UsageError: they cannot be found, or the inputs cannot be read.
    """
    module = load(Path(job.path))
    for name in filter(None, (job.model, job.samples)):
        if not hasattr(module, name):
            raise UsageError(f"{job.path}: there is no `{name}`; name a model that the file defines")
    if job.samples:
        seed()
        given = given_samples(getattr(module, job.samples)())
        names = tuple(f"input{i}" for i in range(len(given[0].args)))
        return Subject(job.path, getattr(module, job.model), given, names, job.dynamic, {})
    spec = parse_inputs(job.inputs)
    names = tuple(given.name for given in spec.inputs)
    return Subject(job.path, getattr(module, job.model), samples(spec), names, spec.dynamic, dict(spec.dims))


def load(path: Path) -> ModuleType:
    """A user's file, imported.

    Raises:
        UsageError: it cannot be.
    """
    name = f"convlint_subject_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path}: is no Python file; give the file that defines the model")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise UsageError(f"{path}: cannot be imported: {told(error)}") from error
    return module


def seed(number: int = 0) -> None:
    """Random models draw the same numbers at every run."""
    torch.manual_seed(number)
    random.seed(number)
    numpy.random.seed(number)


def seed_for(sample: Sample) -> None:
    """Draws the random numbers of a sample."""
    seed(0 if sample.kind == "traced" else zlib.crc32(sample.name.encode()))


def run_on(sample: Sample, run: Any) -> Any:
    """The result on copies of the inputs (a model may write into them), after the calls that come before.

    Each sample has random numbers of its own: what drew while it was traced must draw again.
    """
    seed_for(sample)
    with torch.no_grad():
        for args in sample.before:
            run(copies(args))
        return run(copies(sample.args))


def copies(args: Args) -> Args:
    """Inputs for a call, which may write into them."""
    return tuple(value.clone() if isinstance(value, torch.Tensor) else value for value in args)


def eager(subject: Subject, sample: Sample) -> Any:
    """What a new model makes of a sample."""
    model = subject.build()
    return run_on(sample, lambda args: model(*args))


def measure(subject: Subject, *, only_steady: bool = True) -> tuple[list[Measured], dict[str, str]]:
    """Eager's results, and the samples that do not count with the reason.

    Those that a rounding error changes count where not ``only_steady`` ones are wanted: whoever asks of each that
    differs whether it ``is_unsteady`` has them run in eager once instead of twice.

    Raises:
        UsageError: eager raises on the traced inputs.
    """
    measured, skipped = [], {}
    for sample in subject.samples:
        try:
            want = eager(subject, sample)
            counts = sample.kind == "traced" or not sample.made or not only_steady
            unstable = None if counts else difference(eager(subject, jittered(sample)), want)
        except Exception as error:
            if sample.kind == "traced":
                place = f" ({of_error(error)})" if of_error(error) else ""
                raise UsageError(
                    f"the model itself fails on the inputs that it is given: {readable(told(error))}{place}"
                ) from error
            skipped[sample.name] = f"eager raises {readable(told(error))}"
            continue
        if unstable:
            skipped[sample.name] = "a rounding error of the inputs changes eager's result"
        else:
            measured.append(Measured(subject, sample, want))
    return measured, skipped


def _changes(original: Subject, measured: list[Measured]) -> dict[str, str]:
    changed = {}
    for one in measured:
        with suppress(Exception):  # where the original fails the repair may do what it likes
            found = difference(one.want, eager(original, one.sample))
            if found:
                changed[one.sample.name] = found.message
    return changed


def outcome(route: str, subject: Subject, measured: list[Measured], opset: int | None = None) -> Outcome:
    """What a route makes of a model."""
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        done, graph = attempted(route, subject, measured[0].sample, Path(folder), opset)
        return judge(done, graph, measured) if graph else done


def attempted(
    route: str,
    subject: Subject,
    traced: Sample,
    folder: Path,
    opset: int | None = None,
    watch: AbstractContextManager[object] = nullcontext(),  # noqa: B008 - has no state
) -> tuple[Outcome, Graph | None]:
    """The graph that a route makes of a model, of which nothing is known yet; without one, why there is none.

    Files go into a folder; ``watch`` is open while it exports.
    """
    started = time.monotonic()
    graph: Graph | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with watch:
                graph = exported(route, subject, traced, opset, folder)
        except Exception as error:
            stage = error.stage if isinstance(error, RefusedError) else "export"
            ended = of_memory(error)
            done = Outcome(route, Level.breaks, ended or told(error), place=of_error(error), stage=stage, ended=ended)
        else:
            done = _unjudged(route, graph)
    return replace(done, seconds=_since(started)), graph


def exported(route: str, subject: Subject, traced: Sample, opset: int | None, folder: Path) -> Graph:
    """The graph that a route makes of a new model on a sample."""
    model = subject.build()

    def export(args: Args) -> Graph:
        return EXPORTS[route](Export(model, args, subject.input_names, subject.dynamic, subject.dims, opset, folder))

    graph: Graph = run_on(traced, export)
    return graph


def _unjudged(route: str, graph: Graph) -> Outcome:
    return Outcome(route, Level.harmless, vanished=graph.vanished, outputs=graph.outputs)


def judge(done: Outcome, graph: Graph, measured: Sequence[Measured]) -> Outcome:
    """The worst that any sample shows of a graph."""
    for one in measured:
        done = judged_on(one, done, graph)
    return done


def judged_on(one: Measured, done: Outcome, graph: Graph) -> Outcome:
    """What is known of a graph when it has run on one sample more, as long as no limit has ended it."""
    started, sample = time.monotonic(), one.sample
    if done.ended:
        return replace(done, unrun=(*done.unrun, sample.name))
    found, raises = None, False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            graph.reset()
            found = difference(run_on(sample, graph.run), one.want)
        except Exception as error:
            if ended := of_memory(error, f" on {sample.name}"):
                return _starved(done, sample, ended)
            found, raises = Difference(told(error)), True
        if found and not raises and one.explains(found):
            done, found = replace(done, unsure=(*done.unsure, sample.name)), None
    done = replace(done, seconds=round(done.seconds + _since(started), 2))
    return _failing(done, sample, found, raises=raises) if found else done


def _starved(done: Outcome, sample: Sample, ended: str) -> Outcome:
    """An outcome with a sample on which the graph gets no memory."""
    done = replace(done, ended=ended, unrun=(*done.unrun, sample.name))
    return done if done.failed else replace(done, level=Level.breaks, message=ended, on=sample.name)


def _failing(done: Outcome, sample: Sample, found: Difference, *, raises: bool) -> Outcome:
    """An outcome with a sample on which the graph fails or differs."""
    level = Level.frozen if sample.kind == "shapes" else Level.wrong
    level = Level.breaks if raises and sample.kind == "traced" else level
    done = replace(
        done,
        failed=done.failed | {sample.name: found.message},
        raised=(*done.raised, sample.name) if raises else done.raised,
    )
    if level <= done.level:
        return done
    return replace(done, level=level, message=found.message, on=sample.name, worst=found.worst)


def told(error: BaseException) -> str:
    """An exception on one line, without torch's colours and pages of advice."""
    if isinstance(error, RefusedError):
        error = error.__cause__ or error
    error = next((cause for cause in causes(error) if type(cause).__name__ != _AROUND), error)
    text = _INTERPRETER.sub("", _ADVICE.sub("", " ".join(_COLOUR.sub("", str(error)).split())))
    if text == _UNKNOWN_VALUE and _ends_in(error, torch.autograd.Function.apply):
        text += " in an autograd.Function"  # the message says too little to be explained without it
    return f"{type(error).__name__}: {text[:_LONGEST]}" if text else type(error).__name__


def _ends_in(error: BaseException, function: Any) -> bool:
    """Whether an exception comes from what a function calls that is not Python."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    return bool(frames) and frames[-1].f_code is function.__func__.__code__


def _since(started: float) -> float:
    return round(time.monotonic() - started, 2)
