"""A model of the user's project on changed sources: eager compared with what it did before, then the routes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import torch

from convlint.trial.compare import Difference, departure, named_leaves
from convlint.trial.execute import Measured, copies, eager, measure, outcome, seed_for, told
from convlint.trial.guess import Guess, guess
from convlint.trial.job import Answer, Job, Reference, Running, Shadow
from convlint.trial.model import load_model
from convlint.trial.samples import Sample
from convlint.trial.sources import stand_in
from convlint.trial.subject import Prepared, prepare
from convlint.trial.watch.lines import Lines

_GRADIENT_BYTES = 400_000_000
"""How much the gradients that are kept of a model may take."""
_MODES = ("outputs", "gradients", "training")
"""Without gradients; with them; in training mode."""


def perform(job: Job) -> Iterator[Answer]:
    """The reference of the model, and where eager does as before the outcome of each route.

    Raises:
        UsageError: the model or its inputs cannot be used.
    """
    assert job.shadow
    shadow = job.shadow
    stand_in(shadow.texts)
    lines = Lines(_Files(shadow.watched))
    yield Running("imported")
    with lines:
        model = load_model(shadow.model)
    yield Running("given its inputs")
    kept = Path(shadow.folder, "before.json")
    if kept.is_file():
        before = msgspec.json.decode(kept.read_bytes(), type=_Before)
        after = _After(model, shadow, before, lines)
        yield from after.compared()
        yield after.reference
        if after.reference.changed:
            return
        subject, measured = after.prepared.subject, after.measured
    else:
        first = _First(model, shadow, lines)
        yield from first.run()
        yield first.reference
        subject, measured = first.prepared.subject, first.measured
    for route in job.routes:
        yield Running(f"exported by {route}")
        yield outcome(route, subject, measured, job.opset)


class _Files:
    """The watched files, by the names that the user gave them."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._names = {os.path.realpath(path): path for path in paths}
        self._known: dict[str, str | None] = {}

    def owns(self, path: str, /) -> bool:
        """Whether a file is watched."""
        if path not in self._known:
            self._known[path] = self._names.get(os.path.realpath(path))
        return self._known[path] is not None

    def relative(self, path: str, /) -> str:
        """What the user calls it."""
        return self._known[path] or path


class _Before(msgspec.Struct):
    """What the first run leaves for those after it, besides eager's results."""

    inputs: str
    guess: str
    counted: list[str]
    """The samples that are compared on the routes."""
    unstable: list[str]
    """The samples on which a rounding error changes the result: a difference there says nothing."""
    skipped: dict[str, str]
    compared: dict[str, list[str]]
    uncompared: dict[str, str]


class _Result(NamedTuple):
    """What one call did."""

    outputs: Any
    inputs: Any
    """The inputs afterwards: a model may write into them."""
    state: dict[str, Any]
    """The buffers, parameters and attributes that it changed."""
    gradients: dict[str, Any]


