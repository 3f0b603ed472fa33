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
        "y = x.clone()\ny[:, 0][y[:, 0] > 0] += 1\nreturn y",
        "y = x.clone()\ny[:, 0][y[:, 0] > 0] = x[0, 0]\nreturn y",
        "y = x.clone()\ny[:2][0] = 9.0\nreturn y",
    ],
)
def test_a_chained_assignment_is_repaired_only_for_a_mask_and_a_number(tmp_path: Path, body: str) -> None:
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


@pytest.mark.parametrize(
    ("body", "other"),
    [("len(n)", "[x, x]"), ("int(n)", "2.5"), ("math.ceil(n / 4)", "2.5")],
    ids=["len", "int", "ceil"],
)
def test_a_helper_stays_where_another_call_gives_it_something_else(tmp_path: Path, body: str, other: str) -> None:
    size = "x.abs()" if body == "len(n)" else "x.shape[0]"
    helper = f"import math\ndef helper(n):\n    return {body}\n"
    assert body_after(tmp_path, f"{helper}return x * helper({size}) * helper({other})") == (
        f"{helper}return x * helper({size}) * helper({other})"
    )
    assert body_after(tmp_path, f"{helper}return x * helper({size})") != f"{helper}return x * helper({size})"


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


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("mask.cumsum(1)", "mask.long().cumsum(1)"),
        ("torch.cumsum(x > 2, dim=1)", "torch.cumsum((x > 2).long(), dim=1)"),
        ("(  # many\n    x > 2\n).cumsum(-1)", "(  # many\n    x > 2\n).long().cumsum(-1)"),
        ("torch.cumsum(input=mask, dim=1)", "torch.cumsum(input=mask, dim=1)"),
        ("mask.cumsum(1, dtype=torch.float)", "mask.cumsum(1, dtype=torch.float)"),
    ],
)
def test_a_mask_is_made_of_integers_where_eager_sums_those(tmp_path: Path, before: str, after: str) -> None:
    body = "mask = x > 0\nreturn x * {}"
    assert body_after(tmp_path, body.format(before)) == body.format(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("torch.where(mask, other, x > 2)", "(mask & other) | (~mask & (x > 2))"),
        ("~torch.where(mask[:, 0:1], other, mask)", "~((mask[:, 0:1] & other) | (~mask[:, 0:1] & mask))"),
        ("torch.where(x.any(1, keepdim=True), other, mask)",) * 2,  # would be computed twice
        ("torch.where(mask, other, False)",) * 2,
        ("torch.where(condition=mask, input=other, other=mask)",) * 2,
        ("torch.stack((x, mask))", "torch.stack((x, mask.to(x.dtype)))"),
        ("torch.stack([best, x[:, 0]], dim=1)", "torch.stack([best.to(x[:, 0].dtype), x[:, 0]], dim=1)"),
        ("torch.stack([best, x.sum(1)], dim=1)",) * 2,  # the sum would be computed twice
        ("torch.stack([best, x[:, 0], x[:, 1].double()], dim=1)",) * 2,
    ],
)
def test_masks_are_combined_and_what_is_stacked_is_of_one_dtype(tmp_path: Path, before: str, after: str) -> None:
    body = "x = x.softmax(1)\nmask, other, best = x > 0, x < 3, x.argmax(1)\nreturn {}"
    assert body_after(tmp_path, body.format(before)) == body.format(after)


