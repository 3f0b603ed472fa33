"""Selections by values, reported where another function needs their count."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Agree, Cli
from convlint_rules.examples import forward

ASKED = "if k.numel() == 0:  # CVL301\n    return k\nreturn k * 2"


def asking(body: str, helper: str = ASKED) -> str:
    lines = "".join(f"        {line}\n" for line in helper.splitlines())
    return forward(body) + "\n    def few(self, k):\n" + lines


@pytest.mark.parametrize(
    "helper",
    [
        ASKED,
        "if k.shape[0] > 3:  # CVL301\n    return k\nreturn k * 2",
        "return k * len(k)  # CVL205",
        "return k * int(k.shape[0])  # CVL202",
        "for i in range(k.shape[0]):  # CVL303\n    k = k + i\nreturn k",
        "for row in k:  # CVL304\n    print(row)\nreturn k",
        "if k.shape[0] > 9:  # CVL305\n    raise ValueError\nreturn k",
    ],
)
def test_a_selection_whose_count_another_function_needs(agree: Agree, helper: str) -> None:
    agree(asking("return self.few(x[x > 0.5])  # CVL401", helper))


@pytest.mark.parametrize(
    "selected",
    [
        "torch.where(x > 0.5)[0]",
        "x.nonzero()",
        "torch.nonzero(x > 0.5)",
        "x.masked_select(x > 0.5)",
        "x.unique()",
        "x.repeat_interleave(x.long())",
        "x[: x.argmax()]",
    ],
)
def test_every_way_to_select(agree: Agree, selected: str) -> None:
    agree(asking(f"return self.few({selected})  # CVL401"), ignore=["CVL801"])


@pytest.mark.parametrize(
    "helper",
    [
        "return k * 2",
        "return k.reshape(k.shape[0], 1)",
        "if k.shape[1] > 3:  # CVL302\n    return k\nreturn k * 2",
        "if k.dim() == 1:\n    return k\nreturn k * 2",
    ],
)
def test_a_selection_whose_count_nobody_needs_is_no_finding(agree: Agree, helper: str) -> None:
    agree(asking("return self.few(x[x > 0.5])", helper))


def test_a_selection_whose_count_the_same_function_needs_is_reported_there_only(agree: Agree) -> None:
    agree(forward("k = x[x > 0.5]\nif k.numel() == 0:  # CVL301\n    return x\nreturn k"))


def test_only_the_first_selection_by_a_mask_is_reported(agree: Agree) -> None:
    agree(asking("m = x > 0.5\na = x[m]  # CVL401\nb = (x * 2)[m]\nreturn self.few(a) + self.few(b)"))
    agree(asking("m = x > 0.5\na = x[m]  # CVL401\nb = (x * 2)[m]\nreturn a.sum() + self.few(b)"))


def test_selections_by_two_masks_are_two_findings(agree: Agree) -> None:
    agree(asking("a = x[x > 0.5]  # CVL401\nb = x[x < 0]  # CVL401\nreturn self.few(a) + self.few(b)"))


@pytest.mark.parametrize(
    "body",
    [
        "a = x[x > 0.5]  # CVL401\nb = x[x < 0]  # CVL401\nreturn self.few(torch.cat([a, b]))",
        "b = x * 2\ni = torch.where(x > 0.5)[0]  # CVL401\nreturn self.few(b[i])",
        "b, m = x * 2, x[:, 0] > 0.5\nreturn self.few(b[torch.where(m)[0]])  # CVL401",
        "k = x[x > 0.5]  # CVL401\nv, i = k.topk(min(9, k.shape[0]))  # CVL204\nreturn self.few(v)",
        "k = []\nfor y in (x, x * 2):\n    k.append(y[y > 0.5])  # CVL401\nreturn self.few(torch.cat(k))",
        "k = []\nfor y in (x, x * 2):\n    k.append(y[y > 0.5])  # CVL401\nreturn self.few(k[0])",
        "return self.few((x[x > 0.5] * 2).abs())  # CVL401",
    ],
)
def test_a_count_is_followed_to_where_it_is_needed(agree: Agree, body: str) -> None:
    agree(asking(body))


def test_a_count_stops_no_torchscript_export(agree: Agree) -> None:
    source = asking("return self.few(x[x > 0.5])  # CVL401")
    agree(source, exporter="dynamo")
    agree(source.replace("  # CVL401", ""), exporter="torchscript")


HELPER = f"def few(k):\n    {ASKED.replace(chr(10), chr(10) + '    ')}\n"
ALONE = {"model.py": asking("return self.few(x[x > 0.5])  # CVL401")}
PARTED = {"helper.py": HELPER, "model.py": "from helper import few\n" + forward("return few(x[x > 0.5])  # CVL401")}


@pytest.mark.parametrize(("files", "place"), [(ALONE, "line 10 needs"), (PARTED, "line 2 of helper.py needs")])
def test_the_message_says_where_the_count_is_needed(
    agree: Agree, cli: Cli, tmp_path: Path, files: Mapping[str, str], place: str
) -> None:
    agree(files)
    (line,) = (one for one in cli("model.py", "--output-format", "concise").out.splitlines() if "CVL401" in one)
    assert "error CVL401" in line
    assert place in line


@pytest.mark.parametrize(
    "asked",
    [
        "a, b, c = k.shape\nif b > 3:  # CVL302\n    return k\nreturn k * 2",
        "if list(k.shape[2:]) == [1, 1]:  # CVL302\n    return k\nreturn k * 2",
    ],
)
def test_a_selection_changes_no_axis_behind_the_first(agree: Agree, asked: str) -> None:
    agree(asking("return self.few(x[x[:, 0] > 0.5])", asked))


@pytest.mark.parametrize("selected", ["x[:, m]", "x[:, : m.sum()]", "x.repeat_interleave(m.long(), dim=1)"])
def test_a_selection_along_another_axis_leaves_the_first(agree: Agree, selected: str) -> None:
    agree(forward(f"m = x > 0.5\nk = {selected}\nif k.shape[0] > 3:  # CVL302\n    return k\nreturn k * 2"))


@pytest.mark.parametrize("dim", ["", ", dim=0", ", 0"])
def test_stacked_selections_are_as_many_as_they_are(agree: Agree, dim: str) -> None:
    """The sizes that depend on values are behind the first axis."""
    body = (
        f"a, b = x\nm = a > 0.5\nk = torch.stack([a[m], b[m]]{dim})\nif k.size(0) != 2:\n    raise ValueError\nreturn k"
    )
    agree(forward(body))


def test_a_selection_of_selections_that_are_stacked_behind_may_be_any_size(agree: Agree) -> None:
    body = "a, b = x\nm = a > 0.5\nk = torch.stack([a[m], b[m]], dim=1)\n"
    agree(forward(f"{body}if k.size(0) > 2:  # CVL305\n    raise ValueError\nreturn k"))


def test_what_bounds_a_slice_may_be_no_value_of_a_tensor(agree: Agree) -> None:
    body = 'k = x[: more["n"]]\nif k.shape[0] > 3:  # CVL302\n    return k\nreturn k * 2'
    agree(forward(body, "x, more: dict"))


def test_an_index_that_is_a_mask_here_and_positions_there_is_told_once(agree: Agree) -> None:
    body = "m = x[:, 0] > 0.5\nreturn self.few(x, m) + self.few(x, torch.where(m)[0])  # CVL401"
    source = forward(body) + "\n    def few(self, x, i):\n        return x[i]  # CVL401\n"
    agree(source, target=["tensorrt"])


def test_what_is_cut_to_a_size_has_it(agree: Agree) -> None:
    body = "n = x.shape[1]\ny = self.table[:, :n]\nif y.shape[1] != n:\n    y = y * 2\nreturn x + y"
    agree(forward(body, init="self.table = nn.Parameter(torch.zeros(2, 100))"))
