"""The settings of a run, as the configuration file that would make them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec

from convlint.config import Settings
from convlint.entry_points import EntryPoint
from convlint.report.plain import printable
from convlint.trial.job import ModelSpec

_LONG = 100
"""A list that is longer than this has a line for each of its elements."""


def lines(path: Path, settings: Settings) -> Iterator[str]:
    """All settings of a file; those that are not set are named in comments."""
    yield f"# Settings for {printable(str(path))}"
    yield f"# from {printable(str(settings.config_file))}" if settings.config_file else "# from no configuration file"
    for one in fields(settings):
        if not one.repr or one.name in ("root", "config_file", "models"):
            continue
        key = "target" if one.name == "targets" else one.name.replace("_", "-")
        value = _written(one.name, getattr(settings, one.name))
        yield f"# {key} is not set" if value is None else f"{key} = {_toml(value)}"
    for model in settings.models:
        yield "\n[[models]]"
        defaults = ModelSpec(factory="")
        for name, value in msgspec.structs.asdict(model).items():
            if name != "folders" and value != getattr(defaults, name):
                yield f"{name} = {_toml(value)}"


def _written(name: str, value: Any) -> Any:
    """A setting as a configuration says it."""
    if name in ("select", "fixable"):
        return [code or "ALL" for code in value]
    if name == "targets":
        return [f"{target}=={version}" if version else target for target, version in value]
    if name == "per_file_ignores":
        return dict(value)
    return [one.name if isinstance(one, EntryPoint) else one for one in value] if isinstance(value, tuple) else value


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_text(key)} = {_toml(one)}' for key, one in value.items())}}}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        elements = [_toml(one) for one in value]
        line = f"[{', '.join(elements)}]"
        return line if len(line) <= _LONG else "\n    ".join(["[", *(f"{one}," for one in elements)]) + "\n]"
    return _text(str(value)) if isinstance(value, (str, Path)) else json.dumps(value)


def _text(text: str) -> str:
    """A string of TOML in which nothing acts on a terminal."""
    quoted = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in quoted)