@pytest.mark.parametrize(
    ("function", "calls"),
    [
        ("return t.cumsum(1)", "f(x > 0, 1), f(x, 1)"),
        ("return t.cumsum(1)", "f(x > 0, 1), f(self.unknown(x), 1)"),
        ("return torch.stack((t, u))", "f(x, x > 0), f(x > 0, x)"),
        ("return torch.stack((t, u))", "f(x, x.argmax(1)), f(x, x.double())"),
        ("return torch.where(t, t, u)", "f(x > 0, x > 1), f(x > 0, x)"),
        ("return t.clamp(0, u)", "f(x, 3.5), f(x.argmax(1), 4)"),
        ("return t.squeeze(u)", "f(x, 1), f(x[:, :1], 1)"),
        ("return t.data.shape", "f(x, 1), f(self.holder, 1)"),
        ("t[:, 0][t[:, 0] > u] = 9.0\n    return t", "f(x, 1), f(x.long(), 1)"),
        ("t[:, 0][t[:, 0] > u] = 9.0\n    return t", "f(x, 1), f([x], 1)"),
        ("y = t * 2\n    y[y[:, 0, 0, 0] > u] = 9.0\n    return y", "f(x, 1), f(x.long(), 1)"),
        ("y = t * 2\n    y[y[:, 0, 0, 0] > u] = 9.0\n    return y", "f(x, 1), f(self.holder, 1)"),
        ("s = t * u\n    return s[(s > 0).nonzero().flatten()]", "f(x[:, 0, 0, 0], 1), f(x, 1)"),
        ("s = t * u\n    return s[(s > 0).nonzero().flatten()]", "f(x[:, 0, 0, 0], 1), f(self.unknown(x), 1)"),
        ("t[:, 0] |= u\n    return t", "f(x > 0, x[:, 0] > 1), f(x.long(), 1)"),
        ("t[:, 0] |= u\n    return t", "f(x > 0, x[:, 0] > 1), f(self.unknown(x), 1)"),
        ("t[:, 0] |= u\n    return t", "f(x > 0, x[:, 0] > 1), f([True], 1)"),
        ("return (t > 0) + u", "f(x, x > 1), f(x, x)"),
        ("return (t > 0) + u", "f(x, x > 1), f(2, True)"),
        ("return (t > 0) + u", "f(x, x > 1), f(x, self.unknown(x))"),
        ("return -(-t // 4)", "f(x.shape[0], 1), f(x.sum().item(), 1)"),
        ("return -(-t // 4)", "f(x.shape[0], 1), f(4.5, 1)"),
        ("return -(-t // 4)", "f(x.shape[0], 1), f(x, 1)"),
    ],
)
def test_a_repair_that_is_right_for_one_caller_alone_is_not_safe(tmp_path: Path, function: str, calls: str) -> None:
    holder = "class Holder:\n    def __init__(self):\n        self.data = torch.zeros(2)\n        self.shape = 3\n\n\n"
    source = f"{holder}def f(t, u):\n    {function}\n\n\n" + forward(
        f"x = self.layer(x)\nreturn {calls}", init="self.layer, self.holder = nn.Conv2d(3, 4, 1), Holder()"
    )
    source = f"import torch\nfrom torch import nn\n\n\n{source}"
    assert repaired(tmp_path / "m.py", source.encode(), show_harmless=True).decode() == source
    one = source.replace(calls, calls.partition("), ")[0] + ")")
    assert repaired(tmp_path / "m.py", one.encode(), show_harmless=True).decode() != one


@pytest.mark.parametrize(
    "made",
    [
        "[t.cumsum(1) for t in (x > 0, x)]",
        "list(map(lambda t: t.cumsum(1), (x > 0, x)))",
        "[torch.stack((t, x)) for t in (x > 0, x.argmax(1))]",
        "(x > 0 if self.on else x).cumsum(1)",
        "(x if self.on else x[:, :1]).squeeze(1)",
        "[t.squeeze(1) for t in (x, x[:, :1])]",
        "x.clamp(0, 3.5 if self.on else 4)",
        "[-(-n // 4) for n in (x.shape[0], 4.5)]",
        "[len(t) for t in (x, [x, x])]",
    ],
)
def test_a_repair_that_is_right_for_some_values_alone_is_not_safe(tmp_path: Path, made: str) -> None:
    source = forward(f"x = self.layer(x)\nreturn {made}", init="self.on, self.layer = on, nn.Conv2d(3, 4, 1)")
    source = source.replace("__init__(self)", "__init__(self, on)")
    assert repaired(tmp_path / "m.py", source.encode()).decode() == source


