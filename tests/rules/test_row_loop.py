"""Loops over rows: when they become arithmetic on all rows, and that it computes the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import body_after
from convlint_rules.examples import forward

LOOP = "out = []\nfor i in range({length}):\n    out.append({value})\n{use}"


def loop(value: str, use: str = "return torch.stack(out)", length: str = "x.shape[0]") -> str:
    return LOOP.format(value=value, use=use, length=length)


@pytest.mark.parametrize(
    ("value", "use"),
    [
        ("x[i] * 2 + 1", "return torch.stack(out)"),
        ("-x[i].sigmoid()", "y = torch.stack(out)\nreturn y * 2"),
        ("x[i] / x[i].sum()", "return torch.stack(out)"),
        ("(x[i] - x[i].min()) / (x[i].max() - 0.5) ** 2", "return torch.stack(out).sum(0)"),
        ("x[i].mean()", "return torch.stack(out)"),
        ("(x[i] - x[i].mean()).square().mean()", "return torch.stack(out).exp()"),
    ],
)
def test_arithmetic_on_each_row_is_written_for_all_rows(tmp_path: Path, value: str, use: str) -> None:
    torch = pytest.importorskip("torch")
    before = loop(value, use)
    after = body_after(tmp_path, before, unsafe_fixes=True)
    assert "for i" not in after
    for shape in ((3, 4), (1, 5), (2, 3, 4)):
        torch.manual_seed(0)
        x = torch.randn(shape)
        torch.testing.assert_close(_computed(after, x), _computed(before, x))


def test_a_tensor_of_one_axis_stops_instead_of_being_summed_whole(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    after = body_after(tmp_path, loop("x[i] - x[i].mean()"), unsafe_fixes=True)
    with pytest.raises(IndexError):
        _computed(after, torch.ones(3))


@pytest.mark.parametrize(
    "body",
    [
        loop("x[i] * self.weight"),
        loop("x[i] * i"),
        loop("x[i] + x[i - 1]"),
        loop("x[i].softmax(0)"),
        loop("x[i].mean(0)"),
        loop("-x[i].mean()"),
        loop("x[i] + x[0]"),
        loop("x[i] * 2", "return torch.stack(out), out"),
        loop("x[i] * 2", "return torch.stack(out, 1)"),
        loop("x[i] * 2", "return x.add_(1), torch.stack(out)"),
        loop("x[i] * 2", "return torch.cat(out)"),
        loop("x[i] * 2", "x = x + 1\nreturn torch.stack(out)"),
        loop("x[i] * 2", "return torch.stack(out) * i"),
        loop("x[i] * 2", length="x.shape[1]"),
        loop("x[i] * 2  # why"),
    ],
)
def test_a_loop_stays_where_rows_meet_anything_else(tmp_path: Path, body: str) -> None:
    assert "for i in" in body_after(tmp_path, body, unsafe_fixes=True)


def _computed(body: str, x: object) -> object:
    names: dict[str, type] = {}
    exec(compile(forward(body), "model.py", "exec"), names)
    return names["Model"]()(x)
