"""What was measured of a size that is given where a plain number is needed, as harm and in words."""

from __future__ import annotations

from typing import Any

from convlint.events import HiddenInt, TensorFromValues
from convlint.findings import EXPORTERS, Harm, Level


def harm_of(event: HiddenInt | TensorFromValues, kept: Level = Level.frozen) -> Harm:
    """Breaks on some routes; on others the traced one is ``kept``."""
    levels: dict[str, Any] = dict.fromkeys(event.frozen, kept) | dict.fromkeys(event.refused, Level.breaks)
    return Harm(**levels)


def needs_number(event: HiddenInt, repair: str) -> str:
    """The message of a size that is given for a parameter which must be a plain number."""
    plain = "bool" if event.operand.dtype == "bool" else "number"
    return (
        f"`{event.short}` comes from a size, and `{event.parameter}` of `{event.callee}` must be a plain {plain}: "
        f"where it varies it is {fate_of(event)}; {repair}"
    )


def fate_of(event: HiddenInt | TensorFromValues) -> str:
    """``frozen by the TorchScript routes and refused by the dynamo routes``, of the routes on which it happens."""
    fates = (("frozen", event.frozen & event.routes), ("refused", event.refused & event.routes))
    return " and ".join(f"{what} by {_exporters(routes)}" for what, routes in fates if routes)


def _exporters(routes: frozenset[str]) -> str:
    spared = [words for route, words in _ALONE.items() if route not in routes]
    if len(spared) == 1:
        return f"all exporters but {spared[0]}"
    return _TOGETHER.get(routes) or " and ".join(words for route, words in _ALONE.items() if route in routes)


_TOGETHER = {
    frozenset(EXPORTERS["any"]): "all exporters",
    frozenset(EXPORTERS["torchscript"]): "the TorchScript routes",
    frozenset(EXPORTERS["dynamo"]): "the dynamo routes",
    frozenset({"onnx_torchscript", "onnx_dynamo"}): "the ONNX exporters",
}
_ALONE = {
    "jit_trace": "`torch.jit.trace`",
    "torch_export": "`torch.export`",
    "onnx_torchscript": "the TorchScript ONNX exporter",
    "onnx_dynamo": "the dynamo ONNX exporter",
}
