"""The packages that the benchmarks read."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGES = ("timm==1.0.31", "transformers==5.17.0")
FOLDERS = ("timm", "transformers/models")
SITE = Path("build/review/site-packages")

LABELLED = (
    "gluonts==0.17.0",
    "mambapy==1.2.0",
    "openai-whisper==20250625",
    "spandrel==0.4.2",
    "torch-rechub==0.9.0",
)
"""Their models are measured: ``suites``, ``labels``."""
LABELLED_SITE = Path("build/labels/source")


def download(packages: Sequence[str] = PACKAGES, site: Path = SITE) -> None:
    """Puts the packages' files, and nothing that they need, into a folder of their own, once.

    Raises:
        CalledProcessError: pip cannot download them.
    """
    if not site.is_dir():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", str(site)]
        subprocess.run([*command, *packages], check=True)
