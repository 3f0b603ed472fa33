"""The packages that the benchmarks read."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PACKAGES = ("timm==1.0.31", "transformers==5.17.0")
FOLDERS = ("timm", "transformers/models")
SITE = Path("build/review/site-packages")

SEEN = {
    "TTS": ("coqui-tts==0.28.0",),
    "asteroid": ("asteroid==0.7.0", "asteroid-filterbanks==0.4.0"),
    "gluonts": ("gluonts==0.17.0",),
    "mambapy": ("mambapy==1.2.0",),
    "neuralop": ("neuraloperator==2.0.0",),
    "nflows": ("nflows==0.14",),
    "pytorch_forecasting": ("pytorch-forecasting==1.8.0",),
    "spandrel": ("spandrel==0.4.2",),
    "torch_rechub": ("torch-rechub==0.9.0",),
    "torchani": ("torchani==2.9.0",),
    "torchkbnufft": ("torchkbnufft==1.5.2",),
    "vector_quantize_pytorch": ("vector-quantize-pytorch==1.32.0",),
    "whisper": ("openai-whisper==20250625",),
    "x_transformers": ("x-transformers==2.31.10",),
    "braindecode": ("braindecode==1.8.1",),
    "kokoro": ("kokoro==0.9.4",),
    "pypots": ("pypots==1.5",),
    "pytorch_widedeep": ("pytorch-widedeep==1.7.0",),
    "schnetpack": ("schnetpack==2.1.1",),
    "yolox": ("pixeltable-yolox==0.4.3",),
    "chemprop": ("chemprop==2.3.1",),
    "esm": ("fair-esm==2.0.0",),
    "gliner": ("gliner==0.2.29",),
    "piq": ("piq==0.8.0",),
    "rfdetr": ("rfdetr==1.11.2",),
}
"""By suite, the packages whose models are measured. What convlint says of these was looked at while building."""
HELD_OUT = {
    "ncps": ("ncps==1.0.1",),
    "nnAudio": ("nnAudio==0.3.4",),
}
"""These were labelled before anyone looked. One that was looked at while mending belongs to those seen."""
REVIEWED = (*PACKAGES, "torchvision==0.28.0", "ultralytics==8.4.190", "segmentation-models-pytorch==0.6.0")
REVIEWED_FOLDERS = ("timm", "torchvision", "transformers", "ultralytics", "segmentation_models_pytorch")
REVIEWED_SITE = Path("build/review/catalogue")
"""Of whose findings some of each rule are read by hand."""
REPAIRED = ("torch==2.13.0", "torchvision==0.28.0", *PACKAGES, "ultralytics==8.4.190")
"""What `make fixes-hold` repairs copies of, and runs."""
REPAIRED_FOLDERS = ("timm", "torchvision", "transformers/models", "ultralytics")
LABELLED = tuple(package for group in (SEEN, HELD_OUT) for packages in group.values() for package in packages)
LABELLED_SITE = Path("build/labels/source")


def download(packages: Sequence[str] = PACKAGES, site: Path = SITE) -> None:
    """Puts the packages' files, and nothing that they need, into a folder of their own, unless they are there.

    Raises:
        CalledProcessError: pip cannot download them.
    """
    there = site / "packages.txt"
    wanted = "\n".join(packages)
    if there.is_file() and there.read_text(encoding="utf-8") == wanted:
        return
    shutil.rmtree(site, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-compile", "--target", str(site)]
    subprocess.run([*command, *packages], check=True)
    there.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    print(*REPAIRED)
