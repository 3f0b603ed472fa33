"""``convlint preflight`` where a limit, of time or of memory, ends an exporter, or the graph that it made."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli

pytest.importorskip("onnxruntime")

pytestmark = pytest.mark.proof

MODELS = '''
    import os
    import signal
    import sys
    import time

    import torch
    from torch import nn


    @torch.library.custom_op("limits::waits", mutates_args=())
    def waits(x: torch.Tensor) -> torch.Tensor:
        if not x.any() and of_a_program():
            time.sleep(600)
        return x.clone()


    @waits.register_fake
    def _(x):
        return torch.empty_like(x)


    @torch.library.custom_op("limits::dies", mutates_args=())
    def dies(x: torch.Tensor) -> torch.Tensor:
        if not x.any() and of_a_program():
            os._exit(3)
        return x.clone()


    @dies.register_fake
    def _(x):
        return torch.empty_like(x)


    def of_a_program():
        """Whether what torch.export has made is running."""
        frame = sys._getframe()
        while frame and not frame.f_code.co_filename.startswith("<eval_with_key>"):
            frame = frame.f_back
        return frame is not None


    class Waits(nn.Module):
        """Its program takes minutes where all is zero."""

        def forward(self, x):
            return waits(x)


    class Dies(nn.Module):
        def forward(self, x):
            return dies(x)


    class Frozen(nn.Module):
        """Its program is wrong before it takes minutes."""

        def forward(self, x):
            return waits(x) * (2 if torch.compiler.is_exporting() else 1)


    @torch.library.custom_op("limits::eats", mutates_args=())
    def eats(x: torch.Tensor) -> torch.Tensor:
        if not x.any() and of_a_program():
            torch.zeros(3 << 30, dtype=torch.uint8)
        return x.clone()


    @eats.register_fake
    def _(x):
        return torch.empty_like(x)


    class Eats(nn.Module):
        """Its program takes 3 GB where all is zero."""

        def forward(self, x):
            return eats(x)


    class Hoards(nn.Module):
        """Its export takes all memory that there is."""

        def forward(self, x):
            hoard = []
            while torch.compiler.is_exporting():
                hoard.append(bytearray(1 << 26))
            return x + 1


    class Demands(nn.Module):
        """Its program asks for more than any machine has."""

        def forward(self, x):
            if torch.compiler.is_exporting():
                return x + torch.zeros(1 << 50)[:1]
            return x + 1


    class Killed(nn.Module):
        """Its export is ended by the system."""

        def forward(self, x):
            if torch.compiler.is_exporting():
                os.kill(os.getpid(), signal.SIGKILL)
            return x + 1


    class Hangs(nn.Module):
        """Its export takes minutes."""

        def forward(self, x):
            while torch.compiler.is_exporting():
                time.sleep(1)
            return x + 1
'''
SECONDS = "6"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("project")
    (path / "limits.py").write_text(textwrap.dedent(MODELS), encoding="utf-8")
    return path


def run(folder: Path, cli: Cli, name: str, *options: str) -> tuple[int, str]:
    given = ("--input", "x: float32[2, 4]", "--isolated", "--exporter", "dynamo", "--timeout", SECONDS)
    kept = ("--results", str(folder / "results"))
    ran = cli("preflight", f"{folder}/limits.py:{name}", *given, *kept, *options)
    return ran.code, ran.out


def told(folder: Path, cli: Cli, name: str) -> Any:
    """What is said of a model, as an object; nothing is run again."""
    return json.loads(run(folder, cli, name, "--output-format", "json")[1])["models"][0]


def test_a_graph_that_runs_too_long_was_exported(folder: Path, cli: Cli) -> None:
    code, shown = run(folder, cli, "Waits")
    assert code == 1
    assert "torch_export  yes      ended  equal   3 of 7 run  not run" in shown
    said = f"no end within {SECONDS} s on zeros, after 4 of 9 inputs; `--timeout` allows it more"
    assert f"  torch_export: is ended while it runs: {said}\n" in shown
    model = told(folder, cli, "Waits")
    assert model["routes"]["torch_export"]["ended"] == said
    assert model["routes"]["torch_export"]["unrun"][0] == "zeros"
    assert model["right"] == []
    (finding,) = (one for one in model["findings"] if "no verdict" in one["message"])
    assert (finding["severity"], finding["harm"]) == ("warning", None)


def test_what_was_wrong_before_the_end_is_a_verdict(folder: Path, cli: Cli) -> None:
    _, shown = run(folder, cli, "Frozen")
    assert "torch_export  yes      ended  differs  3 of 3 differ  not run" in shown
    assert "  torch_export: differs on the traced inputs: " in shown
    assert "  torch_export: is ended while it runs: no end within " in shown


def test_a_graph_that_dies_while_it_runs_was_exported(folder: Path, cli: Cli) -> None:
    _, shown = run(folder, cli, "Dies")
    assert "torch_export  yes      yes   equal   1 of 4 fail  not run" in shown
    assert "  torch_export: fails on zeros: the process dies (exit code 3)" in shown
    assert told(folder, cli, "Dies")["routes"]["torch_export"]["level"] == "breaks"


def test_an_export_that_is_ended_is_no_failure_of_the_exporter(folder: Path, cli: Cli) -> None:
    code, shown = run(folder, cli, "Hangs")
    assert code == 1
    assert "torch_export  ended\n" in shown
    place = next(row for row, line in enumerate(MODELS.splitlines(), 1) if "time.sleep(1)" in line)
    line = next(line for line in shown.splitlines() if "gets no verdict" in line or "get no verdict" in line)
    assert f"ended during the export at {folder}/limits.py:{place}: no end within {SECONDS} s while it exports" in line
    assert line.endswith("; `--timeout` allows it more")
    (found,) = (one for one in told(folder, cli, "Hangs")["findings"] if one["location"]["row"] == place)
    assert (found["severity"], found["message"].split(" which")[0]) == (
        "warning", "torch_export and onnx_dynamo were ended here,"
    )  # fmt: skip
    assert " error " not in shown


def test_an_export_without_memory_is_no_failure_of_the_exporter(folder: Path, cli: Cli) -> None:
    code, shown = run(folder, cli, "Hoards", "--memory", "2")
    assert code == 1
    assert "torch_export  ended\n" in shown
    place = next(row for row, line in enumerate(MODELS.splitlines(), 1) if "hoard.append" in line)
    said = "no memory left within 2 GB; `--memory` allows it more"
    assert f"get no verdict, ended during the export at {folder}/limits.py:{place}: {said}\n" in shown
    assert " error " not in shown
    assert f"were ended here, which is no verdict: {said}" in shown


def test_a_graph_that_gets_no_memory_was_exported(folder: Path, cli: Cli) -> None:
    _, shown = run(folder, cli, "Eats", "--memory", "2")
    assert "torch_export  yes      ended  equal   3 of 7 run  not run" in shown
    said = "no memory left within 2 GB on zeros; `--memory` allows it more"
    assert f"  torch_export: is ended while it runs: {said}\n" in shown


def test_more_memory_than_any_machine_has_is_a_failure(folder: Path, cli: Cli) -> None:
    _, shown = run(folder, cli, "Demands")
    assert "torch_export  yes      yes   fails " in shown
    assert "out of memory: 4.5e+06 GB more are asked for, more than this machine has" in shown
    assert "--memory" not in shown


def test_an_exporter_that_the_system_ends_has_no_verdict(folder: Path, cli: Cli) -> None:
    _, shown = run(folder, cli, "Killed")
    assert "torch_export  ended\n" in shown
    assert "the system ends it (SIGKILL), as it does where memory is short while it exports; run it where" in shown
