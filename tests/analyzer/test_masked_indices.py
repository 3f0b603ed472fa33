"""Assignment under a mask that is one of several indices."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

BOTH, TORCHSCRIPT, DYNAMO, NONE = ("torchscript", "dynamo"), ("torchscript",), ("dynamo",), ()


@pytest.mark.parametrize(
    ("index", "value", "refusing"),
    [
        (":, mask", "0.0", DYNAMO),
        ("1:, mask", "y[1:, mask] * 2", DYNAMO),
        (":, 0, mask", "0.0", DYNAMO),
        (":, 0, mask", "y[:, 0, mask] * 2", BOTH),
        ("..., mask", "0.0", BOTH),
        (":, mask, :", "0.0", BOTH),
        (":, mask, 0", "0.0", BOTH),
        (":, mask2", "0.0", BOTH),
        ("mask, :", "0.0", TORCHSCRIPT),
        ("mask, 1:", "0.0", TORCHSCRIPT),
        ("mask, 0", "0.0", TORCHSCRIPT),
        ("0, mask2", "0.0", TORCHSCRIPT),
        ("0, mask", "y[0, mask] * 2", TORCHSCRIPT),
        ("0, mask", "0.0", NONE),
        ("mask2", "0.0", NONE),
        (":, rows", "0.0", NONE),  # positions
    ],
)
def test_where_the_mask_stands(agree: Agree, index: str, value: str, refusing: tuple[str, ...]) -> None:
    source = forward(f"y[{index}] = {value}  # CVL108\nreturn y")
    made = "mask = torch.zeros(4) > 0\n        mask2 = torch.zeros(4, 4) > 0\n        rows = torch.arange(2)\n"
    source = source.replace("        y[", f"        {made}        y = x.clone()\n        y[", 1)
    for exporter in BOTH:
        expected = source if exporter in refusing else source.replace("  # CVL108", "")
        agree(expected, select=["CVL108"], exporter=exporter)


@pytest.mark.parametrize("statement", ["y[:, y[0] > 0] += 1  # CVL108", "z = y[:, y[0] > 0]", "y[:, 0][y[0] > 0] = 1"])
def test_other_statements(agree: Agree, statement: str) -> None:
    agree(forward(f"y = x.clone()\n{statement}\nreturn y"), select=["CVL108"])
