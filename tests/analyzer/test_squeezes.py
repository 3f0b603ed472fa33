"""``squeeze()`` of a batch: what has to follow until it hurts, and through what."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

INIT = (
    "self.conv, self.fc, self.norm, self.c1 = nn.Conv2d(3, 4, 1), nn.Linear(4, 4), nn.LayerNorm(4), nn.Conv1d(4, 4, 1)"
)
POOLED = "x = nn.functional.adaptive_avg_pool2d(self.conv(x), 1)\n"


@pytest.mark.parametrize(
    "use",
    [
        "self.fc(y)",
        "y[..., 0]",
        "self.norm(y.relu() * 2)[..., None]",
        "nn.functional.softmax(y, -1)[..., :2]",
        "half(y)[..., None]",
        "torch.sigmoid(-y)[..., None] * x.sum()",
    ],
)
def test_what_goes_by_the_number_of_axes(agree: Agree, use: str) -> None:
    body = f"half = lambda t: t / 2\n{POOLED}y = x.squeeze()  # CVL604\nreturn {use}"
    agree(forward(body, init=INIT))


@pytest.mark.parametrize(
    "use",
    [
        "y",
        "y * 2",
        "y.softmax(-1)",
        "y.view(-1, 4)[..., None]",
        "self.fc(y).view(-1, 4)",
        "y[:, None]",
        "y + x[..., 0]",
        "self.norm(y)",
        "y.sum(-1)",
    ],
)
def test_what_does_not(agree: Agree, use: str) -> None:
    agree(forward(f"{POOLED}y = x.squeeze()\nreturn {use}", init=INIT))


def test_a_layer_that_takes_one_sample(agree: Agree) -> None:
    agree(forward("y = self.conv(x).mean(3, keepdim=True).squeeze()  # CVL604\nreturn self.c1(y)", init=INIT))
    agree(
        forward("y = self.conv(x).mean(3, keepdim=True).squeeze()\nreturn self.fc(y.mT)", init=INIT), ignore=["CVL801"]
    )


@pytest.mark.parametrize("made", ["x.reshape(2, 4, 1)", "x[0]", "self.conv.weight", "x.unknown()", "x[:1]"])
def test_a_first_axis_that_is_no_batch_or_not_known(agree: Agree, made: str) -> None:
    agree(forward(f"y = {made}\nreturn y.squeeze()[..., None]", init=INIT))


def test_a_squeeze_in_a_helper_that_is_entered_twice(agree: Agree) -> None:
    helper = "def pooled(x):\n    return nn.functional.adaptive_avg_pool2d(x, 1).squeeze()  # CVL604\n\n\nclass Model"
    body = "x = self.conv(x)\nreturn pooled(x) * 2, pooled(x)[..., None]"
    agree(forward(body, init=INIT).replace("class Model", helper))


def test_it_is_shown_as_harmless(agree: Agree) -> None:
    agree(forward(f"{POOLED}return x.squeeze() * 2  # CVL604", init=INIT), show_harmless=True)
