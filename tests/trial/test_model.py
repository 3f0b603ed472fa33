"""Models and their inputs, found and made as a user names them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from convlint.errors import UsageError
from convlint.trial.guess import guess
from convlint.trial.inputs import parse_inputs
from convlint.trial.job import ModelSpec
from convlint.trial.model import find, load_model
from convlint.trial.subject import arranged, prepare

NET = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=4, *, depth=1):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(width, width) for _ in range(depth)])

    def forward(self, x):
        return self.layers(x)


class Wide(Net):
    def __init__(self, width):
        super().__init__(width)


def build():
    raise ValueError("no")


def nothing():
    return {}


def state():
    return Net().state_dict()


def sizes():
    for n in (2, 3):
        yield {"x": torch.rand(n, 4)}


def mixed():
    yield torch.rand(2, 4)
    yield (torch.rand(2, 4), 1)


def counts():
    yield torch.rand(2, 4), 3
    yield torch.rand(3, 4), 4


made = Net()
SIZE = 4
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "shopping").mkdir()
    (tmp_path / "shopping" / "__init__.py").touch()
    (tmp_path / "shopping" / "net.py").write_text(NET)
    (tmp_path / "alone.py").write_text(NET)
    modules, path = set(sys.modules), list(sys.path)
    yield tmp_path
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith(("shopping", "alone")):
            del sys.modules[name]


def spec(folder: Path, factory: str, **more: object) -> ModelSpec:
    return ModelSpec(factory=factory, folders=(str(folder),), **more)  # type: ignore[arg-type]


def test_classes_functions_and_models_by_module_and_by_file(folder: Path) -> None:
    for factory in (
        "shopping.net:Net",
        "shopping.net:made",
        f"{folder}/shopping/net.py:Net",
        f"{folder}/alone.py:made",
    ):
        model = load_model(spec(folder, factory))
        assert (type(model).__name__, model.training) == ("Net", False)
    assert load_model(spec(folder, f"{folder}/shopping/net.py:Net")).__module__ == "shopping.net"
    assert find(f"{folder}/alone.py:Net") is type(load_model(spec(folder, f"{folder}/alone.py:made")))
    assert len(load_model(spec(folder, "shopping.net:Net", arguments={"depth": 3})).layers) == 3
    assert load_model(spec(folder, "shopping.net:Wide", arguments=[7])).layers[0].in_features == 7


def test_random_weights_are_the_same_each_time(folder: Path) -> None:
    one, other = (load_model(spec(folder, "shopping.net:Net")).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_weights_are_loaded_whole(folder: Path) -> None:
    file = folder / "net.pt"
    state = load_model(spec(folder, "shopping.net:Net")).state_dict()
    torch.save({"model": {name: value + 1 for name, value in state.items()}, "epoch": 3}, file)
    loaded = load_model(spec(folder, "shopping.net:Net", weights=str(file))).state_dict()
    assert all(torch.equal(loaded[name], state[name] + 1) for name in state)


def test_weights_of_another_size_are_told_with_the_names_that_differ(folder: Path) -> None:
    file = folder / "wide.pt"
    state = load_model(spec(folder, "shopping.net:Wide", arguments=[7])).state_dict()
    del state["layers.0.bias"]
    torch.save(state | {"extra": torch.ones(1)}, file)
    with pytest.raises(UsageError) as raised:
        load_model(spec(folder, "shopping.net:Wide", arguments=[5], weights=str(file)))
    assert str(raised.value).endswith(
        "they lack `layers.0.bias` and have besides `extra` and have of another size `layers.0.weight`: [7, 7], where "
        "the model has [5, 5]; make it as it was when it was saved"
    )


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("shoping.net:Net", "there is no module `shoping`; did you mean `shopping`?"),
        ("shopping.nett:Net", "there is no module `shopping.nett`; did you mean `shopping.net`?"),
        ("shopping.net:Nett", "`shopping.net` has no `Nett`; did you mean `Net`?"),
        ("shopping.net", "`shopping.net` names no model; write `package.module:name` or `path/file.py:name`"),
        ("shopping/nett.py:Net", "shopping/nett.py: there is no such file"),
        ("shopping.net:build", "`shopping.net:build` cannot be made: ValueError: no ("),
        ("shopping.net:SIZE", "`shopping.net:SIZE` is a int: no model, and nothing that makes one"),
        ("shopping.net:nothing", "`shopping.net:nothing` gives a dict, not a torch.nn.Module"),
        ("shopping.net:Wide", "missing 1 required positional argument: 'width'; give its arguments in a"),
    ],
)
def test_what_is_no_model_is_named(folder: Path, factory: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_model(spec(folder, factory))
    assert message in str(raised.value)


def test_a_model_takes_no_arguments_and_weights_must_be_weights(folder: Path) -> None:
    with pytest.raises(UsageError, match="is a model already; leave out its `arguments`"):
        load_model(spec(folder, "shopping.net:made", arguments=[1]))
    (folder / "net.pt").write_text("weights")
    with pytest.raises(UsageError, match=r"net\.pt: cannot be read as weights: it is no file of `torch.save`"):
        load_model(spec(folder, "shopping.net:made", weights=str(folder / "net.pt")))
    with pytest.raises(UsageError, match=r"nett\.pt: there is no such file"):
        load_model(spec(folder, "shopping.net:made", weights=str(folder / "nett.pt")))


def test_weights_of_a_wrapped_model_are_told_with_what_to_take_off(folder: Path) -> None:
    file = folder / "wrapped.pt"
    state = load_model(spec(folder, "shopping.net:Net")).state_dict()
    torch.save({f"module.{name}": value for name, value in state.items()}, file)
    with pytest.raises(UsageError, match=r"save them without the `module.` before each name"):
        load_model(spec(folder, "shopping.net:Net", weights=str(file)))
    torch.save({**state, "extra.bias": torch.zeros(2)}, file)
    with pytest.raises(UsageError, match=r"they have besides `extra.bias`$"):
        load_model(spec(folder, "shopping.net:Net", weights=str(file)))


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> object:
        return open, (str(self.mark), "w")


def test_weights_run_nothing(folder: Path) -> None:
    file, mark = folder / "trap.pt", folder / "ran"
    torch.save({"layer.weight": Trap(mark)}, file)
    with pytest.raises(UsageError, match=r"trap\.pt: cannot be read as weights: it holds a `\w+\.open`, and"):
        load_model(spec(folder, "shopping.net:made", weights=str(file)))
    assert not mark.exists()
    torch.load(file, weights_only=False)["layer.weight"].close()
    assert mark.exists()


def test_a_function_that_yields_several_inputs_says_which_axes_are_dynamic(folder: Path) -> None:
    one = spec(folder, "shopping.net:Net")
    prepared = prepare(load_model(one), one, "shopping.net:sizes")
    assert prepared.subject.dynamic == {0: {0: "x.shape[0]"}}
    kinds = {sample.name: sample.kind for sample in prepared.subject.samples}
    assert (kinds["traced"], kinds["input 2"], kinds["seed 1"], kinds["zeros"]) == (
        "traced",
        "shapes",
        "values",
        "values",
    )
    with pytest.raises(UsageError, match="yields inputs of several structures"):
        prepare(load_model(one), one, "shopping.net:mixed")
    with pytest.raises(
        UsageError, match=r"yields several values of what is no tensor, \d and others; .* `--input 'k: int in 1..8'`"
    ):
        prepare(load_model(one), one, "shopping.net:counts")
    with pytest.raises(UsageError, match=r"`shopping\.net:build` gives no inputs: ValueError: no"):
        prepare(load_model(one), one, "shopping.net:build")


class Takes(nn.Module):
    def forward(self, image: torch.Tensor, boxes: torch.Tensor, flip: bool = False) -> torch.Tensor:
        return image


def test_inputs_go_by_name_where_the_model_knows_the_name_and_else_in_order() -> None:
    known = parse_inputs("boxes: float32[2]; image.0: float32[3]; image.1: float32[4]; flip = True")
    assert arranged(Takes(), known, ["b", "i", "j"]) == {"boxes": "b", "image": ["i", "j"], "flip": True}
    assert arranged(Takes(), parse_inputs("x: float32[2]; y: float32[2]"), ["b", "i"]) == ("b", "i")
    with pytest.raises(UsageError, match=r"input `box`: `forward` has no such parameter; did you mean `boxes`\?"):
        arranged(Takes(), parse_inputs("image: float32[2]; box: float32[2]"), ["b", "i"])


class Scaled(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor, scale: float) -> torch.Tensor:
        return self.layer(x) * scale


class Turned(nn.Module):
    """A model of sequences whose features come last."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.transpose(1, 2))


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Linear(4, 2), "x: float32[N=2, 4]"),
        (nn.Conv2d(3, 2, 3), "x: float32[N=2, 3, H=64, W=64]"),
        (nn.Conv2d(3, 2, 100), "x: float32[N=2, 3, H=224, W=224]"),
        (nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(2 * 64 * 64, 1)), "x: float32[N=2, 1, 64, 64]"),
        (nn.Embedding(9, 2), "x: int64[N=2, L=8] in 0..8"),
        (Turned(nn.Conv1d(4, 2, 1)), "x: float32[N=2, L=64, 4]"),
    ],
)
def test_inputs_are_guessed_from_the_first_layer_and_only_what_may_change_is_dynamic(
    layer: nn.Module, text: str
) -> None:
    guessed = guess(Scaled(layer).eval(), ModelSpec(factory="net:Scaled"))
    assert guessed.text == f"{text}; scale = 0.5"
    assert guessed.why.startswith("the first layer, `layer")
    assert "a Embedding" not in guessed.why


