"""What CVL203 advises for lists of which nobody knows what is in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration, Layer, Options

LISTED = """
import torch
from collections.abc import Sequence
from torch import nn


class Model(nn.Module):
    def forward(self, x, given: Sequence[torch.Tensor | int]):
        return x * torch.tensor(given[:2])
"""


@pytest.mark.parametrize(
    ("source", "is_told"),
    [(LISTED, True), (forward("s = torch.tensor([x.sum(), x.mean()])\nreturn x * s[0]"), False)],
    ids=["a list of tensors or numbers", "tensors"],
)
def test_numbers_are_taken_as_a_tensor_where_they_may_be_some(tmp_path: Path, source: str, is_told: bool) -> None:
    (tmp_path / "model.py").write_text(source, encoding="utf-8")
    configuration = Configuration([Layer(Options(select=["CVL203"]), "test", tmp_path)], isolated=True)
    (found,) = api.check([tmp_path / "model.py"], configuration).findings
    assert "use `torch.stack` or `torch.cat`" in found.message
    assert ("take numbers as one tensor" in found.message) is is_told
