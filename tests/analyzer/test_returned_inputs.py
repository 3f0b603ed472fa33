"""Inputs that a model returns as they are."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

TWO = "x: torch.Tensor, mask: torch.Tensor"


@pytest.mark.parametrize(
    "body",
    [
        "return x * 2, mask  # CVL712",
        'return {"hidden": x * 2, "mask": mask}  # CVL712',
        "features = [x]\nfeatures.append(x * 2)\nreturn features  # CVL712",
        "return x * 2, mask.clone()",
        "mask = mask & (x > 0)\nreturn x, mask  # CVL712",
        "return x",  # what has no work to do is no model
        "return x, mask",
        "mask.mul_(2)\nreturn x * 2, mask",
    ],
)
def test_what_is_returned(agree: Agree, body: str) -> None:
    agree(forward(body, TWO), ignore=["CVL708"])


def test_a_part_of_a_model(agree: Agree) -> None:
    encoder = forward("return x * 2, mask", TWO).replace("class Model", "class Encoder")
    model = forward("return self.encoder(x, mask)[0]", TWO, init="self.encoder = Encoder()")
    agree(encoder + model.partition("from torch import nn\n")[2], ignore=["CVL708"])


def test_behind_a_guard(agree: Agree) -> None:
    agree(forward("if torch.compiler.is_exporting():\n    return x * 2\nreturn x * 2, mask", TWO), ignore=["CVL708"])
