"""What is entered: functions that no model calls, and each model for itself."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


def function(signature: str, body: str = "return x / x.max().item()") -> str:
    return f"import torch\n\n\ndef {signature}:\n    {body}\n"


@pytest.mark.parametrize(
    "signature",
    [
        "peak(x: torch.Tensor) -> torch.Tensor",
        'peak(x: "torch.Tensor") -> "torch.Tensor"',
        "peak(x: torch.Tensor, n: int = 3) -> torch.Tensor",
        "peak(n: int, x: torch.Tensor) -> torch.Tensor",
    ],
)
def test_a_function_of_tensors_that_no_model_reaches_is_looked_at(agree: Agree, signature: str) -> None:
    agree(function(signature, "return x / x.max().item()  # CVL202"))


@pytest.mark.parametrize(
    "signature",
    [
        "peak(x)",
        "peak(x: torch.Tensor)",
        "peak(x) -> torch.Tensor",
        "peak(x: torch.Tensor) -> float",
        "my_loss(x: torch.Tensor) -> torch.Tensor",
        "noisy(x: torch.Tensor, gt_boxes: torch.Tensor) -> torch.Tensor",
        "evaluate(x: torch.Tensor) -> torch.Tensor",
    ],
)
def test_a_function_of_something_else_or_for_training_is_not(agree: Agree, signature: str) -> None:
    agree(function(signature))


@pytest.mark.parametrize("path", ["losses.py", "losses/ops.py", "evaluation.py", "training.py", "data_preprocessor.py"])
def test_a_function_in_a_file_of_losses_is_not(agree: Agree, path: str) -> None:
    agree({"losses/__init__.py": "", path: function("peak(x: torch.Tensor) -> torch.Tensor")})


SELECTED = "return x if on else x / x.max().item()"


def test_a_function_that_a_model_calls_is_judged_by_that_call(agree: Agree) -> None:
    ops = function("peak(x: torch.Tensor, on: bool) -> torch.Tensor", SELECTED)
    agree({"ops.py": ops, "model.py": "from ops import peak\n" + forward("return peak(x, True)")})
    agree({"ops.py": ops.replace("item()", "item()  # CVL202"), "model.py": forward("return x")})


BASE = """import torch
from torch import nn


class Base(nn.Module):
    def {entry}(self, t):
        return self.compute(t.abs())


class Last(Base):
    def compute(self, t):
        return t / t.max().item(){mark}
"""


def layers(count: int) -> str:
    return "".join(
        f"\n\nclass Layer{i}(Base):\n    def compute(self, t):\n        return t * {i}\n" for i in range(count)
    )


def model(name: str, parts: list[str], call: str) -> str:
    made = "".join(f"        self.part{i} = {part}()\n" for i, part in enumerate(parts))
    calls = "".join(f"        x = self.part{i}{call}(x)\n" for i in range(len(parts)))
    return (
        f"\n\nclass {name}(nn.Module):\n    def __init__(self):\n        super().__init__()\n{made}\n"
        f"    def forward(self, x):\n{calls}        return x\n"
    )


@pytest.mark.parametrize(("entry", "call"), [("forward", ""), ("__call__", ""), ("run", ".run")])
def test_a_model_of_many_layers_does_not_hide_what_is_in_another(agree: Agree, entry: str, call: str) -> None:
    many = model("Large", [f"Layer{i}" for i in range(120)], call)
    agree(BASE.format(entry=entry, mark="  # CVL202") + layers(120) + many + model("Small", ["Last"], call))


@pytest.mark.parametrize("outer_first", [True, False])
def test_a_function_is_judged_by_its_caller_whichever_is_defined_first(agree: Agree, outer_first: bool) -> None:
    inner = "def peak(x: torch.Tensor, on: bool) -> torch.Tensor:\n    return x if on else x / x.max().item()\n"
    outer = "def outer(x: torch.Tensor) -> torch.Tensor:\n    return peak(x, True)\n"
    agree("import torch\n" + (outer + inner if outer_first else inner + outer))


def test_what_is_no_module_runs_models_and_is_not_exported(agree: Agree) -> None:
    backend = "class Backend(ABC):\n    def forward(self, x):\n        return self.session.run(x.cpu().numpy())\n"
    agree(f"from abc import ABC\n\nimport torch\n\n\n{backend}")
    agree(f"from torch.nn import Module as ABC\n\n\n{backend.replace('.numpy())', '.numpy())  # CVL201')}")


PARTS = """
import torch
from torch import nn


class Part(nn.Module):
    def forward(self, x, sizes):
        height, width = sizes[0]
        if height > width:  # CVL302
            return x * 2
        return x


class Base(nn.Module):
    def initialize(self, module):
        if isinstance(module, Model):
            module.eval()


class Model(Base):
    def __init__(self):
        super().__init__()
        self.part = Part()

    def forward(self, x):
        return self.part(x, [(x.shape[2], x.shape[3])])
"""


def test_who_asks_whether_something_is_a_model_does_not_use_it(agree: Agree) -> None:
    agree(PARTS)


INNER = """import torch
from torch import nn


class Crop(nn.Module):
    def forward(self, x, width):
        return x[:, : int(width)]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.crop = Crop()

    def forward(self, x):
        return self.crop(x, 3)
"""


def test_a_part_is_judged_by_what_its_model_gives_it_whoever_else_uses_the_model(agree: Agree) -> None:
    agree(INNER)
    trainer = "class Trainer:\n    def __init__(self):\n        self.model = Model()\n"
    agree({"model.py": INNER, "run.py": f"from model import Model\n\n\n{trainer}"})
