"""Code that asks whether it is being exported, in all forms: each branch is judged on the routes that take it."""

from __future__ import annotations

import textwrap

import pytest
from conftest import Agree
from convlint_rules.examples import forward

VALUE = "x / x.max().item()"
"""Wrong on the TorchScript routes, harmless on the others."""


def guarded(test: str, before: str = "", functions: str = "", init: str = "") -> str:
    body = f"{before}\nif {test}:\n    return x / x.max()\nreturn {VALUE}"
    return functions + "\n\n" + forward(textwrap.dedent(body), init=init)


def found(source: str) -> str:
    return source.replace(VALUE, f"{VALUE}  # CVL202")


def function(body: str) -> str:
    return "import torch\n\n\ndef traced():\n" + textwrap.indent(textwrap.dedent(body), "    ")


TRACING = "torch.jit.is_tracing()"
EXPORTING = "torch.compiler.is_exporting()"


@pytest.mark.parametrize(
    "test",
    [
        TRACING,
        "torch._C._get_tracing_state()",
        "torch._C._get_tracing_state() is not None",
        f"{TRACING} is True",
        f"{TRACING} == True",
        f"bool({TRACING})",
        f"not not {TRACING}",
        f"{TRACING} or {EXPORTING}",
        f"{TRACING} | {EXPORTING}",
        f"any([{TRACING}, {EXPORTING}])",
        f"any((torch.onnx.is_in_onnx_export(), {TRACING}))",
        "any(asks() for asks in (torch.jit.is_tracing, torch.compiler.is_exporting))",
        f"all([{TRACING}, not torch.jit.is_scripting()])",
        f"hasattr(torch.jit, 'is_tracing') and {TRACING}",
    ],
)
def test_a_guard_by_tracing_keeps_torchscript_out_of_the_other_branch(agree: Agree, test: str) -> None:
    agree(guarded(test))


@pytest.mark.parametrize(
    "test",
    [
        "torch.jit.is_scripting()",
        EXPORTING,
        "torch.compiler.is_compiling()",
        f"{TRACING} is False",
        f"not {TRACING}",
        f"all([{TRACING}, {EXPORTING}])",
        f"any([{EXPORTING}, torch.jit.is_scripting()])",
        f"{TRACING} and torch.onnx.is_in_onnx_export()",
    ],
)
def test_a_guard_by_something_else_does_not(agree: Agree, test: str) -> None:
    agree(found(guarded(test)))


@pytest.mark.parametrize(
    "before",
    [
        f"flag = {TRACING}",
        f"flag = False\nif {TRACING}:\n    flag = True",
        f"if {TRACING}:\n    flag = True\nelse:\n    flag = False",
        f"flag = False\nif {TRACING}:\n    flag = True\nif {EXPORTING}:\n    flag = True",
        f"flag = True if {TRACING} else False",
        f"flag = False\nflag |= {TRACING}",
        f"flag = {EXPORTING}\nflag = flag or {TRACING}",
    ],
)
def test_a_flag_may_be_kept_in_a_variable(agree: Agree, before: str) -> None:
    agree(guarded("flag", before))
    agree(found(guarded("not flag", before)))


@pytest.mark.parametrize(
    "body",
    [
        f"return {TRACING} or {EXPORTING}\n",
        f"return any([{TRACING}, {EXPORTING}])\n",
        f"if {TRACING}:\n    return True\nreturn False\n",
        f"if not {TRACING}:\n    return False\nreturn True\n",
        f"flag = False\nif {TRACING}:\n    flag = True\nreturn flag\n",
        f"try:\n    return {TRACING}\nexcept AttributeError:\n    return False\n",
    ],
)
def test_a_flag_may_be_a_function_of_the_users_own(agree: Agree, body: str) -> None:
    agree(guarded("traced()", functions=function(body)))


def test_a_flag_that_was_asked_for_before_the_export_is_false(agree: Agree) -> None:
    agree(found(guarded("self.traced", init=f"self.traced = {TRACING}")))
    agree(found(guarded("TRACED", functions=f"import torch\n\nTRACED = {TRACING}")))


@pytest.mark.parametrize("test", ["self.fast and {}", "{} and self.fast", "{} and self.count > 2"])
def test_what_else_is_asked_matters_only_where_the_guard_holds(agree: Agree, test: str) -> None:
    init = "self.fast = nn.Identity().training\nself.count = len(list(self.children()))"
    negated = test.format(f"not {TRACING}")
    agree(forward(f"if {negated}:\n    return {VALUE}\nreturn x / x.max()", init=init))
    agree(found(guarded(test.format(TRACING), init=init)))


def test_a_tensor_that_is_asked_besides_decides_where_the_guard_holds(agree: Agree) -> None:
    body = f"if not {TRACING} and x.sum() > 0:{{}}\n    return {VALUE}\nreturn x"
    agree(forward(body.format("  # CVL301")))  # torch.export stops there
    agree(forward(body.format("")), exporter="torchscript")


LIBRARIES = [
    ("torchvision", "torchvision._is_tracing()", "torchscript"),
    ("transformers.utils", "transformers.utils.is_jit_tracing()", "torchscript"),
    ("transformers.utils.import_utils", "transformers.utils.import_utils.is_torchdynamo_exporting()", "dynamo"),
    ("transformers.utils", "transformers.utils.is_torchdynamo_compiling()", "dynamo"),
    ("transformers.utils", "transformers.utils.is_tracing(x)", "any"),
]


@pytest.mark.parametrize(("module", "test", "cured"), LIBRARIES)
def test_libraries_ask_by_functions_of_their_own(agree: Agree, module: str, test: str, cured: str) -> None:
    for exporter in ("torchscript", "dynamo", "any"):
        mark = "" if cured in (exporter, "any") else "  # CVL301"
        agree(f"import {module}\n" + forward(BRANCH.format(test, mark)), exporter=exporter)


BRANCH = "if {}:\n    return torch.where(x.sum() > 0, x + 1, x - 1)\nif x.sum() > 0:{}\n    return x + 1\nreturn x - 1"


@pytest.mark.parametrize(
    ("test", "cured"),
    [
        (EXPORTING, "dynamo"),
        ("torch.compiler.is_compiling()", "dynamo"),
        ("torch._dynamo.is_compiling()", "dynamo"),
        ("torch._utils.is_compiling()", "dynamo"),
        ("torch.fx._symbolic_trace.is_fx_tracing()", "dynamo"),
        (TRACING, "torchscript"),
        (f"any([{TRACING}, {EXPORTING}])", "any"),
        ("torch.onnx.is_in_onnx_export()", ""),
        ("torch.compiler.is_dynamo_compiling()", ""),
        (f"{TRACING} and torch.onnx.is_in_onnx_export()", ""),
    ],
)
def test_a_guard_cures_a_branch_on_its_own_routes_alone(agree: Agree, test: str, cured: str) -> None:
    for exporter in ("torchscript", "dynamo", "any"):
        mark = "" if cured in (exporter, "any") else "  # CVL301"
        agree(forward(BRANCH.format(test, mark)), exporter=exporter)
