from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

from convlint.trial.labels.records import Record, read_records, write_records

PACKAGE = """\
import os
import time

import torch
from torch import nn


class Bakes(nn.Module):
    def forward(self, x):
        for _ in range(x.shape[0]):  # jit_trace baked-differs harm, torch_export specialized harm
            x = x + 1
        if x.shape[1] > 1:  # jit_trace baked-same warn
            x = x * 2
        return x[: x.shape[0] - 1]


class Makes(nn.Module):
    def forward(self, x):
        return x * torch.tensor(x.shape[0] * 2)  # jit_trace baked-differs harm


class Halves(nn.Module):
    def forward(self, x):
        if x.shape[0] // 2 == 1:  # jit_trace baked-differs harm, torch_export specialized harm
            x = x * 2
        return x


class Fails(nn.Module):
    def forward(self, x):
        if (
            x.sum() > -1  # jit_trace baked-same warn, torch_export unbacked dyn, FAILS
        ):
            x = x * 2
        return x - 1


class Counts(nn.Module):
    def forward(self, *, x, scale):
        kept = x.nonzero()  # torch_export unbacked dyn
        return {"sum": kept.sum() * scale, "all": [x]}


class Unsupported(nn.Module):
    def turned(self, x):
        return torch.linalg.qr(x)[0]  # onnx_torchscript fail harm, onnx_dynamo fail harm

    def forward(self, x):
        return self.turned(x) + 1


@torch.jit.script_if_tracing
def sizes(x: torch.Tensor) -> torch.Tensor:
    return torch.tensor(x.shape)


class Scripts(nn.Module):
    def forward(self, x):
        return x * sizes(x)[0]


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads = nn.MultiheadAttention(4, 1, batch_first=True)

    def forward(self, x):
        x = x[None]
        return self.heads(x, x, x, key_padding_mask=x[..., 0] < 0)[0]


class Dies(nn.Module):
    def forward(self, x):
        os._exit(3)


class Hangs(nn.Module):
    def forward(self, x):
        while True:
            time.sleep(1)
"""
SUITE = """\
import tiny
import torch
from convlint.trial.labels.suite import Case

SOURCE = ("tiny",)
NAMES = {names}
CASES = [
    Case(name, getattr(tiny, name), lambda: (torch.ones(3, 4),), lambda: (torch.zeros(5, 4),)) for name in NAMES
] + [
    Case("Counts", tiny.Counts, lambda: dict(x=torch.ones(3, 4), scale=2), lambda: dict(x=torch.eye(5, 4), scale=2))
]
"""
FAILS = "torch_export fail harm, onnx_dynamo fail harm"


def run(folder: Path, names: tuple[str, ...], *options: str) -> dict[str, Record]:
    (folder / "tiny").mkdir()
    (folder / "tiny/__init__.py").write_text(PACKAGE)
    (folder / "suite.py").write_text(SUITE.format(names=names))
    command = [sys.executable, "-m", "convlint.trial.labels", "suite.py", "--output", "labels.jsonl", *options]
    subprocess.run(command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, check=True)
    return {record.name: record for record in read_records(folder / "labels.jsonl")}


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    names = ("Bakes", "Makes", "Halves", "Dies", "Fails", "Unsupported")
    return run(tmp_path_factory.mktemp("labels"), names)


def test_each_event_is_at_its_line(records: dict[str, Record]) -> None:
    expected = {
        (row, *mark.split())
        for row, line in enumerate(PACKAGE.splitlines(), 1)
        if (comment := re.search(r"  # (.+)$", line))
        for mark in comment[1].replace("FAILS", FAILS).split(", ")
    }
    events = [event for record in records.values() for event in record.events]
    assert {(event.line, event.tool, event.kind, event.level) for event in events} == expected
    assert {event.file for event in events} == {"tiny/__init__.py"}


def test_an_event_says_what_happened(records: dict[str, Record]) -> None:
    told = {(event.tool, event.kind): event for event in records["Bakes"].events}
    assert told["jit_trace", "baked-differs"].message == "3 on A, 5 on B"
    assert told["torch_export", "specialized"].message.endswith(" is fixed to 3")
    assert told["jit_trace", "baked-same"].code.startswith("if x.shape[1] > 1:")


def test_a_statement_has_all_its_rows(records: dict[str, Record]) -> None:
    start = PACKAGE.splitlines().index("        if (") + 1
    assert {event.statement for event in records["Fails"].events} == {(start, start + 2)}


def test_the_outcomes_say_which_graph_is_right(records: dict[str, Record]) -> None:
    outcomes = records["Bakes"].outcomes
    assert outcomes["eager"] == outcomes["jit_trace"] == outcomes["onnx_torchscript"] == "ok"
    assert outcomes["jit_trace on B"] == "16 of 16 values differ, by up to 4"
    assert outcomes["torch_export"].startswith("UserError: Constraints violated")
    assert outcomes["torch_export_auto"] == "ok"
    assert records["Unsupported"].outcomes["torch_export_auto"] == "not needed"
    assert set(records["Counts"].outcomes.values()) == {"ok", "not needed"}


def test_lines_behind_a_failure_are_not_reached(records: dict[str, Record]) -> None:
    record = records["Fails"]
    last = PACKAGE.splitlines().index("        return x - 1") + 1
    assert record.reached == {
        "jit_trace": True,
        "torch_export": False,
        "torch_export_auto": False,
        "onnx_torchscript": True,
        "onnx_dynamo": False,
    }
    assert record.unreached == {"tiny/__init__.py": [last - 1, last]}
    assert last in record.executed["tiny/__init__.py"]


def test_a_model_that_dies_has_a_record_and_the_run_goes_on(records: dict[str, Record]) -> None:
    assert (
        "the process dies (exit code 3) at __init__.py:74 while the model is run" in records["Dies"].outcomes["eager"]
    )
    assert list(records) == ["Bakes", "Makes", "Halves", "Dies", "Fails", "Unsupported", "Counts"]
    assert set(records["Fails"].versions) == {"tiny", "torch", "onnx", "onnxruntime"}


def test_a_model_that_hangs_is_ended_and_other_records_stay(tmp_path: Path) -> None:
    write_records(
        tmp_path / "labels.jsonl", [Record(suite="suite", name="Bakes", versions={}, outcomes={"eager": "ok"})]
    )
    records = run(tmp_path, ("Bakes", "Hangs"), "--only", "Hangs", "--timeout", "4")
    assert "no end within 4 s at __init__.py:80 while the model is run" in records["Hangs"].outcomes["eager"]
    assert records["Bakes"].outcomes == {"eager": "ok"}


def test_torch_does_what_it_does_when_nobody_watches(tmp_path: Path) -> None:
    records = run(tmp_path, ("Scripts", "Attends"))
    assert records["Scripts"].outcomes["jit_trace"] == "ok"
    assert records["Attends"].outcomes["onnx_torchscript"] == "ok"
