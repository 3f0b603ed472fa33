"""What convlint predicts of whole models beside what runtimes do: ``predictions.py PYTHON [COUNT [OPSET...]]``.

PYTHON is an interpreter whose environment holds timm, torchvision, transformers, torch, onnx, onnxruntime, openvino,
opencv-python-headless and tract. So many models are exported by both exporters at each opset, each file is run on each
runtime in a process of its own, and the verdict that the matrix gives of the file, from the shipped facts, is compared
with what happened. What is there already in ``build/predictions`` is not made again. With ``coreml`` or ``litert``
instead of opsets (and coremltools or litert-torch in the environment) models are converted as programs of torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from convlint.backends import verdict
from convlint.backends.matrix import ORDER, matrix
from convlint.backends.onnx_file import read
from convlint.report.matrix_rows import told
from convlint.rule import DEFAULT_OPSET
from convlint.trial.runtime_process import ROOT, RuntimeProcess

WORK = Path("build/predictions")
MODELS = Path(__file__).with_name("predicted_models.py")
TARGETS = ("onnxruntime", "openvino", "opencv", "tract")
OPSET = "18"
"""Which both exporters write."""
EXPORT_SECONDS, RUN_SECONDS = 400, 120
TOLERANCE = 1e-2
"""Of the largest number in an output: float32 in another order of sums."""
COARSER = 10
"""How much more models may differ that compute in 16 bits."""


def main() -> None:
    """Export, run, predict, compare."""
    python, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    names = said(python, ["names"], 60).split()[:count]
    if programs := [one for one in sys.argv[3:] if not one.isdigit()]:
        for target in programs:
            of_programs(python, target, names)
        return
    happened = {}
    for opset in sys.argv[3:] or [OPSET]:
        folder = WORK / opset
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            exported(python, name, folder)
            for file in sorted(folder.glob(f"{name.replace(':', '_')}.*.onnx")):
                happened |= {(file, target): ran(python, target, file) for target in TARGETS}
    report(happened)


def of_programs(python: str, target: str, names: Sequence[str]) -> None:
    """A confusion matrix of a target that reads programs of torch, and each miss; what is none is left out."""
    counts: Counter[tuple[str, bool]] = Counter()
    misses = []
    folder = WORK / target
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        mark = folder / f"{name.replace(':', '_')}.json"
        if not mark.exists():
            out = said(python, ["program", target, name], EXPORT_SECONDS).strip().splitlines()
            mark.write_text(out[-1] if out else '["unexported", "the process ended, or took too long", []]')
            print(f"{name} {target}: {mark.read_text()[:160]}", flush=True)
        what, why, operators = json.loads(mark.read_text())
        if what == "unexported":
            continue
        verdicts = {one: verdict(target, None, one, DEFAULT_OPSET) for one in operators}
        worst = min((told.supported for told in verdicts.values()), key=ORDER.index)
        counts[worst, what == "taken"] += 1
        if (worst == "yes") != (what == "taken") or worst == "unknown":
            because = "; ".join(told.reason for told in verdicts.values() if told.supported == worst != "yes")[:200]
            misses.append(f"{target}: {name}: said {worst} ({because}), {what}: {' '.join(why.split())[:300]}")
    shown(target, counts)
    print("\n".join(["", "Misses", *misses]))


def shown(target: str, count: Counter[tuple[str, bool]]) -> None:
    """A confusion matrix."""
    runs = sum(count.values())
    took = sum(number for (_, taken), number in count.items() if taken)
    right = count["yes", True] + count["no", False]
    print(f"\n{target}: {runs} runs, {took} taken; right {right} ({right / runs:.1%}), always yes {took / runs:.1%}")
    for predicted in ("yes", "no", "unknown"):
        print(f"  said {predicted:8} taken {count[predicted, True]:4}  not taken {count[predicted, False]:4}")


def said(python: str, arguments: Sequence[str], seconds: int) -> str:
    """What a worker prints; what became of it where it prints nothing."""
    try:
        done = subprocess.run(
            [python, str(MODELS), *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))},
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""


def exported(python: str, name: str, folder: Path) -> None:
    """Exports a model once, at the opset that the folder is called by."""
    mark = folder / f"{name.replace(':', '_')}.json"
    if not mark.exists():
        out = said(python, ["export", str(folder), folder.name, name], EXPORT_SECONDS).strip().splitlines()
        mark.write_text(out[-1] if out else '"the worker ended or took too long"')
        print(f"{name}: {mark.read_text()[:300]}", flush=True)


def ran(python: str, target: str, file: Path) -> tuple[str, str]:
    """What a runtime makes of a file, asked once."""
    mark = file.with_suffix(f".{target}.json")
    if not mark.exists():
        stored = np.load(file.with_name(f"{file.name.split('.')[0]}.npz"))
        inputs = [stored[key] for key in stored.files if key.startswith("arr_")]
        graph = onnx.load(str(file), load_external_data=False).graph
        weights = {one.name for one in graph.initializer}
        names = [one.name for one in graph.input if one.name not in weights]
        right = [stored[key] for key in stored.files if key.startswith("out")]
        rtol = TOLERANCE * (COARSER if "16." in file.name else 1)
        with RuntimeProcess(target, python, RUN_SECONDS) as process:
            said = process.run(file, dict(zip(names, inputs, strict=False)), right, rtol)
        what = "taken" if said.passed else "wrong" if said.what == "wrong" else "refused"
        mark.write_text(json.dumps([what, said.why]))
        print(f"{file.name} {target}: {mark.read_text()[:160]}", flush=True)
    what, why = json.loads(mark.read_text())
    return what, why


def report(happened: dict[tuple[Path, str], tuple[str, str]]) -> None:
    """A confusion matrix for each target, and each miss."""
    counts: dict[str, Counter[tuple[str, bool]]] = {target: Counter() for target in TARGETS}
    misses = []
    for file in dict.fromkeys(file for file, _ in happened):
        about = read(file)
        assert about.opset is not None  # a file says it
        made = matrix(
            about.uses,
            [(target, None) for target in TARGETS],
            [about.opset],
            ir=about.ir,
            contradiction=about.contradiction,
            ask_installed=False,
        )
        for target in made.targets:
            column = made.at(target, about.opset)
            predicted = {"partial": "yes"}.get(column.supported, column.supported)
            what, why = happened[file, target.name]
            counts[target.name][predicted, what == "taken"] += 1
            if (predicted == "yes") != (what == "taken") or predicted == "unknown":
                cells = [cell for cell in column.cells if cell.supported in ("no", "unknown")]
                because = "; ".join(dict.fromkeys([column.refusal or column.reason, *map(told, cells)]))[:200]
                said_so = " ".join(why.split())[:300]
                misses.append(
                    f"{target.name}: {file.relative_to(WORK)}: said {predicted} ({because}), {what}: {said_so}"
                )
    for target, count in counts.items():
        shown(target, count)
    print("\nMisses")
    print("\n".join(sorted(misses)))


if __name__ == "__main__":
    main()
