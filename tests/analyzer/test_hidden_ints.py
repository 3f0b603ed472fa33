"""Sizes that are given where exporters need plain numbers: reported where they are those of an input."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint.analyzer.hidden_ints import AXES


@pytest.mark.parametrize(
    "call",
    [
        "torch.linspace(0, 1, n)",
        "torch.linspace(start=0, end=1, steps=n // 2)",
        "x.repeat_interleave(n, dim=0)",
        "torch.repeat_interleave(x, n, 0)",
        "torch.randint(0, n, (3,))",
        "torch.randint(n, (3,))",
        "nn.functional.conv1d(x.reshape(1, -1, 3), self.kernel, groups=x.shape[0])",
        "nn.functional.conv1d(x.reshape(1, -1, 3), self.kernel, groups=n * x.shape[0])",
        "nn.functional.layer_norm(x, x.shape)",
        "nn.functional.avg_pool2d(x[None], (1, n))",
        "nn.functional.avg_pool2d(x[None], x.shape[1:])",
        "nn.functional.avg_pool2d(x[None], n)",
        "nn.functional.max_pool2d(x[None], kernel_size=(1, n))",
        "nn.AvgPool2d(x.shape)(x[None])",
        "nn.MaxPool2d((1, n))(x[None])",
        "x.split(n // 2, dim=1)",
        "nn.functional.fold(x, (n, 4), 3)",
        "nn.functional.fold(x, output_size=x.shape[1:], kernel_size=3)",
    ],
)
def test_a_size_where_a_number_is_needed(agree: Agree, call: str) -> None:
    code = "CVL208" if "groups" in call else "CVL207"
    source = forward(f"n = x.shape[1]\nreturn {call}  # {code}", init="self.kernel = nn.Parameter(torch.ones(4, 1, 3))")
    agree(source, ignore=["CVL701"])


@pytest.mark.parametrize(
    ("causal", "code"),
    [
        ("n > 1", "CVL207"),
        ("mask is None and n > 1", "CVL207"),
        ("n > 1 and self.flag", ""),
        ("bool(n > 1)", ""),
        ("not n > 1", ""),
        ("mask is None", ""),
        ("self.kernel.shape[0] > 1", ""),
    ],
)
def test_attention_takes_no_comparison_of_sizes(agree: Agree, causal: str, code: str) -> None:
    call = f"nn.functional.scaled_dot_product_attention(x, x, x, is_causal={causal})"
    init = "self.kernel = nn.Parameter(torch.ones(3))"
    source = forward(
        f"n = x.shape[2]\nreturn {call}" + f"  # {code}" * bool(code), parameters="x, mask=None", init=init
    )
    agree(source, select=["CVL207"])


@pytest.mark.parametrize(
    "call",
    [
        "torch.linspace(0, n, 5)",
        "torch.arange(n)",
        "x.view(n, -1)",
        "x.split([1, n - 1], dim=1)",
        "torch.linspace(0, 1, self.kernel.shape[0])",
        "torch.linspace(0, 1, k.reshape(-1, 5).shape[1])",
        "x.repeat_interleave(2, dim=0)",
        "torch.repeat_interleave(x[:, -1:, :], x.shape[1], dim=-2)",  # one row is expanded
        "x.topk(n)",
    ],
)
def test_a_size_that_stays_symbolic_or_is_fixed(agree: Agree, call: str) -> None:
    init = "self.kernel = nn.Parameter(torch.ones(3))"
    agree(forward(f"n = x.shape[1]\nreturn {call}", parameters="x, k", init=init))


@pytest.mark.parametrize(
    "call",
    [
        "nn.functional.conv2d(x, k, groups=x.shape[1])",
        "nn.functional.conv2d(x, k, groups=x.size(-3) // 8)",
        "nn.functional.conv_transpose1d(x, k, groups=x.shape[1])",
        "x.split(x.shape[-1] // 2, dim=-1)",
        "torch.split(x, x.shape[-1] // 2, -1)",
        "nn.functional.layer_norm(x, (x.shape[-1],))",
        "x.chunk(x.shape[-3], dim=-3)",
        "torch.hann_window(x.size(-1))",
        "x.repeat_interleave(8 // (x.shape[-1] // 4), dim=1)",
    ],
)
def test_channels_are_fixed_by_the_weights(agree: Agree, call: str) -> None:
    agree(forward(f"return {call}", parameters="x, k"))


def test_groups_of_the_images_are_not_the_channels(agree: Agree) -> None:
    agree(
        forward(
            """
            b, c, h, w = x.shape
            return nn.functional.conv2d(x.reshape(1, b * c, h, w), k, groups=b * c)  # CVL208
            """,
            parameters="x, k",
        ),
        preview=True,
    )


def test_only_the_exporters_that_need_the_number(agree: Agree) -> None:
    source = forward("return torch.linspace(0, 1, x.shape[1])  # CVL207")
    agree(source, exporter="dynamo")
    agree(source.replace("  # CVL207", ""), exporter="torchscript")


@pytest.mark.parametrize(
    ("axis", "code"),
    [
        ("torch.arange(1, x.dim()).tolist()", "  # CVL210"),
        ("self.axis.item()", "  # CVL210"),
        ("torch.ones(1, dtype=torch.int64).item()", "  # CVL210"),
        ("torch.tensor(1).item()", ""),
        ("self.plain.item()", ""),
        ("list(range(1, x.dim()))", ""),
        ("self.axis.shape[0]", ""),
    ],
)
def test_an_axis_out_of_a_tensor_that_no_input_changes(agree: Agree, axis: str, code: str) -> None:
    init = "self.register_buffer('axis', torch.ones(1))\nself.plain = torch.tensor(1)"
    agree(
        forward(f"axes = {axis}\nreturn torch.mean(x, dim=axes), x.sum(axes){code}{code.replace('  #', '')}", init=init)
    )


def test_an_axis_out_of_a_tensor_is_found_where_a_function_of_its_own_takes_it(agree: Agree) -> None:
    function = "def norm(x, axes):\n    return x - x.mean(axes)  # CVL210\n\n\n"
    source = forward("return norm(x, torch.arange(1, x.dim()).tolist())")
    agree(source.replace("class Model", f"{function}class Model", 1))


def test_no_schema_of_torch_takes_a_symbolic_number_for_an_axis() -> None:
    torch = pytest.importorskip("torch")
    of_axes = [
        argument
        for schema in torch._C._jit_get_all_schemas()
        for argument in schema.arguments
        if schema.name.startswith("aten::") and argument.name in AXES
    ]
    assert len(of_axes) > 100
    assert not [argument for argument in of_axes if "SymInt" in str(argument.real_type)]


_SCRIPTED = """import torch


@torch.jit.{script}
def padded(x: torch.Tensor, n: {n}):
    return torch.cat([x, torch.zeros([4, 2])])


"""


@pytest.mark.parametrize("script", ["script", "script_if_tracing"])
@pytest.mark.parametrize("call", ["padded(x, x.shape[0])", "padded(x, n=x.shape[0] * 2)"])
def test_a_size_given_to_a_scripted_function(agree: Agree, script: str, call: str) -> None:
    source = _SCRIPTED.format(script=script, n="int") + forward(f"return {call}  # CVL207")
    agree(source, exporter="torchscript")
    agree(source.replace("  # CVL207", ""), exporter="dynamo")  # which enters it


@pytest.mark.parametrize(("n", "given"), [("int", "4"), ("int", "self.n"), ("torch.Tensor", "x.shape[0]")])
def test_what_a_trace_gives_a_scripted_function_as_it_is(agree: Agree, n: str, given: str) -> None:
    agree(_SCRIPTED.format(script="script", n=n) + forward(f"return padded(x, {given})", init="self.n = 3"))
