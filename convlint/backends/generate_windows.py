"""Makes ``exporters.json``: ``python -m convlint.backends.generate_windows``.

Which opsets each of the installed torch's ONNX exporters writes: a small model is exported at each, and the file counts
where it says that opset and the installed ONNX Runtime gives what eager gives. It is a model that nothing stops: of one
that uses more, the TorchScript exporter writes fewer opsets, and the dynamo exporter converts none from 18 down.
"""

from __future__ import annotations

import contextlib
import io
import json
import warnings

import onnx
import torch
from torch import nn

from convlint.backends.exporters import WINDOWS

EXPORTERS = {"onnx_torchscript": False, "onnx_dynamo": True}


class Measured(nn.Module):
    """Convolution, normalization, activation and a mean: what the dynamo exporter does not convert from 18 down."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """What is compared."""
        return torch.relu(self.norm(self.conv(x))).mean((2, 3))


def written(dynamo: bool, opset: int) -> int | None:
    """The IR version of the file, None where it is not what was asked for."""
    import numpy as np
    import onnxruntime

    model, x = Measured().eval(), torch.randn(2, 3, 8, 8)
    file = io.BytesIO()
    try:
        torch.onnx.export(model, (x,), file, opset_version=opset, dynamo=dynamo, verbose=False)  # type: ignore[arg-type]
        content = file.getvalue()
        made = onnx.load_from_string(content)
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (got,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    except Exception:
        return None
    right = {one.domain: one.version for one in made.opset_import}.get("") == opset
    right = right and np.allclose(got, model(x).detach().numpy(), atol=1e-5)
    return int(made.ir_version) if right else None


def main() -> None:
    """Measures and writes."""
    warnings.simplefilter("ignore")
    found = {}
    for name, dynamo in EXPORTERS.items():
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            by_opset = {opset: written(dynamo, opset) for opset in range(1, onnx.defs.onnx_opset_version() + 2)}
        opsets = {opset: ir for opset, ir in by_opset.items() if ir is not None}
        found[name] = {
            "version": torch.__version__.split("+")[0],
            "oldest": min(opsets),
            "newest": max(opsets),
            "missing": [opset for opset in range(min(opsets), max(opsets)) if opset not in opsets],
            "ir": {str(opset): ir for opset, ir in opsets.items()},
        }
    WINDOWS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
