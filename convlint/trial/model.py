"""The user's model: found, imported, called with its arguments, given its weights."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from types import ModuleType
from typing import Any

import torch

from convlint.errors import UsageError, nearest
from convlint.source.place import of_error
from convlint.trial.execute import load, seed, told
from convlint.trial.job import ModelSpec

_STATE = ("state_dict", "model_state_dict", "model")
"""What those who save more than the state call it."""
_MOST_KEYS = 3
_NOT_A_TENSOR = re.compile(r"GLOBAL ([\w.]+) was not an allowed global")
"""What ``torch.load`` says of a class that it does not make."""


def load_model(spec: ModelSpec) -> torch.nn.Module:
    """The model that a specification names, in the mode that it names.

    Raises:
        UsageError: it is not there, cannot be made, is no model, or its weights are not its own.
    """
    seed()
    made = find(spec.factory, spec.folders)
    if isinstance(made, torch.nn.Module):
        if spec.arguments:
            raise UsageError(f"`{spec.factory}` is a model already; leave out its `arguments`")
        model = made
    else:
        model = _called(spec, made)
    if spec.weights:
        _load_weights(model, Path(spec.weights))
    return model.train(spec.training)


def find(name: str, folders: Iterable[str] = ()) -> Any:
    """What ``package.module:name`` or ``path/file.py:name`` names.

    Raises:
        UsageError: nothing.
    """
    where, colon, qualname = name.rpartition(":")
    if not (colon and where and qualname):
        raise UsageError(f"`{name}` names no model; write `package.module:name` or `path/file.py:name`")
    sys.path[:0] = [folder for folder in folders if folder not in sys.path]
    found: Any = _from_file(Path(where)) if where.endswith(".py") else _imported(where)
    for part in qualname.split("."):
        if not hasattr(found, part):
            raise UsageError(
                f"`{where}` has no `{part}`{nearest(part, vars(found)) if hasattr(found, '__dict__') else ''}"
            )
        found = getattr(found, part)
    return found


@cache
def _from_file(path: Path) -> ModuleType:
    """A file, imported once as the module that it is: with its package where it lies in one."""
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file; name the file that defines the model")
    path = path.resolve()
    parts = [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return load(path) if len(parts) == 1 else _imported(".".join(parts[:-1] if path.stem == "__init__" else parts))


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            raise UsageError(f"there is no module `{error.name}`{_nearest_module(error.name)}") from None
        raise UsageError(f"`{name}` cannot be imported: {_raised(error)}") from error
    except Exception as error:
        raise UsageError(f"`{name}` cannot be imported: {_raised(error)}") from error


def _nearest_module(name: str) -> str:
    parent, _, _ = name.rpartition(".")
    folders: Sequence[str] = sys.modules[parent].__path__ if parent in sys.modules else sys.path
    beside = {f"{parent}.{module.name}".strip(".") for module in pkgutil.iter_modules(folders)}
    close = nearest(name, beside)
    return close or f"; it was looked for in {', '.join(folders[:_MOST_KEYS])} and what is installed"


def _called(spec: ModelSpec, made: Any) -> torch.nn.Module:
    if not callable(made):
        raise UsageError(f"`{spec.factory}` is a {type(made).__name__}: no model, and nothing that makes one")
    args, keywords = ((), spec.arguments) if isinstance(spec.arguments, dict) else (spec.arguments, {})
    seed()
    try:
        model = made(*args, **keywords)
    except Exception as error:
        hint = (
            "; give its arguments in a [[tool.convlint.models]] table, or the name of a function that makes it"
            if _wants_more(spec, error)
            else ""
        )
        raise UsageError(f"`{spec.factory}` cannot be made: {_raised(error)}{hint}") from error
    if not isinstance(model, torch.nn.Module):
        raise UsageError(f"`{spec.factory}` gives a {type(model).__name__}, not a torch.nn.Module")
    return model


def _wants_more(spec: ModelSpec, error: Exception) -> bool:
    return isinstance(error, TypeError) and "missing" in str(error) and not spec.arguments


def _raised(error: Exception) -> str:
    place = of_error(error)
    return f"{told(error)} ({place})" if place else told(error)


def _load_weights(model: torch.nn.Module, path: Path) -> None:
    state = _state(path)
    with suppress(StopIteration):
        state = next(state[name] for name in _STATE if isinstance(state.get(name), dict))
    resized: list[str] = []
    try:
        missing, unexpected = model.load_state_dict(state, strict=False)
    except RuntimeError as error:
        own = model.state_dict()
        missing, unexpected = [key for key in own if key not in state], [key for key in state if key not in own]
        resized = [key for key in own if key in state and _shape(own[key]) != _shape(state[key])]
        if not resized:
            raise UsageError(f"{path}: are not the weights of this model: {told(error)}") from None
    asked = (("lack", missing), ("have besides", unexpected), ("have of another size", resized))
    if wrong := [f"{what} {_listed(keys)}" for what, keys in asked if keys]:
        prefix = _prefix(missing, unexpected)
        hint = f"; save them without the `{prefix}` before each name" if prefix else ""
        if resized:
            key = resized[0]
            hint = (
                f": {_shape(state[key])}, where the model has {_shape(own[key])}; make it as it was when it was saved"
            )
        raise UsageError(f"{path}: are not the weights of this model: they {' and '.join(wrong)}{hint}")


def _shape(value: Any) -> list[int]:
    return [*getattr(value, "shape", ())]


def _prefix(missing: Sequence[str], unexpected: Sequence[str]) -> str:
    """What stands before every name in weights of a model that another was wrapped around (``module.``)."""
    prefix = unexpected[0].partition(".")[0] + "." if unexpected else ""
    return prefix if missing and {prefix + key for key in missing} <= {*unexpected} else ""


def _state(path: Path) -> dict[str, Any]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError:
        raise UsageError(f"{path}: reading it needs `pip install safetensors`") from None
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file; name the weights that were saved") from None
    except UnpicklingError as error:
        held = _NOT_A_TENSOR.search(str(error))
        why = (
            f"it holds a `{held[1]}`, and making one could run code; save `model.state_dict()` alone"
            if held
            else "it is no file of `torch.save`, or is damaged"
        )
        raise UsageError(f"{path}: cannot be read as weights: {why}") from None
    except Exception as error:
        raise UsageError(f"{path}: cannot be read as weights: {told(error)}") from None
    if not isinstance(state, dict):
        raise UsageError(f"{path}: holds a {type(state).__name__}, not a state_dict")
    return state


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - _MOST_KEYS
    return ", ".join(f"`{key}`" for key in keys[:_MOST_KEYS]) + (f" and {more} more" if more > 0 else "")
