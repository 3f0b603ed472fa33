from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convlint.errors import UsageError
from convlint.trial.inputs import Dim, Input, Number, nested, parse_inputs
from convlint.trial.samples import samples


def test_named_dimensions_are_dynamic_and_numbers_are_fixed() -> None:
    spec = parse_inputs("images: float32[N=2, 3, H=96, W=128]; k: int64[N]")
    assert spec.inputs == (Input("images", "float32", ("N", 3, "H", "W")), Input("k", "int64", ("N",)))
    assert spec.dims["N"] == Dim("N", 2)
    assert spec.dynamic == {0: {0: "N", 2: "H", 3: "W"}, 1: {0: "N"}}


def test_a_range_is_traced_at_a_size_in_its_middle() -> None:
    spec = parse_inputs("x: float32[N=1..8, H=64..512:32]")
    assert spec.dims["N"] == Dim("N", 5, 1, 8)
    height = spec.dims["H"]
    assert (height.size, height.allows(96), height.allows(100), height.allows(544)) == (288, True, False, False)


def test_scalars_bools_and_bounds() -> None:
    spec = parse_inputs("flag: bool[]; k: int64[4] in -3..9; p: float32[4] in 0..1.5")
    assert [i.bounds for i in spec.inputs] == [None, (-3, 9), (0, 1.5)]
    assert spec.inputs[0].shape == ()


def test_a_number_of_python_may_be_another() -> None:
    spec = parse_inputs("x: float32[2]; k: int in 0..9; n: int in 0..1")
    assert spec.inputs[1] == Input("k", "int", (), (0, 9))
    traced, *others = samples(spec)
    assert traced.args[1:] == (4, 1)
    assert {one.args[1] for one in others} > {0, 9}
    assert all(type(one.args[1]) is Number and 0 <= one.args[1] <= 9 for one in others)


def test_constants_and_the_parts_of_dicts_and_lists() -> None:
    spec = parse_inputs("targets.1.boxes: float32[2]; targets.0.boxes: float32[3]; sizes = (3, 4); masked = None")
    assert spec.constants == {"sizes": (3, 4), "masked": None}
    names = [given.name for given in spec.inputs]
    assert nested(dict(zip(names, "ab", strict=True))) == {"targets": [{"boxes": "b"}, {"boxes": "a"}]}
    with pytest.raises(UsageError, match="`x` has a value of its own; give either it or its parts"):
        nested({"x": 1, "x.a": 2})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no inputs are described; write for example `x: float32[N=2, 3]; k: int64[N] in 0..9`"),
        ("x float32", "input `x float32` is not `name: dtype[sizes]`"),
        ("x: float23[3]", "input `x`: unknown dtype `float23`; did you mean `float32`?"),
        ("x: float32[N, 3]", "input `x`: dimension `N` has no size; write `N=2` here"),
        ("x: float32[N=0]", "input `x`: dimension `N` is traced at size 0; give it a size above"),
        ("x: float32[N=2]; y: float32[N=3]", "input `y`: dimension `N` has another size before; give its size once"),
        ("x: float32[2]; x: int64[2]", "`x` is there twice; give each input its own name"),
        ("x: float32[2, -1]", "input `x`: `-1` is no size"),
        ("x: float32[N=8..1]", "input `x`: `N=8..1` is no range of sizes"),
        ("k: int64[2] in 9..0", "input `k`: `in 9..0` holds no int64"),
        ("x: float32[2]; n = three", "input `n`: `three` is no Python value; write for example `n = True`"),
        ("m: bool[2] in 0..1", "input `m`: `in 0..1` is no range of numbers"),
        ("k: int", "input `k`: an int needs a range of numbers; write for example `in 0..9`"),
        ("k: int in 1..2.5", "input `k`: `in 1..2.5` holds no int"),
    ],
)
def test_a_mistake_is_named_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_inputs(text)
    assert message in str(raised.value)


@given(st.text(alphabet="xN :=[],.;03intfloa26481", max_size=40))
def test_any_other_text_is_a_usage_error(text: str) -> None:
    try:
        parse_inputs(text)
    except UsageError as error:
        assert str(error)


@given(st.integers(1, 20), st.integers(1, 200), st.integers(1, 40))
def test_the_traced_size_of_a_range_is_in_it(low: int, length: int, step: int) -> None:
    dim = parse_inputs(f"x: float32[N={low}..{low + length}:{step}]").dims["N"]
    assert dim.allows(dim.size)
