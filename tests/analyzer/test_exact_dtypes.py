"""Dtypes that the source names to the bit."""

from __future__ import annotations

import pytest
from conftest import Agree, Cli
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "use",
    [
        "x[i.int()]  # CVL512",
        "x[:, i.to(torch.int32)]  # CVL512",
        "x[i.to(dtype=torch.int)]  # CVL512",
        "x[torch.arange(3, dtype=torch.int32)]  # CVL512",
        "x[i.int().view(-1)]  # CVL512",
        "x[i.long()]",
        "x[i.int().long()]",
        "x[i.int() + 1]",  # what it is added to is not known to be of 32 bits
        "x[i.to(j.dtype)]",
        "x.index_select(0, i.int())",
        "torch.relu(i.long())  # CVL510",
        "torch.relu(i.int())",  # measured for 64 bits only
        "x.bfloat16() * 2  # CVL510",
        "x.to(torch.bfloat16).float() * 2",
        "x.bfloat16() @ x.bfloat16().T  # CVL510",
        "x.bfloat16() * x",
        "(-x.bfloat16()).float()  # CVL510",
        "x.bfloat16().clamp(min=0).float()  # CVL510",
        "torch.clamp(x.bfloat16(), 0, 1)  # CVL510",
        "nn.functional.gelu(x.bfloat16())  # CVL510",
        "nn.functional.pad(x.bfloat16(), (1, 1))  # CVL510",
        "nn.functional.gelu(-x.float()).clamp(min=0)",
    ],
)
def test_dtypes_that_are_named(agree: Agree, use: str) -> None:
    agree(forward(f"return {use}", "x: torch.FloatTensor, i: torch.Tensor, j: torch.Tensor"))


@pytest.mark.parametrize("use", ["x.bfloat16().cumsum(1)", "torch.where(m, x.bfloat16(), y.bfloat16())"])
def test_repairs_for_masks_are_not_for_other_dtypes(cli: Cli, use: str) -> None:
    source = forward(f"return {use}.float()", "x: torch.Tensor, y: torch.Tensor, m: torch.BoolTensor")
    ran = cli("-", "--isolated", "--diff", "--unsafe-fixes", stdin=source)
    assert ran.out == ""
    assert "CVL510" in cli("-", "--isolated", stdin=source).out


def test_one_that_holds_on_one_path_only(agree: Agree) -> None:
    agree(forward("if self.narrow:\n    i = i.int()\nreturn x[i]", "x: torch.FloatTensor, i: torch.Tensor"))


def test_a_write(agree: Agree) -> None:
    agree(forward("y = x + 1\ny[i.int()] = 0  # CVL512\nreturn y", "x: torch.FloatTensor, i: torch.Tensor"))