def test_a_model_that_says_what_it_takes_is_believed() -> None:
    model = nn.Sequential(nn.Linear(4, 2))
    model.example_input_array = torch.rand(3, 5, 4)  # type: ignore[assignment]
    guessed = guess(model, ModelSpec(factory="net:model"))
    assert (guessed.text, guessed.why) == ("input: float32[N=3, 5, 4]", "`example_input_array`")


class Lit(nn.Module):
    """What a LightningModule says of its inputs: a tensor, or the arguments of ``forward``."""

    def __init__(self, example: Any) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.example_input_array = example

    def forward(self, x: torch.Tensor, target: dict[str, torch.Tensor], scale: float = 1.0) -> torch.Tensor:
        return self.layer(x) * scale + target["bias"]


@pytest.mark.parametrize("by_name", [False, True])
def test_the_example_of_a_lightning_module_may_have_several_arguments(by_name: bool) -> None:
    x, target = torch.rand(3, 5, 4), {"bias": torch.rand(3, 5, 2)}
    model = Lit({"x": x, "target": target, "scale": 2.0} if by_name else (x, target, 2.0))
    guessed = guess(model, ModelSpec(factory="lit:Lit"))
    assert guessed.text == "x: float32[N=3, 5, 4]; target.bias: float32[N=3, 5, 2]; scale = 2.0"
    assert guessed.why == "`example_input_array`"


