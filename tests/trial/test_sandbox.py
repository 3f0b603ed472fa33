"""``--sandbox``: a model can neither write nor reach a network or another process, and runs as it does without."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Cli

pytest.importorskip("onnxruntime")

MODEL = """\
import os
import socket
import tempfile

import torch


def tried(what):
    try:
        what()
    except OSError:
        return "refused"
    return "done"


class Attack(torch.nn.Module):
    def forward(self, x):
        tempfile.TemporaryFile().write(b"this it may")
        raise ValueError(" ".join([
            tried(lambda: open("written", "w")),
            tried(lambda: socket.create_connection(("127.0.0.1", PORT), timeout=5)),
            tried(lambda: os.kill(PID, 0)),
        ]))


class Model(torch.nn.Module):
    def forward(self, x):
        return x + 1
"""


def works() -> bool:
    tool = shutil.which("bwrap")
    command = [str(tool), "--ro-bind", "/", "/", "--unshare-all", "true"]
    return tool is not None and subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_sandbox = pytest.mark.skipif(not works(), reason="bubblewrap is not there, or may not make namespaces")


def preflight(folder: Path, model: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "convlint", "preflight", f"model.py:{model}", "--input", "x: float32[N=2]"]
    return subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False, timeout=300)


@needs_sandbox
def test_a_model_in_the_sandbox_reaches_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = MODEL.replace("PORT", str(port)).replace("PID", str(os.getpid()))
        (tmp_path / "model.py").write_text(text)
        assert "done done done" in preflight(tmp_path, "Attack").stderr
        (tmp_path / "written").unlink()
        assert "refused refused refused" in preflight(tmp_path, "Attack", "--sandbox").stderr
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == ["model.py"]


@needs_sandbox
def test_a_model_in_the_sandbox_is_found_as_right_as_outside(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(MODEL)
    outside, inside = preflight(tmp_path, "Model"), preflight(tmp_path, "Model", "--sandbox")
    assert (inside.returncode, inside.stderr) == (0, "")
    assert inside.stdout == outside.stdout


def test_where_there_is_no_sandbox_nothing_is_run(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("model.py").write_text(MODEL)
    monkeypatch.setenv("PATH", "")
    ran = cli("preflight", "model.py:Model", "--sandbox", "--isolated")
    assert (ran.code, ran.out) == (2, "")
    assert "--sandbox needs bubblewrap" in ran.err
