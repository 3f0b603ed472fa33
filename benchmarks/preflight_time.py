"""What a whole preflight costs beside the exporters alone: ``python benchmarks/preflight_time.py [NAME...]``.

Runs in an environment of convlint and of what ``real_models.py`` needs. Of each model one process makes it and calls
the four exporters, no more, and another is the command ``convlint preflight`` on the same inputs. Compared are CPU
seconds: other work on the machine changes them little. The first ratio is that of the whole processes, with the imports
and the making of the model that both need; the second is without these: of the preflight is left out what the other
process took besides the calls.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from contextlib import suppress
from pathlib import Path

from preflights import WORK, cpu_seconds, preflight, script_of
from real_models import CASES

MODELS = ("timm:vit_tiny_patch16_224", "torchvision:resnet18", "transformers:bert", "torchvision:ssdlite320_mobilenet")
BARE = "--bare"
GOAL = 2.0


def main() -> None:
    """Time both, and say how many times the one is the other."""
    if sys.argv[1:2] == [BARE]:
        export(sys.argv[2])
        return
    WORK.mkdir(parents=True, exist_ok=True)
    print(f"{'model':40} {'calls':>10} {'exporters':>10} {'preflight':>10} {'ratio':>6} {'calls':>6}")
    totals = [0.0, 0.0, 0.0]
    for name in sys.argv[1:] or MODELS:
        _, bare = cpu_seconds([sys.executable, __file__, BARE, name], WORK / "bare.txt")
        _, whole = cpu_seconds(preflight(script_of(name)), WORK / "whole.txt")
        calls = float((WORK / "bare.txt").read_text().split()[-1])
        totals = [total + one for total, one in zip(totals, (calls, bare, whole), strict=True)]
        print(told(name, calls, bare, whole), flush=True)
    print(f"{told('together', *totals)}, at most {GOAL} are wanted")


def told(name: str, calls: float, bare: float, whole: float) -> str:
    """The row of a model: its CPU seconds, and how many times the one is the other, with and without imports."""
    times = f"{calls:8.1f} s {bare:8.1f} s {whole:8.1f} s"
    return f"{name:40} {times} {whole / bare:6.2f} {(whole - bare + calls) / calls:6.2f}"


def export(name: str) -> None:
    """Calls each exporter once on a model, and says how many CPU seconds that took; one that raises is done, too."""
    import torch

    from convlint.trial.labels.suite import subject
    from convlint.trial.routes import Export

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    given = subject(Path(__file__), next(case for case in CASES if case.name == name))
    args, names = given.samples[0].args, list(given.input_names)
    axes = {names[i]: dict(named) for i, named in given.dynamic.items()}
    seconds = 0.0
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        model, path = given.build(), Path(folder, "model.onnx")
        shapes = Export(model, args, given.input_names, given.dynamic, given.dims, None, path).dynamic_shapes
        for call in (
            lambda: torch.jit.trace(model, args),  # type: ignore[no-untyped-call]
            lambda: torch.export.export(model, args, dynamic_shapes=shapes),
            lambda: torch.onnx.export(model, args, path, dynamo=False, input_names=names, dynamic_axes=axes),
            lambda: torch.onnx.export(model, args, path, dynamo=True, input_names=names, dynamic_shapes=shapes),
        ):
            started = time.process_time()
            with suppress(Exception):
                call()
            seconds += time.process_time() - started
    print(seconds)


if __name__ == "__main__":
    main()
