"""Writes of every form: methods, indices, masks, and targets of other statements."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize("write", ["v.add_(1)", "v += 1", "v[0] = 1", "v[:] = 0", "v.copy_(x[0])", "v.zero_()"])
def test_a_view_may_be_written_in_any_way(agree: Agree, write: str) -> None:
    agree(forward(f"y = x.clone()\nv = y[1]\n{write}  # CVL101\nreturn y"))


def test_a_chain_of_writes_is_one_finding(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nv.add_(1).mul_(2).clamp_(0)  # CVL101\nreturn y"))
    agree(forward("y = x.clone()\ny.view(-1).add_(1).mul_(2)  # CVL101\nreturn y"))
    agree(forward("y = x.clone()\n(y[0].add_(1)  # CVL101\n    .mul_(2).clamp_(0))\nreturn y"))
    agree(forward("y = x.clone()\ny[0].add_(1).mul_(2)  # CVL101\nreturn y"))
    agree(forward("y = x.clone()\ny.add_(1).mul_(2)\nreturn y"))


def test_a_function_that_writes_to_its_output(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\ntorch.mul(v, 2, out=v)  # CVL101\nreturn y"))


@pytest.mark.parametrize("method", ["add", "relu", "clamp", "float", "contiguous"])
def test_a_method_without_underscore_writes_nothing(agree: Agree, method: str) -> None:
    agree(forward(f"y = x.clone()\nv = y[1]\nv.{method}(1)\nreturn y"))


def test_a_mask_of_rows_is_laid_along_the_wrong_axis(agree: Agree) -> None:
    agree(forward("y = x.reshape(4, 4) * 2\ny[y[:, 1] > 0] = 9.0  # CVL105\nreturn y"))


def test_a_mask_of_the_same_rank_is_refused_by_litert_and_an_old_core_ml_alone(agree: Agree) -> None:
    for target in ("coreml==7.1", "litert", "litert==0.10"):
        agree(forward("y = x.clone()\ny[y < 0] = 0.5  # CVL105\nreturn y"), target=target)
    for target in ("onnxruntime", "coreml", "coreml==8.0", "litert==0.11", "tensorrt"):
        agree(forward("y = x.clone()\ny[y < 0] = 0.5\nreturn y"), target=target)


def test_a_chained_index_is_one_finding(agree: Agree) -> None:
    agree(forward("y = x.clone()\ny[:, 0][y[:, 0] > 0] = 9.0  # CVL102\nreturn y"))
    agree(forward("y = x.clone()\ny[:2][0] = 9.0  # CVL102\nreturn y"))
    agree(forward("y = x.clone()\ny[0][1:] = 9.0\nreturn y"))


def test_an_assignment_to_the_input_itself_is_kept(agree: Agree) -> None:
    agree(forward("x[0] = 1.0\nx.mul_(2)\nreturn x"))


@pytest.mark.parametrize("header", ["for y[y > 0] in [1.0]:", "with f() as y[y > 0]:"])
def test_a_mask_may_be_the_target_of_a_loop_or_a_with(agree: Agree, header: str) -> None:
    agree(forward(f"y = x.clone()\n{header}  # CVL105\n    pass\nreturn y"), target="coreml==7.1")


def test_a_view_that_was_written_back_may_still_be_read(agree: Agree) -> None:
    agree(forward("y = x.clone()\nv = y[1]\nv += 2\ny[1] = v\nreturn y * v"))


@pytest.mark.parametrize(
    ("mask", "found"),
    [
        ("y[:, 1] > 0.5", True),
        ("y.sum(1) > 2", True),
        ("(y.abs() * 2).mean(dim=1) > 0", False),  # made from another tensor: its rank is not known to be lower
        ("y.sum(1, keepdim=True) > 2", False),
        ("y[:, 1:] > 3", False),
        ("y > 3", False),
    ],
)
def test_a_mask_of_rows_is_told_without_knowing_ranks(agree: Agree, mask: str, found: bool) -> None:
    agree(forward(f"y = x.clone()\ny[{mask}] = 9.0{'  # CVL105' if found else ''}\nreturn y"))


ROWS = """
y = x * 2
total = 0
{loops}
        row = y[i]
        total = total + row.sum()
        row *= 2{mark}
