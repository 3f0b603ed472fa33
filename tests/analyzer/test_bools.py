"""True and False where torch takes any number, and masks that are written to or filled under masks."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree, body_after, repaired
from convlint_rules.examples import forward

AS_NUMBER = ["CVL513"]


@pytest.mark.parametrize(
    "body",
    [
        "torch.full((4,), True)",
        "torch.full((x.shape[0], 4), fill_value=False, dtype=torch.bool)",
        "torch.full_like(x, True, dtype=torch.bool)",
        "x.new_full((x.shape[0], 4), False)",
        "x.masked_fill(x > 1, True)",
        "x.clone().fill_(True)",
        "(x > 0).scatter(1, x.argsort(1), True)",
        "((x > 0) == True).float()",
        "(False != (x > 0)).float()",
        "(x > 0) & True",
        "torch.sin(x) * self.flag",
        "torch.sin(x) + (self.width > 2)",
        "torch.where(x > 0, True, False)",
    ],
)
def test_bools_given_for_numbers_are_found(agree: Agree, body: str) -> None:
    source = forward(f"return {body}  # CVL513", init="self.flag = True\nself.width = 4")
    agree(source, select=AS_NUMBER)
    agree(source.replace("  # CVL513", ""), select=AS_NUMBER, exporter="dynamo")


@pytest.mark.parametrize(
    "body",
    [
        "y = x > 0\ny[:, 0] = True\nreturn y",
        "return torch.full((4,), 1, dtype=torch.bool)",
        "return torch.sin(x) * (x.shape[0] > 2)",
        "return x.sum(1, True)",
        "return x.sort(1, True)[0]",
        "return nn.functional.pad(x > 0, (1, 1), value=False)",
        "return x if self.flag == True else x * 2",
        "return torch.ones(4, dtype=torch.bool).float() + x",
        "return torch.sin(x) * int(self.flag)",
    ],
)
def test_what_is_no_number_to_torch_or_no_bool_to_the_tracer_is_not(agree: Agree, body: str) -> None:
    agree(forward(body, init="self.flag = True"), select=AS_NUMBER)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.full((4,), True)", "torch.full((4,), 1, dtype=torch.bool)"),
        ("torch.full((4,), False, device=x.device)", "torch.full((4,), 0, dtype=torch.bool, device=x.device)"),
        ("torch.full((4,), True, dtype=torch.float32)", "torch.full((4,), 1, dtype=torch.float32)"),
        ("torch.full_like(x, fill_value=False)", "torch.full_like(x, fill_value=0)"),
        ("x * ((x > 0) == True)", "x * ((x > 0) == 1)"),
        ("x.float() + True", "x.float() + 1"),
        ("(x > 0) & True", None),
        ("torch.where(x > 0, True, False)", None),
        ("x.float() * bool(self.training)", None),
    ],
)
def test_the_number_is_written_where_eager_makes_the_same_of_it(tmp_path: Path, before: str, after: str | None) -> None:
    fixed = body_after(tmp_path, f"return {before}", select=AS_NUMBER)
    assert fixed == f"return {after or before}"


def test_a_sum_that_is_one_of_masks_in_another_call_is_left_alone(tmp_path: Path) -> None:
    module = "import torch\nfrom torch import nn\n\n\ndef more(t):\n    return t + True\n\n\n"
    source = module + forward("return more(x.float()) + more(x > 0)").partition("\n\n\n")[2]
    after = repaired(tmp_path / "model.py", source.encode(), select=AS_NUMBER, unsafe_fixes=True).decode()
    assert after == source


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("keep[x > 1] = False", "keep = keep & ~(x > 1)"),
        ("keep[x > 1] = True", "keep = keep | (x > 1)"),
        ("keep[other] = 0", "keep = keep & ~other"),
        ("keep[~keep] = True", "keep = keep | (~keep)"),
        ("keep[other] = x[other] > 3", None),
        ("keep[x[:, 0] > 1] = False", None),
    ],
)
def test_masks_under_masks_are_joined(agree: Agree, tmp_path: Path, before: str, after: str | None) -> None:
    body = f"n, channels = x.shape\nkeep = x > 0\nother = x > 2\n{before}\nreturn x * keep"
    agree(forward(body.replace(before, f"{before}  # CVL105")), select=["CVL105"])
    fixed = body_after(tmp_path, body, select=["CVL105"])
    assert fixed == body.replace(before, after or before)


def test_masks_of_which_the_source_tells_no_axes_are_left_to_the_user(tmp_path: Path) -> None:
    body = "keep = x > 0\nkeep[x > 1] = False\nreturn x * keep"
    assert body_after(tmp_path, body, select=["CVL105"], unsafe_fixes=True) == body


def test_integers_under_masks_are_fine(agree: Agree) -> None:
    agree(forward("y = x.long()\ny[x > 1] = 0\nreturn y"), select=["CVL105"])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(x > 0).masked_fill(x > 1, 0)", "(x > 0) & ~(x > 1)"),
        ("keep.masked_fill(other, 1)", "keep | other"),
        ("keep.masked_fill(other, False)", "keep & ~other"),
        ("keep.masked_fill(other, value=0)", None),
        ("torch.masked_fill(keep, other, 0)", None),
    ],
)
def test_masks_filled_by_masks_are_joined(agree: Agree, tmp_path: Path, before: str, after: str | None) -> None:
    body = f"keep, other = x > 0, x > 2\nreturn {before}"
    agree(forward(f"{body}  # CVL510"), select=["CVL510"])
    assert body_after(tmp_path, body, select=["CVL510"]) == body.replace(before, after or before)


def test_of_the_greatest_in_a_mask_only_its_place_is_refused(agree: Agree) -> None:
    agree(
        forward(
            """
            keep = x > 0
            any_of_them, most = keep.max(1)[0], keep.max(-1, keepdim=True).values
            return any_of_them, most, keep.min(1)  # CVL510
            """
        ),
        select=["CVL510"],
    )


def test_floats_filled_by_masks_are_fine(agree: Agree) -> None:
    agree(forward("return x.masked_fill(x > 1, 0).masked_fill_(x > 2, 1.0)"), select=["CVL510"])


@pytest.mark.parametrize("given", ["None", "torch.ones(3)"])
def test_what_is_ordered_is_not_none(agree: Agree, given: str) -> None:
    agree(
        forward(
            "return (x > 0) & (places <= lengths.max())",
            parameters=f"x, lengths, places: torch.Tensor | None = {given}",
        )
    )
