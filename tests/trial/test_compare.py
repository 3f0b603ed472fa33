from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch")

from convlint.trial.compare import difference  # noqa: E402


@dataclass
class Boxes:
    xyxy: torch.Tensor
    scores: torch.Tensor | None = None


def said(got: object, want: object) -> str:
    found = difference(got, want)
    return found.message if found else ""


def test_structure_does_not_matter_but_order_does() -> None:
    x, y = torch.zeros(2), torch.ones(2)
    assert said([x, y], {"a": x, "b": (y,)}) == ""
    assert said([x], Boxes(x)) == ""
    assert said([y, x], (x, y)).startswith("output 0: 2 of 2 values differ")
    assert said([x], (x, y)) == "1 outputs instead of 2"


def test_shape_and_dtype_matter() -> None:
    assert said(torch.zeros(2, 1), torch.zeros(2)) == "shape (2, 1) instead of (2,)"
    assert said(torch.zeros(2).double(), torch.zeros(2)) == "dtype float64 instead of float32"
    assert said(torch.tensor(3.0), 3) == ""


def test_rounding_is_no_difference_but_an_integer_off_by_one_is() -> None:
    x = torch.randn(100)
    assert said(x * (1 + 1e-6), x) == ""
    assert said(x.half() * (1 + 2e-3), x.half()) == ""
    assert said(torch.tensor([3]), torch.tensor([4])) == "1 of 1 values differ"
    assert difference(x + 1, x).worst == pytest.approx(1, abs=1e-5)


def test_nan_and_infinity_equal_themselves_only() -> None:
    odd = torch.tensor([math.nan, math.inf, -math.inf, 1.0])
    assert said(odd.clone(), odd) == ""
    assert said(torch.tensor([math.nan, math.inf, math.inf, 1.0]), odd).startswith("1 of 4")
    assert said(torch.tensor([0.0, math.inf, -math.inf, 1.0]), odd).startswith("1 of 4")


def test_how_many_of_the_values_differ_is_known() -> None:
    x = torch.arange(8.0)
    found = difference(x.roll(1).where(x < 2, x), x)
    assert found is not None
    assert found.share == 2 / 8
    assert difference(x[1:], x) == ("shape (7,) instead of (8,)", None, 1.0)
