"""Sizes and tensors through calls, closures and recursion."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


def test_a_size_given_to_a_function_is_still_a_size(agree: Agree) -> None:
    agree(forward("return pad(x, x.shape[1])") + "\n\ndef pad(t, n):\n    return t * int(n)  # CVL202\n")


def test_a_size_that_a_function_returns_is_still_a_size(agree: Agree) -> None:
    agree(forward("return x * int(length(x))  # CVL202") + "\n\ndef length(t):\n    return t.shape[1] // 2\n")


def test_a_size_goes_through_keywords_defaults_and_tuples(agree: Agree) -> None:
    helper = "\n\ndef sizes(t, *, scale=1, n=None):\n    return n * scale, t.size(0)\n"
    agree(forward("a, b = sizes(x, n=x.shape[1])\nreturn x * int(a) + int(b)  # CVL202 CVL202") + helper)


def test_a_constant_given_to_the_same_function_is_no_size(agree: Agree) -> None:
    agree(forward("return x * double(3)") + "\n\ndef double(n):\n    return int(n) * 2\n")


def test_a_function_is_judged_by_its_worst_call(agree: Agree) -> None:
    helper = "\n\ndef double(n):\n    return int(n) * 2  # CVL202\n"
    agree(forward("return x * double(3) * double(x.shape[0])") + helper)


def test_sizes_cross_files(agree: Agree) -> None:
    agree(
        {
            "pkg/__init__.py": "",
            "pkg/sizes.py": "def half(n):\n    return n // 2\n",
            "pkg/ops.py": "from .sizes import half\n\n\ndef pad(t, n):\n    return t * int(half(n))  # CVL202\n",
            "pkg/model.py": "from pkg import ops\n" + forward("return ops.pad(x, x.shape[1])"),
        }
    )


def test_a_helper_that_nobody_calls_with_tensors_is_not_judged(agree: Agree) -> None:
    agree(forward("return x") + "\n\ndef average(t):\n    return t.sum().item() / len(t)\n")


def test_a_method_is_followed_through_self(agree: Agree) -> None:
    agree(forward("return self.scale(x)") + "\n    def scale(self, t):\n        return t / t.max().item()  # CVL202\n")


def test_static_and_class_methods_are_followed(agree: Agree) -> None:
    agree(
        forward("return self.a(x) + self.b(x)")
        + "\n    @staticmethod\n    def a(t):\n        return t / t.max().item()  # CVL202\n"
        + "\n    @classmethod\n    def b(cls, t):\n        return t / t.min().item()  # CVL202\n"
    )


def test_a_property_is_followed(agree: Agree) -> None:
    agree(
        forward("return x * self.factor", init='self.register_buffer("scale", torch.ones(()))')
        + "\n    @property\n    def factor(self):\n        return float(self.scale)  # CVL202\n"
    )


def test_a_closure_sees_the_tensors_around_it(agree: Agree) -> None:
    agree(
        forward("""
            n = x.shape[1]

            def scaled(t):
                return t * int(n)  # CVL202

            return scaled(x)
        """)
    )


def test_a_lambda_sees_the_tensors_around_it(agree: Agree) -> None:
    agree(forward("n = x.shape[1]\nf = lambda t: t * int(n)  # CVL202\nreturn f(x)"))


def test_a_function_may_be_an_argument(agree: Agree) -> None:
    helper = (
        "\n\ndef apply(function, t):\n    return function(t)\n\n\ndef peak(t):\n    return t.max().item()  # CVL202\n"
    )
    agree(forward("return x / apply(peak, x)") + helper)


def test_partial_keeps_what_it_was_given(agree: Agree) -> None:
    helper = "\n\ndef scale(n, t):\n    return t * int(n)  # CVL202\n"
    agree(forward("f = functools.partial(scale, x.shape[0])\nreturn f(x)", imports="functools") + helper)


@pytest.mark.parametrize("arguments", ["*x.shape[-2:]", "*(x.shape[0], x.shape[1])", "*[x.shape[0], x.shape[1]]"])
def test_starred_arguments_are_unpacked(agree: Agree, arguments: str) -> None:
    helper = "\n\ndef area(h, w):\n    return int(h) * int(w)  # CVL202 CVL202\n"
    agree(forward(f"return x * area({arguments})") + helper)


def test_keyword_unpacking_is_followed(agree: Agree) -> None:
    helper = "\n\ndef area(h, w):\n    return int(h) * w  # CVL202\n"
    agree(forward("return x * area(**{'h': x.shape[0], 'w': 2})") + helper)


def test_variadic_parameters_hold_what_was_given(agree: Agree) -> None:
    helper = "\n\ndef first(*sizes, **more):\n    return int(sizes[0]) + int(more['n'])  # CVL202 CVL202\n"
    agree(forward("return x * first(x.shape[0], n=x.shape[1])") + helper)


def test_recursion_ends(agree: Agree) -> None:
    helper = "\n\ndef down(t, n):\n    return t if n == 0 else down(t * t.max().item(), n - 1)  # CVL202\n"
    agree(forward("return down(x, 3)") + helper)


def test_recursion_on_ever_new_arguments_ends(agree: Agree) -> None:
    helper = "\n\ndef deeper(t):\n    return deeper([t])\n"
    agree(forward("deeper(x)\nreturn x / x.max().item()  # CVL202") + helper)


def test_mutual_recursion_ends(agree: Agree) -> None:
    helper = (
        "\n\ndef ping(t, n):\n    return pong(t * int(n), n)  # CVL202\n\n\ndef pong(t, n):\n    return ping(t, n)\n"
    )
    agree(forward("return ping(x, x.shape[0])") + helper)


def test_a_model_that_calls_itself_ends(agree: Agree) -> None:
    agree(forward("return self(x) * int(x.shape[0])  # CVL202"))


def test_one_function_called_from_many_places_is_one_finding(agree: Agree) -> None:
    helper = "\n\ndef peak(t):\n    return t.max().item()  # CVL202\n"
    agree(forward("a = peak(x)\nb = peak(x * 2)\nc = peak(x.abs())\nreturn x * a * b * c") + helper)


@pytest.mark.parametrize(
    ("register", "code"),
    [
        ("self.layer.register_forward_pre_hook(scaled)", "CVL202"),
        ("self.layer.register_forward_pre_hook(scaled, with_kwargs=True)", ""),
        ("self.other.register_forward_pre_hook(scaled)", ""),
    ],
)
def test_what_is_called_before_a_layer(agree: Agree, register: str, code: str) -> None:
    hook = (
        f"def scaled(module, args):\n    return (args[0] * float(args[0].mean()),){f'  # {code}' if code else ''}\n\n\n"
    )
    init = f"self.layer, self.other = nn.Linear(4, 4), nn.Linear(3, 3)\n{register}"
    source = forward("return self.layer(x)", "x: torch.Tensor", init=init)
    agree(source.replace("class Model", f"{hook}class Model"))