class _First:
    """The run on the sources as they are."""

    def __init__(self, model: torch.nn.Module, shadow: Shadow, lines: Lines) -> None:
        self._model, self._lines, self._folder = model, lines, Path(shadow.folder)
        given = Guess(shadow.model.inputs, "")
        self._guess = given if given.text else guess(model, shadow.model)
        self.prepared = prepare(model, shadow.model, self._guess.text)
        self.measured: list[Measured] = []
        self._skipped: dict[str, str] = {}
        self._unstable: list[str] = []
        self._compared: dict[str, list[str]] = {mode: [] for mode in _MODES}
        self._uncompared: dict[str, str] = {}

    def run(self) -> Iterator[Answer]:
        samples = self.prepared.subject.samples
        torch.save(self._model.state_dict(), self._folder / "state.pt")
        with_gradients = _with_gradients(self._model, samples)
        for i, sample in enumerate(samples):
            yield Running(f"run on {sample.name} ({i + 1} of {len(samples)})")
            measured, skipped = measure(self.prepared.subject._replace(samples=[sample]))
            self.measured += measured
            self._skipped |= skipped
            if skipped and skipped[sample.name].startswith("eager raises"):
                continue
            self._unstable += skipped
            kept = dict(self._results(sample, sample.name in with_gradients))
            torch.save(kept, self._folder / f"{i}.pt")
        left = _Before(
            self._guess.text,
            self._guess.why,
            [one.sample.name for one in self.measured],
            self._unstable,
            self._skipped,
            self._compared,
            self._uncompared,
        )
        (self._folder / "before.json").write_bytes(msgspec.json.encode(left))

    def _results(self, sample: Sample, with_gradients: bool) -> Iterator[tuple[str, _Result]]:
        for mode in _MODES if with_gradients else _MODES[:1]:
            try:
                with self._lines:
                    result = _call(self.prepared, sample, mode)
                again = _call(self.prepared, sample, mode)
            except Exception as error:
                self._uncompared.setdefault(mode, told(error))
                continue
            if any(_departures(result, again)[0]):
                self._uncompared.setdefault(mode, "the model itself gives another result at each call")
            elif mode != "outputs" and not any(one is not None for one in result.gradients.values()):
                self._uncompared.setdefault(mode, "no output depends on parameters or inputs")
            else:
                self._compared[mode].append(sample.name)
                yield mode, result

    @property
    def reference(self) -> Reference:
        return Reference(
            tuple(sample.name for sample in self.prepared.subject.samples),
            self._skipped,
            {},
            executed=self._lines.sorted(),
            inputs=self.prepared.text,
            guess=self._guess.why,
            compared=self._compared,
            uncompared=self._uncompared,
        )


class _After:
    """A run on changed sources."""

    def __init__(self, model: torch.nn.Module, shadow: Shadow, before: _Before, lines: Lines) -> None:
        self._model, self._before, self._lines, self._folder = model, before, lines, Path(shadow.folder)
        self.prepared = prepare(model, shadow.model, before.inputs)
        self.measured: list[Measured] = []
        self._changed: dict[str, str] = {}
        self._compared: dict[str, list[str]] = {mode: [] for mode in _MODES}
        self._gap = 0.0

    def compared(self) -> Iterator[Answer]:
        lost = _take_state(self._model, torch.load(self._folder / "state.pt", weights_only=False))
        if lost:
            self._changed["traced"] = lost
            return
        subject = self.prepared.subject
        for i, sample in enumerate(subject.samples):
            kept = self._folder / f"{i}.pt"
            if not kept.is_file():
                continue
            yield Running(f"run on {sample.name} ({i + 1} of {len(subject.samples)})")
            for mode, want in torch.load(kept, weights_only=False).items():
                found = self._departure(sample, mode, want)
                if found is None:
                    self._compared[mode].append(sample.name)
                elif sample.name not in self._before.unstable:
                    self._changed[sample.name] = found
                    return
            if sample.name in self._before.counted:
                self.measured.append(Measured(subject, sample, eager(subject, sample)))

    def _departure(self, sample: Sample, mode: str, want: _Result) -> str | None:
        where = "in training mode, " if mode == "training" else ""
        try:
            with self._lines:
                got = _call(self.prepared, sample, mode)
        except Exception as error:
            return f"{where}the model raises {told(error)}"
        found, gap = _departures(got, want)
        if not any(found):
            self._gap = max(self._gap, gap)
            return None
        return where + next(one.message for one in found if one)

    @property
    def reference(self) -> Reference:
        return Reference(
            tuple(sample.name for sample in self.prepared.subject.samples),
            self._before.skipped,
            self._changed,
            executed=self._lines.sorted(),
            inputs=self.prepared.text,
            guess=self._before.guess,
            compared=self._compared,
            uncompared=self._before.uncompared,
            gap=self._gap,
        )


