"""Branches: which decide on values, which only check, and which an export never sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint import api
from convlint.config import Configuration

TRACING = "torch.jit.is_tracing()"


@pytest.mark.parametrize(
    ("test", "code"),
    [
        ("x.sum() > 0", "CVL301"),
        ("x.any()", "CVL301"),
        ("(x > 0).all() and self.flag", "CVL301"),
        ("not x.any()", "CVL301"),
        ("0 < x.sum() < 1", "CVL301"),
        ("x.shape[1] > 6", "CVL302"),
        ("x.size(0) % 8", "CVL302"),
        ("x.shape[0] == x.shape[1]", "CVL302"),
        ("x[x > 0].numel() > 3", "CVL301"),
        ("x.numel() > 100", "CVL302"),
        ("x.shape[0] == 4", "CVL302"),
        ("x.shape[-1] == 224", "CVL302"),
        ("x.shape[-1] != self.flag", "CVL302"),
    ],
)
def test_a_branch_on_a_tensor_or_a_size(agree: Agree, test: str, code: str) -> None:
    agree(forward(f"x = x.abs()\nif {test}:  # {code}\n    return x * 2\nreturn x - 3"))


@pytest.mark.parametrize("test", ["x.shape[-1] == 4", "x.size(1) != 3 and x.sum(1).dim() > 1", "x.shape[2] in (3, 4)"])
def test_a_branch_on_the_kind_of_input_is_made_for_one_kind(agree: Agree, test: str) -> None:
    agree(forward(f"x = x.abs()\nif {test}:\n    return x * 2\nreturn x - 3"))


@pytest.mark.parametrize(
    "test",
    [
        "self.training",
        "self.flag",
        "x.dim() == 4",
        "x.ndim > 2",
        "x.dtype == torch.float16",
        "x.is_cuda",
        "x.device.type == 'cuda'",
        "x is None",
        "mask is not None",
        "isinstance(x, (list, tuple))",
        "torch.is_tensor(x)",
        "hasattr(self, 'head')",
        "torch.jit.is_scripting()",
        "x.requires_grad",
    ],
)
def test_a_branch_that_no_value_decides(agree: Agree, test: str) -> None:
    agree(forward(f"if {test}:\n    return x * 2\nreturn x.abs() - 3", parameters="x, mask=None"))


def test_code_for_training_is_not_exported(agree: Agree) -> None:
    agree(forward("if self.training:\n    x = x / x.max().item()\nreturn x"))
    agree(forward("if not self.training:\n    x = x / x.max().item()  # CVL202\nreturn x"))


def test_code_that_runs_only_where_nothing_traces_is_harmless(agree: Agree) -> None:
    agree(forward(f"if not {TRACING}:\n    x = x / x.max().item()\nreturn x"), exporter="torchscript")


def test_code_that_runs_only_under_tracing_counts_for_torchscript(agree: Agree) -> None:
    source = forward(f"if {TRACING}:\n    x = x / float(x.max())  # CVL202\nreturn x")
    agree(source, exporter="torchscript")
    agree(source.replace("  # CVL202", ""), exporter="dynamo")


def test_a_guard_combined_with_a_value_still_guards(agree: Agree) -> None:
    source = forward(f"if {TRACING} or x.sum() > 0:  # CVL301\n    return x * 2\nreturn x")
    agree(source, exporter="dynamo")
    agree(source.replace("  # CVL301", ""), exporter="torchscript")


def test_an_early_return_under_a_guard_guards_what_follows(agree: Agree) -> None:
    source = forward(f"if {TRACING}:\n    return x\nreturn x / float(x.max())  # CVL202")
    agree(source, exporter="dynamo")
    agree(source.replace("  # CVL202", ""), exporter="torchscript")


@pytest.mark.parametrize(
    "body",
    [
        "raise ValueError(x.shape)",
        'raise ValueError("too long")',
        'warnings.warn("long")',
        'logger.info("long")',
        'print("long")',
        "pass",
    ],
)
def test_a_check_of_a_size_is_harmless(agree: Agree, body: str) -> None:
    agree(forward(f"if x.shape[1] > 6:\n    {body}\nreturn x * 2"))


def test_an_assertion_about_a_size_is_harmless(agree: Agree) -> None:
    agree(forward('assert x.shape[1] % 8 == 0, "not a multiple"\nreturn x * 2'))


def test_a_check_of_a_value_stops_the_export(agree: Agree) -> None:
    agree(forward("if x.isnan().any():  # CVL305\n    raise ValueError\nassert x.min() >= 0  # CVL305\nreturn x * 2"))


def test_a_check_with_an_else_that_computes_is_judged_by_its_raise(agree: Agree) -> None:
    agree(forward("if x.shape[1] % 2 == 0:\n    y = x * 2\nelse:\n    raise ValueError\nreturn y"))


def test_what_is_not_none_is_known_behind_the_question(agree: Agree) -> None:
    source = forward(
        "if mask is None:\n    return x\nreturn x * mask.sum().item()  # CVL202", parameters="x, mask=None"
    )
    agree(source)


def test_a_list_behind_isinstance_is_iterated_freely(agree: Agree) -> None:
    agree(forward("if isinstance(x, (list, tuple)):\n    return torch.cat([t * 2 for t in x])\nreturn x"))


@pytest.mark.parametrize("kind", ["int", "numbers.Number", "numbers.Integral", "(float, numbers.Real)"])
def test_a_size_is_an_instance_of_each_kind_of_number(agree: Agree, kind: str) -> None:
    body = f"n = x.shape[0]\nif isinstance(n, {kind}):\n    for i in range(n):  # CVL303\n        x = x * i\nreturn x"
    agree(forward(body, imports="numbers"))


def test_an_assert_is_believed(agree: Agree) -> None:
    model = forward("assert isinstance(x, list)\nreturn x[0] * len(x)")
    outer = """

