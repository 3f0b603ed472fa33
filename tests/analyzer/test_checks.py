"""`torch._check` and bare asserts: what they say of a number decides the branches after them."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward

COUNT = "y = x[x > 0.5]\nn = y.shape[0]"


def branch(check: str, test: str, mark: str = "") -> str:
    return forward(f"{COUNT}\n{check}\nif {test}:{mark}\n    return x + n\nreturn x - n")


@pytest.mark.parametrize(
    ("check", "test"),
    [
        ("torch._check(n > 1)", "n > 1"),
        ("torch._check(n > 1)", "n > 0"),
        ("torch._check(n > 1)", "n >= 2"),
        ("torch._check(n > 1)", "1 < n"),
        ("torch._check(n > 1)", "n <= 1"),
        ("torch._check(n > 1)", "n == 0"),
        ("torch._check(n > 1)", "n != 1"),
        ("torch._check(n > 1)", "n"),
        ("torch._check(n > 1)", "not n"),
        ("torch._check(n > 1)", "n > 0 and n > 1"),
        ("torch._check(n > 1)", "n > 1 or n > 100"),
        ("torch._check(n > 1)\ntorch._check(n < 9)", "0 < n < 20"),
        ("torch._check(n != 9)", "n == 9"),
        ("torch._check(n <= x.shape[0])", "n > x.shape[0]"),
        ("torch._check(n <= x.shape[0])", "x.shape[0] >= n"),
        ("torch._check(n < x.shape[0])", "n == x.shape[0]"),
        ("torch._check(n % 2 == 0)", "n % 2 == 0"),
        ("torch._check(n > 1)\nm = n", "m > 1"),
        ("torch._check(y.numel() > 0)", "y.numel() == 0"),
        ("torch._check(y.size(0) > 0)", "y.shape[0] == 0"),
        ("torch._check_is_size(n)", "n < 0"),
        ("torch._check_is_size(n, max=8)", "n > 8"),
        ("torch._check_value(n > 1)", "n > 1"),
        ("torch._check(n > 1, lambda: f'{n} of {x.shape}')", "n > 1"),
        ("assert n > 1", "n > 0"),
    ],
)
def test_a_branch_that_follows_from_a_check_is_none(agree: Agree, check: str, test: str) -> None:
    agree(branch(check, test), exporter="dynamo")


@pytest.mark.parametrize(
    ("check", "test"),
    [
        ("torch._check(n > 1)", "n > 3"),
        ("torch._check(n > 1)", "n > 100 or n > 1"),
        ("torch._check_is_size(n)", "n == 0"),
        ("torch._check(n <= x.shape[0])", "n < x.shape[0]"),
        ("torch._check(n > 1)\nn = n - 1", "n > 1"),
        ("torch._check(n > 1)\nn = x[x > 3].shape[0]", "n > 1"),
        ("if self.training or self.fast:\n    torch._check(n > 1)", "n > 1"),
        ("for _ in self.children():\n    torch._check(n > 1)", "n > 1"),
        ("torch._check((x > 0).any().item())", "(x > 0).any()"),
    ],
)
def test_a_branch_that_does_not_follow_is_reported(agree: Agree, check: str, test: str) -> None:
    agree(branch(check, test, "  # CVL301"), exporter="dynamo")


def test_what_eager_checks_holds_for_all_inputs_and_what_an_exporter_checks_for_it(agree: Agree) -> None:
    check = "if not torch.jit.is_tracing():\n    torch._check(n > 1)"
    agree(branch(check, "n > 1"))
    check = "if torch.compiler.is_exporting():\n    torch._check(n > 1)"
    agree(branch(check, "n > 1"), exporter="dynamo")
    agree(branch(check, "n > 1", "  # CVL301"), exporter="torchscript")


def test_a_check_counts_in_the_functions_that_are_called_and_for_the_caller(agree: Agree) -> None:
    callee = "def scaled(x, n):\n    if n > 1:{}\n        return x * n\n    return x\n\n\n"
    dynamo = {"exporter": "dynamo", "ignore": ["CVL401"]}
    agree(callee.format("") + forward(f"{COUNT}\ntorch._check(n > 1)\nreturn scaled(x, n)"), **dynamo)
    agree(callee.format("  # CVL301") + forward(f"{COUNT}\nreturn scaled(x, n)"), **dynamo)
    both = f"{COUNT}\nm = x[x > 3].shape[0]\ntorch._check(n > 1)\nreturn scaled(x, n) + scaled(x, m)"
    agree(callee.format("  # CVL301") + forward(both), **dynamo)
    checker = "import torch\n\n\ndef checked(n):\n    torch._check(n > 1)\n\n\n"
    agree(checker + branch("checked(n)", "n > 1"), exporter="dynamo")


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("assert n > 1", ""),
        ("assert n", ""),
        ("assert n > 1, 'too few'", "CVL305"),
        ("assert not n < 1", "CVL305"),
        ("assert n > 1 and n < 9", "CVL305"),
        ("assert n in (2, 3)", "CVL305"),
        ("if n < 1:", "CVL305"),
        ("torch._check(n > 1)", ""),
        ("torch._check(not n < 1)", "CVL305"),
    ],
)
def test_which_asserts_torch_export_keeps(agree: Agree, statement: str, code: str) -> None:
    mark, rest = (f"  # {code}" if code else ""), "\n    raise ValueError" if statement.endswith(":") else ""
    agree(forward(f"{COUNT}\n{statement}{mark}{rest}\nreturn x * 2"), exporter="dynamo")


@pytest.mark.parametrize(
    "use", ["torch._check(m > 1)", "assert m > 1", "if m < 1:\n    raise ValueError(m)", "print(m)", ""]
)
def test_a_number_that_only_checks_read_is_in_no_graph(agree: Agree, use: str) -> None:
    body = f"m = x.argmax().item(){{}}\n{use}\nreturn x * 2"
    agree(forward(body.format("")), exporter="torchscript")
    agree(forward(body.format("  # CVL202") + " + m"), exporter="torchscript")


def test_what_torch_has_is_imported_whatever_stands_for_it_elsewhere(agree: Agree) -> None:
    fallback = "try:\n    from torch import _assert\nexcept ImportError:\n    from .older import _assert\n"
    source = forward('_assert(x.shape[1] > 3, "short")  # CVL302\nreturn x * 2')
    agree(source.replace("import torch\n", f"import torch\n{fallback}", 1), show_harmless=True)
