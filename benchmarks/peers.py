"""The tools that convlint is compared with, in an environment of their own."""

from __future__ import annotations

import subprocess
import venv
from pathlib import Path

PEERS = ("fixit[lsp]==2.2.1", "flake8==7.5.0", "libcst==1.5.1", "ruff==0.17.6", "semgrep==1.170.1", "torchfix==0.7.0")
FOLDER = Path("build/peers")


def peers() -> Path:
    """The folder of their programs; they are installed where they are not there."""
    there = FOLDER / "packages.txt"
    if not there.is_file() or there.read_text(encoding="utf-8") != "\n".join(PEERS):
        venv.create(FOLDER, clear=True, with_pip=True)
        subprocess.run([FOLDER / "bin/pip", "install", "-q", *PEERS], check=True)
        there.write_text("\n".join(PEERS), encoding="utf-8")
    return FOLDER.absolute() / "bin"
