from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from convlint.trial.inputs import parse_inputs  # noqa: E402
from convlint.trial.samples import given_samples, samples  # noqa: E402


def drawn(text: str) -> dict[str, tuple[torch.Tensor, ...]]:
    return {sample.name: sample.args for sample in samples(parse_inputs(text))}


def test_samples_are_the_same_at_every_call() -> None:
    first, second = drawn("x: float32[N=3, 4]"), drawn("x: float32[N=3, 4]")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name][0], second[name][0]) for name in first)


def test_values_stay_in_their_bounds() -> None:
    for ints, floats in drawn("k: int64[50] in -2..5; p: float32[50] in 0..1").values():
        assert -2 <= ints.min() and ints.max() <= 5
        assert 0 <= floats.min() and floats.max() <= 1


def test_some_mask_is_empty_and_some_is_full() -> None:
    masks = [mask for (mask,) in drawn("m: bool[6]").values()]
    assert any(not mask.any() for mask in masks)
    assert any(mask.all() for mask in masks)


def test_every_named_dimension_is_changed_alone_and_together() -> None:
    sizes = {tuple(x.shape) for (x,) in drawn("x: float32[N=2, 3, W=8]").values()}
    assert {(2, 3, 8), (1, 3, 8), (4, 3, 8), (2, 3, 4), (2, 3, 16), (4, 3, 16)} <= sizes


def test_sizes_stay_in_their_range_and_step() -> None:
    sizes = {x.shape[0] for (x,) in drawn("x: float32[H=64..192:32]").values()}
    assert sizes == {64, 128, 160, 192}


def test_inputs_of_the_user_are_told_apart_by_shape() -> None:
    x, y, z = torch.ones(2, 3), torch.zeros(2, 3), torch.ones(4, 3)
    assert [s.kind for s in given_samples({"a": (x,), "b": (y,), "c": (z,)})] == ["traced", "values", "shapes"]
