"""Several processes: they find what one finds, and none of them outlives the run, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from convlint_rules.examples import forward

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes in /proc")

LARGE = 500_000


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "convlint", "check", "big", "--no-cache", "--isolated", "--exit-zero", *more]


@pytest.fixture
def big(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that is worth two processes, of files that import one another."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "big"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "tools.py").write_text("def count(x):\n    return int(x.shape[0])\n")
    for i in range(8):
        text = forward("from big.tools import count\nreturn x * count(x)")
        padding = "\n".join(f"def pad_{n}(x):\n    return x + {n} * 2 - x / 3" for n in range(LARGE // 8 // 30))
        (folder / f"model_{i}.py").write_text(f"{text}\n\n{padding}\n")
    assert sum(path.stat().st_size for path in folder.glob("*.py")) > LARGE
    return folder


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [*map(int, listed)]


def started(*more: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A run whose processes are at work."""
    run = subprocess.Popen(command("--jobs", "2", *more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while time.monotonic() < until and run.poll() is None:
        workers = children(run.pid)
        if len(workers) == 2:
            return run, workers
        time.sleep(0.005)
    run.kill()
    raise AssertionError(f"no processes were started: {run.communicate()}")


def gone(pids: list[int]) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.01)
    return False


def test_two_processes_find_what_one_finds(big: Path) -> None:
    said = [
        subprocess.run(command("--jobs", jobs, "--output-format", "json"), capture_output=True, text=True, check=True)
        for jobs in ("1", "2")
    ]
    assert said[0].stdout == said[1].stdout
    assert {Path(one["filename"]).name for one in json.loads(said[0].stdout)} >= {"tools.py"}


def test_a_process_that_is_killed_is_one_clear_error(big: Path) -> None:
    run, workers = started()
    os.kill(workers[0], signal.SIGKILL)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 2
    assert out == ""
    assert err.count("\n") == 1
    assert "was ended from outside" in err
    assert "--jobs 1" in err
    assert gone(workers)


def test_ctrl_c_ends_all_of_them_soon(big: Path) -> None:
    run, workers = started()
    begin = time.monotonic()
    for pid in (run.pid, *workers):  # as a terminal does
        os.kill(pid, signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert time.monotonic() - begin < 10  # half a second where nothing else runs
    assert (run.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert gone(workers)


def test_processes_end_where_who_started_them_is_killed(big: Path) -> None:
    run, workers = started()
    run.kill()
    run.communicate()
    until = time.monotonic() + 60
    while not gone(workers) and time.monotonic() < until:
        pass
    assert gone(workers)


def test_repairs_are_those_of_one_process(big: Path) -> None:
    source = (big / "tools.py").read_text()
    told = []
    for jobs in ("1", "2"):
        (big / "tools.py").write_text(source)
        run = subprocess.run(
            command("--fix", "--jobs", jobs), capture_output=True, text=True, check=True, cwd=big.parent
        )
        told.append((run.stdout, (big / "tools.py").read_text()))
    assert told[0] == told[1]
    assert told[0][1] != source
