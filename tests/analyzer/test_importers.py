"""A helper that is handed over alone, as pre-commit does, is judged through the models around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from convlint.config import Settings
from convlint.linter import lint

OPS = """
def scale(x):
    return x / x.abs().max().item()


def unused(x):
    return x.item()
"""
MODEL = """
from torch import nn
{imports}


class Net(nn.Module):
    def forward(self, x):
        return {call}
"""


def project(folder: Path, files: dict[str, str]) -> None:
    (folder / "pyproject.toml").touch()
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if path.parent != folder:
            (path.parent / "__init__.py").touch()


def rows(path: Path) -> list[tuple[str, int]]:
    return [(finding.code, finding.span.row) for finding in lint([path], Settings(cache=False)).findings]


@pytest.mark.parametrize(
    ("imports", "call"),
    [
        ("from lib.ops import scale", "scale(x)"),
        ("from .ops import scale as rescale", "rescale(x)"),
        ("from lib import ops", "ops.scale(x)"),
        ("import lib.ops", "lib.ops.scale(x)"),
        ("from .ops import *", "scale(x)"),
    ],
)
def test_the_caller_stands_in_another_file(tmp_path: Path, imports: str, call: str) -> None:
    project(tmp_path, {"lib/ops.py": OPS, "lib/model.py": MODEL.format(imports=imports, call=call)})
    assert rows(tmp_path / "lib/ops.py") == [("CVL202", 3)]


def test_the_call_comes_through_a_package_and_a_wrapper(tmp_path: Path) -> None:
    wrapper = "from lib.core import scale as rescale\n\n\ndef wrapped(x):\n    return rescale(x) * 2\n"
    model = MODEL.format(imports="from . import wrap", call="wrap.wrapped(x)")
    project(tmp_path, {"lib/core/ops.py": OPS, "lib/wrap.py": wrapper, "lib/model.py": model})
    (tmp_path / "lib/core/__init__.py").write_text("from .ops import scale\n")
    assert rows(tmp_path / "lib/core/ops.py") == [("CVL202", 3)]


def test_the_caller_is_a_script_outside_the_package(tmp_path: Path) -> None:
    model = MODEL.format(imports="from lib.ops import scale", call="scale(x)")
    project(tmp_path, {"src/lib/ops.py": OPS, "tools/export.py": model})
    (tmp_path / "tools/__init__.py").unlink()
    assert rows(tmp_path / "src/lib/ops.py") == [("CVL202", 3)]


def test_tests_and_excluded_folders_are_no_callers(tmp_path: Path) -> None:
    model = MODEL.format(imports="from lib.ops import scale", call="scale(x)")
    project(tmp_path, {"lib/ops.py": OPS, "tests/test_ops.py": model, "build/model.py": model})
    assert rows(tmp_path / "lib/ops.py") == []


def test_only_the_given_file_is_reported(tmp_path: Path) -> None:
    model = MODEL.format(imports="from lib.ops import scale", call="scale(x) * x.sum().item()")
    project(tmp_path, {"lib/ops.py": OPS, "lib/model.py": model})
    assert {finding.path for finding in lint([tmp_path / "lib/ops.py"], Settings(cache=False)).findings} == {
        str(tmp_path / "lib/ops.py")
    }
