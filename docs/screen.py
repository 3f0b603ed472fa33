"""Renders what convlint prints of the example into ``docs/screen.svg``: ``python docs/screen.py [--check]``."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
SCREEN = ROOT / "docs" / "screen.svg"
COMMAND = "convlint examples/atss_detector --select CVL101,CVL301"
WIDTH = 104


def render() -> str:
    """The command and its coloured output as SVG."""
    environment = os.environ | {"FORCE_COLOR": "1", "COLUMNS": str(WIDTH), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", *COMMAND.split(), "--isolated"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if run.returncode != 1 or run.stderr:
        raise SystemExit(f"`{COMMAND}` exits with {run.returncode}: {run.stderr}")
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(f"[bold green]$[/] {COMMAND}")
    console.print(Text.from_ansi(run.stdout), soft_wrap=False)
    return console.export_svg(title="convlint", unique_id="screen")


def main() -> int:
    """Writes the picture, or with ``--check`` says whether it is stale."""
    svg = render()
    if "--check" not in sys.argv:
        SCREEN.write_text(svg, encoding="utf-8")
        return 0
    current = SCREEN.is_file() and SCREEN.read_text(encoding="utf-8") == svg
    if not current:
        print(f"{SCREEN.relative_to(ROOT)} is stale; run `make docs`")
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main())
