"""The packages that the benchmarks read: their files only, nothing of them is run."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGES = ("timm==1.0.31", "transformers==5.17.0")
FOLDERS = ("timm", "transformers/models")
SITE = Path("build/review/site-packages")


def download() -> None:
    """Unpacks the packages' wheels into ``SITE``, once.

    Raises:
        CalledProcessError: pip cannot download them.
    """
    wheels = SITE.parent / "wheels"
    if SITE.is_dir():
        return
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels), *PACKAGES]
    subprocess.run(command, check=True)
    for wheel in wheels.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(SITE)
