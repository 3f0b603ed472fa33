"""What a trial saw, told by the finding that it belongs to, and how that is told on a screen."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

from convlint import api
from convlint.config import Configuration, Layer, Options
from convlint.findings import Finding, Harm, Level, Span
from convlint.judge import Judged
from convlint.preflighter import Preflighted, PreflightResult
from convlint.report.preflight import lines
from convlint.report.style import Painter
from convlint.trial.job import Outcome, Reference, Trial

CHOSEN = """
    def chosen(x):
        return x[x > 0.5]
"""
MODEL = """
    from torch import nn

    from chosen import chosen


    class Model(nn.Module):
        def forward(self, x):
            rows = chosen(x)
            if rows.shape[0] > 3:
                return rows.sum() * 2
            return x.sum()
"""


def test_where_a_number_is_made_that_stops_an_exporter_elsewhere_is_seen_to_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "chosen.py").write_text(textwrap.dedent(CHOSEN), encoding="utf-8")
    (tmp_path / "net.py").write_text(textwrap.dedent(MODEL), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    configuration = Configuration([Layer(Options(exporter="dynamo"), "test", tmp_path)], isolated=True)
    done = api.preflight("net.py:Model", "x: float32[N=2, 4]", configuration)
    assert done.trial.outcomes["torch_export"].place.endswith("net.py:10")
    told = {(Path(one.path).name, one.code): one for one in done.judged.findings}
    found = told["chosen.py", "CVL401"]
    assert (found.seen, found.evidence) == ("both", "torch_export and onnx_dynamo stop at line 10 of net.py")


WINDOWED = """
    import torch
    from torch import nn


    class Model(nn.Module):
        def forward(self, x):
            y = x.relu()
            flat = y.view(1, -1)
            n = int((flat.size(1) / 3) ** 0.5)
            window = torch.hann_window(n, periodic=False)
            return flat * torch.outer(window, window).flatten().repeat(3)
"""


def test_a_check_that_cannot_be_written_is_told_at_the_line_that_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``torch.export`` writes it beside the first operator that has to do with none of it."""
    (tmp_path / "windowed.py").write_text(textwrap.dedent(WINDOWED), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    configuration = Configuration([Layer(Options(exporter="dynamo"), "test", tmp_path)], isolated=True)
    done = api.preflight("windowed.py:Model", "x: float32[1, 3, H=8, W=8]", configuration)
    assert done.trial.outcomes["onnx_dynamo"].place.endswith("windowed.py:10")


def test_of_evidence_that_is_cut_what_the_routes_do_is_left(tmp_path: Path) -> None:
    does = "jit_trace and onnx_torchscript differ on 4 of 9 other sizes"
    saw = "[[2, 2], [4, 4], [8, 8]] on traced, " * 8
    harm = Harm().with_levels({"jit_trace": Level.frozen})
    path, span = str(tmp_path / "net.py"), Span(1, 1, 1, 2)
    found = Finding("CVL203", "frozen", "is kept", path, span, "warning", harm, seen="both", evidence=f"{saw}: {does}")
    trial = Trial(Reference((), {}, {}, kinds={"traced": "traced"}), {"jit_trace": Outcome("jit_trace", Level.frozen)})
    result, out = PreflightResult([Preflighted("net", trial, Judged([found]))]), io.StringIO()
    told = list(lines(result, Painter(out), out, verbose=False, unsafe_fixes=False))
    (line,) = (line for line in told if "trial: " in line)
    assert line.startswith("    trial: [[2, 2], [4, 4]")
    assert line.endswith(f"...: {does}")


def test_the_name_of_a_route_is_not_folded_in_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    kinds = ["traced", *(kind for kind in ("values", "batch", "sizes") for _ in range(17)), "calls"]
    names = {f"{i}": kind for i, kind in enumerate(kinds)}
    raised = ("40", "41")
    done = Outcome("onnx_torchscript", Level.wrong, failed=dict.fromkeys(names, "differs"), raised=raised)
    trial = Trial(Reference((), {}, {}, kinds=names), {"onnx_torchscript": done})  # type: ignore[arg-type]
    result, out = PreflightResult([Preflighted("net", trial, Judged([]))]), io.StringIO()
    told = list(lines(result, Painter(out), out, verbose=False, unsafe_fixes=False))
    (row,) = (line for line in told if line.startswith("  onnx_torchscript  yes"))
    assert row.endswith("15 of 17 differ, 2 fail")
