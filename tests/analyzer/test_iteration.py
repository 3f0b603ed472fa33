"""Loops: over tensors, sizes, and what is neither."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "loop",
    [
        "for i in range(x.shape[0]):",
        "for i in range(0, x.size(1), 2):",
        "for i, _ in enumerate(range(len(x))):",
        "for i in reversed(range(x.shape[0])):",
    ],
)
def test_a_loop_over_a_size(agree: Agree, loop: str) -> None:
    codes = "CVL303 CVL205" if "len(" in loop else "CVL303"
    agree(forward(f"x = x.abs()\n{loop}  # {codes}\n    x = x * 2\nreturn x"))


@pytest.mark.parametrize("loop", ["for row in x:", "for i, row in enumerate(x):", "for a, b in zip(x, x * 2):"])
def test_a_loop_over_a_tensor(agree: Agree, loop: str) -> None:
    agree(forward(f"x = x.abs()\nout = []\n{loop}  # CVL304\n    out.append(x)\nreturn out"))


@pytest.mark.parametrize(
    ("looped", "code"),
    [
        ("self.scales[self.scales > 1]", "CVL304"),
        ("self.scales[self.scales > 1].flip(0)", "CVL304"),
        ("torch.arange(9)[torch.arange(9) % 2 == 0]", "CVL304"),
        ("self.scales", ""),
        ("self.scales[:2]", ""),
    ],
)
def test_a_loop_over_what_a_mask_keeps_of_a_constant(agree: Agree, looped: str, code: str) -> None:
    init = "self.register_buffer('scales', torch.ones(3))"
    body = f"for scale in {looped}:" + f"  # {code}" * bool(code) + "\n    x = x * scale\nreturn x"
    agree(forward(body, init=init))
    agree(forward(body.replace("  # CVL304", ""), init=init), exporter="torchscript")


@pytest.mark.parametrize(
    "pieces", ["x.split(2)", "x.unbind(0)", "x.unbind(1)", "torch.split(x, 2, dim=1)", "torch.unbind(x)"]
)
def test_a_loop_over_as_many_pieces_as_a_size_says(agree: Agree, pieces: str) -> None:
    agree(forward(f"x = x.abs()\nreturn torch.stack([t * 2 for t in {pieces}])  # CVL303"))


@pytest.mark.parametrize(
    "taken",
    [
        "torch.cat(x.split(2, dim=1), dim=2)",
        "torch.cat(tensors=torch.split(x, 2), dim=1)",
        "torch.stack(x.unbind(1))",
        "sum(x.unbind(1))",
        "x.split(2, dim=1)[-1]",
        "x.unbind(0)[-1]",
    ],
)
def test_parts_whose_number_is_a_size_without_a_loop(agree: Agree, taken: str) -> None:
    agree(forward(f"_, n, _ = x.shape\nreturn {taken}  # CVL303"))


@pytest.mark.parametrize(
    "taken",
    [
        "torch.cat(x.split([2, 3], dim=1), dim=2)",
        "torch.stack(x.chunk(2, dim=1))",
        "torch.stack(x.reshape(-1, 3).unbind(1))",
        "x.unbind(1)[0]",
        "x.split(2, dim=1)[1]",
    ],
)
def test_as_many_parts_as_are_asked_for(agree: Agree, taken: str) -> None:
    agree(forward(f"_, n, _ = x.shape\nreturn {taken}"))


def test_features_at_the_end_are_not_told(agree: Agree) -> None:
    agree(forward("x = x.abs()\nreturn torch.stack(x.unbind(-1))"))


def test_heads_that_are_split_off_the_features_are_as_many_as_the_configuration_says(agree: Agree) -> None:
    body = "q = self.query(x)\nreturn torch.stack(torch.split(q, self.size, dim=2), dim=0)"
    agree(forward(body, init="self.query, self.size = nn.Linear(8, 8), 4"))


def test_parts_of_a_size_are_told_where_the_size_becomes_a_number(agree: Agree) -> None:
    agree(forward("x = x.abs()\nreturn torch.cat(x.split(x.shape[1] // 2, 1), 0)  # CVL207"))


@pytest.mark.parametrize(
    "loop",
    [
        "for i in range(3):",
        "for i in range(self.k):",
        "for t in (x, x * 2):",
        "for t in [x]:",
        "for k in ('a', 'b'):",
        "for n in x.shape:",
        "for t in x.chunk(2):",
        "for t in x.unbind(-1):",
        "for i in range(x.dim()):",
    ],
)
def test_a_loop_of_a_fixed_length(agree: Agree, loop: str) -> None:
    agree(forward(f"x = x.abs()\n{loop}\n    x = x * 2\nreturn x", init="self.k = 3"))


_EACH_ITS_LAYER = "out = []\nfor i in range(x.shape[0]):{mark}\n    out.append(self.{heads}[i](x[i]))\nreturn out"


def test_a_loop_that_takes_a_layer_a_round_is_as_long_as_there_are_layers(agree: Agree) -> None:
    init = "self.heads = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])\nself.plain = CONFIG"
    agree(forward(_EACH_ITS_LAYER.format(heads="heads", mark=""), init=init))
    agree(forward(_EACH_ITS_LAYER.format(heads="plain", mark="  # CVL303"), init=init))


def test_a_comprehension_over_a_size_and_a_repeated_list(agree: Agree) -> None:
    agree(forward("y = [x[i] for i in range(x.shape[0])]  # CVL303\nz = [None] * x.shape[1]  # CVL303\nreturn y"))


def test_a_loop_whose_length_depends_on_values(agree: Agree) -> None:
    agree(forward("k = x[x > 0]\nfor i in range(k.shape[0]):  # CVL303\n    x = x + k[i]\nreturn x"))


def test_as_many_as_there_are_names(agree: Agree) -> None:
    agree(forward("x = x.abs()\nh, w = (row * 2 for row in x)\nreturn h * w"))
    agree(forward("x = x.abs()\nh, *w = [row * 2 for row in x]  # CVL304\nreturn h, w"))
    agree(forward("x = x.abs()\nh, w = [row for row in x if self.every]  # CVL304\nreturn h * w"))


def test_what_is_asked_of_one_element_holds_for_all(agree: Agree) -> None:
    code = """
    ys = []
    for part in x.abs().chunk(3):
        y = self.net(part)
        ys.append([one * 2 for one in y] if isinstance(y, list) else y * 2)
    return [torch.cat(one) for one in zip(*ys)] if isinstance(ys[0], list) else torch.cat(ys)
    """
    agree(forward(code), select=["CVL304"])


def test_what_a_loop_builds_is_a_list(agree: Agree) -> None:
    agree(
        forward("out = []\nfor i in range(3):\n    out.append(x.abs() * i)\nreturn torch.stack([t * 2 for t in out])")
    )


def test_a_finding_in_a_loop_is_reported_once(agree: Agree) -> None:
    agree(forward("for i in range(4):\n    x = x / x.max().item()  # CVL202\nreturn x"))


def test_one_loop_over_two_tensors_is_one_finding(agree: Agree) -> None:
    agree(forward("return [a + b for a, b in zip(x.abs(), y.abs())]  # CVL304", parameters="x, y"))


@pytest.mark.parametrize(
    "modules", ["nn.ModuleList(parts)", "nn.ModuleDict(parts).values()", "nn.ParameterList(parts)"]
)
def test_modules_that_nobody_shows_are_some(agree: Agree, modules: str) -> None:
    body = "for part in self.parts:\n    x = x / part(x).max().item()  # CVL202\nreturn x"
    source = forward(body, init="self.parts = " + modules.removesuffix(".values()"))
    source = source.replace("__init__(self)", "__init__(self, parts)")
    agree(source.replace("self.parts:", "self.parts.values():") if "Dict" in modules else source)


@pytest.mark.parametrize("change", ["permute(1, 0)", "view(-1, 4)", "expand(-1, 4)"])
def test_the_sizes_of_a_constant_are_those_of_no_input(agree: Agree, change: str) -> None:
    body = f"t = torch.from_numpy(self.given).{change}\nfor i in range(t.shape[0]):\n    x = x + i\nreturn x"
    agree(forward(body))


def test_what_is_updated_as_no_list_is_goes_over_no_tensor(agree: Agree) -> None:
    agree(forward("a, b = cache.update(x, x * 2, 0)\nreturn a + b", "x, cache: list[torch.Tensor]"))


@pytest.mark.parametrize("layer", ["Conv2d(4, 4, 3, 2)", "MaxPool2d(2)"])
def test_what_the_configuration_fixes_stays_so_behind_a_layer(agree: Agree, layer: str) -> None:
    source = forward(
        "y = self.layer(x.reshape(-1, 4, self.height, self.width))\n"
        "for i in range(y.shape[2]):\n    x = x + y[:, :, i].mean()\nreturn x",
        init=f"self.height, self.width = size\nself.layer = nn.{layer}",
    )
    agree(source.replace("def __init__(self)", "def __init__(self, size)"))


def test_a_number_of_axes_is_no_size_of_an_input(agree: Agree) -> None:
    agree(forward("ndim = places.shape[-1]\nreturn torch.cat([x] * ndim)", "x, places"))


def test_a_size_that_is_one_of_the_configurations_is_none_of_an_input(agree: Agree) -> None:
    source = forward(
        "for i in range(x.reshape(-1, self.n, 3).shape[1]):\n    x = x + i\nreturn x", init="self.n = n or 4"
    )
    agree(source.replace("def __init__(self)", "def __init__(self, n)"))


NORM = """
class Norm(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
"""


def test_a_norm_in_another_layout_keeps_sizes(agree: Agree) -> None:
    init = "self.conv, self.norm = nn.Conv2d(3, 4, 1), Norm(4)"
    body = "y = self.norm(self.conv(x))\nfor i in range(y.shape[1]):\n    x = x + y[:, i].mean()\nreturn x"
    agree(forward(body, init=init) + "\n" + NORM)


def test_what_is_added_to_a_tuple_is_no_tensor(agree: Agree) -> None:
    agree(
        forward(
            "x = x.abs()\nout = (x,) + self.part(x)[1:]\nreturn x if len(out) == 1 else out", init="self.part = CONFIG"
        )
    )


@pytest.mark.parametrize(
    ("count", "code"),
    [
        ("self.steps.item()", "CVL303"),
        ("self.sizes[1].item()", "CVL303"),
        ("int(self.steps)", "CVL202"),
        ("self.sizes.shape[0]", ""),
    ],
)
def test_a_loop_as_long_as_a_buffer_says(agree: Agree, count: str, code: str) -> None:
    init = 'self.register_buffer("steps", torch.tensor(3))\nself.register_buffer("sizes", torch.tensor([2, 3]))'
    mark = f"  # {code}" if code else ""
    agree(forward(f"for _ in range({count}):{mark}\n    x = x + 1\nreturn x", init=init))


def test_a_loop_over_the_numbers_in_a_buffer(agree: Agree) -> None:
    init = 'self.register_buffer("sizes", torch.tensor([2, 3]))'
    agree(forward("for n in self.sizes.tolist():\n    x = x + n\nreturn x", init=init))


def test_the_rows_of_a_tensor_that_zip_gets_are_told_where_they_are_taken_apart(agree: Agree) -> None:
    agree(forward("a, b = zip(*x.abs())  # CVL304\nreturn torch.stack(a) + torch.stack(b)"))
