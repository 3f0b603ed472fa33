"""``torch.autocast`` where it makes something compute in bfloat16 in an export, and where it does not."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

INIT = "self.layer = nn.Linear(4, 4)\nself.conv = nn.Conv2d(3, 3, 1)"


def under(context: str, body: str, mark: str = "") -> str:
    return forward(f"with {context}:{mark}\n    y = {body}\nreturn y.float()", init=INIT)


@pytest.mark.parametrize(
    "context",
    [
        'torch.autocast("cpu")',
        'torch.autocast("cpu", torch.bfloat16)',
        'torch.autocast(device_type="cpu", dtype=torch.bfloat16, enabled=True)',
        "torch.amp.autocast(x.device.type)",
        "torch.cpu.amp.autocast()",
        'torch.no_grad(), torch.autocast("cpu")',
    ],
)
@pytest.mark.parametrize("body", ["self.layer(x)", "self.conv(x)", "x @ x.mT", "x.matmul(x.mT)", "torch.bmm(x, x)"])
def test_what_computes_in_bfloat16_is_found(agree: Agree, context: str, body: str) -> None:
    agree(under(context, body, "  # CVL502"), select=["CVL502"])


@pytest.mark.parametrize(
    "context",
    [
        'torch.autocast("cuda")',
        'torch.autocast("cuda", dtype=torch.bfloat16)',
        'torch.autocast("cpu", enabled=False)',
        "torch.autocast(x.device.type, enabled=x.is_cuda)",
        'torch.autocast("cpu", dtype=torch.float32)',
        'torch.autocast("cpu", dtype=torch.float16)',
        "torch.cpu.amp.autocast(enabled=False)",
        "torch.autocast(self.device)",
        "torch.no_grad()",
    ],
)
def test_what_does_not_is_not(agree: Agree, context: str) -> None:
    agree(under(context, "self.layer(x)"), select=["CVL502"])


@pytest.mark.parametrize("body", ["x.exp()", "x.sum(1)", "torch.softmax(x, 1)", "x * 2", "torch.cat([x, x])"])
def test_what_autocast_leaves_alone_is_not(agree: Agree, body: str) -> None:
    agree(under('torch.autocast("cpu")', body), select=["CVL502"])


def test_it_is_found_where_a_function_computes_that_was_called_before(agree: Agree) -> None:
    body = """
        x = project(x, self.layer)
        with torch.autocast("cpu"):  # CVL502
            y = project(x, self.layer)
        return project(y.float(), self.layer)
    """
    helper = "\n\ndef project(x, layer):\n    return layer(x)\n"
    agree(forward(body, init=INIT) + helper, select=["CVL502"])


def test_the_innermost_one_decides(agree: Agree) -> None:
    body = """
        with torch.autocast("cpu"):
            with torch.autocast("cpu", enabled=False):
                y = self.layer(x)
        with torch.autocast("cpu", enabled=False), torch.autocast("cpu"):  # CVL502
            y = self.layer(y)
        return y
    """
    agree(forward(body, init=INIT), select=["CVL502"])