class Reads(nn.Module):
    """As models of transformers say what they take; it has so many places."""

    dummy_inputs: ClassVar = {
        "input_ids": torch.tensor([[7, 6, 0], [1, 2, 3]]),
        "attention_mask": torch.ones(2, 3, dtype=torch.bool),
        "decoder_input_ids": torch.tensor([[0, 1], [2, 3]]),
    }

    def __init__(self, places: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(9, 4), nn.Embedding(places, 4)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, decoder_input_ids: torch.Tensor
    ) -> torch.Tensor:
        x = self.tokens(input_ids) + self.places(torch.arange(input_ids.shape[1]))
        return self.tokens(decoder_input_ids) + (x * attention_mask[..., None]).sum(1, keepdim=True)


@pytest.mark.parametrize(("places", "length", "free"), [(8, "L=3", "L and T may change"), (3, "3", "T may change")])
def test_lengths_of_dummy_inputs_are_taken_to_change_where_eager_takes_another(
    places: int, length: str, free: str
) -> None:
    guessed = guess(Reads(places).eval(), ModelSpec(factory="net:Reads"))
    assert guessed.text == (
        f"input_ids: int64[N=2, {length}] in 0..7; attention_mask: bool[N=2, {length}]; "
        f"decoder_input_ids: int64[N=2, T=2] in 0..3"
    )
    assert guessed.why == f"`dummy_inputs`, and that {free}"


class Sees(nn.Module):
    """As models of transformers say what they take, with the tokens that their base class gives for all of them."""

    dummy_inputs: ClassVar = {"input_ids": torch.tensor([[7, 6, 0], [1, 2, 3]])}

    def __init__(self, main: str, layer: nn.Module, config: Any) -> None:
        super().__init__()
        self.main_input_name, self.layer, self.config = main, layer, config

    def forward(
        self, pixel_values: torch.Tensor | None = None, past_values: torch.Tensor | None = None, **kwargs: Any
    ) -> torch.Tensor:
        given = pixel_values if past_values is None else past_values
        assert given is not None
        return self.layer(given)


_EXACT = nn.Sequential(nn.Conv2d(3, 1, 1), nn.Flatten(), nn.Linear(32 * 48, 2))
_SIZED = SimpleNamespace(image_size=[32, 48])


@pytest.mark.parametrize(
    ("main", "layer", "config", "text"),
    [
        ("pixel_values", nn.Conv2d(3, 1, 1), SimpleNamespace(), "pixel_values: float32[N=2, 3, H=64, W=64]"),
        ("pixel_values", _EXACT, _SIZED, "pixel_values: float32[N=2, 3, 32, 48]"),
        ("pixel_values", _EXACT, SimpleNamespace(backbone_config=_SIZED), "pixel_values: float32[N=2, 3, 32, 48]"),
        (
            "past_values",
            nn.Sequential(nn.Flatten(), nn.Linear(24, 2)),
            SimpleNamespace(context_length=8, num_input_channels=3),
            "past_values: float32[N=2, 8, 3]",
        ),
    ],
)
def test_tokens_are_not_given_to_a_model_of_images_or_series(
    main: str, layer: nn.Module, config: Any, text: str
) -> None:
    assert guess(Sees(main, layer, config).eval(), ModelSpec(factory="net:Sees")).text == text


