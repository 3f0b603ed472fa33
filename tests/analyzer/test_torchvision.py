"""torchvision's operators and layers, as its table of facts has them."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

OPS = "torchvision\nfrom torchvision import ops"


def model(body: str, init: str = "None") -> str:
    return forward(body, init=f"self.part = {init}", imports=OPS)


@pytest.mark.parametrize(
    ("call", "made", "exporters"),
    [
        ("ops.ps_roi_pool(x, x[:, :5], 7)", "None", ("torchscript", "dynamo")),
        ("self.part(x, x[:, :5])", "torchvision.ops.PSRoIAlign(7, 1.0, 2)", ("torchscript", "dynamo")),
        ("ops.deform_conv2d(x, x, x)", "None", ("torchscript",)),
        ("ops.roi_pool(x, x[:, :5], 7)", "None", ("dynamo",)),
        ("ops.masks_to_boxes(x > 0)", "None", ("torchscript",)),
        ("ops.roi_align(x, x[:, :5], 7)", "None", ()),
        ("self.part(x)", "ops.StochasticDepth(0.1, 'row')", ()),
    ],
)
def test_what_an_exporter_has_no_operator_for(agree: Agree, call: str, made: str, exporters: tuple[str, ...]) -> None:
    for exporter in ("torchscript", "dynamo"):
        mark = "  # CVL801" if exporter in exporters else ""
        agree(model(f"return {call}{mark}", made), exporter=exporter)


def test_a_registered_symbolic_cures_it(agree: Agree) -> None:
    register = 'torch.onnx.register_custom_op_symbolic("torchvision::deform_conv2d", print, 16)\n'
    agree(model("return ops.deform_conv2d(x, x, x)") + "\n\n" + register)


def test_what_a_layer_returns_is_a_tensor(agree: Agree) -> None:
    agree(model("return self.part(x).max().item()  # CVL202", "ops.FrozenBatchNorm2d(8)"))
    agree(model("return [one.max().item() for one in self.part(x).values()]  # CVL202", FPN))


FPN = "ops.FeaturePyramidNetwork([8, 8], 8)"


def test_the_number_of_boxes_kept_depends_on_values(agree: Agree) -> None:
    body = "keep = ops.nms(x[:, :4], x[:, 4], 0.5)  # CVL401\nreturn few(x[keep])"
    agree(model(body) + "\n\ndef few(k):\n    if k.shape[0] == 0:  # CVL301\n        return k * 2\n    return k\n")
    agree(model("return x[ops.batched_nms(x[:, :4], x[:, 4], x[:, 5], 0.5)]"))


def test_sizes_of_the_result_are_those_of_the_arguments(agree: Agree) -> None:
    agree(model("return x * int(ops.box_iou(x, x).shape[1])  # CVL202"))
    agree(model("return x * int(ops.roi_align(x, x[:, :5], 7).shape[2])"))
    agree(model("return x * int(ops.roi_align(x, x[:, :5], output_size=7).shape[0])  # CVL202"))
    agree(model("return x * int(ops.masks_to_boxes(x > 0).shape[1])", "None"), exporter="dynamo")


def test_options_that_change_the_sizes_leave_them_unknown(agree: Agree) -> None:
    same = "y = self.part(x.reshape(2, 3, 8, -1))\nreturn y * 2 if y.shape[2] > 7 else y{}"
    agree(model(same.format(""), "ops.Conv2dNormActivation(3, 4)"))
    agree(model(same.format("  # CVL302"), "ops.Conv2dNormActivation(3, 4, stride=CONFIG['stride'])"))


def test_a_layer_that_is_idle_outside_training_gives_its_input_back(agree: Agree) -> None:
    body = """
        y = x * 2
        v = self.part(y)
        v += 1
        return y
    """
    agree(model(body, "ops.StochasticDepth(0.1, 'row')"))


def test_what_is_not_in_the_table_stays_unknown(agree: Agree) -> None:
    agree(model("return self.part(x)", "torchvision.models.resnet18()"))
    agree(model("n = torchvision.ops.not_there(x)\nif n:\n    return x\nreturn x * 2"))
