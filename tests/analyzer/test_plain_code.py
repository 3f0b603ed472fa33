"""Calls in scripts and functions: found under any name, with what the lines before them say."""

from __future__ import annotations

import sys
import textwrap

import pytest
from conftest import Agree

NET = """\
import torch
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.norm(x)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()

    def forward(self, x):
        return self.block(x)


x = torch.randn(2, 3, 8, 8)
"""


def after(body: str, net: str = NET) -> str:
    return net + textwrap.dedent(body)


@pytest.mark.parametrize(
    "body",
    [
        "import torch\ntorch.onnx.export(m, x, 'm.onnx', opset_version=24, dynamo=False)  # CVL903",
        "import torch.onnx as to\nto.export(m, x, 'm.onnx', opset_version=24, dynamo=False)  # CVL903",
        "from torch import onnx\nonnx.export(m, x, 'm.onnx', opset_version=24, dynamo=False)  # CVL903",
        "from torch.onnx import export as e\ne(m, x, 'm.onnx', opset_version=24, dynamo=False)  # CVL903",
        "def run(m):\n    from torch.onnx import export\n    export(m, x, opset_version=99, dynamo=False)  # CVL903",
        "import torch\nif __name__ == '__main__':\n    torch.onnx.export(m, opset_version=99, dynamo=False)  # CVL903",
        "import torch\nclass A:\n    def f(self):\n        torch.onnx.export(opset_version=99, dynamo=False)  # CVL903",
        "import torch\ndef f():\n    def g():\n        torch.onnx.export(m, opset_version=99, dynamo=False)  # CVL903",
        "import torch\nwith torch.no_grad():\n    p = [torch.onnx.export(m, opset_version=99, dynamo=False)]  # CVL903",
        "import torch\nOPSET = 99\ndef f():\n    torch.onnx.export(m, x, opset_version=OPSET, dynamo=False)  # CVL903",
        "import torch\nO, D = 99, False\ntorch.onnx.export(m, x, opset_version=O, dynamo=D)  # CVL903",
    ],
)
def test_a_call_is_found_under_any_name_and_anywhere(agree: Agree, body: str) -> None:
    agree(body)


@pytest.mark.parametrize(
    "body",
    [
        "import torch\ndef f(torch):\n    torch.onnx.export(m, x, opset_version=99, dynamo=False)",
        "from onnx import export\nexport(m, x, opset_version=99, dynamo=False)",
        "import torch\ndef f(opset):\n    torch.onnx.export(m, x, opset_version=opset, dynamo=False)",
        "import torch\nfor opset in (9, 99):\n    torch.onnx.export(m, x, opset_version=opset, dynamo=False)",
        "import torch\nopset = 99\nif new:\n    opset = 18\ntorch.onnx.export(m, x, opset_version=opset, dynamo=False)",
        "import torch\nkw = {'dynamo': False} if new else {}\ntorch.onnx.export(m, x, opset_version=11, **kw)",
        "import torch\ndef f(dynamo):\n    torch.onnx.export(m, x, opset_version=11, dynamo=dynamo)",
        "import torch\nopset = 99\nopset -= 90\ntorch.onnx.export(m, x, opset_version=opset, dynamo=False)",
        "import torch\ntry:\n    opset = 99\n    go()\nexcept OSError:\n    opset = 9\n"
        "torch.onnx.export(m, x, opset_version=opset, dynamo=False)",
    ],
)
def test_what_is_not_known_is_not_judged(agree: Agree, body: str) -> None:
    agree(body)


@pytest.mark.parametrize(
    "body",
    [
        "torch.jit.trace(Net(), x)  # CVL905",
        "model = Net()\ntorch.jit.trace(model, x)  # CVL905",
        "model = Net().to('cpu').half()\nmodel.load_state_dict({})\ntorch.jit.trace(model, (x,))  # CVL905",
        "model = Net().eval()\nmodel.train()\ntorch.jit.trace(model, x)  # CVL905",
        "model = Net().eval()\nmodel.train(True)\ntorch.jit.trace(func=model, example_inputs=x)  # CVL905",
        "def make():\n    model = Net()\n    return model\n\ntorch.jit.trace(make(), x)  # CVL905",
        "def main():\n    model = Net()\n    print(model)\n    model(x)\n    torch.jit.trace(model, x)  # CVL905",
        "model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout())\ntorch.export.export(model, (x,))  # CVL905",
        "class Wide(Net):\n    pass\n\ntorch.jit.trace(Wide(), x)  # CVL905",
        "model = Net()\nif x.shape[0]:\n    x = x * 2\ntorch.jit.trace(model, x)  # CVL905",
    ],
)
def test_a_model_that_is_surely_training(agree: Agree, body: str) -> None:
    agree(after(body))


