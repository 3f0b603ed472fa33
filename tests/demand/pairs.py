"""What users suffer from, as pairs of models: ``bad.py`` as it is met, ``good.py`` as it exports.

Each folder is one demand. In ``bad.py`` a comment ``# <- CVL202`` stands on each line where a finding must start, with
its codes. ``python tests/demand/pairs.py`` (part of ``make prove``) runs both files on all routes and stores what they
did in ``proofs.json``. Of every route on which a finding states harm harm must have been measured, and of every
exporter that does harm a finding must say so; ``good.py`` must export and equal eager, with nothing found in it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from convlint.config import Settings
from convlint.findings import EXPORTERS, ROUTES, Finding, Harm, Level
from convlint.linter import lint
from convlint.proofs import Proofs, load, save
from convlint.rule import Example
from convlint.trial.prove import complaints, proofs_of, shown

HERE = Path(__file__).parent
PROOFS = HERE / "proofs.json"
MARK = re.compile(r"# <- ((?:CVL\d{3} ?)+)$")


def pair(name: str, inputs: str, **claims: Any) -> Example:
    """The files of a folder as an example, without its harm, which is measured."""
    bad, good = (Path(HERE, name, side).read_text(encoding="utf-8") for side in ("bad.py", "good.py"))
    return Example(bad, good, inputs, title=name, **claims)


IMAGES = "images: float32[N=2, 3, H=16..64:8, W=16..64:8]"
PAIRS = [
    pair("01_windows", IMAGES),
    pair("02_early_exit", "x: float32[N=3, 6]"),
    pair("03_nothing_found", "points: float32[N=7, 4]"),
    pair("04_image_by_image", "images: float32[N=3, 3, 12, 12]"),
    pair("05_clipped_columns", "features: float32[10, 6]"),
    pair("06_counted_tokens", "ids: int64[N=3, T=9] in 0..99"),
    pair("07_rows_of_detections", "features: float32[N=7, 6]"),
    pair("08_half_precision", "x: float32[N=3, 8]", same_in_eager=False),
    pair("09_frequencies", "signal: float32[N=3, 1, 32]"),
    pair("10_old_script", "x: float32[batch=3, 4]", script=("onnx_dynamo",), opset=11),
    pair(
        "11_streaming",
        "chunk: float32[N=2, 2, 10]",
        good_inputs="chunk: float32[N=2, 2, 10]; cache: float32[N, 4, 2]",
        same_in_eager=False,
    ),
    pair("12_heat_maps", "images: float32[N=2, 3, H=16, W=16]"),
    pair(
        "13_packed",
        "x: float32[N=3, T=24, 5]; lengths: int64[N] in 1..12",
        good_routes=("jit_trace", "onnx_torchscript"),
        same_in_eager=False,
    ),
    pair("14_squeezed", "images: float32[N=2, 3, 8, 8]", same_in_eager=False),
    pair("15_sides_of_image", IMAGES),
    pair("16_masks_of_queries", "images: float32[N=2, 3, H=16, W=16]"),
    pair("17_warp", "before: float32[N=2, 3, 6, 8]; after: float32[N, 3, 6, 8]", opset=11),
    pair("18_cond_in_place", "x: float32[N=3, 6]"),
    pair("19_padding", "images: float32[N=2, 3, H=9..40, W=9..40]"),
    pair("20_trimmed_speech", "frames: float32[N=3, T=24, 5]; lengths: int64[N] in 1..24"),
    pair("21_training_mode", "x: float32[N=3, 4]", script=("jit_trace",)),
]

MISSED = {
    "01_windows": "`int()` of a quotient pins the batch here, so that `torch.export` stops, and the dynamo exporter, "
    "which then tries again, gets past it; elsewhere both keep the traced size, and the source does not tell which",
}
"""These are not found with the harm that they do, and why."""


def marked(example: Example) -> set[tuple[int, str]]:
    """The rows of ``bad.py`` where a finding must start, with its code."""
    found = ((row, MARK.search(line)) for row, line in enumerate(example.bad.splitlines(), 1))
    return {(row, code) for row, mark in found if mark for code in mark[1].split()}


def findings(example: Example, side: str) -> list[Finding]:
    """What convlint says by default of a side, of what a user has who exports by the pair's routes."""
    settings = Settings(cache=False, jobs=1, opset=None if example.script else example.opset)
    return lint([HERE / example.title / f"{side}.py"], settings).findings


def stated(found: Sequence[Finding]) -> Harm:
    """The worst that findings say of each route."""
    return Harm.worst_of(one.harm for one in found if one.harm)


def unlike(said: Harm, measured: Mapping[str, str]) -> Iterator[str]:
    """How what findings state differs from what the tracers did."""
    did = Harm(**{route: Level[name] for route, name in measured.items()})
    said = said.without(set(ROUTES) - set(measured))
    for route in measured:
        if said.on(route) and not did.on(route):
            yield f"the findings say {said.on(route).name} on {route}, which is harmless"
    for exporter in ("torchscript", "dynamo"):
        if did.worst(EXPORTERS[exporter]) and not said.worst(EXPORTERS[exporter]):
            yield f"nothing is said of {exporter}, which does harm"


def measure(examples: Sequence[Example]) -> Iterator[str]:
    """Runs pairs on the routes, stores what they did, and tells of each that is not as the findings say."""
    proofs = load(PROOFS)
    versions, known = proofs.versions, dict(proofs.rules)
    for example, proof in zip(examples, proofs_of(examples), strict=True):
        versions, did = proof.bad.versions, shown(example, proof.bad)
        known[example.title] = [did]
        yield f"{example.title:24}{' '.join(f'{level:9}' for level in did.harm.values())}"
        for complaint in complaints(proof.bad.harm, proof.bad, proof.good):
            yield f"    {complaint}"
        for complaint in unlike(stated(findings(example, "bad")), did.harm):
            known_miss = MISSED.get(example.title)
            yield f"  as known, {complaint}: {known_miss}" if known_miss else f"    {complaint}"
    names = [example.title for example in PAIRS]
    save(PROOFS, Proofs(versions, {name: known[name] for name in names if name in known}))


if __name__ == "__main__":
    wrong = False
    for line in measure([one for one in PAIRS if not sys.argv[1:] or one.title.startswith(tuple(sys.argv[1:]))]):
        sys.stdout.write(line.rstrip() + "\n")
        sys.stdout.flush()
        wrong |= line.startswith("    ")
    sys.exit(wrong)
