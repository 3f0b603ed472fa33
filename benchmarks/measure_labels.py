"""Measures the labels anew: ``python benchmarks/measure_labels.py [SUITE.py...]``, about half an hour for all.

The packages run from a folder of their own, with the torch of this environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from packages import LABELLED, download

HERE = Path(__file__).parent
RUN_SITE = Path("build/labels/site-packages")
MEASURE = (sys.executable, "-m", "convlint.trial.labels", "--timeout", "60")


def main() -> None:
    """Install, then run each suite."""
    suites = [Path(name) for name in sys.argv[1:]] or sorted((HERE / "suites").glob("*.py"))
    download([*LABELLED, "-r", str(HERE / "suites/requirements.txt")], RUN_SITE)
    for suite in suites:
        output = HERE / "labels" / f"{suite.stem}.jsonl"
        subprocess.run(
            [*MEASURE, str(suite), "--output", str(output)], env=os.environ | {"PYTHONPATH": str(RUN_SITE)}, check=True
        )


if __name__ == "__main__":
    main()
