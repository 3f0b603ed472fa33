"""Values of Python's own among the outputs of models, and what is none or none of a model."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

INIT = "self.flag, self.layers = flag, nn.ModuleList([nn.ReLU()])"


def model(body: str) -> str:
    return forward(body, init=INIT).replace("__init__(self)", "__init__(self, flag=True)")


@pytest.mark.parametrize(
    "body",
    [
        "n = 3\nreturn x, n  # CVL711",
        "out = (x, 'a')\nreturn out  # CVL711",
        "r = {'y': x}\nr['n'] = 0.5\nreturn r  # CVL711",
        "return [\n    x,\n    (x, self.flag),  # CVL711\n]",
        "return x, len(self.layers)  # CVL711",
        "return {\n    'y': x,\n    'n': {'m': 1},  # CVL711\n}",
    ],
)
def test_values_of_pythons_own(agree: Agree, body: str) -> None:
    agree(model(body))


@pytest.mark.parametrize(
    "out",
    ["x, None", "x, x.shape[0]", "x, x.shape", "x, self.unknown", "x, torch.tensor(3)", "x, ()", "self.unknown(x, 3)"],
)
def test_tensors_sizes_and_what_is_not_known(agree: Agree, out: str) -> None:
    agree(model(f"return {out}"))


def test_what_only_training_returns(agree: Agree) -> None:
    agree(model("if self.training:\n    return x, 3\nreturn x"))


def test_a_part_of_a_model_returns_what_it_likes(agree: Agree) -> None:
    inner = forward("return x, 3")
    outer = (
        "class Outer(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.inner = Model()\n"
    )
    agree(f"{inner}\n\n{outer}\n    def forward(self, x):\n        y, n = self.inner(x)\n        return y * n\n")
    agree(f"{inner}\n\nBLOCKS = {{'model': Model}}\n")


def test_a_helper_returns_what_it_likes(agree: Agree) -> None:
    helper = "def halved(x):\n    return x / 2, 2\n\n\nclass Model"
    agree(forward("y, n = halved(x)\nreturn y * n").replace("class Model", helper))
