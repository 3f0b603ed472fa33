"""Lints, repairs and proves a copy of the example detector, and writes ``docs/atss.md``: ``python docs/atss.py``.

``--check`` only says whether the sources are those that the page was made from: running it takes a minute or two.
"""

from __future__ import annotations

import difflib
import hashlib
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from convlint import api
from convlint.config import Configuration, Layer, Options
from convlint.prover import Proved, told
from convlint.report import proof, text
from convlint.report.formats import Report
from convlint.report.plain import shown_path
from convlint.report.style import Painter
from convlint.source.document import Document
from convlint.trial.job import Job, ModelSpec, Shadow, Trial
from convlint.trial.runner import Runner

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "atss.md"
EXAMPLE = ROOT / "examples" / "atss_detector"
INPUTS = "images: float32[N=2, 3, H=96, W=128]"
REDESIGNED = "atss_detector.repaired.detector:ExportableDetector"
LINT = ("atss_detector", "--output-format", "concise")
PROVE = ("atss_detector", "--fix", "--unsafe-fixes", "--prove", "all")
UNSAFE = Layer(Options(unsafe_fixes=True), "command line", ROOT)
MODELS = f"""\
[[models]]
name = "detector"
factory = "atss_detector.detector:Detector"
inputs = "{INPUTS}"

[[models]]
name = "anchors"
factory = "atss_detector.grids:AnchorGrid"
arguments = {{strides = [8, 16]}}
inputs = "features.0: float32[N=2, 8, H=12, W=16]; features.1: float32[N, 8, h=6, w=8]"

[[models]]
name = "clip"
factory = "parts.py:Clip"
inputs = "boxes: float32[N=5, 4]"
"""
PARTS = """\
from torch import nn

from atss_detector.detections import Detections


class Clip(nn.Module):
    def forward(self, boxes):
        found = Detections(boxes * 50, boxes[:, 0], boxes[:, 1])
        return found.clip(16, 16).boxes
"""


def sources() -> str:
    """A digest of what the page is made from."""
    files = [Path(__file__), *sorted(EXAMPLE.rglob("*.py"))]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def page() -> str:
    """The page, by running everything that it shows."""
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        copy = Path(folder)
        shutil.copytree(EXAMPLE, copy / "atss_detector", ignore=shutil.ignore_patterns("__pycache__"))
        (copy / "convlint.toml").write_text(MODELS, encoding="utf-8")
        (copy / "parts.py").write_text(PARTS, encoding="utf-8")
        with inside(copy):
            findings = api.check(["atss_detector"]).findings
            proved = api.prove(["atss_detector"], Configuration([UNSAFE]), write=False)
            plain = Painter(io.StringIO())
            found = "\n".join(text.concise(Report(findings, lambda _: None, plain, False, copy)))
            told_of = "\n".join(proof.lines(proved.verdicts, proved.models, plain)).rstrip()
            changes = "\n".join(line for old, new in proved.changed for line in changes_of(old, new))
        redesigned = run(copy, REDESIGNED)
    return "\n".join(
        [
            f"<!-- made by `python docs/atss.py` from sources {sources()} -->",
            "# A detector, before and after",
            "",
            "`examples/atss_detector` is a one-stage detector as such code was written in 2020. Everything on this",
            f"page was printed by a run, with torch {redesigned.versions['torch'].partition('+')[0]}.",
            "",
            "## What convlint finds, without running anything",
            "",
            *block("console", f"$ convlint {command(LINT)}\n{found}"),
            "",
            "## What it repairs, and proves on the model",
            "",
            "The repairs are made in a shadow of the sources; the files are written once the model has done the same",
            "on all inputs, in its gradients and in training mode, and no exporter has made less of it. The whole",
            "detector does not export yet, whatever is done to single lines; so its parts are named as well: what they",
            "show is what a repair is good for. In `convlint.toml`:",
            "",
            *block("toml", MODELS.rstrip()),
            "",
            "where `parts.py` is",
            "",
            *block("python", PARTS.rstrip()),
            "",
            *block("console", f"$ convlint {command(PROVE)}\n{told_of}"),
            "",
            *block("diff", changes),
            "",
            "## What the exporters make of it",
            "",
            f"Left are {len(proved.left.findings)} findings that no edit of a line can cure: counts that depend on",
            "values, NumPy in the middle of the graph. `examples/atss_detector/repaired` is the same detector with",
            "masks of a fixed size. Of the detector as a whole the exporters make:",
            "",
            "| route | as it is | after `--fix` | redesigned |",
            "|---|---|---|---|",
            *rows(proved.models[0], redesigned),
            "",
        ]
    )


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Works in a folder, as who types the commands does."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def changes_of(old: Document, new: str) -> Iterator[str]:
    """A unified diff."""
    name = shown_path(old.path)
    return difflib.unified_diff(old.text.splitlines(), new.splitlines(), name, name, lineterm="")


def run(folder: Path, factory: str) -> Trial:
    """A model on the routes."""
    with tempfile.TemporaryDirectory(prefix="convlint-") as results, Runner() as runner:
        model = ModelSpec(factory=factory, inputs=INPUTS, folders=(str(folder),))
        return runner.run(Job(path=factory, shadow=Shadow(model=model, folder=results)))


def command(arguments: tuple[str, ...]) -> str:
    """Arguments as they are typed."""
    return " ".join(f"'{word}'" if " " in word else word for word in arguments)


def block(language: str, text: str) -> list[str]:
    """A fenced block."""
    return [f"```{language}", text, "```"]


def rows(detector: Proved, redesigned: Trial) -> Iterator[str]:
    """The outcome on each route."""
    for route, before in detector.before.outcomes.items():
        cells = told(before), told(detector.after.outcomes[route]), told(redesigned.outcomes[route])
        yield f"| `{route}` | {' | '.join(cells)} |"


def main() -> int:
    """Writes the page, or with ``--check`` says whether its sources have changed."""
    if "--check" not in sys.argv:
        PAGE.write_text(page(), encoding="utf-8")
        return 0
    current = PAGE.is_file() and sources() in PAGE.read_text(encoding="utf-8").partition("\n")[0]
    if not current:
        print(f"{PAGE.relative_to(ROOT)} is stale; run `make docs`")
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main())
