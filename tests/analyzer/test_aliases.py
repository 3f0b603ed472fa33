"""Which writes reach which names in an exported graph."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint.config import Settings
from convlint.linter import lint


def test_a_write_through_a_view_from_another_line_is_lost(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nv += 2  # CVL101\nreturn y"))


def test_a_write_through_an_index_on_the_same_line_is_kept(agree: Agree) -> None:
    agree(forward("y = x.clone()\ny[:, 0].mul_(2)\nreturn y"))


def test_the_same_expression_over_two_lines_is_lost(agree: Agree) -> None:
    agree(forward("y = x.clone()\ny[  # CVL101\n    :, 0\n].mul_(2)\nreturn y"))


def test_a_write_through_a_reshaping_view_is_lost_even_on_one_line(agree: Agree) -> None:
    agree(forward("y = x.clone()\ny.view(-1).mul_(2)  # CVL101\nreturn y"))


def test_a_view_of_a_view_is_followed_to_its_base(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nw = v[:2]\nw.zero_()  # CVL101\nreturn y"))


def test_a_write_that_nobody_reads_is_harmless(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nv += 2\nreturn v"))


def test_a_copy_shares_no_memory(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1].clone()\nv += 2\nreturn y + v"))


def test_a_mask_and_an_index_tensor_copy(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[y > 0]\nv += 2\nw = y[torch.tensor([0, 1])]\nw += 2\nreturn y"))


def test_arithmetic_makes_a_new_tensor(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1] * 2\nv += 2\nreturn y"))


def test_asking_for_a_shape_reads_no_values(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nv += 2\nreturn v * y.shape[-1] + y.dim()"))


def test_a_view_that_was_written_back_is_no_loss(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nv += 2\ny[1] = v\nreturn y"))


def test_disjoint_parts_do_not_see_each_other(agree: Agree) -> None:
    agree(forward("y = x.clone()\na = y[:, 0::2]\nb = y[:, 1::2]\na.mul_(2)\nreturn a + b"))


def test_parts_with_named_bounds_are_disjoint_where_one_starts_at_the_others_end(agree: Agree) -> None:
    body = "a = x[..., :self.n]\nb = x[..., {}]\na /= 2{}\nreturn a.sum() + b.sum()"
    for start in ("self.n:", "self.n:2 * self.n", "2 * self.n:"):
        agree(forward(body.format(start, "")))
    for start in ("self.m:", ": 2 * self.n"):
        agree(forward(body.format(start, "  # CVL101")))


def test_overlapping_parts_do(agree: Agree) -> None:
    agree(forward("y = x.clone()\na = y[:, :2]\nb = y[:, 1:3]\na.mul_(2)  # CVL101\nreturn a + b"))


def test_chunks_are_parts_of_one_tensor(agree: Agree) -> None:
    agree(forward("y = x.clone()\na, b = y.chunk(2, dim=1)\na.mul_(2)  # CVL101\nreturn y"))


def test_an_older_view_keeps_the_old_values_of_a_written_base(agree: Agree) -> None:
    agree(forward("y = x.clone()\nfirst = y[:, :2]\ny[:, :3] = 1.0  # CVL103\nreturn first + y[:, 2:]"))


def test_a_view_taken_after_the_write_is_right(agree: Agree) -> None:
    agree(forward("y = x.clone()\ny[:, :3] = 1.0\nfirst = y[:, :2]\nreturn first + y[:, 2:]"))


def test_the_view_may_be_made_and_written_in_a_helper(agree: Agree) -> None:
    helper = "\n\ndef zero_first(t):\n    v = t[0]\n    v.zero_()  # CVL101\n"
    agree(forward("y = x.clone()\nzero_first(y)\nreturn y") + helper)


def test_the_view_may_come_from_a_helper(agree: Agree) -> None:
    helper = "\n\ndef head(t):\n    return t[0]\n"
    agree(forward("y = x.clone()\nv = head(y)\nv.zero_()  # CVL101\nreturn y") + helper)


def test_one_write_that_several_names_miss_is_one_finding(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nv += 2  # CVL101\nreturn y + y.sum() + y[0]"))


def test_a_write_in_one_branch_is_missed_after_it(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nif self.flag:\n    v += 2  # CVL101\nreturn y"))


def test_rebinding_the_base_ends_its_alias(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\ny = x * 2\nv += 2\nreturn y + v"))


@pytest.mark.parametrize(
    "write",
    [
        "y[:, 1:] = y[:, :-1]",
        "y[..., 1:] = y[..., :-1]",
        "y[:, 2:5] = y[:, 1:4]",
        "y[:, 2::2] = y[:, :-2:2]",
        "y[:, 1:] += y[:, :-1]",
        "y[:, 1:].copy_(y[:, :-1])",
        "y[:, 1:].mul_(y[:, :-1])",
        "y -= y[:, :1]",
        "y[:, :3] -= y[:, 0:1]",
        "y /= y[..., :1]",
        "y.sub_(y[:, 0].unsqueeze(1))",
    ],
)
def test_a_write_that_overtakes_what_it_reads(agree: Agree, write: str) -> None:
    agree(forward(f"y = x.clone()\n{write}  # CVL107\nreturn y"))


@pytest.mark.parametrize(
    "write",
    [
        "y[:, :-1] = y[:, 1:]",  # each element is read before it is written
        "y[:, 1:] = y[:, :-1].clone()",
        "y[:, 1:] = y[:, :-1] * 1.0",
        "y[:, 1:] = x[:, :-1]",
        "y[:, 3:] = y[:, :3]",
        "y[:, 2:] = y[:, :-2]",  # of boxes, these are two halves
        "y[:, 1::2] = y[:, ::2]",
        "y[:, 1:] = y[:, 1:]",
        "y[:, 1:] -= y[:, :1]",
        "y[:, :] = y[:, :1]",  # the row that is among them stays as it is
        "y -= y[:, -1:]",
        "y[1:] = y[:-1]",  # eager refuses it
        "y[:, n:] = y[:, :-n]",
        "y[:, 1:, :2] = y[:, :-1, 1:]",
    ],
)
def test_a_write_that_does_not_overtake_what_it_reads(agree: Agree, write: str) -> None:
    agree(forward(f"y = x.clone()\n{write}\nreturn y", parameters="x, n: int = 2"), select=["CVL107"])


def test_a_swap_reads_what_was_written_already(agree: Agree) -> None:
    agree(forward("y = x.clone()\ny[:, 0], y[:, 1] = y[:, 1], y[:, 0]  # CVL103\nreturn y"))
    agree(forward("y = x.clone()\ny[:, 0], y[:, 1] = y[:, 1].clone(), y[:, 0].clone()\nreturn y"))
    agree(forward("y = x.clone()\na = y[:, 0]\ny[:, 0] = y[:, 1]  # CVL103\ny[:, 1] = a\nreturn y"))


OPERATORS = """
class Shifted(nn.Module):
    def forward(self, x):
        v = x[:, 0]
        v += 1
        return v


