"""Inheritance, within a file and across files."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

BASE = """import torch
from torch import nn


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x):
        return self.finish(x)

    def finish(self, x):
        return x
"""


def test_an_inherited_forward_calls_the_override(agree: Agree) -> None:
    agree(
        {
            "pkg/__init__.py": "",
            "pkg/base.py": BASE,
            "pkg/model.py": (
                "from .base import Base\n\n\nclass Model(Base):\n    def finish(self, x):\n"
                "        return x / x.max().item()  # CVL202\n"
            ),
        }
    )


def test_what_a_base_constructor_registers_is_known(agree: Agree) -> None:
    agree(
        {
            "base.py": BASE,
            "model.py": (
                "import base\n\n\nclass Model(base.Base):\n    def forward(self, x):\n"
                "        return x * float(self.scale)  # CVL202\n"
            ),
        }
    )


def test_super_calls_the_method_of_the_base(agree: Agree) -> None:
    agree(
        {
            "base.py": BASE.replace("        return x\n", "        return x * int(x.shape[0])  # CVL202\n"),
            "model.py": (
                "from base import Base\n\n\nclass Model(Base):\n    def finish(self, x):\n"
                "        return super().finish(x.abs())\n"
            ),
        }
    )


def test_a_finding_in_a_shared_base_is_reported_once(agree: Agree) -> None:
    agree(
        {
            "base.py": BASE.replace("        return x\n", "        return x * int(x.shape[0])  # CVL202\n"),
            "one.py": "from base import Base\n\n\nclass One(Base):\n    pass\n",
            "two.py": "from base import Base\n\n\nclass Two(Base):\n    pass\n",
        }
    )


def test_a_mixin_contributes_its_methods(agree: Agree) -> None:
    mixin = "\n\nclass Mixin:\n    def peak(self, t):\n        return t.max().item()  # CVL202\n"
    agree(forward("return x / self.peak(x)").replace("Model(nn.Module)", "Model(Mixin, nn.Module)") + mixin)


def test_a_base_outside_the_project_is_taken_for_a_module_by_its_name(agree: Agree) -> None:
    source = forward("return x / x.max().item()  # CVL202")
    agree(source.replace("nn.Module", "PreTrainedModel") + "\n\nfrom transformers import PreTrainedModel\n")


def test_a_class_that_is_no_module_is_not_judged(agree: Agree) -> None:
    agree("class Loader:\n    def load(self, x):\n        return x.item() if x.sum() > 0 else len(x)\n")


def test_losses_and_datasets_are_not_exported(agree: Agree) -> None:
    agree(forward("return x / x.max().item()").replace("Model(", "FocalLoss("))


def test_an_autograd_function_is_no_entry(agree: Agree) -> None:
    agree(forward("return x / x.max().item()").replace("nn.Module", "torch.autograd.Function"))


def test_a_class_inside_a_function_is_followed_where_it_is_used(agree: Agree) -> None:
    agree(
        forward("""
            class Helper:
                def peak(self, t):
                    return t.max().item()  # CVL202

            return x / Helper().peak(x)
        """)
    )


def test_a_class_derived_from_sequential_calls_what_it_was_made_of(agree: Agree) -> None:
    block = (
        "class Block(nn.Sequential):\n    def __init__(self, n, norm=None):\n        layers = [nn.Conv2d(3, n, 1)]\n"
        "        if norm is not None:\n            layers.append(norm(n))\n        super().__init__(*layers)\n\n\n"
    )
    model = forward(
        "y = self.last(self.first(x))  # CVL302\nreturn y.squeeze(1) + y[:, : y.shape[1] + 0]  # CVL601",
        init="self.first = Block(3, norm=nn.InstanceNorm2d)\nself.last = Block(2)",
    )
    agree(model.replace("class Model", f"{block}class Model", 1), show_harmless=True)


@pytest.mark.parametrize("wrap", ["nn.DataParallel(Part()).eval()", "nn.parallel.DistributedDataParallel(Part())"])
def test_a_parallel_module_gives_what_the_one_in_it_gives(agree: Agree, wrap: str) -> None:
    part = "class Part(nn.Module):\n    def forward(self, x):\n        return [x, x * 2]\n\n\n"
    source = forward("return torch.cat(self.part(x), 1)", init=f"self.part = {wrap}")
    agree(source.replace("class Model", part + "class Model"))


_SEQUENCES = {
    "its arguments": "super().__init__(nn.Flatten(), nn.Linear(12, 4))",
    "one by one": "super().__init__()\n        for part in (nn.Flatten(), nn.Linear(12, 4)):\n"
    "            self.add_module(part.__class__.__name__, part)",
    "by name": "super().__init__()\n        nn.Sequential.__init__(self, nn.Flatten(), nn.Linear(12, 4))",
}


@pytest.mark.parametrize("init", _SEQUENCES.values(), ids=_SEQUENCES)
def test_a_sequence_is_made_in_several_ways(agree: Agree, init: str) -> None:
    block = f"class Block(nn.Sequential):\n    def __init__(self):\n        {init}\n\n\n"
    source = forward(
        "if self.part(x.reshape(2, 3, 4)).dim() > 2:\n    return x.item()\nreturn x", init="self.part = Block()"
    )
    agree(source.replace("class Model", f"{block}class Model", 1))


@pytest.mark.parametrize(
    "make",
    [
        "nn.Sequential(*[one.build() for one in CONFIG])",
        "Stages(*[one.build() for one in CONFIG])",
        "Unknown()",
    ],
)
def test_modules_that_nobody_shows_give_no_input_back(agree: Agree, make: str) -> None:
    classes = (
        "class Base(nn.Module):\n    def __init__(self, config=None):\n        super().__init__()\n\n\n"
        "class Stages(Base, nn.Sequential):\n    def __init__(self, *parts, config=None):\n"
        "        Base.__init__(self, config)\n        nn.Sequential.__init__(self, *parts)\n\n\n"
        "class Unknown(nn.Sequential):\n    def __init__(self):\n        super().__init__()\n        fill(self)\n\n\n"
    )
    source = forward("x = x.abs()\nreturn [level * 2 for level in self.part(x)]", init=f"self.part = {make}")
    agree(source.replace("class Model", f"{classes}class Model", 1))


def test_objects_made_alike_are_no_one_object(agree: Agree) -> None:
    config = "class Config:\n    def __init__(self, n=4):\n        self.n = n\n        self.seen = []\n\n\n"
    source = forward("""
        first, second, third = Config(), Config(), Config(n=x.shape[0])
        first.n = x.shape[1]
        if second.n > 3:
            x = x * 2
        if first.n > 3:  # CVL302
            x = x + 1
        if third.n > 3:  # CVL302
            x = x - 1
        first.seen.append(x.shape[1] > 3)
        second.seen.append(False)
        return x if second.seen[0] else x * 3
    """)
    agree(source.replace("class Model", f"{config}class Model", 1))


def test_what_a_constructor_meets_is_told_for_all_that_it_makes(agree: Agree) -> None:
    part = (
        "class Noise:\n    def __init__(self):\n        print(torch.randn(3).max().item())  # CVL701 CVL202\n"
        "        self.n = 3\n\n\n"
    )
    source = forward("return x * Noise().n, x + Noise().n")
    agree(source.replace("class Model", f"{part}class Model", 1))


def test_what_an_abstract_method_gives_is_not_what_its_empty_body_gives(agree: Agree) -> None:
    for body in ("pass", "...", '"""Subclasses do."""', "raise NotImplementedError"):
        agree(_ABSTRACT.format(body=body))


_ABSTRACT = """\
from abc import abstractmethod

import torch
from torch import nn


class Base(nn.Module):
    def forward(self, x):
        y = self.encode(x)
        return y * y.max().item()  # CVL202

    @abstractmethod
    def encode(self, x):
        {body}
"""
