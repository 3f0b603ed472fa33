"""Repairs that must not be offered, because they would change what eager computes or break it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Cli, body_after, repaired
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration


@pytest.mark.parametrize("size", ["x.shape[0] if self.flag else 2.5", "x.shape[0] * 0.5", "x.shape[0] / 2", "x.sum()"])
def test_int_stays_where_it_may_cut_off_a_fraction(tmp_path: Path, size: str) -> None:
    body = f"n = {size}\nreturn x * int(n)"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize("made", ["[x, x]", "([x] if self.flag else x.abs())", "(x, x)", "{'a': x}", "self.items"])
def test_len_stays_where_it_may_be_of_a_list(tmp_path: Path, made: str) -> None:
    body = f"xs = {made}\nreturn x * len(xs)"
    assert body_after(tmp_path, body) == body


@pytest.mark.parametrize(
    "body",
    [
        "if len(x) > 1:\n    x = x[0]\nreturn x.detach()",
        "if isinstance(x, tuple) and len(x[1]) == 2:\n    return x[0]\nreturn x.abs()",
        "if isinstance(x, (list, tuple)):\n    return x[0] * len(x)\nreturn x.abs()",
    ],
)
def test_len_stays_where_a_tensor_is_only_guessed(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body) == body


@pytest.mark.parametrize("function", ["ceil", "floor"])
@pytest.mark.parametrize(
    "size",
    ["x.shape[1] / 2", "x.shape[1] * 0.5", "x.shape[1] * self.scale", "float(x.shape[1])"],
)
def test_a_division_of_a_fraction_is_not_made_one_of_integers(tmp_path: Path, function: str, size: str) -> None:
    body = f"import math\nh = {size}\np = math.{function}(h / 4)\nreturn x[:, :p]"
    assert body_after(tmp_path, body, unfixable=["CVL202"]) == body


@pytest.mark.parametrize(
    "use",
    [
        "[0] * n",
        "'%s' % n",
        "'a' * n",
        "round(n * 2)",
        "x[n]",
        "range(n)",
        "self.items[n]",
        "f(n)",
        "int(n) + 1",
        "[n] + [1]",
        "n if n else 1",
    ],
)
def test_a_number_stays_one_where_it_is_not_only_in_tensor_arithmetic(tmp_path: Path, use: str) -> None:
    body = f"n = x.argmax().item()\ny = {use}\nreturn x * n, y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "n = 2 if self.flag else x.sum()\nreturn x / max(n, 1)",
        "return round(max(x.sum(), 1.0)) * x",
        "return x / max(x.sum(), x.shape[0])",
        "return x / max(x, 1.0)",
        "return x / max(x.sum(), 1.0, 2.0)",
        "return x / max([x.sum(), 1.0])",
        "return x / max(x.sum(), 1.0, key=abs)",
    ],
)
def test_an_extreme_stays_where_clamp_would_not_do(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "if x.sum() > 0:\n    return x.abs()\nreturn x - 3",
        "if x.sum() > 0:\n    return self.layer(x)\nreturn x - 3",
        "if x.sum() > 0:\n    return x * 2\ny = x\nreturn y - 3",
        "if x.sum() > 0:\n    y = x * 2\nelse:\n    z = x - 3\nreturn x",
        "if x.sum() > 0:\n    print('a')\n    return x * 2\nreturn x - 3",
        "if x.sum() > 0 and self.flag:\n    return x * 2\nreturn x - 3",
        "if x.any():\n    return x * 2\nreturn x - 3",
        "y = x.clone() if x.sum() > 0 else x - 3\nreturn y",
    ],
)
def test_a_branch_stays_where_its_arms_do_more_than_arithmetic(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "y = torch.tensor([x.sum(), 1.0])\nreturn x * y[0]",
        "y = torch.tensor([x.sum(), x.mean()], dtype=torch.float64)\nreturn x * y[0]",
        "y = torch.tensor([x, x])\nreturn y",
        "y = torch.tensor([x.shape[0], x.shape[1]])\nreturn x * y[0]",
    ],
)
def test_a_tensor_of_values_is_stacked_only_if_all_are_scalar_tensors(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "y = x.clone()\ny[:, 0][y[:, 0] > 0] += 1\nreturn y",
        "y = x.clone()\ny[:, 0][y[:, 0] > 0] = x[0, 0]\nreturn y",
        "y = x.clone()\ny[:2][0] = 9.0\nreturn y",
    ],
)
def test_a_chained_assignment_is_repaired_only_for_a_mask_and_a_number(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "y = x.clone()\nv = y.select(1, 0)\nv += 2\nreturn y",
        "y = x.clone()\ny.select(\n    1, 0\n).mul_(2)\nreturn y",
        "y = x.clone()\ntorch.fill_(\n    y[:, 0], 3\n)\nreturn y",
    ],
)
def test_a_view_stays_where_nothing_can_be_assigned_to_it(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    ("body", "repaired"),
    [
        ("return th.tensor([x.sum(), x.mean()])", "return th.stack([x.sum(), x.mean()])"),
        ("return x * 2 if x.sum() > 0 else x - 1", "return th.where(x.sum() > 0, x * 2, x - 1)"),
        ("return th.from_numpy(np.exp(x.cpu().numpy()))", "return th.exp(x)"),
    ],
)
def test_a_repair_calls_torch_as_the_file_does(cli: Cli, tmp_path: Path, body: str, repaired: str) -> None:
    head = "import numpy as np\nimport torch as th\nclass Model(th.nn.Module):\n    def forward(self, x):\n        "
    path = tmp_path / "m.py"
    path.write_text(f"{head}{body}\n")
    cli(str(path), "--fix", "--unsafe-fixes", "--isolated")
    assert path.read_text() == f"{head}{repaired}\n"


@pytest.mark.parametrize("body", ["return tensor([x.sum(), x.mean()])", "return x * 2 if x.sum() > 0 else x - 1"])
def test_a_repair_in_need_of_an_import_is_not_offered(cli: Cli, tmp_path: Path, body: str) -> None:
    path = tmp_path / "m.py"
    path.write_text(
        f"from torch import nn, tensor\nclass Model(nn.Module):\n    def forward(self, x):\n        {body}\n"
    )
    ran = cli(str(path), "--isolated")
    assert ran.code == 1
    assert "[*]" not in ran.out


def test_the_arms_of_an_elif_stay(tmp_path: Path) -> None:
    body = "if self.on:\n    z = x\nelif x.sum() > 0:\n    z = x * 2\nelse:\n    z = x * 3\nreturn z"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


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


def test_a_view_that_the_caller_made_is_not_written_back_where_its_base_has_no_name(tmp_path: Path) -> None:
    helper = "\n\ndef double(v):\n    v *= 2\n    return v\n"
    source = forward("y = x.clone()\nz = double(y[:, 0])\nreturn y + z[:, None]") + helper
    path = tmp_path / "model.py"
    path.write_text(source)
    found = api.check([path], Configuration(isolated=True)).findings
    assert [(one.code, one.fixable) for one in found] == [("CVL101", None)]
    assert repaired(path, source.encode(), unsafe_fixes=True).decode() == source
