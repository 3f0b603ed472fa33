"""The opsets that exporters write, as measured by ``generate_windows``."""

from __future__ import annotations

import functools
from pathlib import Path

import msgspec

WINDOWS = Path(__file__).with_name("exporters.json")
TITLES = {
    "onnx_torchscript": "the TorchScript exporter",
    "onnx_dynamo": "the dynamo exporter",
    "jit_trace": "torch.jit.trace",
    "torch_export": "torch.export",
    "core": "torch.export",
}


class Exporter(msgspec.Struct, frozen=True):
    """What one version of an exporter writes."""

    version: str
    oldest: int
    newest: int
    missing: tuple[int, ...] = ()
    """The opsets between that it does not write."""
    ir: dict[int, int] = {}
    """By opset the IR version of its files."""

    def writes(self, opset: int) -> bool:
        """Whether it writes files of an opset."""
        return self.oldest <= opset <= self.newest and opset not in self.missing


@functools.cache
def exporters() -> dict[str, Exporter]:
    """By graph, ``onnx_torchscript`` and ``onnx_dynamo``."""
    return msgspec.json.decode(WINDOWS.read_bytes(), type=dict[str, Exporter])
