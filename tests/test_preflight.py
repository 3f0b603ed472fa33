"""``convlint preflight``: real models on real exporters, and what is said of them."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

pytest.importorskip("onnxruntime")

from convlint import api
from convlint.config import Configuration, Layer, Options
from convlint.errors import UsageError
from convlint.findings import Finding, Level

pytestmark = pytest.mark.proof

MODELS = '''
    import ctypes
    import os

    import torch
    from torch import nn


    class Right(nn.Module):
        """Nothing is wrong with it."""

        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 4)

        def forward(self, x):
            return self.linear(x).relu()


    class Branches(Right):
        def forward(self, x, mask):
            x = super().forward(x)
            if x.shape[1] > 5:
                x = x * 2
            return x


    class Decides(Right):
        def forward(self, x):
            x = super().forward(x)
            if x.sum() > 2:
                return x + 1
            return x

        def never_run(self, x):
            return x.sum().item()


    class Unseen(Right):
        """What no rule can know: the branch is in a library that is not read."""

        def forward(self, x):
            return ONE_OR_TWO(super().forward(x))


    exec("def ONE_OR_TWO(x): return x * 2 if bool(x.mean() > 0.5) else x")


    class Looks(Right):
        """As if it drew: in evaluation mode it does not."""

        def forward(self, x):
            if x.sum() == 123456.0:  # convlint: ignore[CVL301] a test
                x = x + 1
            return torch.rand(2).sum() * 0 + super().forward(x)


    class Dies(Right):
        def forward(self, x):
            if torch.onnx.is_in_onnx_export():
                os.abort()
            return super().forward(x)


    class Draws(Right):
        def forward(self, x):
            return super().forward(x) + torch.rand_like(x)


    class Counts(Right):
        def __init__(self):
            super().__init__()
            self.register_buffer("calls", torch.zeros(1))

        def forward(self, x):
            self.calls += 1
            return super().forward(x) * self.calls
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with models of all kinds."""
    path = tmp_path_factory.mktemp("project")
    (path / "models.py").write_text(textwrap.dedent(MODELS), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        yield path


def preflight(folder: Path, name: str, inputs: str = "x: float32[N=2, L=4, 4]", **options: Any) -> api.Preflighted:
    """What is found of one of the models."""
    configuration = Configuration([Layer(Options(**options), "test", folder)], isolated=True)
    (done,) = api.preflight([f"models.py:{name}"], configuration, inputs=inputs)
    return done


def levels(done: api.Preflighted) -> dict[str, str]:
    return {route: outcome.level.name for route, outcome in done.trial.outcomes.items()}


def row_of(folder: Path, text: str) -> int:
    lines = (folder / "models.py").read_text().splitlines()
    return next(row for row, line in enumerate(lines, 1) if text in line)


def finding_at(done: api.Preflighted, row: int) -> Finding:
    (finding,) = (finding for finding in done.judged.findings if finding.span.row == row)
    return finding


def test_a_model_without_faults_passes_by_every_route(folder: Path) -> None:
    done = preflight(folder, "Right")
    assert done.right == ["jit_trace", "torch_export", "onnx_torchscript", "onnx_dynamo"]
    assert done.judged.findings == []
    assert done.passes
    assert set(done.trial.reference.kinds.values()) == {"traced", "values", "calls", "batch", "sizes"}


def test_a_branch_on_a_size_is_seen_by_reading_and_by_running(folder: Path) -> None:
    done = preflight(folder, "Branches", "x: float32[N=2, L=4, 4]; mask: bool[N, L]")
    assert set(levels(done).values()) == {"frozen"}
    finding = finding_at(done, row_of(folder, "x.shape[1] > 5"))
    assert (finding.seen, finding.severity) == ("both", "warning")
    assert "False on traced, True on" in finding.evidence
    assert "the graph is good only for L <= 5" in finding.evidence
    assert done.trial.outcomes["onnx_dynamo"].on.startswith("L=")
    assert done.trial.outcomes["onnx_torchscript"].vanished == ("mask",)


def test_lines_that_the_model_does_not_run_are_counted_only(folder: Path) -> None:
    done = preflight(folder, "Decides", exporter="torchscript")
    assert levels(done) == {"jit_trace": "wrong", "onnx_torchscript": "wrong"}
    assert [f.span.row for f in done.judged.findings] == [row_of(folder, "x.sum() > 2")]
    assert finding_at(done, row_of(folder, "x.sum() > 2")).severity == "error"
    assert done.judged.elsewhere > 0


def test_what_no_rule_knows_is_found_by_running_alone(folder: Path) -> None:
    done = preflight(folder, "Unseen", "x: float32[N=2, 4]", exporter="torchscript")
    assert set(levels(done).values()) == {"wrong"}
    (finding,) = done.judged.findings
    assert (finding.code, finding.seen) == ("CVL012", "trial")


def test_what_is_not_reproduced_is_lowered_and_says_on_how_many_inputs(folder: Path) -> None:
    done = preflight(folder, "Draws", exporter="dynamo")
    assert "draws random numbers" in done.trial.reference.unsteady
    (drawn,) = done.judged.findings
    assert drawn.code == "CVL701"


def test_state_that_is_lost_shows_at_a_second_call(folder: Path) -> None:
    done = preflight(folder, "Counts", exporter="torchscript")
    assert "keeps something between calls" in done.trial.reference.unsteady
    assert "a second call" in done.trial.outcomes["onnx_torchscript"].failed


def test_an_exporter_that_takes_the_process_with_it_is_told_with_its_line(folder: Path) -> None:
    done = preflight(folder, "Dies", exporter="torchscript")
    assert levels(done) == {"jit_trace": "harmless", "onnx_torchscript": "breaks"}
    outcome = done.trial.outcomes["onnx_torchscript"]
    assert outcome.place == f"models.py:{row_of(folder, 'os.abort()')}"
    (finding,) = (f for f in done.judged.findings if f.seen == "trial")
    assert (finding.code, finding.span.row) == ("CVL010", row_of(folder, "os.abort()"))


def test_the_report_fits_on_a_screen_and_fails_the_run(folder: Path, cli: Cli) -> None:
    model = f"{folder}/models.py:Branches"
    given = ("--input", "x: float32[N=2, L=4, 4]", "--input", "mask: bool[N, L]", "--isolated")
    ran = cli("preflight", model, *given)
    assert ran.code == 1
    assert len(ran.out.splitlines()) < 25
    assert "onnx_dynamo       yes      yes   equal   equal" in ran.out
    assert "No route is right on all inputs." in ran.out
    assert cli("preflight", model, *given, "--exit-zero").code == 0


def test_the_report_for_programs_has_verdicts_and_findings(folder: Path, cli: Cli) -> None:
    ran = cli("preflight", f"{folder}/models.py:Branches", "--input", "x: float32[N=2, L=4, 4]; mask: bool[N, L]",
              "--isolated", "--exporter", "dynamo", "--output-format", "json")  # fmt: skip
    (model,) = json.loads(ran.out)["models"]
    assert model["routes"]["onnx_dynamo"]["verdicts"]["traced"] == "equal"
    assert model["routes"]["onnx_dynamo"]["verdicts"]["sizes"] == "2 of 5 differ"
    assert [finding["seen"] for finding in model["findings"]] == ["both"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.py:Model",), "there is no such file"),
        (("models.py:Rigth",), "`Right`"),
        (("models.py:Branches", "--input", "x: float32[2, 4]; y: bool[2]"), "`forward` has no such parameter"),
        (("models.py:Right", "--input", "x: float32[2, 3]"), "the model itself fails on the inputs"),
        ((), "no model is configured"),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    folder: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(folder)
    ran = cli("preflight", *arguments, "--isolated")
    assert ran.code == 2
    assert message in ran.err
    assert len(ran.err.splitlines()) == 1


def test_suppressed_lines_stay_silent(folder: Path) -> None:
    done = preflight(folder, "Looks", exporter="torchscript")
    assert row_of(folder, "123456.0") not in {finding.span.row for finding in done.judged.findings}


def test_a_wrong_weights_file_is_an_error(folder: Path) -> None:
    (folder / "weights.pth").write_bytes(b"nothing of torch")
    with pytest.raises(UsageError, match=r"weights\.pth: cannot be read as weights"):
        api.preflight(["models.py:Right"], Configuration(isolated=True), weights=str(folder / "weights.pth"))


def test_a_level_is_never_above_what_was_seen(folder: Path) -> None:
    done = preflight(folder, "Decides", exporter="dynamo")
    assert {f.harm.worst(["torch_export"]) for f in done.judged.findings if f.harm} == {Level.breaks}
