"""What ``self`` holds: configuration, buffers, layers."""

from __future__ import annotations

import pytest
from conftest import Agree
from convlint_rules.examples import forward


@pytest.mark.parametrize("value", ["3", "n", "config.width", "True", "[1, 2]"])
def test_configuration_decides_freely(agree: Agree, value: str) -> None:
    source = forward("if self.k:\n    return x * 2\nreturn x * self.k", init=f"self.k = {value}")
    agree(source.replace("__init__(self)", "__init__(self, n=4, config=None)"))


def test_an_int_of_configuration_may_be_converted_and_looped_over(agree: Agree) -> None:
    agree(forward("for i in range(int(self.k)):\n    x = x * 2\nreturn x", init="self.k = 3"))


def test_a_size_kept_on_self_is_still_a_size(agree: Agree) -> None:
    agree(forward("self.n = x.shape[0]\nreturn x * int(self.n)  # CVL202"))


def test_a_buffer_is_no_python_flag(agree: Agree) -> None:
    body = "if self.on:  # CVL301\n    return x * 2\nreturn x - 3"
    agree(forward(body, init='self.register_buffer("on", torch.tensor(True))'))


def test_a_parameter_read_as_a_number(agree: Agree) -> None:
    agree(forward("return x * float(self.w)  # CVL202", init="self.w = nn.Parameter(torch.ones(()))"))


def test_a_parameter_written_in_forward(agree: Agree) -> None:
    agree(forward("self.w += 1  # CVL104\nreturn x * self.w", init="self.w = nn.Parameter(torch.ones(()))"))


def test_a_buffer_written_in_forward(agree: Agree) -> None:
    agree(forward("self.n += 1  # CVL104\nreturn x * self.n", init='self.register_buffer("n", torch.zeros(()))'))


def test_writing_a_buffer_in_the_constructor_is_no_finding(agree: Agree) -> None:
    agree(forward("return x * self.n", init='self.register_buffer("n", torch.zeros(()))\nself.n.fill_(2)'))


def test_a_plain_counter_is_no_buffer(agree: Agree) -> None:
    agree(forward("self.calls += 1\nreturn x", init="self.calls = 0"))


def test_the_output_of_a_layer_is_a_tensor(agree: Agree) -> None:
    agree(forward("y = self.layer(x)\nreturn y / y.max().item()  # CVL202", init="self.layer = nn.Linear(4, 4)"))


def test_a_layer_of_the_project_is_entered(agree: Agree) -> None:
    block = "\n\nclass Block(nn.Module):\n    def forward(self, t):\n        return t / t.max().item()  # CVL202\n"
    agree(forward("return self.block(x)", init="self.block = Block()") + block)


@pytest.mark.parametrize(
    "init",
    [
        "self.blocks = nn.ModuleList([Block(), Block()])",
        "self.blocks = nn.ModuleList(Block() for _ in range(3))",
        "self.blocks = nn.ModuleList()\nfor _ in range(3):\n    self.blocks.append(Block())",
    ],
)
def test_the_blocks_of_a_module_list_are_entered_once(agree: Agree, init: str) -> None:
    block = "\n\nclass Block(nn.Module):\n    def forward(self, t, n):\n        return t * int(n)  # CVL202\n"
    agree(forward("for block in self.blocks:\n    x = block(x, x.shape[1])\nreturn x", init=init) + block)


@pytest.mark.parametrize("made", ["nn.Sequential(Block(), nn.ReLU())", "nn.Sequential(*[Block() for _ in range(3)])"])
def test_the_blocks_of_a_sequential_are_entered_once(agree: Agree, made: str) -> None:
    block = "\n\nclass Block(nn.Module):\n    def forward(self, t):\n        return t * int(t.shape[1])  # CVL202\n"
    agree(forward("return self.blocks(x)", init=f"self.blocks = {made}") + block)


def test_a_loop_over_layers_is_no_loop_over_a_size(agree: Agree) -> None:
    init = "self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))"
    agree(
        forward("for i, layer in enumerate(self.layers):\n    x = layer(x) * i\nreturn x * len(self.layers)", init=init)
    )


def test_a_module_dict_is_indexed_by_name(agree: Agree) -> None:
    block = "\n\nclass Block(nn.Module):\n    def forward(self, t):\n        return t * len(t)  # CVL205\n"
    agree(forward('return self.heads["a"](x.abs())', init='self.heads = nn.ModuleDict({"a": Block()})') + block)


def test_a_dataclass_carries_its_fields(agree: Agree) -> None:
    record = "\n\n@dataclasses.dataclass\nclass Sizes:\n    height: int\n    width: int\n"
    body = "s = Sizes(x.shape[0], width=3)\nreturn x * int(s.height) * int(s.width)  # CVL202"
    agree(forward(body, imports="dataclasses") + record)


