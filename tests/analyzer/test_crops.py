"""Padding by sizes that is cut off again, which `torch.export` asks about."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

PADDED = "n = x.shape[2]\nx = self.net(nn.functional.pad(x, (0, -n % 4)))\n"
INIT = "self.net, self.every, self.times = nn.Conv1d(3, 3, 3, padding=1), 8, 2"


@pytest.mark.parametrize(
    "code",
    [
        "n = x.shape[2]\nx = nn.functional.pad(x, (0, -n % 4))\nreturn x[:, :, :n]",
        PADDED + "return x[:, :, :n]",
        PADDED + "return x[..., 0:n].contiguous()",
        PADDED + "return nn.functional.interpolate(x, scale_factor=self.times)[:, :, : n * self.times]",
        "n = x.shape[-1]\nmissing = (self.every - n % self.every) % self.every\n"
        "x = self.net(nn.functional.pad(x, (0, missing)))\nreturn x[:, :, :n]",
        "n = x.size(2)\nx = self.net(nn.functional.pad(x, (0, math.ceil(n / 4) * 4 - n)))\nreturn x[:, :, :n]",
        "(n,) = x.shape[2:]\nx = self.net(nn.functional.pad(x, (0, max(8 - n, 0))))\nreturn x[:, :, :n]",
        "b, c, n = x.shape\nx = nn.functional.pad(x, (0, -n % 4))\nm = x.shape[2]\nx = x * m\nreturn x[:, :, :n]",
    ],
)
def test_what_was_padded_by_a_size_is_cut_to_it(agree: Agree, code: str) -> None:
    agree(forward("import math\n" + code + "  # CVL606", init=INIT), select=["CVL606"])


@pytest.mark.parametrize(
    "code",
    [
        PADDED + "return nn.functional.pad(x, (0, n - x.shape[2]))",
        PADDED + "return x[:, :, n:]",
        PADDED + "return x[:, :, : y.shape[2]]",  # nothing was padded by that one
        PADDED + "return x[:, :, :4]",
        PADDED + "return x[:, :, :-n]",
        PADDED + "return x[:, :, : n : 2]",
        PADDED + "if n % 4 != 0:\n    x = x[:, :, :n]\nreturn x",  # the test is what is asked
        PADDED + "return self.table[:, :n]",
        "n = int(x.shape[2])\nx = nn.functional.pad(x, (0, 4 - n))\nreturn y.reshape(2, n + 1)[:, :n]",
        "n = x.shape[2]\nx = nn.functional.pad(x, (0, 2))\nreturn x[:, :, :n]",  # as many for each size
        "n = x.shape[2]\nx = nn.functional.pad(x, (0, n + 1))\nreturn x[:, :, :n]",  # `2 * n + 1` is more than `n`
        "b, c, n = x.shape\nx = nn.functional.pad(x, (0, n + 1)).reshape(b, -1)\nreturn x[:, :-n]",
        "n = 4 - x.shape[2] % 4\nx = nn.functional.pad(x, (0, n))\nreturn x[:, :, :-n]",  # one at least
        "b, c, h, w = x.shape\nup = nn.functional.interpolate(x, size=(h * 2, w))\n"
        "x = nn.functional.pad(x, (0, -w % 4, 0, -h % 4))\nreturn x, up[:, :, : h * 2, :w]",  # of just that size
    ],
)
def test_a_slice_of_something_else(agree: Agree, code: str) -> None:
    init = INIT + '; self.register_buffer("table", torch.ones(3, 64))'
    agree(forward(code, init=init, parameters="x, y"), select=["CVL606"])


def test_only_torch_export_asks(agree: Agree) -> None:
    agree(forward(PADDED + "return x[:, :, :n]", init=INIT), select=["CVL606"], exporter="torchscript")
