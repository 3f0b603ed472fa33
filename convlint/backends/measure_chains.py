"""Makes ``faults.json``: ``python -m convlint.backends.measure_chains PYTHON``.

PYTHON is an interpreter that has OpenCV, whose importer rewrites graphs. Layers that become several operators are
exported by both exporters in each dtype, and each file is run in a process of its own. Of a file that comes out wrong,
though every operator in it is taken, the shortest chains are kept that are in no file of that dtype that comes out
right.
"""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import onnx
import torch
from torch import nn

from convlint.backends import cast_graphs, chains, live, operator_tests
from convlint.backends.measure_calls import COARSE, RTOL, Cast
from convlint.trial.runtime_process import RuntimeProcess

OPSETS = {True: (18, 20), False: (13, 18, 20)}
_PLAIN = "float32"


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


def ran(process: RuntimeProcess, content: bytes, given: Any, right: Any, dtype: str) -> str:
    """What becomes of a file, empty where it comes out right."""
    name = onnx.load_from_string(content).graph.input[0].name
    said = process.run(content, {name: given}, [right], COARSE if "16" in dtype else RTOL)
    told = {"right": "", "wrong": f"gives other numbers: {said.why}", "refused": "refuses it", "hung": "hangs"}
    return told.get(said.what, "ends the process")


@dataclass
class Seen:
    """The chains in the files of one dtype that came out right, and those in each that did not."""

    right: set[str] = field(default_factory=set)
    wrong: list[tuple[str, str, set[str]]] = field(default_factory=list)

    def faults(self) -> Iterator[tuple[str, str, str]]:
        """The shortest chains of each file that came out wrong, with how it was written, and what became of it."""
        for written, what, found in self.wrong:
            left = found - self.right
            shortest = min((len(chain.split()) for chain in left), default=0)
            yield from ((chain, written, what) for chain in sorted(left) if len(chain.split()) == shortest)


def seen(process: RuntimeProcess, dtype: str) -> Seen:
    """What becomes of the layers in a dtype."""
    torch.manual_seed(0)
    made = Seen()
    for name, layer in [("nothing", nn.Identity()), *layers()]:
        model, x = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), layer).eval(), torch.randn(1, 8, 8, 8)
        expected = model(x).detach().numpy()
        whole = model if dtype == _PLAIN else Cast(model, getattr(torch, dtype)).eval()
        for written, content in files(whole, x):
            found = {chain for chain, _ in chains.chains(onnx.load_from_string(content).graph)}
            what = ran(process, content, x.numpy(), expected, dtype)
            sys.stderr.write(f"{name} in {dtype}, {written}: {what or 'right'}\n")
            if what and isinstance(layer, nn.Identity):  # a convolution is refused, whatever is behind it
                return Seen()
            if what:
                made.wrong.append((f"{name}, {written}", what, found))
            else:
                made.right |= found
    return made


def main(python: str) -> None:
    """Measures, and writes what came out wrong."""
    warnings.simplefilter("ignore")
    with RuntimeProcess("opencv", python, operator_tests.SECONDS) as process:
        by_dtype = {dtype: seen(process, dtype) for dtype in (_PLAIN, *cast_graphs.OTHERS)}
        version = process.version
    found: dict[str, chains.Fault] = {}
    for dtype, one in by_dtype.items():
        for chain, written, what in one.faults():
            right_of = [other for other in cast_graphs.OTHERS if chain in by_dtype[other].right]
            told = " ".join(right_of) if dtype == _PLAIN else ""
            found.setdefault(chain, chains.Fault(chain, written, what, version, live.today(), dtype, told))
    chains.write("opencv", list(found.values()), in_a_row=True)


if __name__ == "__main__":
    main(sys.argv[1])
