"""Makes ``faults.json``: ``python -m convlint.backends.measure_chains PYTHON``.

PYTHON is an interpreter that has OpenCV, whose importer rewrites graphs. Layers that become several operators are
exported by both exporters, and each file is run in a process of its own. Of a file that comes out wrong, though every
operator in it is taken, the shortest chains are kept that are in no file that comes out right.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from convlint.backends import chains, live

WORKER = """
import sys, cv2, numpy
given, right = numpy.load(sys.argv[2])["given"], numpy.load(sys.argv[2])["right"]
net = cv2.dnn.readNetFromONNX(sys.argv[1])
net.setInput(given)
found = net.forward()
assert found.size == right.size, f"gives the shape {found.shape}, not {right.shape}"
far = abs(found.reshape(right.shape) - right).max()
assert far < 1e-3, f"is off by {far:.2g}"
"""
VERSION = "import cv2; print(cv2.__version__)"
OPSETS = {True: (18, 20), False: (13, 18, 20)}


class Excited(nn.Module):
    """Squeeze and excitation: a gate for each channel."""

    def __init__(self, gate: nn.Module, pooled: bool, gate_first: bool) -> None:
        super().__init__()
        self.conv, self.gate = nn.Conv2d(8, 8, 1), gate
        self.pooled, self.gate_first = pooled, gate_first

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input times its gate."""
        mean = nn.functional.adaptive_avg_pool2d(x, 1) if self.pooled else x.mean((2, 3), keepdim=True)
        gate: torch.Tensor = self.gate(self.conv(mean))
        return gate * x if self.gate_first else x * gate


class Normalized(nn.Module):
    """The root mean square taken out, as language models write it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input by its root mean square."""
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


class Flattened(nn.Module):
    """A group norm of the places of a picture in a row, as attention in a picture begins."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(2, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The places, normalized."""
        places: torch.Tensor = self.norm(x.flatten(2))
        return places


def layers() -> Iterator[tuple[str, nn.Module]]:
    """Layers that become several operators, by what they are called."""
    yield "GELU", nn.GELU()
    yield "GELU of tanh", nn.GELU(approximate="tanh")
    for layer in (nn.SiLU(), nn.Hardsigmoid(), nn.Hardswish(), nn.Mish(), nn.Softplus(), nn.LogSigmoid(), nn.GLU(1)):
        yield type(layer).__name__, layer
    yield "LayerNorm", nn.LayerNorm(8)
    yield "GroupNorm", nn.GroupNorm(2, 8)
    yield "GroupNorm of places in a row", Flattened()
    yield "InstanceNorm2d", nn.InstanceNorm2d(8, affine=True)
    yield "root mean square norm", Normalized()
    for gate in (nn.Sigmoid(), nn.Hardsigmoid()):
        for pooled in (True, False):
            for first in (True, False):
                how = ("adaptive pooling" if pooled else "a mean", type(gate).__name__, "first" if first else "last")
                yield f"squeeze and excitation ({', '.join(how)})", Excited(gate, pooled, first)


def files(layer: nn.Module, x: torch.Tensor) -> Iterator[tuple[str, bytes]]:
    """What the exporters write of a convolution and a layer behind it."""
    for dynamo, opsets in OPSETS.items():
        for opset in opsets:
            file = io.BytesIO()
            try:
                torch.onnx.export(layer, (x,), file, dynamo=dynamo, opset_version=opset, verbose=False)  # type: ignore[arg-type]
            except Exception:  # noqa: S112 - what it does not write is not measured
                continue
            yield f"{'dynamo' if dynamo else 'TorchScript'} exporter at opset {opset}", file.getvalue()


def ran(python: str, content: bytes, given: Any, right: Any) -> str:
    """What becomes of a file, empty where it comes out right."""
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        model, arrays = Path(folder, "m.onnx"), Path(folder, "a.npz")
        model.write_bytes(content)
        np.savez(arrays, given=given, right=right)
        command = [python, "-c", WORKER, str(model), str(arrays)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    if done.returncode <= 0:
        return "ends the process" if done.returncode else ""
    last = (done.stderr.strip().splitlines() or ["ends"])[-1]
    return last.removeprefix("AssertionError: ") if "AssertionError" in last else "refuses it"


def main(python: str) -> None:
    """Measures, and writes what came out wrong."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    right: set[str] = set()
    wrong: list[tuple[str, str, set[str]]] = []
    for name, layer in layers():
        model, x = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), layer).eval(), torch.randn(1, 8, 8, 8)
        expected = model(x).detach().numpy()
        for written, content in files(model, x):
            found = {chain for chain, _ in chains.chains(onnx.load_from_string(content).graph)}
            what = ran(python, content, x.numpy(), expected)
            sys.stderr.write(f"{name}, {written}: {what or 'right'}\n")
            if what:
                wrong.append((f"{name}, {written}", what, found))
            else:
                right |= found
    command = [python, "-c", VERSION]
    version = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    found_in_a_row: dict[str, chains.Fault] = {}
    for written, what, found in wrong:
        left = found - right
        shortest = min((len(chain.split()) for chain in left), default=0)
        for chain in sorted(name for name in left if len(name.split()) == shortest):
            found_in_a_row.setdefault(chain, chains.Fault(chain, written, what, version, live.today()))
    chains.write("opencv", list(found_in_a_row.values()), in_a_row=True)


if __name__ == "__main__":
    main(sys.argv[1])
