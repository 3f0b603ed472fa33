"""What ``--fix --prove`` says of real models: ``python benchmarks/proved_models.py [PACKAGE...]``.

Runs in an environment of convlint and of timm, torchvision, transformers, ultralytics and segmentation-models-pytorch.
Each package is copied, so that nothing that is installed changes, and the command that a user would give is run on the
copy; all that it prints is in ``build/proved``, and what is there is not run again. ``proved_models.md`` is the table.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

WORK = Path("build/proved")
TABLE = Path(__file__).with_suffix(".md")


class Proved(NamedTuple):
    """A model of a package, and the files of which repairs are proposed."""

    package: str
    folder: str
    model: str
    inputs: tuple[str, ...]


MODELS = (
    Proved("torchvision", "models/detection", "ssd", ("--inputs", "proved:images")),
    Proved("timm", "models", "timm.models:mobilevit_xxs", ("--input", "x: float32[N=2, 3, H=64..128:32, W=96]")),
    Proved(
        "transformers",
        "models/longformer",
        "longformer",
        (
            "--input",
            "input_ids: int64[N=2, T=16] in 3..99; attention_mask: int64[N, T] in 1..1; "
            "global_attention_mask: int64[N, T] in 0..1",
        ),
    ),
    Proved("ultralytics", "nn", "yoloe", ("--input", "x: float32[N=2, 3, H=64..128:32, W=96]")),
    Proved("segmentation_models_pytorch", ".", "unet", ("--input", "x: float32[N=2, 3, H=64..128:32, W=96]")),
)
FACTORIES = """
import torch


def ssd():
    from torchvision.models.detection import ssdlite320_mobilenet_v3_large

    return ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None)


def images():
    yield ([torch.rand(3, 96, 128)],)
    yield ([torch.rand(3, 120, 104)],)


def longformer():
    from transformers import LongformerConfig, LongformerForSequenceClassification

    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
    config = LongformerConfig(vocab_size=100, attention_window=8, max_position_embeddings=128, **sizes)
    return LongformerForSequenceClassification(config)


def yoloe():
    from ultralytics.nn.tasks import YOLOEModel

    return YOLOEModel("yoloe-11s.yaml", verbose=False)


def unet():
    from segmentation_models_pytorch import Unet

    return Unet("mobilenet_v2", encoder_weights=None)
"""


def main() -> None:
    """Run what was not run, and write the table."""
    asked = sys.argv[1:]
    runs = [run(one) for one in MODELS if not asked or one.package in asked]
    lines = list(table(runs))
    if not asked:
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(*lines, sep="\n")


def run(one: Proved) -> dict[str, Any]:
    """What the command made of a model, or of an earlier run."""
    folder = WORK / one.package
    kept = folder / "run.json"
    if not kept.is_file():
        shutil.rmtree(folder, ignore_errors=True)
        spec = importlib.util.find_spec(one.package)
        assert spec is not None
        assert spec.submodule_search_locations
        shutil.copytree(
            spec.submodule_search_locations[0], folder / one.package, ignore=shutil.ignore_patterns("__pycache__")
        )
        (folder / "proved.py").write_text(FACTORIES.lstrip(), encoding="utf-8")
        ran = subprocess.run(command(one), cwd=folder, env=_environment(), capture_output=True, text=True, check=False)
        if ran.returncode > 1:
            sys.exit(ran.stderr)
        kept.write_text(ran.stdout, encoding="utf-8")
    return {"model": one, "said": json.loads(kept.read_text(encoding="utf-8"))}


def command(one: Proved) -> list[str]:
    """The command that a user would give."""
    paths = (Path(one.package) / one.folder).as_posix()
    model = one.model if ":" in one.model else f"proved:{one.model}"
    fix = ("--fix", "--unsafe-fixes", "--prove", model, *one.inputs)
    return [sys.executable, "-m", "convlint", paths, "--isolated", *fix, "--output-format", "json"]


def _environment() -> dict[str, str]:
    paths = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.environ | {"PYTHONPATH": os.pathsep.join(str(Path(one).resolve()) for one in paths)}


def table(runs: list[dict[str, Any]]) -> Iterator[str]:
    """What was proposed, kept and dropped, and what the exporters showed."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("torch", *_packages(runs)))
    yield "# Repairs of real models, proven"
    yield ""
    yield f"Written by `python benchmarks/proved_models.py`: {versions}; random weights."
    yield ""
    yield "| package and model | proposed | kept | dropped | no model runs it | inputs |"
    yield "|---|---|---|---|---|---|"
    for one in runs:
        model, said = one["model"], one["said"]
        verdicts = Counter(repair["verdict"] for repair in said["repairs"])
        counts = (verdicts.total(), verdicts["proven"], verdicts["dropped"], verdicts["not exercised"])
        compared = ", ".join(str(len(proved["compared"]["outputs"])) for proved in said["models"])
        told = " | ".join(map(str, (*counts, compared or "not run")))
        yield f"| {model.package}: {model.model.rpartition(':')[2]} | {told} |"
    yield ""
    yield "Each repair that a model ran, and what the exporters made of the model before and after it:"
    yield ""
    for one in runs:
        yield from (_told(repair) for repair in one["said"]["repairs"] if repair["verdict"] != "not exercised")


def _packages(runs: list[dict[str, Any]]) -> list[str]:
    return [one["model"].package.replace("_", "-") for one in runs]


def _told(repair: dict[str, Any]) -> str:
    """``- `timm/models/mobilevit.py:248` CVL204 kept: jit_trace was frozen on 7 inputs, now right``."""
    file = repair["filename"].rpartition("build/proved/")[2].partition("/")[2]
    place = f"`{file}:{repair['location']['row']}:{repair['location']['column']}`"
    if repair["verdict"] == "dropped":
        return f"- {place} {repair['code']} dropped: {repair['reason']}"
    helped = [f"{one['route']} was {one['before']}, now {one['after']}" for one in repair["helped"]]
    unshown = [f"{one['route']} is {one['after']} before and after" for one in repair["unshown"]]
    return f"- {place} {repair['code']} kept: {'; '.join(helped or unshown) or repair['reason'] or 'equal'}"


if __name__ == "__main__":
    main()
