"""What can be negative when it is divided with ``//``, and sizes that a function of torch divides."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "divided",
    [
        "x.argmax(1)",
        "x.topk(2)[1]",
        "x.max(1)[1]",
        "x.sort(1).indices",
        "(x > 0).cumsum(1)",
        "(x > 0).sum(1)",
        "torch.arange(x.shape[1])",
        "torch.arange(x.shape[1])[None].expand(3, -1).reshape(-1)",
        "(x.argmax(1) * 4 + 2)",
        "torch.relu(x)",
        "nn.functional.relu(self.layer(x))",
        "self.act(self.layer(x))",
        "(x.abs() + 1)",
        "x.clamp(min=0)",
        "x.clamp(0, 5).long()",
        "(x % 8)",
        "torch.cat([x.argmax(1), x.argmin(1)])",
        "torch.stack([x.argmax(1), torch.arange(3)])",
        "(x.argmax(1) - x.argmax(1) % 8)",
        "x.argmax(1).sum(-1)",
        "torch.cat([x.argmax(1, keepdim=True), x.argmin(1, keepdim=True)], -1)",
    ],
)
def test_what_is_never_negative_divides_alike_everywhere(agree: Agree, divided: str) -> None:
    init = "self.layer, self.act = nn.Linear(4, 4), nn.ReLU()"
    agree(forward(f"x = x.float()\nreturn {divided} // 2", init=init), select=["CVL501"])


@pytest.mark.parametrize(
    "divided",
    [
        "x.long()",
        "(x + 1).long()",
        "(x - 0.5)",
        "(x.argmax(1) - 1)",
        "((x > 0).cumsum(1) - 1)",
        "-x.argmax(1)",
        "self.layer(x)",
        "x.clamp(max=3)",
        "torch.arange(-4, 4)",
        "torch.randn_like(x)",
        "torch.cat([x.argmax(1), x.argmin(1) - 1])",
    ],
)
def test_what_may_be_negative_is_found(agree: Agree, divided: str) -> None:
    source = forward(f"return {divided} // 2  # CVL501", "x: torch.Tensor", init="self.layer = nn.Linear(4, 4)")
    agree(source, select=["CVL501"])
    agree(source.replace("  # CVL501", ""), select=["CVL501"], exporter="dynamo")


@pytest.mark.parametrize("divided", ["h", "(h + 1)", "(h - 1)", "(sizes.prod(-1) - 1)"])
def test_what_only_its_use_makes_a_tensor_or_counts_is_not(agree: Agree, divided: str) -> None:
    agree(forward(f"return x.reshape({divided} // 2, -1)", "x, h, sizes"), select=["CVL501"])


@pytest.mark.parametrize("name", ["input_ids", "frame_idx", "pos", "num_tokens", "indices", "lengths", "image"])
def test_inputs_that_count_or_point_are_not_negative(agree: Agree, name: str) -> None:
    agree(forward(f"return {name} // 2", f"{name}: torch.Tensor"), select=["CVL501"])


@pytest.mark.parametrize(
    "size", ["-(-n // 4)", "-n // 4", "-(-x.shape[0] // self.window)", "n // -4", "-(n // -4)", "m // 4"]
)
def test_a_negative_size_is_found_on_both_exporters(agree: Agree, size: str) -> None:
    for exporter in ("torchscript", "dynamo"):
        body = f"n = x.shape[0]\nm = -n\nreturn x + ({size})  # CVL501"
        agree(forward(body, init="self.window = 4"), select=["CVL501"], exporter=exporter)


@pytest.mark.parametrize("size", ["(n + 3) // 4", "-n % 4", "n // 4", "-(n // 4)", "-(-self.window // 4)"])
def test_a_positive_size_and_a_remainder_are_not(agree: Agree, size: str) -> None:
    agree(forward(f"n = x.shape[0]\nreturn x + ({size})", init="self.window = 4"), select=["CVL501"])


@pytest.mark.parametrize(
    "divided", ["x.argmax(1) // 2.0", "(x > 0).sum(1) // 0.5", "7 // x.argmax(1)", "7.0 // x.abs()"]
)
def test_a_number_of_another_dtype_or_on_the_left_is_found(agree: Agree, divided: str) -> None:
    agree(forward(f"return {divided}  # CVL501"), select=["CVL501"], exporter="dynamo")


@pytest.mark.parametrize("divided", ["x.abs() // 2.0", "7 // x.abs()", "x.shape[0] // x.argmax(1)", "7 // x"])
def test_a_number_that_the_dynamo_exporter_takes_is_not(agree: Agree, divided: str) -> None:
    agree(forward(f"return {divided}"), select=["CVL501"], exporter="dynamo")


def test_division_in_place_and_by_a_function_is_found(agree: Agree) -> None:
    body = (
        "y = x.clone()\ny //= 2  # CVL501\ny = torch.floor_divide(y, 3)  # CVL501\nreturn y.floor_divide(2)  # CVL501"
    )
    agree(forward(body), select=["CVL501"])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ('torch.div(x.shape[1], 2, rounding_mode="trunc")', "CVL206"),
        ('torch.div(x.size(1), self.n, rounding_mode="floor")', "CVL206"),
        ("torch.floor_divide(x.shape[1], 2)", "CVL206"),
        ("torch.div(x.shape[1], 2)", ""),
        ('torch.div(x, 2, rounding_mode="floor")', ""),
        ('torch.div(self.n, 2, rounding_mode="floor")', ""),
        ("x.shape[1] // 2", ""),
    ],
)
def test_a_size_is_divided_by_python(agree: Agree, call: str, code: str) -> None:
    agree(forward(f"x = x.abs()\nreturn x + {call}" + (f"  # {code}" if code else "")))


@pytest.mark.parametrize(
    "rest",
    [
        "x.argmax(1) % x.shape[1]",
        "x.flatten().topk(2).indices % (x.shape[0] * x.shape[1])",
        "torch.remainder(x.argmax(1), len(x))",
        "x.argmax(1).remainder(x.shape[0])",
    ],
)
def test_remainders_of_integers_by_a_size(agree: Agree, rest: str) -> None:
    agree(forward(f"return {rest}  # CVL511"), select=["CVL5"], preview=True)
    agree(forward(f"return {rest}"), select=["CVL5"], preview=True, exporter="torchscript")


@pytest.mark.parametrize(
    "rest",
    ["x.argmax(1) % 4", "x.argmax(1) % self.width", "x.float() % x.shape[0]", "x % x.shape[0]", "x.shape[1] % 4 + x"],
)
def test_remainders_that_every_exporter_takes(agree: Agree, rest: str) -> None:
    agree(forward(f"return {rest}"), select=["CVL5"], preview=True)
