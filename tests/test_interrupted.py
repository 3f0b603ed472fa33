"""Ctrl-C: a run ends within a second and leaves no process behind, whatever it is doing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from convlint_rules.examples import forward

pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

HANGING = """\
import os
import subprocess
import time

import torch


class Model(torch.nn.Module):
    def forward(self, x):
        child = subprocess.Popen(["sleep", "600"])
        with open("pids.new", "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename("pids.new", "pids")
        time.sleep(600)
        return x
"""
SECONDS = 3.0
"""For a machine that has other things to do."""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_preflight_ends_with_the_model_and_what_that_started(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "model.py").write_text(HANGING)
    command = [sys.executable, "-m", "convlint", "preflight", "model.py:Model", "--input", "x: float32[2]"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "pids").exists() and process.poll() is None:
        time.sleep(0.05)
    worker, child = map(int, (tmp_path / "pids").read_text().split())
    process.send_signal(number)
    at = time.monotonic()
    err = process.communicate(timeout=60)[1]
    assert time.monotonic() - at < SECONDS
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert "Traceback" not in err
    while alive(worker) and time.monotonic() - at < SECONDS:
        time.sleep(0.01)
    assert not alive(worker)
    if number is signal.SIGKILL:  # Linux ends the worker, which can no longer end what the model has started
        os.kill(child, signal.SIGKILL)
    assert not alive(child) or number is signal.SIGKILL


def test_check_ends_in_the_middle_of_many_files(tmp_path: Path) -> None:
    for one in range(2000):
        (tmp_path / f"m{one}.py").write_text(forward("return x * int(x.shape[0])") * 10)
    process = subprocess.Popen(
        [sys.executable, "-m", "convlint", "."], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    at = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, b"", b"")
    assert time.monotonic() - at < SECONDS
