"""Repairs of masks: of what is written under them, selected by them, and of the masks themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import body_after


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
    ("before", "after"),
    [
        ("mask.cumsum(1)", "mask.long().cumsum(1)"),
        ("torch.cumsum(x > 2, dim=1)", "torch.cumsum((x > 2).long(), dim=1)"),
        ("(  # many\n    x > 2\n).cumsum(-1)", "(  # many\n    x > 2\n).long().cumsum(-1)"),
        ("torch.cumsum(input=mask, dim=1)", "torch.cumsum(input=mask, dim=1)"),
        ("mask.cumsum(1, dtype=torch.float)", "mask.cumsum(1, dtype=torch.float)"),
    ],
)
def test_a_mask_is_made_of_integers_where_eager_sums_those(tmp_path: Path, before: str, after: str) -> None:
    body = "mask = x > 0\nreturn x * {}"
    assert body_after(tmp_path, body.format(before)) == body.format(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.where(mask, other, x > 2)", "(mask & other) | (~mask & (x > 2))"),
        ("~torch.where(mask[:, 0:1], other, mask)", "~((mask[:, 0:1] & other) | (~mask[:, 0:1] & mask))"),
        ("torch.where(x.any(1, keepdim=True), other, mask)",) * 2,  # would be computed twice
        ("torch.where(mask, other, False)",) * 2,
        ("torch.where(condition=mask, input=other, other=mask)",) * 2,
        ("torch.stack((x, mask))", "torch.stack((x, mask.to(x.dtype)))"),
        ("torch.stack([best, x[:, 0]], dim=1)", "torch.stack([best.to(x[:, 0].dtype), x[:, 0]], dim=1)"),
        ("torch.stack([best, x.sum(1)], dim=1)",) * 2,  # the sum would be computed twice
        ("torch.stack([best, x[:, 0], x[:, 1].double()], dim=1)",) * 2,
    ],
)
def test_masks_are_combined_and_what_is_stacked_is_of_one_dtype(tmp_path: Path, before: str, after: str) -> None:
    body = "x = x.softmax(1)\nmask, other, best = x > 0, x < 3, x.argmax(1)\nreturn {}"
    assert body_after(tmp_path, body.format(before)) == body.format(after)


@pytest.mark.parametrize(
    ("value", "mask"),
    [
        ("0", "y < 0"),
        ("float('-inf')", "~torch.isfinite(y)"),
        ("True", "(y > 1) | y.isnan()"),
        ("-0.5", "rows"),
    ],
)
def test_a_selection_takes_the_place_of_a_tensor_that_nothing_else_sees(tmp_path: Path, value: str, mask: str) -> None:
    body = (
        "y = torch.zeros(x.shape[0], 4)\nrows = x.reshape(-1) > 0\ny += x.sum()\nfor _ in range(2):\n    {}\nreturn y"
    )
    by = "rows[:, None]" if mask == "rows" else mask
    before, after = body.format(f"y[{mask}] = {value}"), body.format(f"y = torch.where({by}, {value}, y)")
    assert body_after(tmp_path, before, target="litert") == after


@pytest.mark.parametrize(
    "body",
    [
        "y[y < 0] = 0\nreturn x",  # what the caller has is written
        "y = x.float()\ny[y < 0] = 0\nreturn y",  # it may be the input itself
        "y = self.layer(x).float() * 2\nz = y\ny[y < 0] = 0\nreturn y, z",
        "y = x.float() * 2\nz = y.view(-1)\ny[y < 0] = 0\nreturn z",
        "y = x.float() * 2\nself.last = [y]\ny[y < 0] = 0\nreturn y",
        "y = x.float() * 2\nself.keep(y)\ny[y < 0] = 0\nreturn y",
        "y = x.float() * 2\ny.retain_grad()\ny[y < 0] = 0\nreturn y",
        "y = x.float() * 2\nf = lambda: y\ny[y < 0] = 0\nreturn f()",
        "y = x.float() * 2\nfor _ in range(3):\n    y[y < 0] = 0\n    self.keep(y)\nreturn y",
        "y = x.float() * 2\nwith torch.no_grad():\n    y[y < 0] = 0\nreturn y",
        "for y in (x.float() * 2,):\n    y[y < 0] = 0\nreturn y",
        "y = x.long() * 2\ny[y < 0] = 0.5\nreturn y",  # a fraction is cut off
        "y = x * 2\ny[y < 0] = 0\nreturn y",  # of no dtype that is known
        "y = x.float() * 2\ny[x < 0] = 0\nreturn y",  # which may lay it out otherwise
        "y = x.float() * 2\ny[y < 0] = x[0, 0]\nreturn y",
        "y = x.float() * 2\ny[y < 0, 0] = 0\nreturn y",
        "y = x.float() * 2\ny[y < 0] += 1\nreturn y",
    ],
)
def test_a_write_stays_where_somebody_may_see_another_tensor(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, target="litert", fixable=["CVL105"]) == body


def test_a_mask_of_rows_behind_a_slice_is_not_made_one_of_elements(tmp_path: Path) -> None:
    body = "y = x.reshape(3, 4, 5) * 2\ny[:, 0][y[:, 0, 0] > 0] = 9.0\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    ("positions", "mask"),
    [
        ("torch.where(s > 0.5)[0]", "s > 0.5"),
        ("torch.nonzero((s > 0.5) & (s < 2), as_tuple=True)[0]", "(s > 0.5) & (s < 2)"),
        ("(s > 0.5).nonzero(as_tuple=True)[0]", "s > 0.5"),
        ("(s > 0.5).nonzero()[:, 0]", "s > 0.5"),
        ("torch.nonzero(~(s > 0.5)).squeeze(1)", "~(s > 0.5)"),
        ("(s > 0.5).nonzero().view(-1)", "s > 0.5"),
    ],
)
def test_a_mask_selects_in_the_place_of_its_positions(tmp_path: Path, positions: str, mask: str) -> None:
    body = "s = x.reshape(-1)\nkeep = {}\nif self.on:\n    s[keep] *= 2\ns = s[keep]\nreturn s"
    assert body_after(tmp_path, body.format(positions), show_harmless=True) == body.format(mask)
    unnamed = "s = x.reshape(-1)\nreturn s[{}]"
    assert body_after(tmp_path, unnamed.format(positions), show_harmless=True) == unnamed.format(mask)


@pytest.mark.parametrize(
    ("body", "unsafe_too"),
    [
        ("s = x.reshape(-1)\nkeep = (s > 0).nonzero().squeeze()\nreturn s[keep]", False),  # of one no axis is left
        ("s = x.reshape(-1)\nkeep = (s > 0).nonzero().squeeze(1)\nreturn s[keep], x[keep]", False),  # longer, maybe
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\ns = s[1:]\nreturn s[keep]", False),
        ("keep = (x[:, 0] > 0).nonzero().squeeze(1)\nreturn x[keep]", False),  # of how many axes is not known
        ("keep = torch.where(x > 0)[0]\nreturn x[keep]", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\nreturn s[keep], keep", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\nreturn s[keep], keep.sum()", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\nkeep = keep[:9]\nreturn s[keep]", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0][:9]\nreturn s[keep]", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s.long())[0]\nreturn s[keep]", True),  # no mask
        ("s = x.reshape(-1)\nfor i in (s > 0).nonzero():\n    s = s + s[i]\nreturn s", True),
    ],
)
def test_positions_stay_where_the_mask_may_select_otherwise(tmp_path: Path, body: str, unsafe_too: bool) -> None:
    assert body_after(tmp_path, body, show_harmless=True) == body
    after = body_after(tmp_path, body, show_harmless=True, unsafe_fixes=True, fixable=["CVL402"])
    assert (after == body) is unsafe_too


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("m = x > 0\nm &= ~other\nreturn m", "m = x > 0\nm = m & ~other\nreturn m"),
        (
            "m = other & other\nn = m\nm[0, :1] ^= other[0, 1]\nreturn m, n",
            "m = other & other\nn = m\nm[0, :1] = m[0, :1] ^ other[0, 1]\nreturn m, n",
        ),
        ("m = x > 0\nn = m\nm |= other\nreturn m, n",) * 2,  # it is seen by its other name
        ("m = x > 0\nm[self.next()] |= other[0]\nreturn m",) * 2,  # which would be called twice
        ("m = x.long() * 2\nm &= 3\nreturn m",) * 2,  # it may be a shorter integer
        ("m = x.bool()\nm |= other\nreturn m",) * 2,  # it may be the input itself
        ("m = True\nm |= self.flag\nreturn x if m else other",) * 2,
    ],
)
def test_masks_are_joined_out_of_place(tmp_path: Path, before: str, after: str) -> None:
    body = "other = x < 1\n{}"
    assert body_after(tmp_path, body.format(before), fixable=["CVL106"]) == body.format(after)


def test_bits_are_only_joined_by_what_the_exporter_has(tmp_path: Path) -> None:
    body = "m = x.long() * 2\nm {}= 3\nreturn m"
    assert body_after(tmp_path, body.format("|"), unsafe_fixes=True) == body.format("|")
    assert body_after(tmp_path, body.format("&"), unsafe_fixes=True) == "m = x.long() * 2\nm = m & 3\nreturn m"


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("y = x.clone()\ny[mask] = 0", ""),  # it may be one of rows
        ("y = x.clone()\ny[:, 0][mask] = 9.0", ""),
        ("y = x.clone()\ny[:, 0][~(y[:, 0] > 1)] = 9.0", "y[:, 0] = torch.where(~(y[:, 0] > 1), 9.0, y[:, 0])"),
        ("y = x.clone()\ny[torch.isnan(y)] = 0", "y = torch.where(torch.isnan(y), 0, y)"),
    ],
)
def test_a_mask_of_unknown_axes_is_left(tmp_path: Path, body: str, after: str) -> None:
    first, write = body.split("\n")
    body = f"mask = self.selected(x) > 0\n{first}\n{write}\nreturn y"
    fixed = body_after(tmp_path, body, target="litert", unsafe_fixes=True, fixable=["CVL102", "CVL105"])
    assert fixed == (body.replace(write, after) if after else body)


@pytest.mark.parametrize(
    ("call", "after"),
    [
        ("torch.where(m, n, k)", "(m & n) | (~m & k)"),
        ("torch.where(m, n, k, out=out)", None),
        ("torch.where(m, n, other=k)", None),
        ("torch.where(m, n, k, dtype=torch.bool)", None),  # eager refuses it
    ],
)
def test_a_choice_between_masks_is_joined_where_all_of_the_call_is_kept(
    tmp_path: Path, call: str, after: str | None
) -> None:
    body = "m, n, k = x > 0, x < 1, x < 0\nreturn {}"
    assert body_after(tmp_path, body.format(call), fixable=["CVL510"]) == body.format(after or call)
