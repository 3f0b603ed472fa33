"""What convlint predicts of whole models beside what targets do.

``predictions.py FOLDER [COUNT] [OPSET...] [TARGET...]``: FOLDER holds an environment of the packages that the models
are made of (``FOLDER/models/bin/python``), and one for each target (``FOLDER/ncnn/bin/python``; that of
``FOLDER/onnxruntime-web`` has ``node_modules`` too). So many models are exported by both exporters at each opset, and
as programs of torch; each file is given to each target that reads such files, in a process of its own, and the verdict
that the matrix gives of it, from the shipped facts, is compared with what happened. What is there already in
``build/predictions`` is not made again; ``predictions.md`` is written anew, and keeps what it says of targets that are
not named, where that is of the same opsets.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from convlint import backends
from convlint.backends.matrix import Matrix, matrix
from convlint.backends.onnx_file import read
from convlint.backends.uses import Operator, OperatorUse
from convlint.report.matrix_rows import told
from convlint.rule import DEFAULT_OPSET
from convlint.trial.runtime_process import ROOT, RuntimeProcess

WORK = Path("build/predictions").absolute()
MODELS = Path(__file__).with_name("predicted_models.py").absolute()
PAGE = Path(__file__).with_suffix(".md").absolute()
OF_FILES = ("onnxruntime", "openvino", "opencv", "tract", "onnxruntime-web", "ncnn", "tvm")
OF_PROGRAMS = ("coreml", "litert", "executorch")
OPSET = "18"
"""Which both exporters write."""
EXPORT_SECONDS, RUN_SECONDS, GIGABYTES = 600, 400, 16
TOLERANCE = 1e-2
"""Of the largest number in an output: float32 in another order of sums."""
COARSER = 10
"""How much more models may differ that compute in 16 bits."""


CELLS = (("yes", True), ("yes", False), ("no", False), ("no", True), ("unknown", True), ("unknown", False))
"""What may be predicted, and whether a file is taken, in the order of the page."""


@dataclass
class Results:
    """What was predicted of a target, and what it did."""

    target: str
    version: str = ""
    counts: Counter[tuple[str, bool]] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    @property
    def runs(self) -> int:
        """How many files it was given."""
        return sum(self.counts.values())

    @property
    def taken(self) -> int:
        """How many of them it took."""
        return sum(number for (_, taken), number in self.counts.items() if taken)

    @property
    def right(self) -> int:
        """How many were predicted."""
        return self.counts["yes", True] + self.counts["no", False]


def main() -> None:
    """Export, run, predict, compare."""
    environments, arguments = Path(sys.argv[1]).absolute(), sys.argv[2:]
    numbers = [one for one in arguments if one.isdigit()]
    targets = [one for one in arguments if not one.isdigit()] or [*OF_FILES, *OF_PROGRAMS]
    count, opsets = int((numbers or ["60"])[0]), numbers[1:] or [OPSET]
    python = environments / "models/bin/python"
    names = said(python, ["names"], 60).split()[:count]
    folders = [WORK / opset for opset in opsets]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            exported(python, name, folder)
    results = []
    for target in targets:
        found = [file for folder in folders for name in names for file in files(target, name, folder)]
        results.append(compared(environments / target, target, found))
    before = [one for one in stored(PAGE.read_text(encoding="utf-8"), opsets) if one.target not in targets]
    order = [*OF_FILES, *OF_PROGRAMS].index
    page = written(sorted([*before, *(one for one in results if one.runs)], key=lambda one: order(one.target)), opsets)
    print(page)
    PAGE.write_text(page, encoding="utf-8")


def files(target: str, name: str, folder: Path) -> Iterator[Path]:
    """What a target is given of a model."""
    stem = name.replace(":", "_")
    kinds = ("pt2",) if target in OF_PROGRAMS else ("torchscript.onnx", "dynamo.onnx")
    return (file for kind in kinds if (file := folder / f"{stem}.{kind}").exists())


def said(python: Path, arguments: Sequence[str], seconds: int) -> str:
    """What a worker prints; what became of it where it prints nothing."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(
            [str(python), str(MODELS), *arguments],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=os.environ | {"PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout if done.returncode == 0 else ""


def exported(python: Path, name: str, folder: Path) -> None:
    """Exports a model once, at the opset that the folder is called by."""
    mark = folder / f"{name.replace(':', '_')}.json"
    if not mark.exists():
        out = said(python, ["export", str(folder), folder.name, name], EXPORT_SECONDS).strip().splitlines()
        mark.write_text(out[-1] if out else '"the worker ended or took too long"')
        print(f"{name}: {mark.read_text()[:300]}", flush=True)


def compared(environment: Path, target: str, given: Sequence[Path]) -> Results:
    """What a target makes of files, beside what is predicted of them."""
    results = Results(target)
    os.chdir(environment)  # where node looks for packages
    with RuntimeProcess(target, str(environment / "bin/python"), RUN_SECONDS, GIGABYTES) as process:
        for file in given:
            happened = ran(process, target, file)
            if happened[0] != "wrong" or not is_wrong_itself(file):
                compare(results, file, happened)
    return results


def is_wrong_itself(file: Path) -> bool:
    """Whether ONNX Runtime gives other numbers than eager for a file too: then its exporter is taken to be to blame."""
    mark = file.with_suffix(".onnxruntime.json")
    return mark.exists() and json.loads(mark.read_text())[0] == "wrong"


def ran(process: RuntimeProcess, target: str, file: Path) -> tuple[str, str, str]:
    """What a target makes of a file, asked once: whether it takes it, why not, and its version."""
    mark = file.with_suffix(f".{target}.json")
    if not mark.exists():
        stored = np.load(file.with_name(f"{file.name.split('.')[0]}.npz"))
        right = [stored[key] for key in stored.files if key.startswith("out")]
        rtol = TOLERANCE * (COARSER if "16." in file.name else 1)
        said = process.run(file, given(file, stored), right, rtol)
        what = "taken" if said.passed else "wrong" if said.what == "wrong" else "refused"
        mark.write_text(json.dumps([what, said.why, process.version]))
        print(f"{file.name} {target}: {mark.read_text()[:160]}", flush=True)
    what, why, version = json.loads(mark.read_text())
    return what, why, version


def given(file: Path, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs by name and in their order."""
    inputs = {key: stored[key] for key in stored if key.startswith("arr_")}
    if file.suffix == ".pt2":
        return inputs
    graph = onnx.load(str(file), load_external_data=False).graph
    weights = {one.name for one in graph.initializer}
    names = [one.name for one in graph.input if one.name not in weights]
    return dict(zip(names, inputs.values(), strict=False))


def predicted(target: str, file: Path) -> Matrix:
    """The matrix of one file and one target."""
    if target in OF_PROGRAMS:
        graph = next(one for one in backends.reads(target) if one in ("torch_export", "core"))
        operators = json.loads(file.with_suffix(".operators").read_text())[graph]
        uses = [OperatorUse({graph: ((0, (Operator(*one),)),)}, is_fixed=is_fixed) for *one, is_fixed in operators]
        return matrix(uses, [(target, None)], [DEFAULT_OPSET], "dynamo", ask_installed=False)
    about = read(file)
    assert about.opset is not None  # a file says it
    return matrix(
        about.uses,
        [(target, None)],
        [about.opset],
        ir=about.ir,
        contradiction=about.contradiction,
        ask_installed=False,
    )


def compare(results: Results, file: Path, happened: tuple[str, str, str]) -> None:
    """Counts one run, and tells of it where it was not predicted."""
    made = predicted(results.target, file)
    (column,) = made.columns.values()
    verdict = {"partial": "yes"}.get(column.supported, column.supported)
    what, why, version = happened
    results.version = version or results.version
    results.counts[verdict, what == "taken"] += 1
    if (verdict == "yes") != (what == "taken") or verdict == "unknown":
        cells = [cell for cell in column.cells if cell.supported in ("no", "unknown")]
        because = "; ".join(dict.fromkeys(filter(None, [column.refusal or column.reason, *map(told, cells)])))[:200]
        said_so = " ".join(why.split())[:200]
        name = file.relative_to(WORK)
        results.misses.append(f"{name}: said {verdict}{f' ({because})' if because else ''}, {what}: {said_so}")


def stored(page: str, opsets: Sequence[str]) -> Iterator[Results]:
    """What a page says of each target, nothing where it is of other opsets."""
    for line in page.splitlines() if _of_opsets(opsets) in page else ():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] in (*OF_FILES, *OF_PROGRAMS) and len(cells) == len(CELLS) + 6:
            misses = [one.split(": ", 1)[1][1:-1] for one in page.splitlines() if one.startswith(f"- {cells[0]}: `")]
            yield Results(cells[0], cells[1], Counter(dict(zip(CELLS, map(int, cells[6:]), strict=True))), misses)


def _of_opsets(opsets: Sequence[str]) -> str:
    return f"opset {', '.join(opsets)})"


def written(results: Sequence[Results], opsets: Sequence[str]) -> str:
    """The page: a confusion matrix of each target in a row, and each miss."""
    runs, fails = sum(one.runs for one in results), sum(one.runs - one.taken for one in results)
    lines = [
        "# What is predicted of whole models, and what targets do",
        "",
        "Written by `python benchmarks/predictions.py`. The matrix's verdict, from the shipped facts alone, of each",
        f"file that a model becomes (`predicted_models.py`; random weights; {_of_opsets(opsets)}, beside",
        "what the target did with it: an ONNX file of each exporter, or a program of torch. A run fails that is",
        "refused or gives other numbers than eager (a file of which ONNX Runtime gives other numbers too is left out:",
        "its exporter is to blame); of Core ML it is the conversion alone. Unknown counts as wrong.",
        "Targets that the last run did not name are as an earlier one left them.",
        f"{fails} of {runs} runs fail ({fails / max(runs, 1):.0%}).",
        "",
        "| target | version | runs | fail | right | always yes | yes, taken | yes, fails | no, fails | no, taken |"
        " unknown, taken | unknown, fails |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        figures = " | ".join(str(one.counts[cell]) for cell in CELLS)
        shares = f"{one.right / one.runs:.1%} | {one.taken / one.runs:.1%}"
        lines.append(f"| {one.target} | {one.version} | {one.runs} | {one.runs - one.taken} | {shares} | {figures} |")
    lines += ["", "## Misses", ""]
    lines += [f"- {one.target}: `{miss}`" for one in results for miss in sorted(one.misses)] or ["None."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
