"""What a first user stumbled over."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree
from convlint_rules.examples import forward

from convlint import api, baseline
from convlint.config import Configuration, Layer, Options

ITEM = forward("return x / x.max().item()  # CVL202")


@pytest.mark.parametrize("name", ["Sampler", "KeypointMatcher", "SpatialTransform"])
def test_a_model_is_judged_whatever_its_name(agree: Agree, name: str) -> None:
    agree(ITEM.replace("Model", name))


def test_a_loss_is_no_model(agree: Agree) -> None:
    agree(ITEM.replace("Model", "FocalLoss").replace("  # CVL202", ""))


def test_a_mapped_conversion_has_no_repair(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(forward("b, c = map(int, x.shape)\nreturn x.view(b * c)"))
    findings = api.check([path], Configuration(isolated=True)).findings
    assert [(f.code, f.fixable) for f in findings] == [("CVL202", None)]


@pytest.mark.parametrize(
    "body",
    [
        "if torch.rand(1) > 0.5:  # CVL301 CVL701\n    return x * 2\nreturn x",
        "return x / torch.Tensor([x.shape[1]])  # CVL203",
        "return x + torch.randint(0, 3, (1,)).item()  # CVL202 CVL701",
    ],
)
def test_random_tensors_and_old_constructors(agree: Agree, body: str) -> None:
    agree(forward(body))


def test_a_tensor_that_is_iterated_stays_one(agree: Agree) -> None:
    body = "if n.max() > 3:  # CVL301\n    x = x * 2\nfor v in n:  # CVL304\n    x = x + v\nreturn x"
    agree(forward(body, parameters="x, n"))


def test_a_comment_on_its_own_line_is_kept_and_explained(tmp_path: Path) -> None:
    path = tmp_path / "model.py"
    path.write_text(forward("# convlint: ignore[CVL301] positive only\nif x.sum() > 0:\n    return x.abs()\nreturn x"))
    result = api.fix([path], Configuration(isolated=True))
    assert result.changed == []
    assert [(f.code, "line of its own" in f.message) for f in result.left.findings] == [
        ("CVL002", True),
        ("CVL301", False),
    ]


def test_a_baseline_holds_wherever_convlint_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "model.py").write_text(ITEM)
    monkeypatch.chdir(tmp_path)
    assert api.write_baseline(Path("base.json"), ["model.py"], Configuration(isolated=True)) == 1
    monkeypatch.chdir(tmp_path / "sub")
    layer = Layer(Options(baseline="../base.json"), "test", tmp_path / "sub")
    assert api.check(["../model.py"], Configuration([layer], isolated=True)).findings == []
    assert sum(baseline.read(tmp_path / "base.json").values()) == 1
