"""What CVL204 says of numbers that came out of a tensor before: the TorchScript routes compute with plain ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration, Layer, Options
from convlint.findings import ROUTES, Level

COUNT, VALUE = "x.nonzero().shape[0]", "x[0, 0].item()"
TORCHSCRIPT, DYNAMO = {"jit_trace", "onnx_torchscript"}, {"torch_export", "onnx_dynamo"}


@pytest.mark.parametrize(
    ("number", "text", "said", "broken"),
    [
        (COUNT, "round(n * 0.3)", "`torch.jit.trace` and the ONNX exporters stop", {*TORCHSCRIPT, "onnx_dynamo"}),
        (VALUE, "round(n * 0.3)", "at which the dynamo ONNX exporter stops; keep the tensor", {"onnx_dynamo"}),
        (COUNT, "sum(divmod(n, 2))", "stops every exporter", TORCHSCRIPT | DYNAMO),
        (VALUE, "sum(divmod(n, 2))", "stops `torch.export` and the dynamo ONNX exporter", DYNAMO),
    ],
)
def test_it_names_the_exporters_that_do_not_know_the_number(
    tmp_path: Path, number: str, text: str, said: str, broken: set[str]
) -> None:
    (tmp_path / "model.py").write_text(forward(f"n = {number}\nreturn x * {text}"))
    layer = Layer(Options(select=["CVL204"]), "test", tmp_path)
    (finding,) = api.check([tmp_path], Configuration([layer], isolated=True)).findings
    assert said in finding.message
    assert {route for route in ROUTES if finding.harm.on(route) is Level.breaks} == broken
