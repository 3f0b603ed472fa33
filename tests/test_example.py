"""The example detector of the README: what is found, what the repairs do, and that the repaired one exports."""

from __future__ import annotations

import importlib.util
import math
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from conftest import Cli

from convlint.config import Settings
from convlint.findings import ROUTES, Harm, Level
from convlint.fixer import fix_paths
from convlint.linter import lint

if TYPE_CHECKING:
    from convlint.trial.job import Trial

needs_torch = pytest.mark.skipif(importlib.util.find_spec("onnxruntime") is None, reason="needs the extra `trace`")
EXAMPLES = Path(__file__).parent.parent / "examples"
PACKAGE = EXAMPLES / "atss_detector"
CLIP = """
import sys
from torch import nn

sys.path.insert(0, {folder!r})
from atss_detector.detections import Detections


class Model(nn.Module):
    def forward(self, boxes):
        return Detections(boxes * 1.0, boxes[:, 0], boxes[:, 0]).clip(8, 8).boxes
"""
REPAIRED = """
import sys

sys.path.insert(0, {folder!r})
from atss_detector.repaired.detector import ExportableDetector as Model
"""


def found(folder: Path) -> set[tuple[str, str, int]]:
    files = sorted(folder.glob("*.py"))
    return {(f.code, Path(f.path).name, f.span.row) for f in lint(files, Settings(cache=False)).findings}


def test_each_cause_is_found_at_its_line() -> None:
    assert found(PACKAGE) == {
        ("CVL101", "detections.py", 21),
        ("CVL101", "detections.py", 22),
        ("CVL303", "detector.py", 80),
        ("CVL301", "detector.py", 84),
        ("CVL202", "detector.py", 85),
        ("CVL202", "grids.py", 20),
        ("CVL201", "suppress.py", 8),
        ("CVL201", "suppress.py", 9),
        ("CVL301", "suppress.py", 26),
        ("CVL401", "detections.py", 27),
        ("CVL401", "suppress.py", 32),
        ("CVL801", "detector.py", 85),
    }


def test_the_repaired_detector_is_clean() -> None:
    assert found(PACKAGE / "repaired") == set()


@pytest.fixture
def fixed(tmp_path: Path) -> Path:
    shutil.copytree(PACKAGE, tmp_path / "atss_detector")
    fix_paths(sorted((tmp_path / "atss_detector").glob("*.py")), Settings(cache=False, unsafe_fixes=True), write=True)
    return tmp_path


def test_the_repairs_leave_what_only_a_redesign_can_cure(fixed: Path) -> None:
    codes = {code for code, _, _ in found(fixed / "atss_detector")}
    assert codes == {"CVL201", "CVL202", "CVL301", "CVL303", "CVL401", "CVL801"}


def trial(path: Path, source: str, inputs: str) -> Trial:
    from convlint.trial.job import Job
    from convlint.trial.runner import Runner

    path.write_text(source)
    with Runner() as runner:  # a worker of its own: it keeps the modules that a model imports
        return runner.run(Job(path=str(path), inputs=inputs))


def levels(tried: Trial) -> dict[str, tuple[Level, str]]:
    return {route: (outcome.level, outcome.message) for route, outcome in tried.outcomes.items()}


@needs_torch
def test_clipping_is_lost_by_the_torchscript_exporter(tmp_path: Path) -> None:
    tried = trial(tmp_path / "before.py", CLIP.format(folder=str(EXAMPLES)), "boxes: float32[N=5, 4]")
    assert tried.harm == Harm(onnx_torchscript=Level.wrong)


@needs_torch
def test_the_repair_of_clipping_exports(fixed: Path, tmp_path: Path) -> None:
    tried = trial(tmp_path / "after.py", CLIP.format(folder=str(fixed)), "boxes: float32[N=5, 4]")
    assert levels(tried) == dict.fromkeys(ROUTES, (Level.harmless, ""))


@needs_torch
def test_a_screen_names_all_that_is_wrong_what_stops_exporters_first(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    told = cli("preflight", f"{PACKAGE}/detector.py:Detector", "--isolated").out
    codes = re.findall(r": (?:error|warning) (CVL\d+)", told)
    assert codes[0] == "CVL201"  # torch.export and the exporter to ONNX by it stop there
    assert {"CVL101", "CVL202", "CVL301", "CVL303", "CVL401"} <= {*codes}
    assert "(likewise line 9)" in told
    assert "more on lines that it runs" not in told
    assert sum(max(1, math.ceil(len(line.replace(f"{EXAMPLES}/", "")) / 120)) for line in told.splitlines()) <= 40


@needs_torch
def test_the_repaired_detector_exports_on_every_route(tmp_path: Path) -> None:
    source = REPAIRED.format(folder=str(EXAMPLES))
    tried = trial(tmp_path / "repaired.py", source, "images: float32[B=2, 3, H=96, W=128]")
    assert levels(tried) == dict.fromkeys(ROUTES, (Level.harmless, ""))
    assert len(tried.reference.tried) - len(tried.reference.skipped) > 3
