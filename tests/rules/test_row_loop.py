"""Loops over rows: when they become arithmetic on all rows, and that it computes the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import body_after
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration
from convlint.findings import Applicability

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


def suggested(tmp_path: Path, body: str) -> list[str]:
    """What is shown of the loop in a body; nothing of it is written."""
    path = tmp_path / "model.py"
    path.write_text(forward(body, init="self.head, self.heads = nn.Linear(4, 2), nn.ModuleList()"))
    found = api.check([path], Configuration(isolated=True), want_fixes=True).findings
    shown = [one for one in found if one.fixable is Applicability.display]
    assert all(one.fix and one.fix.applicability is Applicability.display for one in shown)
    return [one.message.rpartition("; ")[2] for one in shown]


@pytest.mark.parametrize(
    ("value", "lifted"),
    [("self.head(x[i])", "self.head(x)"), ("F.softmax(self.head(x[i]), 0) + 1", "F.softmax(self.head(x), 0) + 1")],
)
@pytest.mark.parametrize("use", ["return torch.stack(out)", "n = 2\nreturn torch.stack(out) * n"])
def test_what_may_be_computed_on_all_rows_is_shown(tmp_path: Path, value: str, lifted: str, use: str) -> None:
    for before in (
        loop(value, use),
        "b = x.shape[0]\n" + loop(value, use, "b"),
        "b, c = x.shape\n" + loop(value, use, "b"),
    ):
        assert suggested(tmp_path, before) == [f"if each row is treated alone, `torch.stack(out)` is `{lifted}`"]
        assert body_after(tmp_path, before, unsafe_fixes=True) == before


@pytest.mark.parametrize(
    ("value", "use"),
    [
        ("self.heads[i](x)", "return torch.stack(out)"),
        ("self.head(x[i]) * i", "return torch.stack(out)"),
        ("self.head(x[i] - x)", "return torch.stack(out)"),
        ("self.head(y[i])", "return torch.stack(out)"),
        ("self.head(x[i])", "return torch.stack(out, 1)"),
        ("self.head(x[i])", "return out"),
    ],
)
def test_nothing_is_shown_where_it_would_be_something_else(tmp_path: Path, value: str, use: str) -> None:
    assert suggested(tmp_path, "y = x\n" + loop(value, use)) == []
