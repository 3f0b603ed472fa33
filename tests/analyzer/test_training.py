"""What trains a model is not what is exported."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

STEP = """
import torch
from torch import nn


class Part(nn.Module):
    def forward(self, x):
        return x / x.max().item()  # CVL202


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.part = Part()

    def forward(self, x, y):
{body}

    def step(self, x, y):
        loss = (self.part(x) - y).mean()
        return loss, {{"loss": loss.item()}}

    def guess(self, x):
        return self.part(x) - x.min().item()
"""


def step(*lines: str, mark: str = "") -> str:
    """A model whose ``forward`` are these lines."""
    return STEP.format(body="\n".join(f"        {line}" for line in lines)).replace(
        "x.min().item()", f"x.min().item(){mark}"
    )


@pytest.mark.parametrize(
    "returned",
    [
        "return loss, {'loss': loss.item()}",
        "return dict(loss=loss, at=loss.item())",
        "return {'mse_loss': loss, 'at': loss.item()}",
        "return self.step(x, y)",
        "return loss",
    ],
)
def test_a_step_of_training_is_no_entry_and_its_parts_are(agree: Agree, returned: str) -> None:
    agree(step("loss = (self.part(x) - y).mean()", returned))


def test_what_gives_more_than_a_loss_is_an_entry(agree: Agree) -> None:
    agree(step("loss = (self.part(x) - y).mean()", "return self.guess(x), loss", mark="  # CVL202"))


def test_what_stands_in_for_a_step_of_training_is_entered(agree: Agree) -> None:
    source = step("return self.step(x, y)", mark="  # CVL202").replace("guess", "inference")
    agree(source)


@pytest.mark.parametrize(
    ("path", "mark"), [("training/models/net.py", "  # CVL202"), ("training/loop.py", ""), ("tests/models/net.py", "")]
)
def test_models_in_a_folder_called_training_are_models(agree: Agree, path: str, mark: str) -> None:
    folders = path.split("/")[:-1]
    packages = {f"{'/'.join(folders[: i + 1])}/__init__.py": "" for i in range(len(folders))}
    source = f"import torch\n\n\ndef peak(x: torch.Tensor) -> torch.Tensor:\n    return x / x.max().item(){mark}\n"
    agree({**packages, path: source})


@pytest.mark.parametrize(("given", "mark"), [("gt_boxes", ""), ("gt_boxes=None", "  # CVL202")])
def test_a_model_that_is_always_given_the_ground_truth_is_for_training(agree: Agree, given: str, mark: str) -> None:
    agree(
        "from torch import nn\n\n\nclass Assigner(nn.Module):\n"
        f"    def forward(self, x, {given}):\n        return x / x.max().item(){mark}\n"
    )


@pytest.mark.parametrize(("trained", "mark"), [("loss.backward()\n    ", ""), ("", "  # CVL202")])
def test_a_model_that_trains_itself_is_not_exported(agree: Agree, trained: str, mark: str) -> None:
    close = f"def close():\n    loss = (x - 1).abs().sum()\n    {trained}return loss\nself.optimizer.step(close)"
    agree(forward(f"{close}\nreturn x / x.max().item(){mark}"))


@pytest.mark.parametrize(("name", "mark"), [("trunc_normal_", ""), ("truncated", "  # CVL801")])
def test_what_fills_weights_is_not_exported(agree: Agree, name: str, mark: str) -> None:
    agree(f"""import torch


def {name}(tensor: torch.Tensor, std: float = 1.0) -> torch.Tensor:
    with torch.no_grad():
        tensor.uniform_(-1, 1)
        return tensor.erfinv_().mul_(std){mark}
""")