@pytest.mark.parametrize(
    ("value", "mask"),
    [
        ("0", "y < 0"),
        ("float('-inf')", "~torch.isfinite(y)"),
        ("True", "(y > 1) | y.isnan()"),
        ("-0.5", "rows"),
    ],
)
def test_a_selection_takes_the_place_of_a_tensor_that_nothing_else_sees(tmp_path: Path, value: str, mask: str) -> None:
    body = (
        "y = torch.zeros(x.shape[0], 4)\nrows = x.reshape(-1) > 0\ny += x.sum()\nfor _ in range(2):\n    {}\nreturn y"
    )
    by = "rows[:, None]" if mask == "rows" else mask
    before, after = body.format(f"y[{mask}] = {value}"), body.format(f"y = torch.where({by}, {value}, y)")
    assert body_after(tmp_path, before, target="litert") == after


@pytest.mark.parametrize(
    "body",
    [
        "y[y < 0] = 0\nreturn x",  # what the caller has is written
        "y = x.float()\ny[y < 0] = 0\nreturn y",  # it may be the input itself
        "y = self.layer(x).float() * 2\nz = y\ny[y < 0] = 0\nreturn y, z",
        "y = x.float() * 2\nz = y.view(-1)\ny[y < 0] = 0\nreturn z",
        "y = x.float() * 2\nself.last = [y]\ny[y < 0] = 0\nreturn y",
        "y = x.float() * 2\nself.keep(y)\ny[y < 0] = 0\nreturn y",
        "y = x.float() * 2\ny.retain_grad()\ny[y < 0] = 0\nreturn y",
        "y = x.float() * 2\nf = lambda: y\ny[y < 0] = 0\nreturn f()",
        "y = x.float() * 2\nfor _ in range(3):\n    y[y < 0] = 0\n    self.keep(y)\nreturn y",
        "y = x.float() * 2\nwith torch.no_grad():\n    y[y < 0] = 0\nreturn y",
        "for y in (x.float() * 2,):\n    y[y < 0] = 0\nreturn y",
        "y = x.long() * 2\ny[y < 0] = 0.5\nreturn y",  # a fraction is cut off
        "y = x > 0\ny[~y] = True\nreturn y",
        "y = x * 2\ny[y < 0] = 0\nreturn y",  # of no dtype that is known
        "y = x.float() * 2\ny[x < 0] = 0\nreturn y",  # which may lay it out otherwise
        "y = x.float() * 2\ny[y < 0] = x[0, 0]\nreturn y",
        "y = x.float() * 2\ny[y < 0, 0] = 0\nreturn y",
        "y = x.float() * 2\ny[y < 0] += 1\nreturn y",
    ],
)
def test_a_write_stays_where_somebody_may_see_another_tensor(tmp_path: Path, body: str) -> None:
    assert body_after(tmp_path, body, target="litert", fixable=["CVL105"]) == body


def test_a_mask_of_rows_behind_a_slice_is_not_made_one_of_elements(tmp_path: Path) -> None:
    body = "y = x.reshape(3, 4, 5) * 2\ny[:, 0][y[:, 0, 0] > 0] = 9.0\nreturn y"
    assert body_after(tmp_path, body, unsafe_fixes=True) == body


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


@pytest.mark.parametrize(
    ("positions", "mask"),
    [
        ("torch.where(s > 0.5)[0]", "s > 0.5"),
        ("torch.nonzero((s > 0.5) & (s < 2), as_tuple=True)[0]", "(s > 0.5) & (s < 2)"),
        ("(s > 0.5).nonzero(as_tuple=True)[0]", "s > 0.5"),
        ("(s > 0.5).nonzero()[:, 0]", "s > 0.5"),
        ("torch.nonzero(~(s > 0.5)).squeeze(1)", "~(s > 0.5)"),
        ("(s > 0.5).nonzero().view(-1)", "s > 0.5"),
    ],
)
def test_a_mask_selects_in_the_place_of_its_positions(tmp_path: Path, positions: str, mask: str) -> None:
    body = "s = x.reshape(-1)\nkeep = {}\nif self.on:\n    s[keep] *= 2\ns = s[keep]\nreturn s"
    assert body_after(tmp_path, body.format(positions), show_harmless=True) == body.format(mask)
    unnamed = "s = x.reshape(-1)\nreturn s[{}]"
    assert body_after(tmp_path, unnamed.format(positions), show_harmless=True) == unnamed.format(mask)