@pytest.mark.parametrize(
    "body",
    [
        "n, c, h, w = x.shape\nif c != self.channels:  # CVL302\n    x = x * 2",
        "b, c = x.shape\ny = x if c == 3 else x * 2  # CVL302",
        "if self.scale.shape[0] > width:  # CVL302\n    x = x * 2",
        "if self.scale.size(0) != self.scale.size(1):  # CVL302\n    x = x * 2",
        "if self.layer.weight.shape[0] > 3:  # CVL302\n    x = x * 2",
        "b, c = self.known(x).shape\nassert c % width == 0  # CVL302",
        "b, c = self.known(x).shape\nif c // 2 > width:  # CVL302\n    x = x * 2",
    ],
)
def test_a_size_that_the_architecture_fixes_is_harmless(agree: Agree, body: str) -> None:
    init = "self.scale = nn.Parameter(torch.ones(k, k))\nself.layer = nn.Linear(k, k)\nself.known = nn.Linear(k, 96)"
    source = forward(f"{body}\nreturn x", parameters="x, width=3", init=init).replace(
        "__init__(self)", "__init__(self, k)"
    )
    agree(source, show_harmless=True)
    agree(source.replace("  # CVL302", ""))


def test_a_size_that_was_read_before_anything_is_traced_is_a_plain_number(agree: Agree) -> None:
    init = "self.scale = nn.Parameter(torch.ones(4, 3))\nself.n = self.scale.shape[0]"
    agree(forward("if self.n > 3:\n    x = x * 2\nreturn x", init=init), show_harmless=True)


@pytest.mark.parametrize(
    "body",
    [
        "n, c, h, w = x.shape\nif c > h:  # CVL302\n    x = x * 2",
        "n, c, h, w = x.shape\nif h != self.height:  # CVL302\n    x = x * 2",
        "if self.scale.shape[0] > x.shape[1]:  # CVL302\n    x = x * 2",
    ],
)
def test_a_size_of_the_input_beside_a_fixed_one_is_found(agree: Agree, body: str) -> None:
    agree(forward(f"{body}\nreturn x", init="self.scale = nn.Parameter(torch.ones(4))"))


BLOCK = "\n\nclass Block(nn.Module):\n    def forward(self, t):\n        return t * 2\n"


@pytest.mark.parametrize("made", ["nn.Linear(4, 4)", "nn.Sequential(nn.Linear(4, 4))", "Block()"])
def test_a_layer_converted_in_forward(agree: Agree, made: str) -> None:
    body = "self.layer = self.layer.to(x.dtype)  # CVL104\nreturn self.layer(x)"
    agree(forward(body, init=f"self.layer = {made}") + BLOCK)


def test_a_model_that_converts_itself_in_forward(agree: Agree) -> None:
    agree(forward("self.to(x.device)  # CVL104\nreturn x * 2"))


@pytest.mark.parametrize("made", ["nn.Linear(4, 4)", "Block()"])
@pytest.mark.parametrize("call", ["self.layer.eval()", "self.layer.train()", "x = x.to(torch.float16)"])
def test_a_mode_or_a_tensor_may_change_in_forward(agree: Agree, made: str, call: str) -> None:
    agree(forward(f"{call}\nreturn self.layer(x)", init=f"self.layer = {made}") + BLOCK)


def test_a_layer_converted_in_the_constructor_is_no_finding(agree: Agree) -> None:
    init = "self.layer = nn.Linear(4, 4)\nself.layer = self.layer.to(torch.float16)\nself.to('cpu')"
    agree(forward("return self.layer(x)", init=init))


@pytest.mark.parametrize("name", ["half", "float", "double", "bfloat16", "cuda", "cpu"])
def test_a_layer_converted_by_any_name_is_found(agree: Agree, name: str) -> None:
    agree(forward(f"self.layer.{name}()  # CVL104\nreturn self.layer(x)", init="self.layer = nn.Linear(4, 4)"))


@pytest.mark.parametrize(
    ("state", "code"), [("State.b", ""), ("State.a", "CVL202"), ("cache['state'].now", "CVL202"), ("x.sum()", "")]
)
def test_a_member_of_an_enumeration_equals_itself_alone(agree: Agree, state: str, code: str) -> None:
    states = "import enum\n\n\nclass State(enum.Enum):\n    a = 1\n    b = 2\n\n\n"
    body = f"if {state} == State.a:\n    return x * float(x.sum()){f'  # {code}' if code else ''}\nreturn x"
    agree(states + forward(body, parameters="x, cache: dict"))
