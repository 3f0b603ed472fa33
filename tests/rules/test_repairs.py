"""Repairs that must not be offered, because they would change what eager computes or break it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Cli, body_after, repaired
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration


@pytest.mark.parametrize("size", ["x.shape[0] if self.flag else 2.5", "x.shape[0] * 0.5", "x.shape[0] / 2", "x.sum()"])
def test_int_stays_where_it_may_cut_off_a_fraction(tmp_path: Path, size: str) -> None:
    body = f"n = {size}\nreturn x * int(n)"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize("made", ["[x, x]", "([x] if self.flag else x.abs())", "(x, x)", "{'a': x}", "self.items"])
def test_len_stays_where_it_may_be_of_a_list(tmp_path: Path, made: str) -> None:
    body = f"xs = {made}\nreturn x * len(xs)"
    assert body_after(tmp_path, body) == body


@pytest.mark.parametrize(
    "body",
    [
        "if len(x) > 1:\n    x = x[0]\nreturn x.detach()",
        "if isinstance(x, tuple) and len(x[1]) == 2:\n    return x[0]\nreturn x.abs()",
        "if isinstance(x, (list, tuple)):\n    return x[0] * len(x)\nreturn x.abs()",
    ],
)
def test_len_stays_where_a_tensor_is_only_guessed(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body) == body


@pytest.mark.parametrize("function", ["ceil", "floor"])
@pytest.mark.parametrize(
    "size",
    ["x.shape[1] / 2", "x.shape[1] * 0.5", "x.shape[1] * self.scale", "float(x.shape[1])"],
)
def test_a_division_of_a_fraction_is_not_made_one_of_integers(tmp_path: Path, function: str, size: str) -> None:
    body = f"import math\nh = {size}\np = math.{function}(h / 4)\nreturn x[:, :p]"
    assert body_after(tmp_path, body, unfixable=["CVL202"]) == body


@pytest.mark.parametrize(
    "use",
    [
        "[0] * n",
        "'%s' % n",
        "'a' * n",
        "round(n * 2)",
        "x[n]",
        "range(n)",
        "self.items[n]",
        "f(n)",
        "int(n) + 1",
        "[n] + [1]",
        "n if n else 1",
    ],
)
def test_a_number_stays_one_where_it_is_not_only_in_tensor_arithmetic(tmp_path: Path, use: str) -> None:
    body = f"n = x.argmax().item()\ny = {use}\nreturn x * n, y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "n = 2 if self.flag else x.sum()\nreturn x / max(n, 1)",
        "return round(max(x.sum(), 1.0)) * x",
        "return x / max(x.sum(), x.shape[0])",
        "return x / max(x, 1.0)",
        "return x / max(x.sum(), 1.0, 2.0)",
        "return x / max([x.sum(), 1.0])",
        "return x / max(x.sum(), 1.0, key=abs)",
    ],
)
def test_an_extreme_stays_where_clamp_would_not_do(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "if x.sum() > 0:\n    return x.abs()\nreturn x - 3",
        "if x.sum() > 0:\n    return self.layer(x)\nreturn x - 3",
        "if x.sum() > 0:\n    return x * 2\ny = x\nreturn y - 3",
        "if x.sum() > 0:\n    y = x * 2\nelse:\n    z = x - 3\nreturn x",
        "if x.sum() > 0:\n    print('a')\n    return x * 2\nreturn x - 3",
        "if x.sum() > 0 and self.flag:\n    return x * 2\nreturn x - 3",
        "if x.any():\n    return x * 2\nreturn x - 3",
        "y = x.clone() if x.sum() > 0 else x - 3\nreturn y",
    ],
)
def test_a_branch_stays_where_its_arms_do_more_than_arithmetic(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "y = torch.tensor([x.sum(), 1.0])\nreturn x * y[0]",
        "y = torch.tensor([x.sum(), x.mean()], dtype=torch.float64)\nreturn x * y[0]",
        "y = torch.tensor([x, x])\nreturn y",
    ],
)
def test_a_tensor_of_values_is_stacked_only_if_all_are_scalar_tensors(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "y = x.clone()\nv = y.select(1, 0)\nv += 2\nreturn y",
        "y = x.clone()\ny.select(\n    1, 0\n).mul_(2)\nreturn y",
        "y = x.clone()\ntorch.fill_(\n    y[:, 0], 3\n)\nreturn y",
    ],
)
def test_a_view_stays_where_nothing_can_be_assigned_to_it(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    ("body", "repaired"),
    [
        ("return th.tensor([x.sum(), x.mean()])", "return th.stack([x.sum(), x.mean()])"),
        ("return x * 2 if x.sum() > 0 else x - 1", "return th.where(x.sum() > 0, x * 2, x - 1)"),
        ("return th.from_numpy(np.exp(x.cpu().numpy()))", "return th.exp(x)"),
    ],
)
def test_a_repair_calls_torch_as_the_file_does(cli: Cli, tmp_path: Path, body: str, repaired: str) -> None:
    head = "import numpy as np\nimport torch as th\nclass Model(th.nn.Module):\n    def forward(self, x):\n        "
    path = tmp_path / "m.py"
    path.write_text(f"{head}{body}\n")
    cli(str(path), "--fix", "--unsafe-fixes", "--isolated")
    assert path.read_text() == f"{head}{repaired}\n"


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize(
    ("body", "repair"),
    [
        ("return tensor([x.sum(), x.mean()])", "return torch.stack([x.sum(), x.mean()])"),
        ("return x * 2 if x.sum() > 0 else x - 1", "return torch.where(x.sum() > 0, x * 2, x - 1)"),
        ("assert x.sum() > 0, 'no'", "assert torch.compiler.is_exporting() or x.sum() > 0, 'no'"),
    ],
)
def test_a_repair_brings_the_import_that_it_needs(tmp_path: Path, body: str, repair: str, newline: str) -> None:
    head = '"""A model."""\nfrom __future__ import annotations\nimport os\nHERE\nfrom torch import nn, tensor\n\n\n'
    source = head + f"class Model(nn.Module):\n    def forward(self, x):\n        {body}\n"
    before = source.replace("HERE\n", "").replace("\n", newline)
    after = source.replace("HERE", "import torch").replace(body, repair).replace("\n", newline)
    assert repaired(tmp_path / "m.py", before.encode(), unsafe_fixes=True).decode() == after


def test_two_repairs_bring_one_import(tmp_path: Path) -> None:
    head = "from torch import nn, tensor\nclass Model(nn.Module):\n    def forward(self, x):\n        "
    lines = "assert x.sum() > 0\n        return tensor([x.sum(), x.mean()])\n"
    after = repaired(tmp_path / "m.py", (head + lines).encode(), unsafe_fixes=True).decode()
    assert after.splitlines()[:2] == ["import torch", "from torch import nn, tensor"]
    assert after.count("import torch\n") == 1
    assert after.count("torch.stack") == after.count("torch.compiler") == 1


@pytest.mark.parametrize(
    "head",
    [
        "from torch import nn, tensor\nimport numpy as torch\n",
        "from torch import nn, tensor\ndef f(torch):\n    return torch\n",
        "from torch import nn, tensor\ntorch = None\n",
        "try:\n    from torch import nn, tensor\nexcept ImportError:\n    nn = None\n",
        "import os; from torch import nn, tensor\n",
    ],
)
def test_an_import_is_not_added_where_torch_may_be_missing_or_something_else(tmp_path: Path, head: str) -> None:
    body = "class Model(nn.Module):\n    def forward(self, x):\n        return tensor([x.sum(), x.mean()])\n"
    assert repaired(tmp_path / "m.py", (head + body).encode(), unsafe_fixes=True).decode() == head + body


@pytest.mark.parametrize(
    "body",
    [
        "y = torch.tensor([x.shape[0], x.shape[1]], requires_grad=True)\nreturn y",
        "y = torch.tensor([x.shape[0], 0.5])\nreturn y",
        "y = torch.tensor([*x.shape, 2])\nreturn y",
        "y = torch.as_tensor(x.shape)\nreturn y",
        "y = torch.tensor([x.shape[0], self.k])\nreturn y",
    ],
)
def test_sizes_are_stacked_only_if_their_dtype_is_known(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "body",
    [
        "parts = [x]\nif x.sum() > 0:\n    parts.append(x)\nprint(parts)\nreturn torch.cat(parts)",
        "parts = [x]\nif x.sum() > 0:\n    parts.append(x)\nreturn torch.cat(parts, 1)",
        "parts = [x]\nif x.sum() > 0:\n    parts.append(x)\nreturn torch.stack(parts)",
        "parts = [x]\nif x.sum() > 0:\n    parts.append(x.relu_())\nreturn torch.cat(parts)",
        "parts = [x]\nif x.sum() > 0 and self.on:\n    parts.append(x)\nreturn torch.cat(parts)",
        "parts = [x]\nif x.sum() > 0:\n    parts.append(x)\nelse:\n    parts.append(-x)\nreturn torch.cat(parts)",
        "parts = [x]\nif x.sum() > 0:\n    # why\n    parts.append(x)\nreturn torch.cat(parts)",
        "parts = self.parts\nif x.sum() > 0:\n    parts.append(x)\nreturn torch.cat(parts)",
        "parts = [x]\nif self.on:\n    pass\nelif x.sum() > 0:\n    parts.append(x)\nreturn torch.cat(parts)",
    ],
)
def test_a_list_is_filled_without_a_branch_only_if_it_is_joined_by_rows(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    ("test", "after"),
    [
        ("x.sum() > 0 or self.on", "x.sum() > 0 or self.on"),
        ("(x.sum() > 0 if self.on else True)", "({}(x.sum() > 0 if self.on else True))"),
        ("(\n    x.sum() > 0  # why\n)", "(\n    {}x.sum() > 0  # why\n)"),
        ("not x.any()", "not x.any()"),
    ],
)
def test_an_assertion_keeps_its_meaning_and_layout(tmp_path: Path, test: str, after: str) -> None:
    asks = "torch.compiler.is_exporting() or "
    wanted = after.format(asks) if "{}" in after else asks + after
    body = "assert {}, 'no'\nreturn x"
    assert body_after(tmp_path, body.format(test), unsafe_fixes=True) == body.format(wanted)


@pytest.mark.parametrize(
    "body",
    [
        "if x.sum() > 0:\n    print('a')\nreturn x",
        "torch._assert(x.sum() > 0, 'no')\nreturn x",
        "if x.sum() > 0:\n    y = x\nelse:\n    raise ValueError\nreturn x",
    ],
)
def test_only_what_raises_is_left_out_of_an_export(tmp_path: Path, body: str) -> None:
    assert "is_exporting" not in body_after(tmp_path, body, unsafe_fixes=True)


@pytest.mark.parametrize(
    "use",
    ["x.topk(k).values * k", "x[: int(k)]", "x[::k]", "x.view(k)", "torch.zeros(k)", "x[:k] if k else x", "range(k)"],
)
def test_a_count_stays_a_number_where_it_does_more_than_count(tmp_path: Path, use: str) -> None:
    body = f"k = (x > 0).sum().item()\ny = {use}\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True, unfixable=["CVL301"]) == body


@pytest.mark.parametrize("use", ["x[:k]", "x[k:]", "x.topk(k)", "torch.topk(x, k=k)", "torch.arange(k) + x.sum()"])
def test_a_count_becomes_a_tensor_where_it_only_counts(tmp_path: Path, use: str) -> None:
    body = f"k = (x > 0).sum().item()\ny = {use}\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body.replace(".item()", "")


@pytest.mark.parametrize(
    "body",
    [
        "w = np.exp(x.detach().numpy())\nprint(w)\nreturn x * torch.from_numpy(w)",
        "w = np.exp(x.detach().numpy())\nw = w + 1\nreturn x * torch.from_numpy(w)",
        "w = np.exp(x.detach().numpy())\nreturn x * torch.from_numpy(w.T)",
        "w = np.fft.fft(x.detach().numpy())\nreturn x * torch.from_numpy(w)",
        "d = np.sqrt(x.shape[1])\nreturn x / int(d)",
        "d = np.log(x.shape[1])\nreturn x / d",
        "d = np.sqrt([x.shape[1]])\nreturn x / d",
    ],
)
def test_an_array_stays_where_its_name_is_read_otherwise(tmp_path: Path, body: str) -> None:
    body = f"import numpy as np\n{body}"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "call",
    [
        'torch.autocast("cpu", torch.bfloat16, True)',
        "torch.cpu.amp.autocast(True)",
        'torch.autocast("cpu", enabled=self.training)',
    ],
)
def test_autocast_stays_where_it_is_told_by_position(tmp_path: Path, call: str) -> None:
    body = f"with {call}:\n    y = x @ x\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


def test_a_write_through_data_to_the_modules_own_parameter_is_repaired(tmp_path: Path) -> None:
    source = forward("self.k.data.clamp_(0, 1)\nreturn x * self.k", init="self.k = nn.Parameter(torch.ones(1))")
    written = repaired(tmp_path / "m.py", source.encode(), unsafe_fixes=True).decode()
    assert written == source.replace("self.k.data.clamp_", "self.k.detach().clamp_")


def test_a_weight_that_is_replaced_is_no_write_to_be_repaired(tmp_path: Path) -> None:
    source = forward("self.k.data += 1\nreturn x * self.k", init="self.k = nn.Parameter(torch.ones(1))")
    assert repaired(tmp_path / "m.py", source.encode(), unsafe_fixes=True).decode() == source


@pytest.mark.parametrize(
    "index", ["(x.argmax(0), x.argmax(0))", "self.places", "x[*self.places, 1:2].nonzero(as_tuple=True)"]
)
def test_a_squeeze_stays_behind_an_index_of_unknown_length(tmp_path: Path, index: str) -> None:
    body = f"at = {index}\ny = (x.reshape(2, 3, 4) > 0)[at].nonzero().squeeze(1)\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


def test_the_arms_of_an_elif_stay(tmp_path: Path) -> None:
    body = "if self.on:\n    z = x\nelif x.sum() > 0:\n    z = x * 2\nelse:\n    z = x * 3\nreturn z"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


def test_a_view_that_the_caller_made_is_not_written_back_where_its_base_has_no_name(tmp_path: Path) -> None:
    helper = "\n\ndef double(v):\n    v *= 2\n    return v\n"
    source = forward("y = x.clone()\nz = double(y[:, 0])\nreturn y + z[:, None]") + helper
    path = tmp_path / "model.py"
    path.write_text(source)
    found = api.check([path], Configuration(isolated=True)).findings
    assert [(one.code, one.fixable) for one in found] == [("CVL101", None)]
    assert repaired(path, source.encode(), unsafe_fixes=True).decode() == source


@pytest.mark.parametrize(
    ("decorator", "call"),
    [
        ("@torch.jit.script_if_tracing\n", "grid(x, n)"),
        ("@torch.jit._script_if_tracing\n", "grid(x, n)"),
        ("", "torch.jit.script(grid)(x, n)"),
    ],
)
@pytest.mark.parametrize("helper", [False, True])
def test_what_torchscript_compiles_stays(tmp_path: Path, decorator: str, call: str, helper: bool) -> None:
    body = "return torch.zeros(int(n), device=x.device)"
    grid = f"def grid(x, n):\n    {'return made(x, n)' if helper else body}\n\n\n"
    made = f"def made(x, n):\n    {body}\n\n\n"
    source = forward(f"n = x.shape[0]\nreturn {call}").replace(
        "class Model", (made if helper else "") + decorator + grid + "class Model"
    )
    assert repaired(tmp_path / "model.py", source.encode(), unsafe_fixes=True).decode() == source
    plain = source.replace(decorator, "").replace("torch.jit.script(grid)", "grid")
    assert b"torch.zeros(n," in repaired(tmp_path / "model.py", plain.encode())


@pytest.mark.parametrize(
    ("parameter", "given", "safe"),
    [
        ("k", "2", False),
        ("k: float | None", "2", False),
        ("k: int", "2", True),
        ("k", "x.shape[0]", True),
        ("k: int = 2", "3", True),
    ],
)
def test_a_number_that_other_callers_may_give_as_a_float_is_cut_off(
    tmp_path: Path, parameter: str, given: str, *, safe: bool
) -> None:
    helper = f"def grown(x, {parameter}):\n    return torch.zeros(int(x.shape[-1] * k))\n\n\n"
    source = forward(f"return x + grown(x, {given})").replace("class Model", helper + "class Model")
    after = source.replace("int(x.shape[-1] * k)", "x.shape[-1] * k")
    assert repaired(tmp_path / "model.py", source.encode()).decode() == (after if safe else source)
    assert repaired(tmp_path / "other.py", source.encode(), unsafe_fixes=True).decode() == after


def test_int_of_a_tensor_that_holds_a_size_stays(tmp_path: Path) -> None:
    body = "n = torch.scalar_tensor(x.shape[0], dtype=torch.int64)\nreturn torch.zeros(int(n), 2)"
    assert body_after(tmp_path, body) == body


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("n = int(2 * x.shape[0] - 1)\nreturn x * n", "n = 2 * x.shape[0] - 1\nreturn x * n"),
        ("return torch.zeros(int(x.shape[0] + 1))", "return torch.zeros(x.shape[0] + 1)"),
        ("return x[math.ceil(x.shape[0] / 4) :]", "return x[((x.shape[0] + 3) // 4) :]"),
        ("return math.ceil(x.shape[0] / 4)", "return (x.shape[0] + 3) // 4"),
        ("n = -(-x.shape[0] // 4)\nreturn x * n", "n = (x.shape[0] + 3) // 4\nreturn x * n"),
        ("n = math.ceil((x.shape[0] - 2) / 4)\nreturn x * n", "n = (x.shape[0] - 2 + 3) // 4\nreturn x * n"),
        ("n = math.floor((x.shape[0] - 2) / 4)\nreturn x * n", "n = (x.shape[0] - 2) // 4\nreturn x * n"),
        ("n = -(-(x.shape[0] - 2) // 4)\nreturn x * n", "n = (x.shape[0] - 2 + 3) // 4\nreturn x * n"),
        ("n = 3 * int(x.shape[0] + 1)\nreturn x * n", "n = 3 * (x.shape[0] + 1)\nreturn x * n"),
        ("n = x * 1 == int(x.shape[0] + 1)\nreturn n", "n = x * 1 == (x.shape[0] + 1)\nreturn n"),
        ("n = int(x.shape[0]\n        + 1)\nreturn x * n", "n = (x.shape[0]\n        + 1)\nreturn x * n"),
        ("n = (int(x.shape[0] + 1)\n    * 2)\nreturn x * n", "n = ((x.shape[0] + 1)\n    * 2)\nreturn x * n"),
    ],
)
def test_parentheses_are_written_only_where_something_could_take_the_repair_apart(
    tmp_path: Path, body: str, after: str
) -> None:
    assert body_after(tmp_path, f"import math\n{body}") == f"import math\n{after}"


@pytest.mark.parametrize(
    "value",
    [
        "math.exp(x.shape[0])",
        "math.exp(x.mean(1))",
        "math.ceil(x.mean())",
        "math.log(x.mean(), 2)",
        "math.gamma(x.mean())",
        "f(math.exp(x.mean()))",
    ],
)
def test_a_function_of_math_stays_where_torch_has_none_that_gives_the_same(tmp_path: Path, value: str) -> None:
    body = f"import math\nreturn x * {value}"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


@pytest.mark.parametrize(
    "use",
    [
        "return nn.functional.layer_norm(x, [n])",
        "return nn.functional.layer_norm(x, normalized_shape=(n,))",
        "return nn.functional.group_norm(x, n // 2)",
        "return nn.functional.unfold(x, (n, 2))",
        "m = n + 1\nreturn x.unfold(0, m, 1)",
        "sizes = set()\nsizes.add(n)\nreturn x * len(sizes)",
        "return x * {n: 1}.get(n, 0)",
        "return x * self.scales[n]",
        "return x if n in self.known else x * 2",
        "a, b = n, 2\nreturn x * a if a not in self.known else x",
    ],
)
@pytest.mark.parametrize("number", ["int(x.shape[1])", "int(x.shape[1] * 2)"])
def test_a_number_stays_one_where_torchscript_would_miss_it(tmp_path: Path, use: str, number: str) -> None:
    body = f"n = {number}\n{use}"
    assert body_after(tmp_path, body) == body


@pytest.mark.parametrize(
    "use",
    [
        "return nn.functional.pad(x, (0, n))",
        "return x.view(-1, n // 2)",
        "return nn.functional.interpolate(x, size=(n, n))",
        "return x[:n, n:]",
        "return x * n if n in (2, 4) else x",
    ],
)
def test_a_size_takes_the_place_of_its_number_where_a_size_will_do(tmp_path: Path, use: str) -> None:
    assert body_after(tmp_path, f"n = int(x.shape[1])\n{use}") == f"n = x.shape[1]\n{use}"


def test_a_write_is_not_brought_back_to_a_name_that_stands_for_something_else_by_then(tmp_path: Path) -> None:
    body = "y = x.abs()\nv = y[1:]\ny = y[1:]\nv += 2\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


def test_a_plain_tensor_is_registered_where_it_is_made(tmp_path: Path) -> None:
    init = "self.size = 4\nself.scale = torch.ones(self.size)  # of each channel"
    source = forward("self.scale[:] = x.mean(0)\nreturn x * self.scale", init=init)
    written = repaired(tmp_path / "m.py", source.encode(), unsafe_fixes=True).decode()
    made = 'self.register_buffer("scale", torch.ones(self.size), persistent=False)  # of each channel'
    assert written == source.replace("self.scale = torch.ones(self.size)  # of each channel", made)


@pytest.mark.parametrize(
    "init",
    [
        "self.scale = torch.ones(4)\nself.scale = self.scale * 2",
        "self.scale = None\nself.scale = torch.ones(4)",
        "if torch.cuda.is_available():\n    self.scale = torch.ones(4)",
        "self.scale, self.size = torch.ones(4), 4",
    ],
)
def test_a_plain_tensor_stays_where_it_is_made_in_several_ways(tmp_path: Path, init: str) -> None:
    source = forward("self.scale[:] = x.mean(0)\nreturn x * self.scale", init=init)
    assert repaired(tmp_path / "m.py", source.encode(), unsafe_fixes=True).decode() == source


def test_a_plain_tensor_that_keeps_something_between_calls_stays(tmp_path: Path) -> None:
    source = forward("self.scale += 1\nreturn x * self.scale", init="self.scale = torch.ones(4)")
    assert repaired(tmp_path / "m.py", source.encode(), unsafe_fixes=True).decode() == source


def test_what_is_drawn_in_place_has_no_other_form(tmp_path: Path) -> None:
    body = "y = x * 2\ny[\n    :, 0\n].uniform_()\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True, fixable=["CVL101"]) == body


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x.mean(3, True)[:, :, :3].squeeze().transpose(-1, -2)",) * 2,  # of a height of 1 there is one row
        ("x.reshape(-1, 1, 4).squeeze().transpose(-1, -2)", "x.reshape(-1, 1, 4).squeeze(1).transpose(-1, -2)"),
        ("torch.squeeze(x[:, :1, 0, 0])[..., None]", "torch.squeeze(x[:, :1, 0, 0], 1)[..., None]"),
        ("(x[:, 0, -1:, :1] * 2).squeeze()[..., None]", "(x[:, 0, -1:, :1] * 2).squeeze(2).squeeze(1)[..., None]"),
        ("x.mean((2, 3)).squeeze()[..., None]",) * 2,  # nothing is surely 1
        ("self.other(x[:, :1])[:, :, :1, :1].squeeze()[..., None]",) * 2,  # how many channels it makes is not known
        ("x[:1, :1, 0, 0].squeeze()[..., None]",) * 2,
        ("x[:, :1, 0, 0].squeeze() * 2",) * 2,
    ],
)
def test_the_axes_to_squeeze_are_named(tmp_path: Path, before: str, after: str) -> None:
    body = "x = self.layer(x)\nreturn {}"
    source = forward(body.format(before), init="self.layer, self.other = nn.Conv2d(3, 4, 1), nn.Conv2d(1, channels, 1)")
    source = source.replace("__init__(self)", "__init__(self, channels)")
    fixed = repaired(tmp_path / "m.py", source.encode(), unsafe_fixes=True).decode()
    assert fixed == source.replace(before, after)


def test_an_input_keeps_its_axes(tmp_path: Path) -> None:
    after = body_after(tmp_path, "x.unsqueeze_(\n    -1,  # last\n)\nreturn x * 2", unsafe_fixes=True)
    assert after == "x = x.unsqueeze(\n    -1,  # last\n)\nreturn x * 2"
    used = "return x.unsqueeze_(-1) * 2"  # what is computed of it later would not have the axis
    assert body_after(tmp_path, used, unsafe_fixes=True) == used


@pytest.mark.parametrize(
    ("given", "value"), [("x[0, :2]", "x[0, :2]"), ("src=x[0, :2]", "x[0, :2]"), ("", None), ("*x", None)]
)
def test_what_a_view_is_filled_with_is_written_only_where_it_comes_first(
    tmp_path: Path, given: str, value: str | None
) -> None:
    body = f"y = x.clone()\ny[0][\n    :2].copy_({given})\nreturn y"
    after = f"y = x.clone()\ny[0][:2] = {value}\nreturn y" if value else body
    assert body_after(tmp_path, body, unsafe_fixes=True, fixable=["CVL101"]) == after
    found = api.check([tmp_path / "model.py"], Configuration(isolated=True)).findings
    assert [one.fixable for one in found if one.code == "CVL101"] == [None] * (value is None)