return total
"""


@pytest.mark.parametrize(
    ("loops", "lost"),
    [
        ("if True:\n    for i in range(x.shape[0]):  # CVL303", False),
        ("for j in range(9):\n    for i in range(3):", True),  # the rows come again
        ("for i in range(3):\n    for j in range(9):", True),  # the same row again
    ],
)
def test_a_loop_over_rows_reads_another_row_each_time(agree: Agree, loops: str, lost: bool) -> None:
    agree(forward(ROWS.format(loops=loops, mark="  # CVL101" if lost else "")))


def test_rows_that_were_written_are_read_as_a_whole_later(agree: Agree) -> None:
    body = "y = x * 2\nfor i in range(x.shape[0]):  # CVL303\n    row = y[i]\n    row *= 2  # CVL101\nreturn y"
    agree(forward(body))


def test_data_is_assigned(agree: Agree) -> None:
    init = 'self.register_buffer("mean", torch.zeros(4))'
    agree(forward("self.mean.data = x.mean(0)  # CVL104\nreturn x - self.mean", init=init))
    agree(forward("y = x * 2\ny.data = x\nreturn y", init=init))


@pytest.mark.parametrize(
    ("write", "found"),
    [
        ("y[:, 0] = self.token", True),
        ("y[:, 0] = self.token * 2", True),
        ("y[:, :1] = self.rows", True),
        ("y[:, 0] = self.token.expand(x.shape[0], -1)", False),
        ("y[:, 0] = self.scale", False),
        ("y[:, 0] = x[:, 1]", False),
        ("y[:, 0] += self.token", False),
        ("y[0] = self.token", False),
        ("self.rows.clone()[:, 0] = self.token", False),
    ],
)
def test_what_is_assigned_to_every_sample(agree: Agree, write: str, *, found: bool) -> None:
    init = """
    self.token, self.rows = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(1, 1, 4))
    self.scale = nn.Parameter(torch.ones(()))
    """
    agree(forward(f"y = x.clone()\n{write}" + "  # CVL605" * found + "\nreturn y", init=init), select=["CVL605"])


@pytest.mark.parametrize(
    ("made", "found"),
    [
        ("a, b = y[:, 0], y[:, 1]\na = a.squeeze()", False),
        ("a, b = y[:, 0].squeeze(), y[:, 1].unsqueeze(0)", False),
        ("a, b = y[:, 0].squeeze(), y[0]", True),
        ("a, b = y[:2][0], y[2:].squeeze()", False),
        ("a, b = y.squeeze()[0], y[1]", True),  # an axis may be gone
    ],
)
def test_views_of_other_parts_are_not_written_to(agree: Agree, made: str, found: bool) -> None:
    agree(forward(f"y = x.clone()\n{made}\na *= 2{'  # CVL101' * found}\nreturn a.sum() + b"))


@pytest.mark.parametrize(
    ("shape", "write", "found"),
    [
        ("n, c", "y[:, :3] = x[:, 3:4]", True),
        ("n, c", "y[:, :3] = x.mean(1, keepdim=True)", True),
        ("n, c", "y[:] = x[0]", True),
        ("n, c", "y[1:] = x[0]", True),
        ("n, c", "y[:, :3] = x[:, 3:6]", False),
        ("n, c", "y[:, 0] = x[:, 1]", False),
        ("n, c", "y[:, 0] = x[0, 0]", False),
        ("n, c", "y[0, 1:4] = x[0, 5]", False),
        ("*more, c", "y[:, :3] = x[:, 3:4]", True),
        ("*more, c", "y[..., :3] = x[..., :1]", True),
        ("*more, c", "y[:, :1] = x[:, 3:4]", False),
        ("*more, c", "y[0, :3] = x[0, 3:4]", False),
        ("*more, c", "y[:, :k] = x[:, 3:4]", False),
    ],
)
def test_what_is_broadcast_to_sizes_of_an_input(agree: Agree, shape: str, write: str, *, found: bool) -> None:
    body = f"{shape} = x.shape\ny = x * 1\n{write}{'  # CVL605' * found}\nreturn y"
    agree(forward(body, "x: torch.Tensor, k: int = 3"), select=["CVL605"])


@pytest.mark.parametrize(
    ("given", "found"),
    [("self.row", True), ("self.rows", True), ("x[0]", True), ("x[mask]", False), ("self.scale", False)],
)
def test_one_row_is_repeated_for_the_traced_mask(agree: Agree, given: str, *, found: bool) -> None:
    init = """
    self.row, self.rows = nn.Parameter(torch.ones(4)), nn.Parameter(torch.ones(1, 4))
    self.scale = nn.Parameter(torch.ones(()))
    """
    body = f"n, c = x.shape\ny = x * 1\nmask = x[:, 0] > 0\ny[mask] = {given}{'  # CVL105' * found}\nreturn y"
    agree(forward(body, "x: torch.Tensor", init=init), select=["CVL105"])
