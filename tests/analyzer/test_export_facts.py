"""What convlint believes of torch's exporting functions, asked of the installed torch."""

from __future__ import annotations

import inspect

import pytest
from convlint_rules.call_sites.removed_argument import PARAMETERS

from convlint.analyzer.export_facts import EXPORTS, KEEPS_MODE, MODAL, RETURNS_MODULE, TENSORS, WITH_WEIGHTS

torch = pytest.importorskip("torch")
MADE = {"BatchNorm": (4,), "LazyBatchNorm": (), "SyncBatchNorm": (4,), "TransformerEncoderLayer": (4, 2)}
SHAPES = {"1d": (6, 4, 8), "2d": (6, 4, 8, 8), "3d": (6, 4, 2, 8, 8)}


def test_the_parameters_of_the_exports() -> None:
    functions = {"torch.onnx.export": torch.onnx.export, "torch.export.export": torch.export.export}
    for name, function in (functions | {"torch.jit.trace": torch.jit.trace}).items():
        parameters = inspect.signature(function).parameters.values()
        positional = [one.name for one in parameters if one.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD]
        assert tuple(positional)[: len(EXPORTS[name])] == EXPORTS[name]
    assert set(inspect.signature(torch.onnx.export).parameters) == PARAMETERS


@pytest.mark.parametrize("name", sorted(MODAL - {"SyncBatchNorm"}))  # which needs a GPU
def test_a_layer_of_two_modes_computes_otherwise_while_training(name: str) -> None:
    arguments = MADE.get(name.rstrip("123d"), MADE.get(name, ()))
    layer = getattr(torch.nn, name)(*arguments)
    x = torch.randn(SHAPES.get(name[-2:], (6, 4, 4))) * 3 + 1
    trained = layer.train()(x)
    assert not torch.allclose(trained, layer.eval()(x))


@pytest.mark.parametrize("name", sorted(WITH_WEIGHTS))
def test_a_layer_with_weights_has_parameters(name: str) -> None:
    made_with = [(), (4,), (4, 2), (4, 4, 3), (4, 4, 4)]
    layer = next(layer for arguments in made_with if (layer := _made(name, arguments)) is not None)
    assert list(layer.parameters())


def _made(name: str, arguments: tuple[int, ...]) -> torch.nn.Module | None:
    try:
        return getattr(torch.nn, name)(*arguments)
    except (TypeError, ValueError):
        return None


def test_methods_of_modules_that_keep_the_mode() -> None:
    assert all(hasattr(torch.nn.Module, name) for name in KEEPS_MODE - {"forward"})
    model = torch.nn.Linear(2, 2)
    for name in sorted(RETURNS_MODULE - {"cuda"}):
        arguments = {"to": ("cpu",), "type": (torch.float32,)}.get(name, ())
        assert getattr(model, name)(*arguments) is model
    assert model.training


def test_functions_that_make_a_tensor_of_the_sizes_given() -> None:
    for name in TENSORS:
        assert getattr(torch, name.removeprefix("torch."))(1, 3).shape == (1, 3)