@pytest.mark.parametrize(
    "body",
    [
        "torch.jit.trace(Net().eval(), x)",
        "model = Net()\nmodel.eval()\ntorch.jit.trace(model, x)",
        "model = Net()\nother = model\nother.eval()\ntorch.jit.trace(model, x)",
        "model = Net().train(False).to('cpu')\ntorch.jit.trace(model, x)",
        "model = Net()\nmodel.train(mode)\ntorch.jit.trace(model, x)",
        "model = Net()\nmodel.block.eval()\ntorch.jit.trace(model, x)",
        "model = Net()\nmodel.training = False\ntorch.jit.trace(model, x)",
        "model = Net()\nfor part in model.modules():\n    part.eval()\ntorch.jit.trace(model, x)",
        "model = Net()\nif quick:\n    model.eval()\ntorch.jit.trace(model, x)",
        "model = Net()\nprepare(model)\ntorch.jit.trace(model, x)",
        "def make():\n    return Net().eval()\n\ntorch.jit.trace(make(), x)",
        "def make():\n    model = Net()\n    model.eval()\n    return model\n\ntorch.jit.trace(make(), x)",
        "def make(q):\n    if q:\n        return Net().eval()\n    return Net()\n\ntorch.jit.trace(make(1), x)",
        "def trace(model):\n    return torch.jit.trace(model, x)",
        "model = Net()\n\ndef trace():\n    return torch.jit.trace(model, x)\n\nmodel.eval()\ntrace()",
        "class Frozen(Net):\n    def train(self, mode=True):\n        return self\n\ntorch.jit.trace(Frozen(), x)",
        "class Ready(Net):\n    def __init__(self):\n        super().__init__()\n        self.eval()\n\n"
        "torch.jit.trace(Ready(), x)",
        "class Plain(nn.Module):\n    def forward(self, x):\n        return x * 2\n\ntorch.jit.trace(Plain(), x)",
        "torch.jit.trace(nn.Sequential(Net().eval()), x)",
        "torch.onnx.export(Net(), (x,), 'm.onnx', dynamo=False)",
        "torch.onnx.export(Net(), (x,), 'm.onnx', dynamo=True)",
    ],
)
def test_a_model_that_is_not_surely_training(agree: Agree, body: str) -> None:
    agree(after(body))


def test_a_helper_of_another_file_puts_the_model_into_evaluation_mode(agree: Agree) -> None:
    made = "from net import Net\n\n\ndef ready():\n    return Net().eval()\n\n\ndef raw():\n    return Net()\n"
    script = (
        "import torch\nfrom make import raw, ready\n\nx = torch.randn(2, 3, 8, 8)\n"
        "torch.jit.trace(ready(), x)\ntorch.jit.trace(raw(), x)  # CVL905\n"
    )
    agree({"net.py": NET, "make.py": made, "export.py": script})


def test_code_behind_a_return_is_not_read(agree: Agree) -> None:
    agree("import torch\ndef f(m):\n    return m\n    torch.onnx.export(m, opset_version=99, dynamo=False)")


def test_a_deeply_nested_script_is_no_crash(agree: Agree) -> None:
    signs = "-" * (2000 if sys.version_info[:2] == (3, 12) else 3000)  # its parser takes no more
    agree(f"import torch\nx = {signs}1\ntorch.onnx.export(m, x, 'm.onnx')\n")


def export(calls: str, body: str = "torch.jit.trace(model, x)  # CVL905", parameters: str = "model") -> str:
    return after(f"def export({parameters}):\n    {body}\n{calls}\n")


def test_a_function_is_read_as_it_is_called(agree: Agree) -> None:
    agree(export("export(Net())"))
    agree(export("export(model=Net())"))
    agree(export("net = Net()\ndef main():\n    made = Net()\n    export(made)"))
    agree(export("export(Net())", "torch.jit.trace(model, x, **options)  # CVL905", "model, *, options=None"))
    body = "torch.onnx.export(model, x, opset_version=opset, dynamo=False)  # CVL903"
    agree(export("export(Net().eval())", body, "model, opset=99"))
    agree(export("export(Net().eval(), 99)", body, "model, opset=17"))


@pytest.mark.parametrize(
    "calls",
    [
        "export(Net().eval())",
        "export(Net())\nexport(Net().eval())",
        "export(*models)",
        "export(**options)",
        "for model in models:\n    export(model)",
    ],
)
def test_what_calls_do_not_agree_on_is_unknown(agree: Agree, calls: str) -> None:
    agree(export(calls, "torch.jit.trace(model, x)"))


def test_a_function_that_chooses_the_mode_itself(agree: Agree) -> None:
    agree(export("export(Net())", "model.eval()\n    torch.jit.trace(model, x)"))


def test_a_default_that_a_call_replaces_is_not_believed(agree: Agree) -> None:
    body = "torch.onnx.export(model, x, opset_version=opset, dynamo=False)"
    agree(export("export(Net().eval(), opset=17)", body, "model, opset=99"))
