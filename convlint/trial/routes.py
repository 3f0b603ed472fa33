"""The four ways to a graph: each takes a model and inputs and gives back something that runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from convlint.analyzer.torch_facts.kernels import forget_dispatched
from convlint.graph import runtime
from convlint.trial.flat import Flat
from convlint.trial.inputs import Dim
from convlint.trial.job import Stage

Args = tuple[Any, ...]
MODEL_FILE = "model.onnx"
_OF_LIGHTNING = "_jit_is_scripting"


@dataclass(frozen=True)
class Export:
    """What an export needs."""

    model: torch.nn.Module
    args: Args
    names: tuple[str, ...]
    dynamic: Mapping[int, Mapping[int, str]]
    """Input index to axis to the name of the dimension."""
    dims: Mapping[str, Dim]
    """Ranges of dimensions, where known."""
    opset: int | None
    folder: Path
    automatic: bool = False
    """Whether torch may make a dynamic axis static."""
    strict: bool = True
    """Whether a trace refuses outputs that may change their structure."""

    @property
    def dynamic_shapes(self) -> tuple[Any, ...] | None:
        """The dynamic axes as ``torch.export`` takes them."""
        shapes = tuple(
            {axis: self._hint(name) for axis, name in self.dynamic[i].items()}
            if i in self.dynamic
            else torch.export.Dim.DYNAMIC
            if isinstance(given, int)  # those that stay are no inputs
            else None
            for i, given in enumerate(self.args)
        )
        if not any(shapes):
            return None
        named = self._named()
        return shapes if named is None else (*shapes[:named], shapes[named:])

    def _named(self) -> int | None:
        """How many inputs come before ``*args``, which is one for ``torch.export``; None where there is none."""
        kinds = [given.kind for given in inspect.signature(self.model.forward).parameters.values()]
        return kinds.index(inspect.Parameter.VAR_POSITIONAL) if inspect.Parameter.VAR_POSITIONAL in kinds else None

    def _hint(self, name: str) -> Any:
        dim = self.dims.get(name)
        hint: Any = torch.export.Dim.AUTO if self.automatic else torch.export.Dim.DYNAMIC
        return hint(min=dim.low, max=dim.high) if dim and dim.bounded else hint


class RefusedError(Exception):
    """A graph was made, and the checker or the runtime does not take it."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        self.stage = stage


@contextmanager
def _taken_by(stage: Stage) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise RefusedError(stage) from error


@dataclass(frozen=True)
class Graph:
    """An exported model: how to run it, and the inputs it lost."""

    run: Callable[[Args], Any]
    vanished: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    """What a file calls what it gives."""
    reset: Callable[[], object] = lambda: None
    """Gives it the buffers that it had after export: what a run keeps must not leak into the next sample."""
    exported: Any = None
    """What the exporter made: a traced module, a program, or the path of a file."""


def jit_trace(export: Export) -> Graph:
    """``torch.jit.trace``, run as it is: optimizing it for each of a few calls takes longer than they do."""
    made = traced(export.model, export.args, strict=export.strict)
    graph = _with_state(made, made)

    def run(args: Args) -> Any:
        with torch.jit.optimized_execution(False):  # type: ignore[attr-defined]
            return graph.run(args)

    return replace(graph, run=run)


def jit_trace_loosely(export: Export) -> Graph:
    """``torch.jit.trace`` that takes a dict among the outputs."""
    return jit_trace(replace(export, strict=False))


def traced(model: torch.nn.Module, args: Args, **options: Any) -> Any:
    """What ``torch.jit.trace`` makes of a model; it looks at all properties, and a LightningModule's want a Trainer.

    Lightning's own ``to_torchscript`` tells it in the same way that it need not have one.
    """
    alone = [one for one in model.modules() if getattr(one, _OF_LIGHTNING, None) is False]
    for module in alone:
        setattr(module, _OF_LIGHTNING, True)
    try:
        return torch.jit.trace(model, args, **options)  # type: ignore[no-untyped-call]
    finally:
        for module in alone:
            delattr(module, _OF_LIGHTNING)


