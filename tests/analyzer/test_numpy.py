"""Functions of NumPy on tensors and sizes, as its table of facts has them."""

from __future__ import annotations

import textwrap

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint.analyzer import library_facts

GIVEN = """    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward"""


def model(body: str) -> str:
    return forward(body, imports="numpy as np")


@pytest.mark.parametrize("call", ["np.exp(x)", "np.stack([x, x])", "np.linalg.norm(x)", "np.float32(x)", "np.sum(a=x)"])
def test_a_tensor_whose_values_are_read_leaves_the_graph(agree: Agree, call: str) -> None:
    agree(model(f"return torch.as_tensor({call})  # CVL201"))


@pytest.mark.parametrize("call", ["np.sqrt(x.shape[1])", "np.prod(x.shape[:2])", "np.zeros(shape=x.shape[0])"])
def test_a_size_leaves_the_graph(agree: Agree, call: str) -> None:
    agree(model(f"return x * float({call})  # CVL201"))


@pytest.mark.parametrize(
    "body",
    [
        "return x * np.shape(x)[1]",
        "return x * np.ndim(x)",
        "return x * np.size(x)",
        "return x * 2 if np.ndim(x) == 3 and np.iterable(x) else x",
        "return np.squeeze(x) * 2",
        "return np.swapaxes(x, 0, 1) * 2",
    ],
)
def test_what_only_asks_for_the_shape_or_is_the_tensors_own_method_stays(agree: Agree, body: str) -> None:
    agree(model(body))


def test_a_size_that_numpy_was_asked_for_is_still_a_size(agree: Agree) -> None:
    agree(model("return x * int(np.shape(x)[1])  # CVL202"))
    agree(model("return x * int(np.size(x))  # CVL202"))


def test_what_numpy_computed_is_reported_once(agree: Agree) -> None:
    agree(model("if np.allclose(x, 0):  # CVL201\n    return x\nreturn x * 2"))
    agree(model("u, s, v = np.linalg.svd(x)  # CVL201\nreturn torch.from_numpy(u) * float(s[0])"))
    agree(model("return x * sum(x.numpy().tolist()[0])  # CVL201"))


def test_the_rank_of_an_array_is_no_size(agree: Agree) -> None:
    source = "a = x.numpy()  # CVL201\nif a.ndim == 3 or np.ndim(a) == 3:\n    return x * 2\nreturn x"
    agree(model(source))


def with_inner(body: str) -> str:
    """A model that is given a part of which nobody knows what it gives."""
    return model(body).replace("    def forward", GIVEN)


def test_numbers_of_an_array_left_the_graph_with_it(agree: Agree) -> None:
    agree(model("a = np.asarray(x)  # CVL201\nreturn x * 2 if a.ndim == 1 and a[0] == 4 else x"))
    agree(model("a = np.asarray(x)  # CVL201\nok = a.ndim == 1 or a.size == 4\nreturn x * 2 if ok else x"))


@pytest.mark.parametrize(
    "number",
    ["round(a[0] + a[1])", "round(max(a[0], a[1]))", "min(a)", "abs(a[0]) + 1", "sum(a)", "round(a[0] * 2, 1)"],
)
def test_python_computes_on_what_left_the_graph_before(agree: Agree, number: str) -> None:
    agree(model(f"a = np.asarray(x)  # CVL201\nreturn x * int({number})"))


def test_what_other_libraries_make_of_an_array_is_outside_too(agree: Agree) -> None:
    body = "a = np.asarray(x)  # CVL201\nfor part in cv2.split(a):\n    if part.any():\n        return x\nreturn x * 2"
    agree(forward(body, imports="cv2, numpy as np"))


@pytest.mark.parametrize("annotation", ["np.ndarray", "'np.ndarray'"])
def test_what_is_annotated_as_an_array_is_none_of_torchs(agree: Agree, annotation: str) -> None:
    """Who calls it with what a layer gives has taken that out of the graph, and is told so there."""
    helper = f"""

def box(scores: {annotation}, at: int) -> float:
    height, width = scores.shape[:2]
    if scores.max() > 0.5:
        return float(np.clip(at, 0, width - 1))
    return float(scores.mean())
"""
    agree(with_inner("return x * box(self.inner(x), 3)") + helper)


def test_newaxis_is_none(agree: Agree) -> None:
    agree(model("y = x.reshape(2, -1)[:, np.newaxis]\nreturn y * int(y.shape[1]) * int(y.shape[2])  # CVL202"))


def test_the_table_names_what_leaves_tensors_alone() -> None:
    functions = library_facts.numpy().functions
    kept = {name for name, one in functions.items() if one.on_tensors in ("asks", "graph")}
    assert {"ndim", "shape", "size", "squeeze"} <= kept
    assert not kept & {"asarray", "sum", "concatenate", "sqrt", "where", "linalg.inv"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["exp", "concatenate", "shape", "squeeze", "allclose", "where", "zeros", "linalg.svd"])
def test_the_table_says_what_the_installed_numpy_does(name: str) -> None:
    pytest.importorskip("torch")
    numpy = pytest.importorskip("numpy")
    from convlint.analyzer.library_facts.generate_numpy import row

    function = numpy
    for part in name.split("."):
        function = getattr(function, part)
    returns, _, on_tensors = row(function)
    assert library_facts.numpy().functions[name] == library_facts.NumpyFunction(returns, on_tensors)


def test_what_is_no_array_is_not_taken_for_one(agree: Agree) -> None:
    made = """

        def made(self, y):
            if isinstance(y, np.ndarray):
                y = torch.from_numpy(np.ascontiguousarray(y))
            elif isinstance(y, list):
                y = y[0]
            return y * 2
    """
    agree(model("return self.made([x, x]) + self.made(x)") + textwrap.indent(textwrap.dedent(made), "    "))


def test_what_is_as_likely_a_tensor_as_a_list_of_values_is_not_reported(agree: Agree) -> None:
    agree("from elsewhere import made\n" + forward("return torch.as_tensor(made(x)) + 1"))
