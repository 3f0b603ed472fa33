"""``--watch``, as a process of its own whose lines are read while files change."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Cli
from convlint_rules.examples import forward

MODEL = forward("return x * int(x.shape[0])")
CALLER = forward("return x * rows(x)").replace("import torch\n", "import torch\nfrom helper import rows\n")


HANGS = 300
"""Seconds without a report after which a run is ended: a busy machine needs a part of them."""


class Watching:
    """A run of ``convlint --watch``."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "convlint", "--watch", "--output-format", "concise", *arguments]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
        )

    def shown(self) -> list[str]:
        """The lines of the next report."""
        end = threading.Timer(HANGS, self.process.kill)
        end.start()
        lines = []
        try:
            assert self.process.stdout
            for line in self.process.stdout:
                if line.startswith("Watching") or ("error: " in line and "CVL" not in line):
                    return [*lines, line.strip()]
                if line.strip():
                    lines.append(line.strip())
        finally:
            end.cancel()
        raise AssertionError(f"ended after {lines}")

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()
        return code


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/net.py").write_text(MODEL)
    (tmp_path / "pyproject.toml").write_text("")
    run = Watching(tmp_path, "src")
    yield run
    run.process.kill()
    run.stop()


def test_each_change_is_shown(watching: Watching, tmp_path: Path) -> None:
    net = tmp_path / "src/net.py"
    assert watching.shown() == [*found("src/net.py:7:20"), "Watching 1 file; stop with Ctrl+C."]
    net.write_text(MODEL.replace("int(x.shape[0])", "x.shape[0]"))
    assert watching.shown()[0] == "All checks passed!"
    net.write_text(CALLER)
    (tmp_path / "src/helper.py").write_text("def rows(x):\n    return int(x.shape[0])\n")
    shown = watching.shown()
    while "helper" not in shown[0]:  # between the two writes it may have looked as well
        shown = watching.shown()
    assert shown[0].startswith("src/helper.py:2:12: error CVL202")
    (tmp_path / "pyproject.toml").write_text("[tool.convlint]\nexporte = 1\n")
    assert watching.shown()[-1].endswith("unknown key `exporte`; did you mean `exporter`?")
    (tmp_path / "pyproject.toml").write_text("[tool.convlint]\nignore = ['CVL2']\n")
    assert watching.shown()[0] == "All checks passed!"
    (tmp_path / "src/helper.py").unlink()
    assert watching.shown()[0] == "All checks passed!"
    assert watching.stop() == 130


def found(place: str) -> list[str]:
    message = "turns a size into a plain number: the graph keeps the traced size; write the size itself"
    return [
        f"{place}: error CVL202 [*] `int(x.shape[0])` {message}",
        "Found 1 error.",
        "[*] 1 fixable with `--fix`.",
    ]


@pytest.mark.parametrize(
    "arguments", [["--fix"], ["--diff"], ["-"], ["--output-format", "json"], ["--output-file", "a"], ["--add-ignores"]]
)
def test_watching_shows_and_does_nothing_else(cli: Cli, arguments: list[str]) -> None:
    ran = cli("check", "--watch", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert "leave out " + " ".join(arguments)[:13] in ran.err
