"""What annotations, type comments and defaults say of a parameter."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize(
    "annotation",
    [
        "torch.Tensor",
        '"torch.Tensor"',
        "'Tensor'",
        "torch.Tensor | None",
        'Optional["torch.Tensor"]',
        "Tensor",
        'Annotated[torch.Tensor, "n c"]',
        'Float[torch.Tensor, "n c"]',
        "Union[torch.Tensor, None]",
    ],
)
def test_an_annotated_tensor_is_one(agree: Agree, annotation: str) -> None:
    agree(forward("return [row for row in x]  # CVL304", parameters=f"x: {annotation}"))


@pytest.mark.parametrize(
    "annotation", ["list[torch.Tensor]", '"List[Tensor]"', "Sequence[torch.Tensor]", "tuple[torch.Tensor, ...]"]
)
def test_an_annotated_list_of_tensors_is_iterated_freely(agree: Agree, annotation: str) -> None:
    body = "total = 0\nfor t in xs:\n    total = total + t.sum().item()  # CVL202\nreturn total"
    agree(forward(body, parameters=f"xs: {annotation}"))


def test_a_string_annotation_that_is_no_expression_says_nothing(agree: Agree) -> None:
    agree(forward("y = torch.abs(x)\nreturn y / y.max().item()  # CVL202", parameters='x: "n c h w"'))


def test_a_type_comment_counts_as_an_annotation(agree: Agree) -> None:
    source = forward("return [row for row in x]  # CVL304", parameters="x")
    agree(source.replace("def forward(self, x):", "def forward(self, x):\n        # type: (torch.Tensor) -> list"))


def test_a_type_comment_on_an_argument_line_is_read_over(agree: Agree) -> None:
    source = forward("return x / x.max().item()  # CVL202")
    agree(source.replace("self, x", "\n        self,\n        x,  # type: Tensor\n    "))


def test_a_malformed_type_comment_is_no_error(agree: Agree) -> None:
    agree(forward("y = x.abs()  # type: this is (no type\nreturn y / y.max().item()  # CVL202"))


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ("x, n: int", "return x * int(n)"),
        ("x, n: 'int' = 2", "return x * int(n)"),
        ("x, n=2", "for i in range(n):\n    x = x * 2\nreturn x"),
        ("x, flag: bool = False", "return x * 2 if flag else x"),
        ("x, mode: str", "return x * 2 if mode == 'a' else x"),
        ("x, mode='a'", "if mode == 'a':\n    return x * 2\nreturn x"),
    ],
)
def test_plain_python_parameters_are_configuration(agree: Agree, parameters: str, body: str) -> None:
    agree(forward(body, parameters=parameters))


def test_a_named_tuple_parameter_has_tensor_fields(agree: Agree) -> None:
    record = "\n\nclass Batch(NamedTuple):\n    image: torch.Tensor\n    size: int\n"
    source = forward(
        "return batch.image / batch.image.max().item() * int(batch.size)  # CVL202", parameters="batch: Batch"
    )
    agree("from typing import NamedTuple\n" + source + record)


def test_labels_are_left_out_of_an_export(agree: Agree) -> None:
    body = "if labels is not None:\n    return x / labels.sum().item()\nreturn x * 2"
    agree(forward(body, parameters="x, labels=None"))


@pytest.mark.parametrize("layer", ["nn.Linear(4, 4)", "nn.Sequential(nn.Linear(4, 4), nn.ReLU())"])
def test_what_a_layer_of_torch_takes_is_a_tensor_even_if_it_is_measured_and_indexed(agree: Agree, layer: str) -> None:
    body = "y = self.layer(x)\nreturn [y[one] for one in range(len(x))]  # CVL205 CVL303"
    agree(forward(body, init=f"self.layer = {layer}"))


def test_a_part_of_the_projects_own_may_take_a_list(agree: Agree) -> None:
    body = "y = self.layer(xs)\nreturn [y[one] for one in range(len(xs))]"
    agree(forward(body, init="self.layer = Own()", parameters="xs"))


def test_as_many_rounds_as_are_asked_for_is_a_number(agree: Agree) -> None:
    agree(forward("for _ in range(n - 1):\n    x = x.relu()\nreturn x if n > 3 else -x", parameters="x, n"))


def test_what_an_arange_is_as_long_as_is_the_size_of_something(agree: Agree) -> None:
    agree(forward("rows = torch.arange(n)\nif n > 3:  # CVL302\n    rows = -rows\nreturn rows", parameters="n"))


@pytest.mark.parametrize("length", ["self.levels", "len(self.parts)"])
def test_what_is_as_long_as_a_module_has_levels_is_a_list(agree: Agree, length: str) -> None:
    agree(forward(f"assert len(x) == {length}\nreturn x[-1] * 2", init="self.levels, self.parts = CONFIG"))


@pytest.mark.parametrize("inputs", ["x, axis", "*inputs"])
def test_what_is_only_presumed_to_be_a_tensor_is_what_the_function_says_that_it_is_given(
    agree: Agree, inputs: str
) -> None:
    function = "\n\ndef turned(axis: int):\n    return axis + 4 if axis < 0 else axis\n"
    body = "x, axis = inputs[0], inputs[1]\n" * (inputs == "*inputs") + "return x.sum(turned(axis))"
    agree(forward(body, parameters=inputs) + function)
    agree(forward("return turned(x.sum())") + function.replace("else axis", "else axis  # CVL301"))


def test_what_is_spread_over_arguments_is_a_list_unless_it_must_be_a_tensor(agree: Agree) -> None:
    agree(forward("first, second = zip(*pairs)\nreturn x[list(first)] - x[list(second)]", parameters="x, pairs"))
    agree(forward("return torch.maximum(*x.relu())  # CVL304"))


def test_a_factor_for_each_axis_or_for_all_of_them_is_multiplied_as_a_number(agree: Agree) -> None:
    init = "self.factor = tuple(FACTORS) if isinstance(FACTORS, tuple) else float(FACTORS)"
    agree(forward("return nn.functional.interpolate(x, [side * self.factor for side in x.shape[2:]])", init=init))


def test_an_input_that_is_used_as_a_tensor_is_one_whatever_its_annotation_says(agree: Agree) -> None:
    body = "if x.reshape(-1).sum() > 0:  # CVL301\n    return x * 2\nreturn x"
    agree("from typing import Tuple\n" + forward(body, parameters="x: Tuple[torch.Tensor]"))


@pytest.mark.parametrize("parameter", ["batch", "batch: dict", "batch: Dict"])
def test_a_model_is_given_tensors_by_name(agree: Agree, parameter: str) -> None:
    body = 'index = batch["index"]\nreturn batch["x"][: int(index[-1]) + 1]  # CVL202'
    agree(forward(body, parameters=parameter))


def test_what_is_given_by_name_may_be_a_list(agree: Agree) -> None:
    agree(forward('return [x.relu() for x in batch["levels"]] * len(batch["levels"])', parameters="batch"))
    agree(forward('return batch["there"]["x"].relu()', parameters="batch"))


def test_a_dict_that_a_module_is_made_with_is_none_of_the_inputs(agree: Agree) -> None:
    source = forward("return x * self.n", init='self.n = int(config["n"])')
    agree(source.replace("__init__(self)", "__init__(self, config: dict)"))
