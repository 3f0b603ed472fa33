"""Operators: those that an exporter does not have, and tensors of constants."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

RESIZED = "nn.functional.interpolate(x, scale_factor=2, mode='bilinear', antialias={})"


@pytest.mark.parametrize(
    ("call", "made"),
    [
        ("torch.diff(x)", "None"),
        ("x.diff()", "None"),
        ("self.part(x)", "nn.RMSNorm(4)"),
        ("self.part(x)", "nn.Sequential(nn.Linear(4, 4), nn.RMSNorm(4))"),
        (RESIZED.format(True), "None"),
    ],
)
def test_what_the_torchscript_exporter_has_no_operator_for(agree: Agree, call: str, made: str) -> None:
    source = forward(f"return {call}  # CVL801", init=f"self.part = {made}")
    agree(source)
    agree(source, exporter="torchscript")
    agree(source.replace("  # CVL801", ""), exporter="dynamo")


@pytest.mark.parametrize(
    "call", ["x.median()", "torch.median(x)", "x.sort(stable=True)[0]", "torch.argsort(x, dim=0, stable=True)"]
)
@pytest.mark.parametrize("exporter", ["any", "torchscript", "dynamo"])
def test_what_no_exporter_has_an_operator_for(agree: Agree, call: str, exporter: str) -> None:
    agree(forward(f"return {call}  # CVL801"), exporter=exporter)


@pytest.mark.parametrize("call", [RESIZED.format(False), "torch.mean(x)", "x.abs()", "x.argsort(dim=0)"])
def test_what_every_exporter_has_an_operator_for(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}"))


@pytest.mark.parametrize("value", ["0.5", "[0.5, 1.0]"])
def test_a_tensor_of_constants_is_harmless(agree: Agree, value: str) -> None:
    source = forward(f"return x * torch.tensor({value})  # CVL203")
    agree(source, show_harmless=True)
    agree(source.replace("  # CVL203", ""))


@pytest.mark.parametrize(
    "made",
    ["torch.tensor([x.shape[0]])", "torch.as_tensor(x.shape[0])", "x.new_tensor(x.shape[0])", "torch.Tensor([n])"],
)
def test_a_tensor_of_a_size_is_found(agree: Agree, made: str) -> None:
    agree(forward(f"n = x.shape[0]\nreturn x * {made}  # CVL203"))


@pytest.mark.parametrize("made", ["tensor(n)", "tensor(n * 0.5, dtype=x.dtype)", "scalar_tensor(n)", "tensor(n // 2)"])
def test_a_tensor_of_one_size_stays_in_the_graph(agree: Agree, made: str) -> None:
    agree(forward(f"n = x.shape[0]\nreturn x * torch.{made}"))
    agree(forward("return x * torch.as_tensor(x.shape[0])"), exporter="torchscript")


def test_a_tensor_of_all_sizes_is_as_long_for_every_input(agree: Agree) -> None:
    agree(
        forward("""
            shape = torch.as_tensor(x.shape)  # CVL203
            if len(shape) == 1:
                x = x[None]
            return x * shape.shape[0]
        """)
    )


def test_sequences_are_packed_by_values(agree: Agree) -> None:
    agree(
        forward(
            """
            packed = rnn.pack_padded_sequence(x, n, batch_first=True)  # CVL803
            return rnn.pad_packed_sequence(self.gru(packed)[0], batch_first=True)[0]  # CVL803
            """,
            init="self.gru = nn.GRU(4, 4, batch_first=True)",
            parameters="x, n",
        ).replace("import torch\n", "import torch\nfrom torch.nn.utils import rnn\n", 1)
    )


@pytest.mark.parametrize(
    "value",
    [
        "x.max(-1).values",
        "x.softmax(-1).max(dim=1).values.min()",
        "torch.topk(x, 2).indices",
        "x.sort().values",
        "x.aminmax().max",
        "torch.linalg.svd(x).S",
        "torch.svd(x).V",
    ],
)
def test_the_fields_of_a_named_tuple_are_tensors(agree: Agree, value: str) -> None:
    agree(forward(f"found = {value}\nreturn x * found.sum().item()  # CVL202"), select=["CVL2"])


def test_fields_that_a_tuple_does_not_have_are_no_tensors(agree: Agree) -> None:
    agree(forward("found = x.max(-1).count\nreturn x * found.item()"))


@pytest.mark.parametrize(
    "call", ["x.squeeze((2, 3))", "x.squeeze([-1, -2])", "torch.squeeze(x, dim=(2, 3))", "torch.squeeze(x, (1, 2))"]
)
def test_several_axes_are_squeezed_at_once(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}  # CVL801", "x: torch.Tensor"))


@pytest.mark.parametrize("call", ["x.squeeze((3,))", "x.squeeze(3).squeeze(2)", "x.mean((2, 3))"])
def test_one_axis_is_squeezed(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}", "x: torch.Tensor"))


@pytest.mark.parametrize(("power", "code"), [("pow(x.shape[0], 2, 5)", "CVL204"), ("pow(x.shape[0], 2)", "")])
def test_a_power_of_a_size(agree: Agree, power: str, code: str) -> None:
    agree(forward(f"return x * {power}{f'  # {code}' if code else ''}", "x: torch.Tensor"))


def test_the_name_of_a_tensors_type_is_a_text(agree: Agree) -> None:
    agree(forward('if "Half" in x.float().type():\n    return x * 2\nreturn x.type(torch.int64).type()'))


@pytest.mark.parametrize(
    "call",
    ["torch.fft.rfft(x)", "torch.fft.ifft2(x).real", "torch.linalg.eigvalsh(x)", "torch.linalg.vector_norm(x, dim=1)"],
)
def test_what_a_function_of_a_namespace_gives_is_a_tensor(agree: Agree, call: str) -> None:
    agree(forward(f"y = {call}\nreturn x * int(y.abs().sum())  # CVL202"), ignore=["CVL801"])


def test_a_spectrum_read_by_numpy_leaves_the_graph(agree: Agree) -> None:
    body = "_, top = torch.topk(abs(torch.fft.rfft(x)).mean(0), 2)\nreturn x[:, top.cpu().numpy()]  # CVL201"
    agree(forward(body), ignore=["CVL801"])