class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.model = nn.Linear(4, 4), Model()

    def forward(self, x):
        return self.model(self.first(x))
"""
    agree(model + outer)


@pytest.mark.parametrize("name", ["hw_shape", "out_size"])
def test_what_a_name_says_to_be_a_shape_holds_sizes(agree: Agree, name: str) -> None:
    body = f"x, {name} = self.patches(x)\nh, w = {name}\nif h > w:  # CVL302\n    x = x * 2\nreturn x"
    agree(forward(body, init="self.patches = build('patches')", imports="building").replace("import building", BUILD))
    body = f"h, w = {name}\nif h > w:  # CVL302\n    x = x * 2\nreturn x"
    agree(forward(body, f"x, {name}"))


BUILD = "from building import build"


def test_a_tensor_behind_isinstance_is_one(agree: Agree) -> None:
    agree(forward("if isinstance(x, torch.Tensor):\n    return x * len(x)  # CVL205\nreturn x"))


def test_a_conditional_expression_and_a_filter(agree: Agree) -> None:
    agree(forward("y = x * 2 if x.sum() > 0 else x - 3  # CVL301\nreturn y"))
    agree(forward("return torch.stack([t for t in (x, x * 2) if t.sum() > 0])  # CVL301"))


def test_one_test_of_several_values_is_one_finding(agree: Agree) -> None:
    agree(forward("if x.sum() > 0 and x.min() < 1 or x.max() > 2:  # CVL301\n    return x * 2\nreturn x"))


def test_a_frozen_number_is_reported_where_it_froze_not_where_it_decides(agree: Agree) -> None:
    source = forward("n = x.sum().item()  # CVL202\nif n > 0:\n    return x * 2\nreturn x")
    agree(source, exporter="torchscript")


def test_a_while_loop_on_a_value(agree: Agree) -> None:
    agree(forward("while x.abs().max() > 1:  # CVL301\n    x = x / 2\nreturn x"))


def test_a_match_on_a_size(agree: Agree) -> None:
    agree(forward("match x.shape[0]:  # CVL302\n    case 1:\n        return x * 2\n    case _:\n        return x"))


SCRIPT = """
def script():
    try:
        return torch.jit.is_tracing()
    except Exception:
        return False
"""
COMPILE = """
def compiled():
    try:
        return torch.compiler.is_compiling()
    except Exception:
        return False