class Gathers(nn.Module):
    """A layer of a graph, as torch_geometric calls what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.in_channels, self.layer = 5, nn.Linear(5, 2)

    def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
        assert len(x) > int(edge_index.max())
        return self.layer(x)[edge_index[0]]


def test_a_graph_has_always_the_nodes_that_its_edges_name() -> None:
    text = guess(Gathers().eval(), ModelSpec(factory="net:Gathers")).text
    assert text == "x: float32[N=4..60, 5]; edge_index: int64[2, E=16] in 0..3"


def test_the_example_for_a_user_has_whole_numbers_where_the_name_says_so() -> None:
    class Lengths(nn.Module):
        def forward(self, waves: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
            return waves * lengths

    with pytest.raises(UsageError, match=r"--input 'waves: float32\[N=2, 3, H=64, W=64\]; lengths: int64\["):
        guess(Lengths(), ModelSpec(factory="net:Lengths"))


def test_what_cannot_be_guessed_is_asked_for() -> None:
    with pytest.raises(UsageError) as raised:
        guess(Takes(), ModelSpec(factory="net:Takes"))
    assert "`net:Takes` takes `image`, `boxes` (and 1 more, which it need not be given), and what" in str(raised.value)
    assert "`--input 'image: float32[N=2, 3, H=64, W=64]; boxes: float32[" in str(raised.value)


class Codes(nn.Module):
    """Has no layer that says what it takes, and takes one tensor and what else is known of it."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Parameter(torch.rand(7, 5))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        assert x.shape[-1] == 5
        nearest = torch.cdist(x, self.codes).argmin(-1)
        return self.codes[nearest if mask is None else nearest[mask]]


class Named(Codes):
    """Says how wide it is."""

    def __init__(self) -> None:
        super().__init__()
        self.dim = 5


def test_without_a_layer_inputs_are_as_wide_as_the_model_or_its_parameters() -> None:
    for made, why in ((Codes, "the shape of `codes`"), (Named, "its `dim`")):
        found = guess(made().eval(), ModelSpec(factory="net:Codes"))
        assert found == ("x: float32[N=2, L=8, 5]", f"{why}, and that L may change")


def test_what_a_model_need_not_be_given_is_not_listed() -> None:
    class Boxes(nn.Module):
        def forward(self, boxes: torch.Tensor, image: Any = None, flip: bool = False) -> torch.Tensor:
            raise ValueError

    with pytest.raises(UsageError, match=r"takes `boxes` \(and 2 more, which it need not be given\), and what"):
        guess(Boxes(), ModelSpec(factory="net:Boxes"))


def test_points_are_guessed_where_no_image_is_taken() -> None:
    class Points(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)

        def forward(self, xyz: torch.Tensor) -> torch.Tensor:
            batch, points, _ = xyz.shape
            made: torch.Tensor = self.conv(xyz.view(batch, points, 1, 3).permute(0, 3, 2, 1))
            return made

    assert guess(Points().eval(), ModelSpec(factory="net:Points")).text == "xyz: float32[N=2, L=64, 3]"


def test_what_was_tried_in_vain_is_no_example() -> None:
    class Never(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError

    with pytest.raises(
        UsageError, match=r"`x: float32\[N=2, 3, H=64, W=64\]` fails: .*--input 'x: float32\[N=2, L=8, 16\]'"
    ):
        guess(Never(3, 4, 1), ModelSpec(factory="net:Never"))


def test_what_was_tried_in_vain_is_the_example_where_there_is_no_other() -> None:
    class Never(nn.Conv2d):
        dim = 16

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise ValueError

    with pytest.raises(UsageError, match=r"--input 'x: float32\[N=2, 3, H=64, W=64\]'"):
        guess(Never(3, 4, 1), ModelSpec(factory="net:Never"))


def test_sound_is_guessed_without_an_axis_of_channels_where_the_model_adds_it() -> None:
    class Speech(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv1d(1, 4, 10)

        def forward(self, input_values: torch.Tensor) -> torch.Tensor:
            made: torch.Tensor = self.conv(input_values[:, None])
            return made

    assert guess(Speech().eval(), ModelSpec(factory="net:Speech")).text == "input_values: float32[N=2, L=1024]"
