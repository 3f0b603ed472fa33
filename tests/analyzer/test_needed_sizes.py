"""Calls for which an exporter must know a size: reported where that size is one of an input."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree, body_after
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    ("layer", "before"),
    [
        ("nn.LSTM(4, 4, batch_first=True)", ""),
        ("nn.GRU(4, 4)", ""),
        ("nn.RNN(4, 4, 2)", "x = x.reshape(x.shape[0], -1, 4)"),
        ("nn.AdaptiveAvgPool2d(7)", ""),
        ("nn.AdaptiveAvgPool2d((1, 7))", ""),
        ("nn.AdaptiveMaxPool1d(2)", ""),
        ("nn.MaxPool1d(2)", ""),
    ],
)
def test_a_layer_that_needs_a_size_of_an_input(agree: Agree, layer: str, before: str) -> None:
    agree(forward(f"{before}\nreturn self.layer(x)  # CVL802", init=f"self.layer = {layer}"))


@pytest.mark.parametrize(
    ("layer", "before"),
    [
        ("nn.AdaptiveAvgPool2d(1)", ""),
        ("nn.AdaptiveAvgPool2d((1, 1))", ""),
        ("nn.AdaptiveAvgPool2d(4)", "x = x.reshape(-1, 3, 8, 8)"),
        ("nn.LSTM(4, 4, batch_first=True)", "x = x.reshape(-1, 6, 4)"),
        ("nn.LSTM(4, 4)", "x = x.reshape(6, -1, 4)"),
        ("nn.InstanceNorm2d(3)", ""),
        ("nn.InstanceNorm2d(6)", "x = torch.cat([x, x], 1)"),  # as many channels as it was made for
        ("nn.LSTMCell(4, 4)", ""),
        ("nn.MaxPool1d(2, return_indices=True)", ""),
        ("nn.MaxPool1d(2)", "x = x.reshape(x.shape[0], torch.div(x.shape[1], 8, rounding_mode='trunc'), 8)  # CVL206"),
    ],
)
def test_a_layer_whose_sizes_are_numbers(agree: Agree, layer: str, before: str) -> None:
    agree(forward(f"{before}\nreturn self.layer(x)", init=f"self.layer = {layer}"))


@pytest.mark.parametrize(
    "call",
    [
        "x.chunk(2)",
        "x.chunk(chunks=2, dim=0)",
        "torch.chunk(x, 2)",
        "x.reshape(x.shape[0], -1, 4).chunk(2)",
        "self.conv(x).chunk(2, 2)",
        "self.conv(x).chunk(2, dim=-1)",
    ],
)
def test_parts_of_an_axis_that_varies(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}  # CVL802", init="self.conv = nn.Conv2d(3, 8, 3)"))


_LAYERS = """
self.conv = nn.Conv2d(3, 8, 3)
self.project = nn.Linear(8, 24)
self.weight = nn.Parameter(torch.ones(4))
"""


@pytest.mark.parametrize(
    "call",
    [
        "self.conv(x).chunk(2, 1)",
        "x.chunk(2, 1)",  # most likely channels
        "self.weight.chunk(2)",
        "x.reshape(4, -1).chunk(2)",
        "self.project(x).transpose(0, -1).chunk(3)",
    ],
)
def test_parts_of_an_axis_that_is_a_number(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}", init=_LAYERS))


def test_parts_are_a_matter_of_the_dynamo_exporter(agree: Agree) -> None:
    agree(forward("return x.chunk(2)"), exporter="torchscript")


def test_windows_are_cut_on_the_axis_that_the_call_names(agree: Agree) -> None:
    agree(
        forward("""
            b, t = x.shape
            x = x.reshape(b, t // 8, 8)
            y = x.unfold(1, 4, 2)  # CVL802
            return y.sum((1, 3)) + x.unfold(2, 4, 2).sum((1, 3))
        """)
    )


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("self.attention(x, x, x)", "CVL801"),
        ("self.attention(query=x, key=x, value=x)", "CVL801"),
        ("self.attention(x, x, x * 2)", ""),
        ("self.attention(x, x.flip(1), x)", ""),
    ],
)
def test_self_attention_takes_a_kernel_that_is_refused(agree: Agree, call: str, code: str) -> None:
    mark = f"  # {code}" if code else ""
    agree(forward(f"return {call}[0]{mark}", init="self.attention = nn.MultiheadAttention(8, 2, batch_first=True)"))


def test_a_need_of_the_other_exporter_is_not_shown(agree: Agree) -> None:
    source = forward("return self.layer(x)[0]", init="self.layer = nn.LSTM(4, 4, batch_first=True)")
    agree(source, exporter="torchscript")
    agree(source.replace("[0]", "[0]  # CVL802"), exporter="dynamo")


def test_a_window_is_as_long_as_it_was_cut(agree: Agree) -> None:
    body = "b, t = x.shape\ny = x.unfold(1, 4, 4)  # CVL802\nreturn y.unfold(2, 2, 2)"
    agree(forward(body))


@pytest.mark.parametrize(("usual", "code"), [(1, ""), (2, "  # CVL802")])
def test_a_pool_whose_size_is_one_where_nothing_else_is_asked(agree: Agree, usual: int, code: str) -> None:
    source = forward(f"return self.pool(x){code}", init="self.pool = nn.AdaptiveAvgPool2d(size)")
    agree(source.replace("def __init__(self)", f"def __init__(self, size={usual})"))


def test_a_chain_of_calls_is_reported_once(agree: Agree) -> None:
    agree(forward("return x.unfold(1, 3, 1).unfold(2, 3, 1)  # CVL802"))


@pytest.mark.parametrize(
    ("call", "code"),
    [
        ("adaptive_avg_pool2d(x, 2)", "CVL802"),
        ("adaptive_max_pool1d(x, (4,))", "CVL802"),
        ("adaptive_avg_pool2d(x, 1)", ""),
        ("avg_pool2d(x, 2)", ""),
    ],
)
def test_a_function_needs_what_its_layer_needs(agree: Agree, call: str, code: str) -> None:
    agree(forward(f"return nn.functional.{call}{f'  # {code}' if code else ''}"))


def test_pooling_along_a_sequence_asks_for_its_indices_too(tmp_path: Path) -> None:
    written = body_after(tmp_path, "return nn.functional.max_pool1d(x.relu(), 2, padding=1)")
    assert written == "return nn.functional.max_pool1d(x.relu(), 2, padding=1, return_indices=True)[0]"


_KERNELS = """
self.n = 3
self.kernel = nn.Parameter(torch.ones(1, 1, 3, 3))
self.first = nn.Conv2d(3, 3, 1)
"""


@pytest.mark.parametrize(
    "kernel",
    [
        "self.kernel.repeat(x.size(1), 1, 1, 1)",
        "self.kernel.expand(x.shape[1], 1, 3, 3)",
        "self.kernel.reshape(self.shape).repeat(x.size(1), 1, 1, 1)",  # whatever shape that is
        "self.kernel.repeat(self.first(x).size(1), 1, 1, 1)",  # to a tracer a size that the layer fixes is one too
    ],
)
@pytest.mark.parametrize("function", ["conv2d", "conv_transpose2d"])
def test_a_kernel_of_as_many_channels_as_a_tensor_has(agree: Agree, kernel: str, function: str) -> None:
    call = f"return nn.functional.{function}(x, {kernel}, groups=3)"
    agree(forward(f"{call}  # CVL802", init=_KERNELS))
    agree(forward(f"{call}  # CVL802", init=_KERNELS), exporter="torchscript")
    agree(forward(call, init=_KERNELS), exporter="dynamo")


@pytest.mark.parametrize(
    "kernel", ["self.kernel.repeat(3, 1, 1, 1)", "self.kernel.expand(self.n, 1, 3, 3)", "self.kernel"]
)
def test_a_kernel_whose_sizes_are_numbers(agree: Agree, kernel: str) -> None:
    agree(forward(f"return nn.functional.conv2d(x, {kernel}, groups=3)", init=_KERNELS))


@pytest.mark.parametrize(
    ("layer", "code"),
    [
        ("BatchNorm2d(3, track_running_stats=False)", "  # CVL802"),
        ("BatchNorm2d(3, track_running_stats=True)", ""),
        ("BatchNorm2d(3)", ""),
        ("InstanceNorm2d(3, track_running_stats=True)", "  # CVL802"),
        ("InstanceNorm2d(3, track_running_stats=False)", ""),
    ],
)
def test_statistics_of_the_batch_need_its_size(agree: Agree, layer: str, code: str) -> None:
    agree(
        forward(f"return self.norm(self.conv(x)){code}", init=f"self.conv = nn.Conv2d(3, 3, 1)\nself.norm = nn.{layer}")
    )