class Scaled(nn.Module):
    def forward(self, x):
        return x * 2


class Model"""


def test_of_two_modules_one_is_called_and_reads_nothing_that_the_other_wrote(agree: Agree) -> None:
    init = "if self.shift:\n    self.op = Shifted()\nelse:\n    self.op = Scaled()"
    agree(forward("y = x.clone()\nreturn self.op(y)", init=init).replace("class Model", OPERATORS.strip()))
    read = forward("y = x.clone()\nreturn self.op(y), y", init=init).replace("class Model", OPERATORS.strip())
    agree(read.replace("v += 1", "v += 1  # CVL101"))


@pytest.mark.parametrize(
    ("body", "method"),
    [
        ("y = self.op(self.op(x * 2))\nreturn y", "y = self.open(x)\nx[..., :2] = y.narrow(1, 0, 1) * 2\nreturn x"),
        ("y = self.open(x)\nz = self.open(x)\ny += 1\nreturn y, z", "return x"),
    ],
)
def test_what_a_method_gives_in_another_call_is_another_tensor(agree: Agree, body: str, method: str) -> None:
    made = "return x.unsqueeze(-1)" if "op(" in body else "return (x * 2).view(-1)"
    methods = f"def open(self, x):\n        {made}\n\n    def op(self, x):\n        "
    source = forward(body).replace("def forward", methods + method.replace("\n", "\n        ") + "\n\n    def forward")
    agree(source)


def test_what_a_method_gives_back_is_what_it_is_given_in_this_call(agree: Agree) -> None:
    methods = "def row(self, t, i):\n        return t[i]\n\n    def forward"
    body = "a, b = x.clone(), x * 2\nu = self.row(a, 0)\nv = self.row(b, 0)\nv += 1  # CVL101\nreturn a, u, b"
    agree(forward(body).replace("def forward", methods))


def test_where_gradients_are_kept_is_no_write(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[:, 0]\ny.requires_grad_(True)\nreturn v + 1, y"))


def test_a_read_in_another_file_is_told_with_its_name(tmp_path: Path) -> None:
    shifted = OPERATORS.strip().partition("class Scaled")[0]
    (tmp_path / "op.py").write_text(f"import torch\nfrom torch import nn\n\n{shifted}")
    model = forward("y = x.clone()\nself.op(y)\nreturn y", init="self.op = Shifted()")
    (tmp_path / "model.py").write_text(f"from op import Shifted\n{model}")
    [found] = lint(sorted(tmp_path.glob("*.py")), Settings(root=tmp_path, cache=False, jobs=1)).findings
    row = next(i for i, line in enumerate((tmp_path / "model.py").read_text().splitlines(), 1) if "return y" in line)
    assert (Path(found.path).name, found.span.row) == ("op.py", 7)
    assert f"read on line {row} of model.py" in found.message
    assert [(Path(path).name, text) for path, _, text in found.related] == [
        ("op.py", "the view is made here"),
        ("model.py", "`y` is read here"),
    ]


def test_the_tensors_under_two_keys_share_nothing(agree: Agree) -> None:
    write = 'a = batch["a"]\nb = batch["{}"][0]\na += 1{}\nreturn a + b'
    agree(forward(write.format("b", ""), "batch: dict[str, torch.Tensor]"))
    agree(forward(write.format("a", "  # CVL103"), "batch: dict[str, torch.Tensor]"))


def test_what_is_indexed_by_a_text_is_no_tensor(agree: Agree) -> None:
    agree(forward('x = x.to("cpu")\na = x["a"]\nb = x["b"][0]\na += 1\nreturn a + b'))


@pytest.mark.parametrize(
    "body",
    [
        "y[i] = row * 2",
        "y[i] = row * 2  # CVL103\n    x = x + row",
        "y[i] += row.sum()",
        "y[i, 0] = row.sum()",
        "x = x + row\n    y.add_(1)  # CVL103",
    ],
)
def test_a_round_misses_no_write_that_rounds_before_did_to_their_rows(agree: Agree, body: str) -> None:
    agree(forward(f"y = x.clone()\nfor i, row in enumerate(y):  # CVL304\n    {body}\nreturn x, y"))
