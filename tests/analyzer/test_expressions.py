"""Forms of expressions, and how deep they may be."""

from __future__ import annotations

from textwrap import dedent

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize("terms", [2, 500])
def test_a_long_sum_is_followed_to_its_last_term(agree: Agree, terms: int) -> None:
    agree(forward(f"y = {' + '.join(['x.abs()'] * terms)}\nreturn y / y.max().item()  # CVL202"))


def test_a_long_chain_of_calls_is_followed(agree: Agree) -> None:
    agree(forward(f"y = x{'.abs()' * 300}\nreturn y / y.max().item()  # CVL202"))


@pytest.mark.parametrize(
    "statement",
    [
        "y = (n := int(x.shape[0]))  # CVL202",
        "y = f'{int(x.shape[0])}'  # CVL202",
        "y = {'a': int(x.shape[0])}  # CVL202",
        "y = {int(x.shape[0])}  # CVL202",
        "y = [int(n) for n in x.shape][0]  # CVL202",
        "y = {n: int(n) for n in x.shape}  # CVL202",
        "y = x[: int(x.shape[0])]  # CVL202",
        "y = x[..., int(x.shape[0]) - 1]  # CVL202",
        "y = (lambda n: int(n))(x.shape[0])  # CVL202",
        "y = int(x.shape[0]) if self.flag else 0  # CVL202",
        "y = self.flag and int(x.shape[0])  # CVL202",
        "y = -int(x.shape[0]) ** 2  # CVL202",
        "y = dict(a=int(x.shape[0]))  # CVL202",
        "del y, z[int(x.shape[0])]",
        "x[0] = int(x.shape[0])  # CVL202",
        "y: int = int(x.shape[0])  # CVL202",
        "y += int(x.shape[0])  # CVL202",
        "print(*[int(x.shape[0])], **{'n': int(x.shape[1])})  # CVL202 CVL202",
    ],
)
def test_a_finding_inside_any_form_of_expression(agree: Agree, statement: str) -> None:
    agree(forward(f"x = x.clone()\ny = z = 0\n{statement}\nreturn x"))


def test_a_starred_display_is_unpacked(agree: Agree) -> None:
    agree(forward("sizes = (2, *x.shape)\nreturn x * int(sizes[1])  # CVL202"))
    agree(forward("sizes = [*x.shape[1:], 2]\nreturn x * int(sizes[0])  # CVL202"))


def test_a_starred_target_takes_the_rest(agree: Agree) -> None:
    agree(forward("b, *rest = x.shape\nreturn x * int(b) * int(rest[0])  # CVL202 CVL202"))


def test_a_starred_target_over_a_tensor_iterates_it(agree: Agree) -> None:
    agree(forward("first, *rest = x.abs()  # CVL304\nreturn first"))


def test_an_unpacking_of_a_tensor_into_a_fixed_number_is_harmless(agree: Agree) -> None:
    agree(forward("a, b = x.abs()\nreturn a + b"))


def test_numbers_that_were_computed_from_constants_are_constants(agree: Agree) -> None:
    agree(forward("n = 2 * 3 + 1\nif n > 6:\n    return x * int(n)\nreturn x"))


def test_an_outer_conversion_of_a_converted_number_is_one_finding(agree: Agree) -> None:
    agree(forward("return x * int(x.sum().item())  # CVL202"))


@pytest.mark.parametrize(
    "test",
    [
        "self.flag(y) or x.shape[1] > 6",
        "self.flag(y) and x.shape[1] > 6",
        "len(x.shape) < 3 or x.shape[1] > 6",
        "y is None or y.shape[1] > 6",
        "not (self.flag(y) or x.shape[1] > 6)",
    ],
)
def test_a_size_in_the_last_part_of_a_test_decides(agree: Agree, test: str) -> None:
    agree(forward(f"if {test}:  # CVL302\n    return x * 2\nreturn x", parameters="x, y=None"))


def test_a_value_in_the_last_part_of_a_test_decides(agree: Agree) -> None:
    agree(forward("if self.flag(y) or x.sum() > 6:  # CVL301\n    return x * 2\nreturn x", parameters="x, y"))


def test_a_tuple_keeps_its_beginning_when_others_are_added(agree: Agree) -> None:
    body = """
        found = (x, x.shape[1])
        if self.more:
            found += tuple(self.rest(x))
        if found[1] > 3:  # CVL302
            return x
        return x * 2
    """
    agree(forward(body))


def test_a_list_compared_with_an_empty_one_is_asked_for_its_length(agree: Agree) -> None:
    agree(
        forward(
            """
        kept = []
        for layer in self.layers:
            x = layer(x)
            kept.append(x)
        for layer in self.layers:
            if kept != []:
                x = x + kept.pop()
        return x if kept == [] else x * 2
    """,
            init="self.layers = nn.ModuleList([nn.Linear(4, 4)] * depth)",
        )
    )


def test_what_is_the_same_is_not_different(agree: Agree) -> None:
    agree(forward("return x.item() if (x.shape[0], 2) != (x.shape[0], 2) else x"))


def test_tuples_of_several_lengths_begin_alike(agree: Agree) -> None:
    """What a flag adds at the end says nothing of what stands before it."""
    source = """
        import torch
        from torch import nn

        def cut(x, more):
            if more:
                return x, x.shape[1], x * 2
            return x, x.shape[1]

        class Model(nn.Module):
            def __init__(self, more):
                super().__init__()
                self.more = more

            def forward(self, x):
                y, n = cut(x, self.more)
                if n > 2:  # CVL302
                    y = y * 2
                return y
        """
    agree(dedent(source))
