"""Inputs that a model takes and does nothing with, or gives other axes."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

OUTER = """

class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Model()

    def forward(self, x):
        return self.inner(x, None)
"""


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ("x, mask", "return x * 2"),
        ("x, mask", "del mask\nreturn x * 2"),
        ("x, mask", "return x.to(mask.device, mask.dtype)"),
        ("x, *, mask", "return x * 2"),
    ],
)
def test_nothing_is_computed_from_it(agree: Agree, parameters: str, body: str) -> None:
    agree(forward(body, parameters).replace("mask):", "mask):  # CVL708"), ignore=[])


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ("x, mask", "return x * mask"),
        ("x, mask", "mask += 1\nreturn x"),
        ("x, mask", "return x.view(mask.shape[0], -1)"),
        ("x, mask", "return locals()['mask'] * x"),
        ("x, mask", "def inner():\n    return mask\nreturn x * inner()"),
        ("x, mask=None", "return x * 2"),
        ("x, _mask", "return x * 2"),
        ("x, *masks, **others", "return x * 2"),
        ("x, mask", '"""What others define."""\nraise NotImplementedError'),
    ],
)
def test_it_is_asked_or_not_an_input_by_itself(agree: Agree, parameters: str, body: str) -> None:
    agree(forward(body, parameters), ignore=[])


def test_of_a_part_the_model_decides_what_it_is_given(agree: Agree) -> None:
    agree(forward("return x * 2", "x, mask") + OUTER, ignore=[])


def test_a_part_may_come_from_a_helper(agree: Agree) -> None:
    helper = "\n\ndef make():\n    return Model()\n"
    agree(forward("return x * 2", "x, mask") + helper + OUTER.replace("Model()", "make()"), ignore=[])


def test_a_script_that_makes_the_model_makes_no_part_of_it(agree: Agree) -> None:
    script = "\n\ndef main():\n    return Model()(torch.ones(3), torch.ones(3))\n"
    agree(forward("return x * 2", "x, mask").replace("mask):", "mask):  # CVL708") + script, ignore=[])
    made = "\n\nmodel = Model()\n"
    agree(forward("return x * 2", "x, mask").replace("mask):", "mask):  # CVL708") + made, ignore=[])


def test_what_one_of_several_classes_is_given_others_say(agree: Agree) -> None:
    model = forward("return x * 2", "x, mask")
    agree(model.replace("class Model", "@register\nclass Model"), ignore=[])
    agree(model + "\n\nMODELS = {'plain': Model}\n", ignore=[])
    base = "class Base(nn.Module):\n    def forward(self, x, mask):\n        raise NotImplementedError\n\n\nclass "
    agree(model.replace("class Model(nn.Module)", f"{base}Model(Base)"), ignore=[])


def test_what_is_no_tensor_is_no_input(agree: Agree) -> None:
    agree(forward("return x * 2", "x, dtype: torch.dtype, mode: str"), ignore=[])
    agree(forward("return x * 2", "x, mask: torch.Tensor").replace("Tensor):", "Tensor):  # CVL708"), ignore=[])


def test_a_part_of_a_model_in_another_file_too(agree: Agree) -> None:
    part = forward("return x * 2", "x, mask")
    agree(
        {"part.py": part, "model.py": "import torch\nfrom torch import nn\nfrom part import Model\n" + OUTER}, ignore=[]
    )


@pytest.mark.parametrize(
    "body",
    [
        "x.unsqueeze_(1)  # CVL110\nreturn x * 2",
        "return x.transpose_(0, 1) * 2  # CVL110",
        "x.swapaxes_(0, 1)  # CVL110\nreturn x * 2",
        "y = x\ny.squeeze_(1)  # CVL110\nreturn x * 2",
        "x.detach_()\nreturn x * 2",
        "y = x * 2\ny.unsqueeze_(1)\nreturn y",
        "y = x[:, 0]\ny.unsqueeze_(1)\nreturn y * 2",
        "x = x.clone()\nx.t_()\nreturn x",
    ],
)
def test_inputs_whose_axes_are_changed_in_place(agree: Agree, body: str) -> None:
    agree(forward(body))


def test_a_part_of_a_model_may_change_the_axes_of_what_it_is_given(agree: Agree) -> None:
    part = forward("x.unsqueeze_(1)\nreturn x * 2").replace("class Model", "class Part")
    model = forward("return self.part(x * 2)", init="self.part = Part()")
    agree(part + model.partition("from torch import nn\n")[2])


@pytest.mark.parametrize(
    "annotation", ["np.ndarray", "list[np.ndarray]", "'list[np.ndarray]'", "Sequence[Image.Image]"]
)
def test_what_must_be_given_images_is_no_model_to_export(agree: Agree, annotation: str) -> None:
    imports = "numpy as np\nfrom PIL import Image\nfrom collections.abc import Sequence"
    body = "return [page for page in self.inner(images) if page.sum() > 0]"
    source = forward(body, f"images: {annotation}", imports, init="self.inner = nn.Linear(4, 4)")
    agree(source)


@pytest.mark.parametrize(
    "parameter", ["images: np.ndarray | torch.Tensor", "images, shape: np.ndarray = None", "images"]
)
def test_what_may_be_given_tensors_is_one(agree: Agree, parameter: str) -> None:
    body = "inner = self.inner(images)\nif inner.sum() > 0:  # CVL301\n    return inner\nreturn images"
    agree(forward(body, parameter, "numpy as np", init="self.inner = nn.Linear(4, 4)"))