"""


def guarded(helper: str) -> str:
    return forward("if not tracing(x) and x.sum() > 0:  # CVL301\n    return x * 2\nreturn x") + (
        f"\n{SCRIPT}\n{COMPILE}\n\ndef tracing(x):\n    {helper}\n"
    )


@pytest.mark.parametrize(
    "helper",
    [
        "return script() or compiled()",
        "return script() | compiled()",
        "r = script() or compiled()\n    r |= isinstance(x, torch.fx.Proxy)\n    return r",
        "r = script()\n    r |= isinstance(x, torch.fx.Proxy)\n    r |= compiled()\n    return r",
    ],
)
@pytest.mark.parametrize("exporter", ["any", "torchscript", "dynamo"])
def test_code_that_a_helper_keeps_from_every_exporter_is_harmless(agree: Agree, helper: str, exporter: str) -> None:
    agree(guarded(helper).replace("  # CVL301", ""), exporter=exporter)


@pytest.mark.parametrize(
    ("question", "hidden", "seen"), [("script()", "torchscript", "dynamo"), ("compiled()", "dynamo", "torchscript")]
)
@pytest.mark.parametrize("more", ["", "r |= isinstance(x, torch.fx.Proxy)\n    "])
def test_code_that_a_helper_keeps_from_one_exporter_counts_for_the_other(
    agree: Agree, question: str, hidden: str, seen: str, more: str
) -> None:
    source = guarded(f"r = {question}\n    {more}return r")
    agree(source, exporter=seen)
    agree(source)
    agree(source.replace("  # CVL301", ""), exporter=hidden)


@pytest.mark.parametrize(
    "body",
    [
        "if x.shape[1] > 6:  # CVL302\n    text = f'{x.shape[1]} columns'\n    raise ValueError(text)",
        "if raises:\n    if x.shape[1] > 6:  # CVL302\n        text = 'too long'\n        raise ValueError(text)",
        "if x.shape[1] > 6:  # CVL302\n    if raises:\n        text = 'too long'\n        raise ValueError(text)",
    ],
)
def test_a_check_that_makes_its_message_first_is_harmless(agree: Agree, body: str) -> None:
    source = forward(f"{body}\nreturn x * 2", parameters="x, raises=True")
    agree(source, show_harmless=True)
    agree(source.replace("  # CVL302", ""))


def test_a_block_that_may_raise_and_goes_on_is_no_check(agree: Agree) -> None:
    body = "if x.shape[1] > 6:  # CVL302\n    x = x * 2\n    if raises:\n        raise ValueError\nreturn x"
    agree(forward(body, parameters="x, raises=True"))


def test_a_check_of_a_value_with_a_message_stops_the_export(agree: Agree) -> None:
    agree(forward("if x.sum() > 6:  # CVL305\n    text = 'too large'\n    raise ValueError(text)\nreturn x * 2"))


@pytest.mark.parametrize(
    ("made", "call"),
    [
        ("nn.GroupNorm(2, 4)", "self.part(x)"),
        ("nn.Sequential(nn.Conv2d(4, 4, 1), nn.GroupNorm(2, 4))", "self.part(x)"),
        ("nn.ModuleList([nn.GroupNorm(2, 4)])", "self.part[0](x)"),
        ("None", "nn.functional.mse_loss(x, x * 2)"),
    ],
)
def test_a_size_that_torch_itself_asks_for_is_harmless(agree: Agree, made: str, call: str) -> None:
    source = forward(f"return {call}  # CVL302", init=f"self.part = {made}")
    agree(source, show_harmless=True)
    agree(source.replace("  # CVL302", ""))


def test_a_layer_that_asks_for_no_size_is_not_even_mentioned(agree: Agree) -> None:
    agree(forward("return self.part(x)", init="self.part = nn.Linear(4, 4)"), show_harmless=True)


def test_a_guard_that_asks_for_more_than_tracing_still_guards(agree: Agree) -> None:
    agree(
        "import torch\nfrom torch import nn\n\n\ndef tracing(x):\n"
        "    return torch.jit.is_tracing() or isinstance(x, torch.fx.Proxy)\n\n\nclass Model(nn.Module):\n"
        "    def forward(self, x):\n        return x * 2 if not tracing(x) and x.sum() > 0 else x\n",
        exporter="torchscript",
    )


@pytest.mark.parametrize(
    "branch",
    [
        "if x.shape[1] % 4:\n    x = nn.functional.pad(x, (0, -x.shape[1] % 4))",
        "pad = -x.shape[1] % 4\nif pad > 0:\n    rest = (0, pad)\n    x = nn.functional.pad(x, rest)",
        "if x.shape[1] < 9 and self.flag:\n    x = self.pad_to(x, 9)",
        "if x.shape[0] > 64:\n    x = x.contiguous()",
        "if x.shape[1] > n:\n    x = x[:, :n].contiguous()",
        "if x.shape[1] != n:\n    x = x.expand(-1, n)",
        "if x.shape[1] % 4:\n    if n:\n        x = nn.functional.pad(x, (0, 1))",
    ],
)
def test_a_branch_that_could_as_well_go_is_not_shown(agree: Agree, branch: str) -> None:
    agree(forward(f"n = self.n\n{branch}\nreturn x * 2"))


@pytest.mark.parametrize(
    "branch",
    [
        "if pad > 0:  # CVL302\n    x = x[:, :-pad]",
        "if pad > 0:  # CVL302\n    x = nn.functional.pad(x, (0, pad))\nelse:\n    x = x * 2",
        "if pad > 0:  # CVL302\n    x = nn.functional.pad(x, (0, pad)) * 3",
        "if pad > 0:  # CVL302\n    x = nn.functional.pad(x, (0, pad))\n    y = self.embed(x)",
        "if pad > 0:  # CVL302\n    x = x[:, 1:]",
    ],
)
def test_a_branch_that_does_more_than_pad_is_shown(agree: Agree, branch: str) -> None:
    agree(forward(f"pad = -x.shape[1] % 4\n{branch}\nreturn x * 2"))


def test_one_size_under_two_names_is_one_number(agree: Agree) -> None:
    agree(
        forward("""
            if self.windows:
                x = x.reshape(-1, self.n, 4)
            b, h, _ = x.shape
            n = x.shape[1]
            return x * max(h / n, 1.0) + max(h, n) * (h - n) + (b if h == n else n)
        """)
    )


def test_a_flag_that_is_true_everywhere_stays_so(agree: Agree) -> None:
    agree(
        forward("""
            tracing = torch.jit.is_tracing() or torch.compiler.is_exporting()
            tracing |= self.fake(x)
            if not tracing and x.sum() > 0:
                return x * 2
            return x
        """)
    )


def test_sizes_are_tensors_while_they_are_traced(agree: Agree) -> None:
    agree(
        forward("""
            n = x.shape[1]
            if isinstance(n, torch.Tensor):
                return x * n.to(torch.float32).log()
            return x * math.log(n)
        """),
        exporter="torchscript",
    )


def test_a_loop_that_fills_a_list_up_to_a_size(agree: Agree) -> None:
    agree(
        forward("""
        parts = []
        while len(parts) < x.shape[0]:  # CVL302
            parts.append(x[len(parts)])
        return torch.stack(parts)
    """)
    )


def test_a_flag_beside_a_size_of_1_adds_no_size(agree: Agree) -> None:
    code = (
        "flag = self.fast and not (getattr(cache, 'compiled', False) and x.shape[1] == 1)\nreturn x * 2 if flag else x"
    )
    agree(forward(code, "x, cache=None"))


@pytest.mark.parametrize(("test", "known"), [("n == 1", True), ("self.fast and n == 1", True), ("n != 1", False)])
def test_a_size_is_known_where_it_was_compared(agree: Agree, test: str, known: bool) -> None:
    mark = "" if known else "  # CVL303"
    code = f"""
    n = x.shape[1]
    y = x.reshape(x.shape[0], n, -1).transpose(0, 1)
    rows = []
    if {test}:
        for i in range(y.shape[0]):{mark}
            rows.append(y[i])
    return rows
    """
    agree(forward(code))


def test_a_size_is_no_tensor_because_one_exporter_gets_one(agree: Agree) -> None:
    code = """
    n = torch.tensor(x.shape[1]) if torch.jit.is_tracing() else x.shape[1]
    return x[:, 1:] if n % 3 > 0 else x  # CVL302
    """
    agree(forward(code))


@pytest.mark.parametrize(
    ("between", "mark"), [("pass", ""), ("n = x.shape[0]", "  # CVL303"), ("exact = x.dim() == 3", "  # CVL303")]
)
def test_a_flag_that_chose_says_what_it_chose(agree: Agree, between: str, mark: str) -> None:
    code = f"""
    exact = self.ratio > 0
    n = self.ratio if exact else x.shape[0]
    {between}
    if exact:
        x = torch.cat([x[:1]] * n){mark}
    return x
    """
    agree(forward(code, init="self.ratio = int(ratio)"))


@pytest.mark.parametrize(("wanted", "mark"), [("self.images", ""), ("mask.shape[1]", "  # CVL303")])
def test_a_size_that_is_checked_against_the_configuration_is_fixed(agree: Agree, wanted: str, mark: str) -> None:
    code = f"""
    n = x.shape[1]
    if n != {wanted}:
        raise ValueError("other images")
    return [x[:, i] for i in range(n)]{mark}
    """
    agree(forward(code, "x, mask", init="self.images = 2"))


def test_what_tells_values_apart_is_no_check(agree: Agree) -> None:
    agree(
        forward(
            """
            n = (x > 0).sum()
            if n == 1:  # CVL301
                y = x
            elif n == 2:  # CVL305
                y = x * 2
            else:
                raise ValueError
            return y
            """
        )
    )


@pytest.mark.parametrize("check", ["x.shape[1] == h * w", "x.shape[1] >= sizes[0][0]"])
def test_sizes_that_are_given_are_not_taken_for_tensors(agree: Agree, check: str) -> None:
    agree(forward(f"h, w = sizes[-1]\nassert {check}\nreturn x.relu()", "x, sizes"))


def test_a_key_that_no_dict_of_the_model_has(agree: Agree) -> None:
    helper = "\n    def few(self, out):\n        if 'masks' in out:\n            return out['masks'].max().item()\n"
    agree(forward("return self.few({'boxes': x * 2})") + helper)


def test_a_size_that_is_known_in_an_arm_is_any_behind_it(agree: Agree) -> None:
    agree(
        forward(
            """
            b, n, c = x.shape
            y = x * 2 if cached and n == 1 else x
            if cached and n == 1:
                y = y + 1
            z = y.reshape(b, n, -1)
            if cached and n == 1:
                for i in range(z.shape[1]):
                    z = z + i
            else:
                for i in range(z.shape[1]):  # CVL303
                    z = z - i
            return z
            """,
            "x, cached: bool",
        )
    )


def test_what_is_no_tensor_goes_to_numpy(agree: Agree) -> None:
    agree(
        forward(
            "return torch.relu(x) if isinstance(x, torch.Tensor) else np.maximum(np.asarray(x), 0)",
            imports="numpy as np",
        )
    )


def test_a_list_where_no_tensor_is_one(agree: Agree) -> None:
    body = "n = self.read() if self.on else x.sum(0)\nif isinstance(n, list):\n    n = torch.tensor(n)\nreturn x * n"
    agree(forward(body))


@pytest.mark.parametrize("test", ["flag", "self.on and flag", "flag or self.on"])
def test_a_parameter_whose_truth_is_asked_is_presumed_to_be_no_tensor(agree: Agree, test: str) -> None:
    body, init = f"if {test}:  # CVL301\n    return x\nreturn x * 2", "self.on = print()"
    agree(forward(body, parameters="x, flag: torch.Tensor", init=init))
    agree(forward(body.replace("  # CVL301", ""), parameters="x, flag", init=init))


def test_what_tells_a_round_of_an_unrolled_loop_from_others_is_the_loops(agree: Agree) -> None:
    agree(
        forward("""
            n = x.shape[1]
            for i in range(n):  # CVL303
                if i < n - 1:
                    x = x * 2
                if n > 4:  # CVL302
                    x = x + 1
            for i in range(3):
                if i < n:  # CVL302
                    x = x * 3
            return x
        """)
    )


def test_the_larger_of_two_tensors_is_a_tensor(agree: Agree) -> None:
    body = "most = max(self.least, x.sum())  # CVL204\nif most > 3:  # CVL301\n    return x * 2\nreturn x"
    agree(forward(body, init="self.least = nn.Buffer(torch.tensor(3))"))
    agree(forward(body.replace("self.least, x.sum()", "3, x.shape[1]").replace("  # CVL301", "")))


def test_a_test_of_a_tensor_before_a_pad_stops_an_export_whatever_the_pad_does(agree: Agree) -> None:
    body = "if x.shape[1] <= LEAST:  # CVL302\n    x = nn.functional.pad(x, (0, 4))\nreturn x"
    agree(forward(body.replace("LEAST", "self.least"), init="self.least = nn.Buffer(torch.tensor(3))"))
    agree(forward(body.replace("LEAST", "3").replace("  # CVL302", "")))


def test_an_element_that_is_looked_for_is_compared_with_each(agree: Agree) -> None:
    agree(forward("return x if x.sum() in [x.mean(), x.amax(0)] else x + 1  # CVL301"))
    agree(forward("return x if 2 in x * 1 else x + 1  # CVL301"))
    agree(forward("return x if x.dtype in (torch.float32, torch.float16) else x + 1"))
    agree(forward("return x if x.dim() in [2, 3] else x + 1"))


def test_what_a_copy_holds(agree: Agree) -> None:
    agree("import copy\n" + forward("return x + copy.deepcopy([x, 1])[0]  # CVL211"))
    agree("import copy\n" + forward("return x + copy.copy(x)  # CVL211"))
    agree("import copy\n" + forward("return x + copy.copy([x, 1])[0]"))
    agree("import copy\n" + forward('return x * copy.deepcopy({"a": 2})["a"]'))


def test_the_order_of_numbers_is_known(agree: Agree) -> None:
    agree(forward("return x * sorted([3, 1, 2])[0]"))
    agree(forward("return x * sorted([x.shape[0], 2])[0]  # CVL204"))


def test_what_is_sorted_stays_what_it_is(agree: Agree) -> None:
    agree(forward("for name in sorted(['b', 'a']):\n    x = x + len(name)\nreturn x"))
    agree(forward("largest = sorted([x.sum(), x.mean()])[-1]  # CVL204\nreturn x * largest.item()  # CVL202"))


@pytest.mark.parametrize("test", ["torch.equal(x * 2, x)", "(x * 2).allclose(x)", "torch.is_nonzero(x.sum())"])
def test_what_python_is_told_of_values_decides(agree: Agree, test: str) -> None:
    agree(forward(f"return x if {test} else x + 1  # CVL301"))


def test_what_python_is_told_of_a_dtype_decides_nothing(agree: Agree) -> None:
    agree(forward("return x if torch.is_floating_point(x * 2) else x + 1"))


@pytest.mark.parametrize("test", ["order.numel() > 0", "order.numel()", "order.shape[0] != 0"])
def test_a_loop_until_nothing_is_left_is_one_over_a_size(agree: Agree, test: str) -> None:
    agree(
        forward(
            f"""
            order, kept = x[:, 0].argsort(), []
            while {test}:  # CVL302
                kept.append(order[0])
                order = order[1:]
            return torch.stack(kept)
            """
        )
    )
    agree(forward(f"order = x[:, 0].argsort()\nif {test}:\n    order = order[1:]\nreturn order"))


def test_the_configuration_of_a_model_has_no_tensors_though_a_base_class_keeps_it_hidden(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import torch\nfrom torch import nn\n\n\nclass Base(nn.Module):\n"
        "    @property\n    def config(self):\n        return self._internal\n\n\nclass Model(Base):\n"
        "    def forward(self, x):\n"
        "        if self.config.height // self.config.patch != x.shape[-2] // self.config.patch:\n"
        "            x = x * 3\n"
        "        return x * 2\n",
        encoding="utf-8",
    )
    (found,) = api.check([tmp_path], Configuration([], isolated=True)).findings
    assert (found.code, found.severity) == ("CVL302", "warning")
    assert "decides on a size" in found.message


def test_code_for_a_device_that_nobody_exports_on(agree: Agree) -> None:
    agree(forward("if x.device.type == 'mps':\n    x = x * x.max().item()\nreturn x"))
    agree(forward("if x.device.type != 'mps':\n    x = x * x.max().item()  # CVL202\nreturn x"))
    agree(forward("if x.device.type == 'cuda':\n    x = x * x.max().item()  # CVL202\nreturn x"))