def torch_export(export: Export) -> Graph:
    """``torch.export.export``."""
    forget_dispatched()
    model = export.model
    model = model.at_root() if isinstance(model, Flat) and model.assigns_buffers else model
    program = torch.export.export(model, export.args, dynamic_shapes=export.dynamic_shapes)
    return _with_state(program.module(), program)


def torch_export_auto(export: Export) -> Graph:
    """``torch.export.export`` that may make dynamic axes static: it gets further into a model that does."""
    return torch_export(replace(export, automatic=True))


def onnx_torchscript(export: Export) -> Graph:
    """``torch.onnx.export(dynamo=False)``, run in ONNX Runtime."""
    axes = {export.names[i]: dict(named) for i, named in export.dynamic.items()}
    modes = torch.onnx.TrainingMode
    mode = modes.TRAINING if export.model.training else modes.EVAL  # it would change the mode
    return _onnx(export, dynamo=False, dynamic_axes=axes or None, training=mode)


def onnx_dynamo(export: Export) -> Graph:
    """``torch.onnx.export(dynamo=True)``, run in ONNX Runtime."""
    forget_dispatched()
    return _onnx(export, dynamo=True, dynamic_shapes=export.dynamic_shapes, external_data=False)


EXPORTS: Mapping[str, Callable[[Export], Graph]] = {
    "jit_trace": jit_trace,
    "jit_trace_loosely": jit_trace_loosely,
    "torch_export": torch_export,
    "torch_export_auto": torch_export_auto,
    "onnx_torchscript": onnx_torchscript,
    "onnx_dynamo": onnx_dynamo,
}
"""By the names of ``convlint.findings.ROUTES``; besides how some of them are taken where they stop else."""


def _with_state(module: Any, exported: Any) -> Graph:
    """A module as a graph, which may keep something between its runs."""
    state = {name: value.clone() for name, value in module.state_dict().items()}
    return Graph(lambda args: module(*args), reset=lambda: module.load_state_dict(state), exported=exported)


def _onnx(export: Export, **options: Any) -> Graph:
    path = export.folder / MODEL_FILE
    names = list(export.names)
    torch.onnx.export(export.model, export.args, path, input_names=names, opset_version=export.opset, **options)
    return onnx_graph(path, names)


def onnx_graph(path: Path, names: Sequence[str]) -> Graph:
    """An ONNX file, run in ONNX Runtime with inputs of these names."""
    import onnx
    import onnxruntime

    with _taken_by("checker"):
        onnx.checker.check_model(str(path))
    onnxruntime.set_seed(0)  # what it draws is another number than torch's, but the same at every proof
    with _taken_by("runtime"):
        session = runtime.session(str(path), optimized=True)
    known = {given.name for given in session.get_inputs()}

    def run(args: Args) -> list[torch.Tensor]:
        feed = {name: _array(value) for name, value in zip(names, args, strict=True) if name in known}
        return [torch.as_tensor(value) for value in session.run(None, feed)]

    vanished = tuple(name for name in names if name not in known)
    return Graph(run, vanished, tuple(made.name for made in session.get_outputs()), exported=path)


def made_by(module: Any, path: Path, names: Sequence[str]) -> Graph:
    """What a script made: the ONNX file at a path, whose inputs it may have left unnamed, or ``exported``."""
    if path.exists():
        import onnx

        in_file = [given.name for given in onnx.load(str(path), load_external_data=False).graph.input]
        return onnx_graph(path, in_file if len(in_file) == len(names) else names)
    exported = module.exported
    return _with_state(exported.module() if hasattr(exported, "graph_module") else exported, exported)


def _array(value: Any) -> Any:
    return torch.as_tensor(value).detach().numpy()
