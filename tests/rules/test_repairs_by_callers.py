"""Repairs that are right for one caller, or for some values, and not for others."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import body_after, repaired
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    ("body", "other"),
    [("len(n)", "[x, x]"), ("int(n)", "2.5"), ("math.ceil(n / 4)", "2.5")],
    ids=["len", "int", "ceil"],
)
def test_a_helper_stays_where_another_call_gives_it_something_else(tmp_path: Path, body: str, other: str) -> None:
    size = "x.abs()" if body == "len(n)" else "x.shape[0]"
    helper = f"import math\ndef helper(n):\n    return {body}\n"
    assert body_after(tmp_path, f"{helper}return x * helper({size}) * helper({other})") == (
        f"{helper}return x * helper({size}) * helper({other})"
    )
    assert body_after(tmp_path, f"{helper}return x * helper({size})") != f"{helper}return x * helper({size})"


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        ("return t.cumsum(1)", "f(x > 0, 1), f(x, 1)"),
        ("return t.cumsum(1)", "f(x > 0, 1), f(self.unknown(x), 1)"),
        ("return torch.stack((t, u))", "f(x, x > 0), f(x > 0, x)"),
        ("return torch.stack((t, u))", "f(x, x.argmax(1)), f(x, x.double())"),
        ("return torch.where(t, t, u)", "f(x > 0, x > 1), f(x > 0, x)"),
        ("return t.clamp(0, u)", "f(x, 3.5), f(x.argmax(1), 4)"),
        ("return t.squeeze(u)", "f(x, 1), f(x[:, :1], 1)"),
        ("return t.data.shape", "f(x, 1), f(self.holder, 1)"),
        ("t[:, 0][t[:, 0] > u] = 9.0\n    return t", "f(x, 1), f(x.long(), 1)"),
        ("t[:, 0][t[:, 0] > u] = 9.0\n    return t", "f(x, 1), f([x], 1)"),
        ("y = t * 2\n    y[y[:, 0, 0, 0] > u] = 9.0\n    return y", "f(x, 1), f(x.long(), 1)"),
        ("y = t * 2\n    y[y[:, 0, 0, 0] > u] = 9.0\n    return y", "f(x, 1), f(self.holder, 1)"),
        ("s = t * u\n    return s[(s > 0).nonzero().flatten()]", "f(x[:, 0, 0, 0], 1), f(x, 1)"),
        ("s = t * u\n    return s[(s > 0).nonzero().flatten()]", "f(x[:, 0, 0, 0], 1), f(self.unknown(x), 1)"),
        ("t[:, 0] |= u\n    return t", "f(x > 0, x[:, 0] > 1), f(x.long(), 1)"),
        ("t[:, 0] |= u\n    return t", "f(x > 0, x[:, 0] > 1), f(self.unknown(x), 1)"),
        ("t[:, 0] |= u\n    return t", "f(x > 0, x[:, 0] > 1), f([True], 1)"),
        ("return (t > 0) + u", "f(x, x > 1), f(x, x)"),
        ("return (t > 0) + u", "f(x, x > 1), f(2, True)"),
        ("return (t > 0) + u", "f(x, x > 1), f(x, self.unknown(x))"),
        ("return -(-t // 4)", "f(x.shape[0], 1), f(x.sum().item(), 1)"),
        ("return -(-t // 4)", "f(x.shape[0], 1), f(4.5, 1)"),
        ("return -(-t // 4)", "f(x.shape[0], 1), f(x, 1)"),
    ],
)
def test_a_repair_that_is_right_for_one_caller_alone_is_not_safe(tmp_path: Path, function: str, calls: str) -> None:
    holder = "class Holder:\n    def __init__(self):\n        self.data = torch.zeros(2)\n        self.shape = 3\n\n\n"
    source = f"{holder}def f(t, u):\n    {function}\n\n\n" + forward(
        f"x = self.layer(x)\nreturn {calls}", init="self.layer, self.holder = nn.Conv2d(3, 4, 1), Holder()"
    )
    source = f"import torch\nfrom torch import nn\n\n\n{source}"
    assert repaired(tmp_path / "m.py", source.encode(), show_harmless=True).decode() == source
    one = source.replace(calls, calls.partition("), ")[0] + ")")
    assert repaired(tmp_path / "m.py", one.encode(), show_harmless=True).decode() != one


@pytest.mark.parametrize(
    "made",
    [
        "[t.cumsum(1) for t in (x > 0, x)]",
        "list(map(lambda t: t.cumsum(1), (x > 0, x)))",
        "[torch.stack((t, x)) for t in (x > 0, x.argmax(1))]",
        "(x > 0 if self.on else x).cumsum(1)",
        "(x if self.on else x[:, :1]).squeeze(1)",
        "[t.squeeze(1) for t in (x, x[:, :1])]",
        "x.clamp(0, 3.5 if self.on else 4)",
        "[-(-n // 4) for n in (x.shape[0], 4.5)]",
        "[len(t) for t in (x, [x, x])]",
    ],
)
def test_a_repair_that_is_right_for_some_values_alone_is_not_safe(tmp_path: Path, made: str) -> None:
    source = forward(f"x = self.layer(x)\nreturn {made}", init="self.on, self.layer = on, nn.Conv2d(3, 4, 1)")
    source = source.replace("__init__(self)", "__init__(self, on)")
    assert repaired(tmp_path / "m.py", source.encode()).decode() == source
