"""The line at which an export ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial, wraps
from pathlib import Path
from traceback import StackSummary, walk_tb
from typing import Any

import onnx
import onnx_ir
import onnxruntime
import torch.fx
import torch.onnx
from msgspec.structs import replace
from torch.fx.experimental.symbolic_shapes import RuntimeAssert, ShapeEnv
from torch.fx.proxy import TracerBase
from torch.jit._trace import TracingCheckError
from torch.onnx._internal.torchscript_exporter import utils as torchscript

from convlint.source.place import causes, reason
from convlint.trial.execute import told
from convlint.trial.hooks import replaced
from convlint.trial.job import Event
from convlint.trial.limits import of_memory
from convlint.trial.watch.places import Place, Places
from convlint.trial.wording import UNKNOWN, readable

_STACK = "pkg.torch.onnx.stack_trace"
"""Where the dynamo exporter writes whose a node is."""
_MAKERS = ("create_unbacked_symint", "create_unbacked_symfloat", "create_unbacked_symbool")


@contextmanager
def failure_watched(tool: str, places: Places, events: list[Event]) -> Iterator[None]:
    """While open, an exception becomes an event too, where its line is known."""
    nodes: list[Place | None] = []
    makers: dict[str, Place] = {}
    checks: list[tuple[RuntimeAssert, Place]] = []
    try:
        with (
            _unknown_noted(places, makers),
            _checks_noted(places, checks),
            _whole_stacks(places),
            _failing_node(places, nodes),
            _refused_node(places, nodes),
        ):
            yield
    except TracingCheckError:
        raise  # it names where two traces part, not why
    except Exception as error:
        if of_memory(error):
            raise  # whatever line it was at, that line is not wrong
        place = next(filter(None, nodes), None) or places.of_error(error) or _of_check(error, checks)
        place = place or places.of_text(_translated(error))
        if place:
            events.append(_failed(error, place, tool, places, makers))
        raise


def _failed(error: BaseException, place: Place, tool: str, places: Places, makers: Mapping[str, Place]) -> Event:
    """An exception at a place: whole where its words are ours, else its beginning."""
    said = told(reason(error))
    if (helpful := readable(said)) == said:
        return places.event(place, tool, "fail", "harm", said)
    unknown = next((name for name in UNKNOWN.findall(helpful) if makers.get(name, place) != place), None)
    if unknown is None:
        return places.event(place, tool, "fail", "harm", helpful, longest=len(helpful))
    made = makers[unknown]
    helpful += f": `{unknown}` is made at line {made.line} of {Path(made.path).name}"
    event = places.event(place, tool, "fail", "harm", helpful, longest=len(helpful))
    return replace(event, origin=f"{places.relative(made.path)}:{made.line}")


@contextmanager
def _unknown_noted(places: Places, makers: dict[str, Place]) -> Iterator[None]:
    """While open, notes which line made each number that depends on values: it is asked for far from there."""

    def noted(make: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(make)
        def watched(*args: Any, **keywords: Any) -> Any:
            made = make(*args, **keywords)
            if place := places.of_caller():
                makers[str(made.node.expr)] = place
            return made

        return watched

    with ExitStack() as stack:
        for name in _MAKERS:
            stack.enter_context(replaced(ShapeEnv, name, noted(getattr(ShapeEnv, name))))
        yield


@contextmanager
def _checks_noted(places: Places, checks: list[tuple[RuntimeAssert, Place]]) -> Iterator[None]:
    """While open, notes which line asked for each check of sizes that a program shall have."""
    init = RuntimeAssert.__init__

    def noted(self: RuntimeAssert, *args: Any, **keywords: Any) -> None:
        init(self, *args, **keywords)
        if place := places.of_caller():
            checks.append((self, place))

    with replaced(RuntimeAssert, "__init__", noted):
        yield


def _of_check(error: BaseException, checks: Sequence[tuple[RuntimeAssert, Place]]) -> Place | None:
    """The line that asked for the check that was being written into a program, beside operators of other lines."""
    for cause in causes(error):
        for frame, _ in walk_tb(cause.__traceback__):
            check = frame.f_locals.get("ra")
            if isinstance(check, RuntimeAssert):
                return next((place for one, place in checks if one is check), None)
    return None


@contextmanager
def _whole_stacks(places: Places) -> Iterator[None]:
    """The stack of an operator in the graph of ``torch.export`` has the methods named ``forward`` only."""

    def ours(_: TracerBase, stack: StackSummary) -> StackSummary:
        return StackSummary.from_list([frame for frame in stack if places.owns(frame.filename)])

    with replaced(TracerBase, "_filter_traceback_frames", ours):
        yield


@contextmanager
def _failing_node(places: Places, nodes: list[Place | None]) -> Iterator[None]:
    """The TorchScript exporter does not name the line of an operator that it lacks; the operator's node does."""
    convert = torchscript._run_symbolic_function

    def watched(graph: Any, block: Any, node: Any, *args: Any, **keywords: Any) -> Any:
        try:
            return convert(graph, block, node, *args, **keywords)
        except Exception:
            nodes.append(places.of_text(node.sourceRange()))
            raise

    with replaced(torchscript, "_run_symbolic_function", watched):
        yield


@contextmanager
def _refused_node(places: Places, nodes: list[Place | None]) -> Iterator[None]:
    """The runtime names a node of a graph that it refuses; both exporters can write into it whose it is."""
    session = onnxruntime.InferenceSession

    def watched(path: str, *args: Any, **keywords: Any) -> Any:
        try:
            return session(path, *args, **keywords)
        except Exception as error:
            nodes.append(places.of_text(_origin(path, str(error))))
            raise

    with (
        replaced(onnxruntime, "InferenceSession", watched),
        replaced(torchscript, "setup_onnx_logging", _unlogged),  # it would print the whole graph
        replaced(torch.onnx, "export", partial(torch.onnx.export, verbose=True)),
    ):
        yield


@contextmanager
def _unlogged(_: bool) -> Iterator[None]:
    before = torch._C._jit_is_onnx_log_enabled()
    torch._C._jit_set_onnx_log_enabled(False)
    try:
        yield
    finally:
        torch._C._jit_set_onnx_log_enabled(before)


def _origin(path: str, message: str) -> str:
    """The stack of the node that a message names, empty where it names none."""
    named = [node for node in onnx.load(path).graph.node if node.name and _names(message, node.name)]
    return "".join(node.doc_string + "".join(entry.value for entry in node.metadata_props) for node in named)


def _names(message: str, node: str) -> bool:
    return any(f"{before}{node}{after}" in message for before, after in ("()", "''", '""'))


def _translated(error: BaseException) -> str:
    """The stack of the operator that the dynamo exporter was at: its messages do not name the line either."""
    for cause in causes(error):
        for frame, _ in walk_tb(cause.__traceback__):
            node = frame.f_locals.get("node")
            if isinstance(node, torch.fx.Node) and node.stack_trace:
                return node.stack_trace
            if isinstance(node, onnx_ir.Node) and _STACK in node.metadata_props:
                return node.metadata_props[_STACK]
    return ""