@pytest.mark.parametrize(
    ("body", "unsafe_too"),
    [
        ("s = x.reshape(-1)\nkeep = (s > 0).nonzero().squeeze()\nreturn s[keep]", False),  # of one no axis is left
        ("s = x.reshape(-1)\nkeep = (s > 0).nonzero().squeeze(1)\nreturn s[keep], x[keep]", False),  # longer, maybe
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\ns = s[1:]\nreturn s[keep]", False),
        ("keep = (x[:, 0] > 0).nonzero().squeeze(1)\nreturn x[keep]", False),  # of how many axes is not known
        ("keep = torch.where(x > 0)[0]\nreturn x[keep]", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\nreturn s[keep], keep", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\nreturn s[keep], keep.sum()", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0]\nkeep = keep[:9]\nreturn s[keep]", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s > 0)[0][:9]\nreturn s[keep]", True),
        ("s = x.reshape(-1)\nkeep = torch.where(s.long())[0]\nreturn s[keep]", True),  # no mask
        ("s = x.reshape(-1)\nfor i in (s > 0).nonzero():\n    s = s + s[i]\nreturn s", True),
    ],
)
def test_positions_stay_where_the_mask_may_select_otherwise(tmp_path: Path, body: str, unsafe_too: bool) -> None:
    assert body_after(tmp_path, body, show_harmless=True) == body
    after = body_after(tmp_path, body, show_harmless=True, unsafe_fixes=True, fixable=["CVL402"])
    assert (after == body) is unsafe_too


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("m = x > 0\nm &= ~other\nreturn m", "m = x > 0\nm = m & ~other\nreturn m"),
        (
            "m = other & other\nn = m\nm[0, :1] ^= other[0, 1]\nreturn m, n",
            "m = other & other\nn = m\nm[0, :1] = m[0, :1] ^ other[0, 1]\nreturn m, n",
        ),
        ("m = x > 0\nn = m\nm |= other\nreturn m, n",) * 2,  # it is seen by its other name
        ("m = x > 0\nm[self.next()] |= other[0]\nreturn m",) * 2,  # which would be called twice
        ("m = x.long() * 2\nm &= 3\nreturn m",) * 2,  # it may be a shorter integer
        ("m = x.bool()\nm |= other\nreturn m",) * 2,  # it may be the input itself
        ("m = True\nm |= self.flag\nreturn x if m else other",) * 2,
    ],
)
def test_masks_are_joined_out_of_place(tmp_path: Path, before: str, after: str) -> None:
    body = "other = x < 1\n{}"
    assert body_after(tmp_path, body.format(before), fixable=["CVL106"]) == body.format(after)


def test_bits_are_only_joined_by_what_the_exporter_has(tmp_path: Path) -> None:
    body = "m = x.long() * 2\nm {}= 3\nreturn m"
    assert body_after(tmp_path, body.format("|"), unsafe_fixes=True) == body.format("|")
    assert body_after(tmp_path, body.format("&"), unsafe_fixes=True) == "m = x.long() * 2\nm = m & 3\nreturn m"


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("y = x.clone()\ny[mask] = 0", ""),  # it may be one of rows
        ("y = x.clone()\ny[:, 0][mask] = 9.0", ""),
        ("y = x.clone()\ny[:, 0][~(y[:, 0] > 1)] = 9.0", "y[:, 0] = torch.where(~(y[:, 0] > 1), 9.0, y[:, 0])"),
        ("y = x.clone()\ny[torch.isnan(y)] = 0", "y = torch.where(torch.isnan(y), 0, y)"),
    ],
)
def test_a_mask_of_unknown_axes_is_left(tmp_path: Path, body: str, after: str) -> None:
    first, write = body.split("\n")
    body = f"mask = self.selected(x) > 0\n{first}\n{write}\nreturn y"
    fixed = body_after(tmp_path, body, target="litert", unsafe_fixes=True, fixable=["CVL102", "CVL105"])
    assert fixed == (body.replace(write, after) if after else body)
