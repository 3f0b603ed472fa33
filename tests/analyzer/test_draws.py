"""Which random numbers are drawn in a model that is exported."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

IMPORTS = "random, numpy as np, torch.nn.functional as F"


@pytest.mark.parametrize(
    "body",
    [
        "return x + torch.rand(x.shape)  # CVL701",
        "y = x.new_empty(4).uniform_(0, 1)  # CVL701\nreturn x + y",
        "p = random.random()  # CVL701\nreturn x * p",
        "return x * float(np.random.rand())  # CVL701",
        "return F.gumbel_softmax(x)  # CVL701",
        "return F.dropout(x, 0.5, True)  # CVL701",
        "return F.dropout(x, 0.5)  # CVL702",
        "return F.dropout(x, self.rate)  # CVL702",
        "return F.dropout2d(x)  # CVL702",
        "return F.scaled_dot_product_attention(x, x, x, None, self.rate)  # CVL702",
        "return nn.Dropout(0.5)(x)  # CVL702",
        "return nn.Sequential(nn.Tanh(), nn.Dropout(self.rate))(x)  # CVL702",
        "drop = nn.Dropout2d()\nreturn drop(x)  # CVL702",
        "return nn.Linear(4, 4)(x)  # CVL701",
        "layers = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())  # CVL701\nreturn layers(x)",
    ],
)
def test_drawn_in_evaluation_mode(agree: Agree, body: str) -> None:
    agree(forward(body, imports=IMPORTS, init="self.rate = 0.1"))


@pytest.mark.parametrize(
    "body",
    [
        "return F.dropout(x, 0.5, self.training)",
        "return F.dropout(x, training=self.training)",
        "return F.dropout(x, 0.0)",
        "return F.dropout(x, 0.5, on)",
        "return F.alpha_dropout(x, 0.5)",
        "return F.scaled_dot_product_attention(x, x, x, dropout_p=0.0)",
        "return F.scaled_dot_product_attention(x, x, x, dropout_p=self.rate if self.training else 0.0)",
        "return self.drop(x)",
        "return nn.Dropout(0.5).eval()(x)",
        "return nn.LayerNorm(4)(x)",
        "return nn.Softmax(dim=1)(x)",
        "return nn.Linear(4, 4)(x) if self.training else x",
        "return nn.Dropout(0.0)(x)",
        "if self.training:\n    x = x + torch.rand_like(x)\nreturn x",
        "p = torch.rand([])\nif self.training and p < 0.5:\n    return x\nreturn x * 2",
        "p = random.random()\nskip = self.training and p < 0.5\nreturn x if skip else x * 2",
        "random.seed(0)\nreturn x * 2",
    ],
)
def test_not_drawn_in_evaluation_mode(agree: Agree, body: str) -> None:
    init = "self.rate = 0.1\nself.drop = nn.Dropout(0.5)\nself.noise = torch.rand(4)"
    agree(forward(body, "x, on", IMPORTS, init))


def test_a_function_that_no_model_calls_may_be_for_training(agree: Agree) -> None:
    agree("import torch\n\n\ndef jitter(x: torch.Tensor) -> torch.Tensor:\n    return x + torch.rand_like(x)\n")


def test_what_torch_calls_random_is_known() -> None:
    torch = pytest.importorskip("torch")
    from convlint.analyzer.torch_facts import draws

    x = torch.full((3, 5), 0.5)
    for name in ("bernoulli_", "exponential_", "normal_", "uniform_"):
        assert f"Tensor.{name}" in draws()
        assert not torch.equal(getattr(x.clone(), name)(), getattr(x.clone(), name)())
    dropout = draws()["torch.nn.functional.dropout"]
    assert (dropout.switch, dropout.at, dropout.by_default) == ("training", 2, True)
    assert torch.equal(torch.nn.functional.dropout(x, 0.5, False), x)
