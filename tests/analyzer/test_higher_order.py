"""Control flow that `torch.export` follows, and the wrappers around functions: what cures, and what only looks so."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

ARM = "def arm(t):\n    {}\n    return t - 1\n\n\n"
ARMS = "lambda t: t + 1, lambda t: t - 1, (x,)"


@pytest.mark.parametrize(
    ("call", "imports"),
    [
        (f"torch.cond(x.sum() > 0, {ARMS})", ""),
        (f"torch.cond(x.shape[0] > 2, {ARMS})", ""),
        (f"torch.ops.higher_order.cond(x.sum() > 0, {ARMS})", ""),
        (f"cond(x.sum() > 0, {ARMS})", "from functorch.experimental.control_flow import cond\n"),
        ("torch.while_loop(lambda t: t.sum() < 9, lambda t: (t * 2 + 1,), (x,))[0]", ""),
        (
            "while_loop(lambda t: t.sum() < 9, lambda t: (t + 1,), (x,))",
            "from torch._higher_order_ops import while_loop\n",
        ),
        ("torch._higher_order_ops.map(lambda t: t * 2, x)", ""),
        ("x.new_zeros(torch.sym_max(x.shape[0], 2))", ""),
        ("torch.compile(lambda t: t * 2)(x)", ""),
    ],
)
def test_torchscript_stops_at_what_only_torch_export_follows(agree: Agree, call: str, imports: str) -> None:
    agree(imports + forward(f"return {call}  # CVL306"))
    agree(imports + forward(f"return {call}"), exporter="dynamo")
    agree(imports + forward(f"if torch.jit.is_tracing():\n    return x\nreturn {call}"))


def test_a_number_that_python_knows_chooses_the_arm(agree: Agree) -> None:
    agree(forward(f"return torch.cond(x.dim() == 2, {ARMS})"))
    agree(ARM.format("t = t / t.max().item()  # CVL202") + forward("return torch.cond(True, arm, arm, (x,))"))


def test_what_an_arm_does_is_judged_for_the_dynamo_routes_alone(agree: Agree) -> None:
    call = forward("return torch.cond(x.sum() > 0, arm, lambda t: t - 1, (x,))  # CVL306")
    agree(ARM.format("t = t / t.max().item()") + call)
    agree(ARM.format("if t.shape[0] > 2:  # CVL302\n        return t") + call)


@pytest.mark.parametrize(
    ("check", "code"),
    [
        ("torch._check(x.shape[0] > 2)", "CVL306"),
        ("torch._check(x.shape[0] == 2 * x.shape[1], lambda: 'odd')", "CVL306"),
        ("torch._check_is_size(x.shape[0])", "CVL306"),
        ("torch._check_with(ValueError, x.shape[0] > 2, lambda: 'few')", "CVL306"),
        ("torch._check(x.dim() == 2)", ""),
        ("torch._check(x.shape == x.abs().shape)", ""),
        ("torch._check(not x.shape[0] > 99)", ""),
        ("torch._check((x > 0).any().item())", ""),
        ("torch._assert(x.shape[0] > 2, 'few')", ""),
        ("torch._assert((x > 0).any(), 'none')", "CVL305"),
        ("torch._assert_async((x > 0).any())", ""),
    ],
)
def test_which_checks_stop_an_exporter(agree: Agree, check: str, code: str) -> None:
    agree(forward(f"{check}{f'  # {code}' if code else ''}\nreturn x * 2"))


PICK = "import torch\n\n\n{}\ndef pick(x):\n    if x.sum() > 0:{}\n        return x + 1\n    return x - 1\n\n\n{}\n\n"
CALL = forward("return pick(x)")


@pytest.mark.parametrize(
    ("decorator", "after"),
    [
        ("@torch.jit.script", ""),
        ("@torch.jit.script_if_tracing", ""),
        ("", "pick = torch.jit.script(pick)"),
    ],
)
def test_a_scripted_branch_survives_on_the_torchscript_routes_alone(agree: Agree, decorator: str, after: str) -> None:
    agree(PICK.format(decorator, "", after) + CALL, exporter="torchscript")
    agree(PICK.format(decorator, "  # CVL301", after) + CALL, exporter="dynamo")


@pytest.mark.parametrize(
    "wrapper",
    [
        "torch.jit.ignore",
        "torch.jit.unused",
        "torch.compiler.disable",
        "torch.compiler.allow_in_graph",
        "torch.compiler.assume_constant_result",
    ],
)
def test_a_wrapper_that_changes_nothing_cures_nothing(agree: Agree, wrapper: str) -> None:
    for exporter in ("torchscript", "dynamo"):
        agree(PICK.format(f"@{wrapper}", "  # CVL301", "") + CALL, exporter=exporter)
    agree(PICK.format("", "  # CVL301", f"chosen = {wrapper}(pick)") + CALL.replace("pick", "chosen"))


@pytest.mark.parametrize(
    ("decorator", "code"),
    [
        ("@torch.compile", "CVL306"),
        ("@torch.compile(dynamic=True)", "CVL306"),
        ("@torch.compile(disable=True)", ""),
    ],
)
def test_a_compiled_function_is_not_traced(agree: Agree, decorator: str, code: str) -> None:
    mark = f"  # {code}" if code else ""
    agree(f"import torch\n\n\n{decorator}{mark}\ndef pick(x):\n    return x * 2\n\n\n{CALL}")


@pytest.mark.parametrize("name", ["net", "pick"])
def test_what_a_configuration_may_compile_is_judged_as_it_is(agree: Agree, name: str) -> None:
    init = f"self.net = nn.Linear(4, 4)\nif self.fast:\n    self.{name} = torch.compile(self.{name})"
    body = "return self.pick(self.net(x))\n\n"
    method = "    def pick(self, x):\n        return x / x.max().item()  # CVL202\n"
    agree(forward(body, init=init) + "\n" + method)


FUNCTION = """import torch


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x / x.max().item()
"""
SYMBOLIC = """
    @staticmethod
    def symbolic(g, x):
        return g.op("Div", x, g.op("ReduceMax", x, keepdims_i=0))
"""


def test_an_autograd_function_is_traced_into_by_the_onnx_exporter_unless_it_has_a_symbolic(agree: Agree) -> None:
    call = "\n\n" + forward("return Scale.apply(x)")
    agree(FUNCTION.replace("item()", "item()  # CVL202") + call)
    agree(FUNCTION + SYMBOLIC + call)


WRITES = """
import torch
from torch import nn


def branch(t):
    {}
    return t * 2


class Model(nn.Module):
    def forward(self, x):
        return torch.cond(x.sum() > 0, branch, lambda t: t, (x * 2,)){}
"""


@pytest.mark.parametrize("write", ["t[:, 0] = 0.0", "t += 1", "t[0] *= 2", "t.add_(1)"])
def test_a_branch_that_writes_in_place_stops_the_dynamo_onnx_exporter(agree: Agree, write: str) -> None:
    agree(WRITES.format(write, "  # CVL306"), exporter="dynamo")


@pytest.mark.parametrize("write", ["t = t + 1", "y = t * 1\n    y.add_(1)", "t.add(1)", "table = {}\n    n = 2"])
def test_a_branch_that_does_not(agree: Agree, write: str) -> None:
    agree(WRITES.format(write, ""), exporter="dynamo")
