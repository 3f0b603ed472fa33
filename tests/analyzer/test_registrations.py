"""Operators that a project teaches the ONNX exporters, and operators of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint.config import Settings
from convlint.findings import Level
from convlint.linter import lint

REGISTER = "import torch\n\n\ndef symbolic(g, *args):\n    return g.op('Identity', args[0])\n\n\n{}\n"


@pytest.mark.parametrize(
    ("name", "call", "cured"),
    [
        ('"aten::diff"', "torch.diff(x)", True),
        ('"::diff"', "torch.diff(x)", True),
        ('"aten::diff"', "x.diff()", True),
        ('"aten::median"', "torch.diff(x)", False),
        ('"mine::diff"', "torch.diff(x)", False),
        ('"aten::rms_norm"', "nn.RMSNorm(4)(x)", True),
        (
            '"aten::_upsample_bilinear2d_aa"',
            "nn.functional.interpolate(x, size=(4, 4), mode='bilinear', antialias=True)",
            True,
        ),
    ],
)
def test_a_registration_anywhere_cures_the_operator(agree: Agree, name: str, call: str, cured: bool) -> None:
    registered = REGISTER.format(f"torch.onnx.register_custom_op_symbolic({name}, symbolic, 17)")
    agree({"ops.py": registered, "model.py": forward(f"return {call}{'' if cured else '  # CVL801'}")})


def test_a_registration_counts_for_a_file_that_is_given_alone(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "model.py").write_text(forward("return torch.diff(x)"))
    assert [finding.code for finding in lint([tmp_path / "model.py"], Settings()).findings] == ["CVL801"]
    register = REGISTER.format("torch.onnx.register_custom_op_symbolic('aten::diff', symbolic, 17)")
    (tmp_path / "export.py").write_text(register)
    assert lint([tmp_path / "model.py"], Settings()).findings == []


OPERATOR = """import torch


@torch.library.custom_op("mine::scale", mutates_args=())
def scale(x: torch.Tensor) -> torch.Tensor:
    return x / x.max().item()


@scale.register_fake
def fake(x: torch.Tensor) -> torch.Tensor:
    return x.new_zeros(int(x.max()))


"""


def test_an_operator_of_ones_own_is_not_looked_into_and_known_to_no_onnx_exporter(agree: Agree) -> None:
    for exporter in ("torchscript", "dynamo"):
        agree(OPERATOR + forward("return scale(x)  # CVL801"), exporter=exporter)
    agree(OPERATOR)


def test_what_is_registered_for_it_cures_each_exporter(agree: Agree) -> None:
    symbolic = REGISTER.format("torch.onnx.register_custom_op_symbolic('mine::scale', symbolic, 17)")
    table = "import torch\n\ntorch.onnx.export(model, x, custom_translation_table={torch.ops.mine.scale.default: f})\n"
    for files, cured in [({"a.py": symbolic}, "torchscript"), ({"a.py": table}, "dynamo")]:
        for exporter in ("torchscript", "dynamo"):
            mark = "" if exporter == cured else "  # CVL801"
            agree({**files, "model.py": OPERATOR + forward(f"return scale(x){mark}")}, exporter=exporter)
    agree({"a.py": table, "b.py": symbolic, "model.py": OPERATOR + forward("return scale(x)")})


def test_a_translation_does_not_help_where_there_is_no_program_to_translate(tmp_path: Path) -> None:
    (tmp_path / "tables.py").write_text("custom_translation_table = {}\n")
    (tmp_path / "model.py").write_text(forward("return torch.cov(x)"))
    found = lint([tmp_path / "tables.py", tmp_path / "model.py"], Settings(cache=False)).findings
    assert [(one.code, one.harm and one.harm.onnx_dynamo) for one in found] == [("CVL801", Level.breaks)]
