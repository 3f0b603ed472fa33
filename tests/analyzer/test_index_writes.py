"""Index assignments and sums by index that exporters write otherwise."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

MADE = "i = torch.arange(2)\nj = i + 1\ny = torch.zeros(3, 4, 5)\nrow = torch.ones(5)\n"


@pytest.mark.parametrize(
    ("write", "found"),
    [
        ("y[None] = 1.0", True),
        ("y[None, :, 0] = x[0]", True),
        ("y[..., None] += 1.0", True),
        ("y[..., i] = 1.0", True),
        ("y[..., [0, 2]] = 1.0", True),
        ("y[i, :, j] = 1.0", True),
        ("y[i, 0, j] = 1.0", True),
        ("y[i, j] = row", True),
        ("y[i] = row", True),
        ("y[[0, 2]] = row", True),
        ("y[i, j] = 1.0", False),
        ("y[:, i] = 1.0", False),
        ("y[0, :, i] = 1.0", False),
        ("y[i, ..., 0] = 1.0", False),
        ("y[..., 0] = 1.0", False),
        ("y[i] = row.expand(2, 4, 5)", False),
        ("y[i, j] = row.expand(2, 5)", False),
        ("y[i] = x", False),  # of unknown rank
        ("z = y[..., i] + y[None, 0]", False),
    ],
)
def test_forms_of_index_assignment(agree: Agree, write: str, found: bool) -> None:
    source = forward(f"{MADE}{write}{'  # CVL109' * found}\nreturn y + x.sum()")
    agree(source, select=["CVL109"])
    agree(source.replace("  # CVL109", ""), select=["CVL109"], exporter="dynamo")


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("y.index_add(0, k, x)", True),
        ("y.index_add_(0, index=k, source=x)", True),
        ("torch.index_add(y, 0, k, x)", True),
        ("y.index_put((k,), x, accumulate=True)", True),
        ("y.index_put_([k, k], x, True)", True),
        ("y.scatter_reduce(0, k, x, reduce='mean')", True),
        ("y.scatter_reduce(0, k, x, 'mean')", True),
        ("torch.scatter_reduce(y, 0, k, x, 'amax', include_self=False)", True),
        ("y.scatter(0, k, x, reduce='add')", True),
        ("y.index_add(0, torch.arange(3), x)", False),
        ("y.index_add(0, (k > 0).nonzero()[:, 0], x)", False),
        ("torch.index_add(y, -1, k, x)", True),
        ("y.index_add(0, torch.arange(3), x, alpha=2)", True),
        ("y.index_add(0, torch.arange(3), x, alpha=1)", False),
        ("x.reshape(3, 4).index_add(1, torch.arange(4), x)", True),
        ("x.reshape(3, 4).index_add(1, torch.arange(3), x[:, :3])", False),  # not all places
        ("torch.zeros(3, 4).index_add(1, torch.arange(4), x)", False),  # nothing is lost
        ("y.index_put((k,), x)", False),
        ("y.scatter_reduce(0, k, x, 'sum')", False),
        ("y.scatter(0, k, x)", False),
        ("y.scatter_add(0, k, x)", False),
    ],
)
def test_sums_by_index(agree: Agree, call: str, found: bool) -> None:
    source = f"k = x.argmax(1)\ny = torch.zeros_like(x)\nreturn {call}{'  # CVL807' * found}"
    agree(forward(source), select=["CVL807"])
