"""The operators that a project's own source calls, seen without running it."""

from __future__ import annotations

from collections.abc import Iterable

from convlint.analyzer import torch_facts
from convlint.backends.uses import NEVER, Operator, OperatorUse, Place, Spans, merged
from convlint.events import Event, OperatorCall, operator_and_class
from convlint.findings import MADE_BY


def uses(events: Iterable[Event]) -> list[OperatorUse]:
    """The calls of torch of which it was measured what they become; calls of one function together."""
    return merged(_use(event) for event in events if isinstance(event, OperatorCall))


def _use(event: OperatorCall) -> OperatorUse:
    since = torch_facts.newer(event.callee)
    if lacking := torch_facts.table().refused.get(event.callee):
        since = NEVER, lacking
    reached = {graph: spans for graph, spans in event.graphs.items() if MADE_BY[graph] in event.routes}
    return OperatorUse(
        {graph: _spans(spans) for graph, spans in reached.items()},
        (event.callee,),
        (Place(event.document.path, event.span.row),),
        below={} if since is None else {"onnx_torchscript": since},
        dtype=event.dtype or "",
    )


def _spans(spans: Iterable[tuple[int, tuple[str, ...]]]) -> Spans:
    return tuple((opset, tuple(Operator(*operator_and_class(one)) for one in operators)) for opset, operators in spans)
