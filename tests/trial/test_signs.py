"""What the analyzer says of the signs of results, held against torch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from convlint.analyzer import signs

torch = pytest.importorskip("torch")
F = torch.nn.functional

X = torch.tensor([[-2.0, 3.0, 0.5], [4.0, -1.0, -0.5], [1.0, -3.0, 2.0]])
P, N = X.abs() + 0.1, torch.tensor([[2, 0, 1], [1, 0, 2], [0, 1, 2]])
OTHERS: list[tuple[Any, ...]] = [
    *[(), (1,), (2,), (2.0,), (0, 1), (P,), (N,), (P, P), ([2, 3],), ((3, 3), 2), (P, 0.5), (1, N), (1, P), ((1, 1),)],
    *[(0, N[0]), (1, N, P), (P > 1, 2), (P > 1, P), (P > 1,), (torch.float,), (torch.zeros(3), torch.ones(3))],
    *[((3,),), ([3],), (3,), (9, 2), (N[0].clone(), 2.0)],
]
SPECIAL: dict[str, Any] = {
    "batch_norm": lambda x: F.batch_norm(x, torch.zeros(3), torch.ones(3)),
    "instance_norm": lambda x: F.instance_norm(x[None]),
    "conv1d": lambda x: F.conv1d(x[None], X[:, :, None]),
    "conv2d": lambda x: F.conv2d(x[None, None], X[None, None, :2, :2]),
    "conv3d": lambda x: F.conv3d(x[None, None, None], X[None, None, None, :2, :2]),
    "linear": lambda x: F.linear(x, X),
    "bincount": lambda x: torch.bincount(N[0]),
    "searchsorted": lambda x: torch.searchsorted(torch.arange(4.0), x),
    "bucketize": lambda x: torch.bucketize(x, torch.arange(4.0)),
    "multinomial": lambda x: torch.multinomial(P, 2),
    "one_hot": lambda x: F.one_hot(N),
    "einsum": lambda x: torch.einsum("ij,jk->ik", x, x),
    "where": lambda x: torch.where(x > 1, x, 2.0),
    "dot": lambda x: torch.dot(x[0], x[1]),
    "outer": lambda x: torch.outer(x[0], x[1]),
    "bmm": lambda x: torch.bmm(x[None], x[None]),
    "meshgrid": lambda x: torch.meshgrid(x[0], x[1], indexing="ij"),
    "scatter": lambda x: x.scatter(1, N, x),
    "linspace": lambda x: torch.linspace(0.0, 3.0, 4),
    "randint": lambda x: torch.randint(0, 9, (3,)),
    "arange": lambda x: torch.arange(9),
    "range": lambda x: torch.range(0, 9),
    "full": lambda x: torch.full((3,), 2.0),
    "tensor": lambda x: torch.tensor([1.0, 2.0]),
    "as_tensor": lambda x: torch.as_tensor([1.0, 2.0]),
    "stack": lambda x: torch.stack([x, x]),
}
LISTED = ("cat", "concat", "concatenate", "hstack", "vstack")
ELSEWHERE = {"nms", "batched_nms"}
"""Of torchvision, whose positions its table holds."""
GPU = {"cuda"}


def results(name: str, given: Any) -> list[Any]:
    """The tensors of all ways to call a function that work."""
    if name in SPECIAL:
        return list(tensors(SPECIAL[name](given)))
    found: list[Any] = []
    functions = [getattr(where, name) for where in (torch, F, torch.Tensor) if hasattr(where, name)]
    for function in functions:
        for first in ([given, given],) if name in LISTED else (given.clone(),):
            for rest in OTHERS:
                with contextlib.suppress(Exception):
                    found += tensors(function(first, *rest))
        for shape in ((3, 3), 3):
            if not name.startswith("new_") and not name.endswith("_like"):
                with contextlib.suppress(Exception):
                    found += tensors(function(shape))
    return found


def tensors(value: Any) -> Iterator[Any]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for one in value:
            yield from tensors(one)


@pytest.mark.parametrize("name", sorted(signs.POSITIVE - ELSEWHERE))
def test_nothing_that_is_called_positive_is_negative(name: str) -> None:
    found = [*results(name, X), *results(name, P)]
    assert found
    assert not any((one < 0).any() for one in found)


@pytest.mark.parametrize("name", sorted(signs.NEGATIVE))
def test_what_is_called_negative_is_so_for_some_input(name: str) -> None:
    assert any((one < 0).any() for given in (X, P, X.tanh() / 2) for one in results(name, given))


@pytest.mark.parametrize("name", sorted(signs.KEEPING - GPU))
def test_what_keeps_signs_makes_nothing_negative(name: str) -> None:
    found = results(name, P)
    assert found
    assert not any((one < 0).any() for one in found)
