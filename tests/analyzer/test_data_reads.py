"""``.data`` of tensors."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

INIT = 'self.w = nn.Parameter(torch.ones(4))\nself.register_buffer("mean", torch.zeros(4))'


@pytest.mark.parametrize(
    "body",
    [
        "y = x * 2\nreturn y.data + 1  # CVL710",
        "return x * self.mean.data  # CVL710",
        "with torch.no_grad():\n    y = x.data * 2  # CVL710\nreturn y",
        "y = x.data.clone().clamp_(0)  # CVL710\nreturn y",
        "y = x * 2\ny.data.mul_(2)  # CVL710\nreturn y",
        "y = x * 2\ny.data *= 2  # CVL710\nreturn y",
        "n = x.data.shape[0]  # CVL710\nreturn x.view(n, 2, 2)",
        "return x.data.new_full((4,), 1.0).fill_(2) + x  # CVL710",
    ],
)
def test_a_tensor_beside_the_graph(agree: Agree, body: str) -> None:
    agree(forward(body, init=INIT))


@pytest.mark.parametrize(
    "body",
    [
        "self.w.data.clamp_(0, 1)  # CVL104\nreturn x * self.w",
        "y = x.data.cpu().numpy()  # CVL201\nreturn x * torch.from_numpy(y)",
        "return x * x.data.max().item()  # CVL202",
    ],
)
def test_what_another_rule_says_of_it_is_said_once(agree: Agree, body: str) -> None:
    agree(forward(body, init=INIT))


@pytest.mark.parametrize(
    "body",
    [
        "return x.to(x.data.dtype, x.data.device)",
        "_, channels = x.shape\nreturn x.view(-1, 2, 2) if self.w.data.shape[0] == 4 else x",
        "if self.training:\n    x = x.data\nreturn x",
        "assert x.data.max() is not None\nreturn x",
        "return self.batch.data + x",
    ],
)
def test_nothing_of_it_is_in_a_graph(agree: Agree, body: str) -> None:
    agree(forward(body, init=INIT))


def test_data_of_what_is_no_tensor_of_torch(agree: Agree) -> None:
    agree(
        {
            "model.py": "from torch import nn\nfrom other import half\n\n\nclass Model(nn.Module):\n"
            "    def forward(self, x):\n        return half(x * 2)\n",
            "other.py": "def half(v):\n    return v.data / 2\n",
        }
    )
