"""Operators that a target lacks, or that are newer than the opset: found for those who ask, silent for all others."""

from __future__ import annotations

import pytest
from conftest import Agree, Cli
from convlint_rules.examples import forward

SAMPLED = "return nn.functional.grid_sample(x, grid, align_corners=False)"
BITS = "return torch.bitwise_xor(x.long(), 1)"


@pytest.mark.parametrize(
    ("opset", "exporter", "found"),
    [(11, "torchscript", True), (15, "any", True), (16, "any", False), (11, "dynamo", False), (None, "any", False)],
)
def test_what_the_exporter_writes_only_from_a_newer_opset_on(
    agree: Agree, opset: int | None, exporter: str, found: bool
) -> None:
    mark = "  # CVL805" if found else ""
    agree(forward(SAMPLED + mark, parameters="x, grid"), opset=opset, exporter=exporter)


def test_a_symbolic_that_the_project_registers_is_believed_at_every_opset(agree: Agree) -> None:
    register = "torch.onnx.register_custom_op_symbolic('aten::grid_sampler', f, 11)\n"
    agree(forward(SAMPLED, parameters="x, grid") + register, opset=11)


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("tensorrt", True),
        ("tensorrt==10.0", True),
        ("tensorrt==8.6", False),
        ("onnxruntime,tensorrt", True),
        ("onnxruntime", False),
        ("openvino", False),
        ("mnn", False),
    ],
)
def test_what_a_chosen_target_lacks(agree: Agree, target: str, found: bool) -> None:
    agree(forward(BITS + ("  # CVL804" if found else "")), target=target, ignore=["CVL801"])


def test_nothing_is_said_of_an_opset_that_the_facts_do_not_know(agree: Agree) -> None:
    agree(forward(BITS), target="tensorrt", opset=22, ignore=["CVL801"])


@pytest.mark.parametrize(
    "call",
    [
        "torch.bitwise_xor(x > 0, x < 1)",  # of bool tensors it is another operator
        "torch.cummin(x, 1)[0]",
        "torch.relu(x)",
        "x.softmax(-1)",
        "nn.functional.interpolate(x, scale_factor=2)",
    ],
)
def test_what_tensorrt_takes_or_what_is_not_known_is_not_reported(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}"), target="tensorrt", ignore=["CVL801"])


def test_a_shape_that_depends_on_values_is_one_finding(agree: Agree) -> None:
    agree(forward("return (x > 0).nonzero()  # CVL401"), target="tensorrt")


def test_a_converter_of_torch_programs_is_asked_for_torch_operators(agree: Agree) -> None:
    agree(forward("return torch.cummax(x, 1)[0]  # CVL804"), target="coreml", exporter="dynamo", ignore=["CVL801"])
    agree(forward("return x.clone().relu_().chunk(2, 1)[0]"), target="coreml")


def test_a_finding_names_the_operator_the_target_and_how_it_is_known(cli: Cli) -> None:
    ran = cli("-", "--target", "tensorrt,coreml", "--isolated", stdin=forward(BITS))
    assert "`torch.bitwise_xor` becomes BitwiseXor, which TensorRT 10.0 does not have" in ran.out
    assert "(documented, not measured; onnx/onnx-tensorrt@96e7811 docs/operators.md of 2024-06-17)" in ran.out
    assert "harm: breaks tensorrt" in ran.out


def test_a_comment_excuses_it_for_those_who_ask_for_the_target(cli: Cli) -> None:
    source = forward(BITS + "  # convlint: ignore[CVL804] done on the host")
    assert cli("-", "--isolated", "--ignore", "CVL801", stdin=source).code == 0
    assert cli("-", "--target", "tensorrt", "--isolated", "--ignore", "CVL801", stdin=source).code == 0