def _with_gradients(model: torch.nn.Module, samples: Sequence[Sample]) -> set[str]:
    """The names of the samples on which gradients are compared: all, where they are not too big to keep."""
    size = sum(one.numel() * one.element_size() for one in model.parameters())
    most = max(2, _GRADIENT_BYTES // (2 * size + 1))
    step = -(-len(samples) // most)
    return {sample.name for sample in samples[::step]}


def _call(prepared: Prepared, sample: Sample, mode: str) -> _Result:
    """A call of a new model, and what came of it."""
    model = prepared.subject.build().model
    assert isinstance(model, torch.nn.Module)
    model.train(mode == "training")
    before = _state(model)
    leaves = tuple(_leaf(value, mode != "outputs") for value in sample.args)
    tensors = copies(leaves)  # which the model may write into
    seed_for(sample)
    with torch.set_grad_enabled(mode != "outputs"):
        outputs = prepared.inputs.call(model, tensors)
    gradients = _gradients(model, outputs, leaves) if mode != "outputs" else {}
    after = {name: value for name, value in _state(model).items() if not _same(before.get(name), value)}
    return _Result(_detached(outputs), _detached(tensors), after, gradients)


def _leaf(value: Any, with_gradient: bool) -> Any:
    if not isinstance(value, torch.Tensor):
        return value
    return value.clone().requires_grad_(with_gradient and value.is_floating_point())


def _state(model: torch.nn.Module) -> dict[str, Any]:
    """Parameters, buffers, and the plain attributes of all modules, copied."""
    state: dict[str, Any] = {
        name: value for name, value in model.state_dict().items() if isinstance(value, torch.Tensor)
    }
    for place, module in model.named_modules():
        plain = {name: value for name, value in vars(module).items() if name[:1] != "_" and name != "training"}
        for name, value in named_leaves(plain, place):
            if isinstance(value, (torch.Tensor, int, float, str)):
                state[name] = value
    return {name: value.detach().clone() if isinstance(value, torch.Tensor) else value for name, value in state.items()}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.shape == other.shape and one.dtype == other.dtype and torch.equal(one, other)
    return type(one) is type(other) and bool(one == other)


def _gradients(model: torch.nn.Module, outputs: Any, inputs: Sequence[Any]) -> dict[str, Any]:
    """The gradients of everything that the outputs depend on, each output element with a weight of its own."""
    generator = torch.Generator().manual_seed(4)
    parts = [
        (value * torch.rand(value.shape, generator=generator, dtype=value.dtype)).sum()
        for _, value in named_leaves(outputs, deep=True)
        if isinstance(value, torch.Tensor) and value.requires_grad and value.is_floating_point()
    ]
    if parts:
        torch.stack([part.double() for part in parts]).sum().backward()  # type: ignore[no-untyped-call]
    found = {name: one.grad for name, one in model.named_parameters()}
    return found | {f"input {i}": getattr(one, "grad", None) for i, one in enumerate(inputs)}


def _detached(value: Any) -> dict[str, Any]:
    return {
        name: leaf.detach().clone() if isinstance(leaf, torch.Tensor) else leaf if _plain(leaf) else type(leaf).__name__
        for name, leaf in named_leaves(value, deep=True)
    }


def _plain(value: Any) -> bool:
    return isinstance(value, (int, float, complex, str)) or type(value).__module__ == "numpy"


def _departures(got: _Result, want: _Result) -> tuple[list[Difference | None], float]:
    parts = [
        departure(got.outputs, want.outputs, "output"),
        departure(got.inputs, want.inputs, "the input afterwards"),
        departure(got.state, want.state, "the state afterwards"),
        departure(got.gradients, want.gradients, "the gradient"),
    ]
    return [found for found, _ in parts], max(gap for _, gap in parts)


def _take_state(model: torch.nn.Module, state: Mapping[str, Any]) -> str:
    """Gives a model the state that it had before; says what no longer fits."""
    found, _ = departure(
        {name: str(tuple(value.shape)) for name, value in _tensors(model.state_dict()).items()},
        {name: str(tuple(value.shape)) for name, value in _tensors(state).items()},
        "its state_dict",
    )
    if found:
        return found.message
    model.load_state_dict(state, strict=True)
    return ""


def _tensors(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    return {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
