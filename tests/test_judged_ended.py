"""What a trial says of a route that was ended at a limit, beside one that stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from convlint.config import Settings
from convlint.findings import Level
from convlint.judge import judge
from convlint.trial.job import Event, Outcome, Reference, Trial


def test_a_route_that_was_ended_is_not_said_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("x = 1\n", encoding="utf-8")
    fixed = Event(
        file=str(path), line=1, statement=(1, 1), tool="torch_export", kind="specialized", level="harm", message="fixed"
    )
    routes = {
        route: Outcome(route, Level.breaks, stage="export", ended=ended, events=(fixed,))
        for route, ended in {"torch_export": "", "onnx_dynamo": "no end within 180 s"}.items()
    }
    reference = Reference((), {}, {}, executed={str(path): [1]}, forward=f"{path}:1")
    findings = judge((), Trial(reference, routes), Settings()).findings
    (found,) = (one for one in findings if one.severity == "error")
    assert found.message.startswith("torch_export stops")
    assert "onnx_dynamo stop" not in found.evidence
