"""Makes ``faults.json``: ``python -m convlint.backends.measure_chains PYTHON``.

PYTHON is an interpreter that has OpenCV, whose importer rewrites graphs. Layers that become several operators are
exported by both exporters, and each file is run in a process of its own. Of a file that comes out wrong, though every
operator in it is taken, the shortest chains are kept that are in no file that comes out right.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import onnx
import torch
from torch import nn

from convlint.backends import chains, live, operator_tests
from convlint.trial.runtime_process import RuntimeProcess

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


def ran(process: RuntimeProcess, content: bytes, given: Any, right: Any) -> str:
    """What becomes of a file, empty where it comes out right."""
    name = onnx.load_from_string(content).graph.input[0].name
    said = process.run(content, {name: given}, [right], operator_tests.RTOL)
    told = {"right": "", "wrong": f"gives other numbers: {said.why}", "refused": "refuses it", "hung": "hangs"}
    return told.get(said.what, "ends the process")


def main(python: str) -> None:
    """Measures, and writes what came out wrong."""
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    right: set[str] = set()
    wrong: list[tuple[str, str, set[str]]] = []
    with RuntimeProcess("opencv", python, operator_tests.SECONDS) as process:
        for name, layer in layers():
            model, x = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), layer).eval(), torch.randn(1, 8, 8, 8)
            expected = model(x).detach().numpy()
            for written, content in files(model, x):
                found = {chain for chain, _ in chains.chains(onnx.load_from_string(content).graph)}
                what = ran(process, content, x.numpy(), expected)
                sys.stderr.write(f"{name}, {written}: {what or 'right'}\n")
                if what:
                    wrong.append((f"{name}, {written}", what, found))
                else:
                    right |= found
        version = process.version
    found_in_a_row: dict[str, chains.Fault] = {}
    for written, what, found in wrong:
        left = found - right
        shortest = min((len(chain.split()) for chain in left), default=0)
        for chain in sorted(name for name in left if len(name.split()) == shortest):
            found_in_a_row.setdefault(chain, chains.Fault(chain, written, what, version, live.today()))
    chains.write("opencv", list(found_in_a_row.values()), in_a_row=True)


if __name__ == "__main__":
    main(sys.argv[1])
