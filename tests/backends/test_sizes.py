"""Shapes of files, also where sizes are computed by what onnx does not follow."""

from __future__ import annotations

import pytest

onnx = pytest.importorskip("onnx")

from convlint.backends.sizes import inferred  # noqa: E402


def shape(text: str, name: str) -> list[int]:
    model = inferred(onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> {text}'))
    values = {one.name: one.type.tensor_type for one in (*model.graph.value_info, *model.graph.output)}
    return [one.dim_value for one in values[name].shape.dim]


def test_half_of_a_size_is_followed() -> None:
    text = """g (float[2,8,6,6] x) => (float[a,b] y) <int64 at = {1}, int64 two = {2}, int64[1] axis = {0}> {
        sizes = Shape (x)
        channels = Gather (sizes, at)
        half = Div (channels, two)
        end = Unsqueeze (half, axis)
        start = Sub (end, end)
        one = Constant <value_ints = [1]> ()
        first = Slice (x, start, end, one)
        again = Shape (first)
        flat = Constant <value_ints = [-1]> ()
        batch = Slice (again, axis, one)
        shape = Concat <axis = 0> (batch, flat)
        y = Reshape (first, shape)
    }"""
    assert shape(text, "first") == [2, 4, 6, 6]
    assert shape(text, "y") == [2, 144]


@pytest.mark.parametrize("size", [2**40, -(2**40)])
def test_a_size_that_would_fill_the_memory_is_not_computed(size: int) -> None:
    text = f"g (float[2] x) => (float[n] y) <int64[1] size = {{{size}}}> {{ y = ConstantOfShape (size) }}"
    assert shape(text, "y") in ([size], [0])
