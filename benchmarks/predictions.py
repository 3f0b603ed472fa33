"""What convlint predicts of whole models beside what targets do.

``predictions.py FOLDER [--target T...] [--opset O...] [--model M...]``: FOLDER holds an environment of the packages
that the models are made of (``FOLDER/models/bin/python``), and one for each target (``FOLDER/ncnn/bin/python``; that of
``FOLDER/onnxruntime-web`` has ``node_modules`` too). Each model is exported by both exporters at each opset, and as a
program of torch; each file is given to each target that reads such files, in a process of its own, and the verdict
that the matrix gives of it, from the shipped facts, is compared with what happened. At other opsets than 18 only those
are exported that were drawn for it (``drawn_models.AT_SEVERAL``). What is there already in ``build/predictions`` is not
made again. Runs are kept in ``predictions.jsonl``, of which ``predictions.md`` is made.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import drawn_models
import numpy as np
import onnx

from convlint import backends
from convlint.backends.matrix import Matrix, matrix
from convlint.backends.onnx_file import read
from convlint.backends.uses import Operator, OperatorUse
from convlint.report.matrix_rows import told
from convlint.rule import DEFAULT_OPSET
from convlint.trial.job import without_folders
from convlint.trial.runtime_process import ROOT, RuntimeProcess

WORK = Path("build/predictions").absolute()
MODELS = Path(__file__).with_name("predicted_models.py").absolute()
PAGE = Path(__file__).with_suffix(".md").absolute()
STORE = PAGE.with_suffix(".jsonl")
OF_FILES = ("onnxruntime", "openvino", "opencv", "tract", "onnxruntime-web", "ncnn", "tvm")
AT_OPSETS = OF_FILES[:4]
"""Those that were given files of several opsets."""
OF_PROGRAMS = ("coreml", "litert", "executorch")
TARGETS = (*OF_FILES, *OF_PROGRAMS)
OPSET = "18"
"""Which both exporters write."""
WAYS_OF_FILES = ("torchscript", "dynamo")
WAYS = (*WAYS_OF_FILES, "torch.export")
"""As ``predicted_models.WAYS`` has them; programs of torch have no opset."""
EXPORT_SECONDS, RUN_SECONDS, GIGABYTES = 600, 400, 16
SHOWN = 2
"""How many of the last draws the page has."""
TOLERANCE = 1e-2
"""Of the largest number in an output: float32 in another order of sums."""
SMALL = 1e-3
"""Numbers that are compared as if they were so large."""
COARSER = 10
"""How much more models may differ that compute in 16 bits."""
LONGEST = 200
"""Characters of what is said of a miss."""
CELLS = (("yes", True), ("yes", False), ("no", False), ("no", True), ("unknown", True), ("unknown", False))
"""What may be predicted, and whether a file is taken, in the order of the page."""


class Run(NamedTuple):
    """One file on one target."""

    target: str
    opset: str
    file: str
    """``timm_resnet18.dynamo.onnx``."""
    version: str
    said: str
    """The verdict: ``yes``, ``no`` or ``unknown``."""
    did: str
    """``taken``, ``refused`` or ``wrong``."""
    because: str = ""
    """Of a miss why it was said, and what the target said."""
    why: str = ""
    first: str = ""
    """The verdict when it was first run, by the facts of then; empty where that was not kept."""

    @property
    def is_taken(self) -> bool:
        """Whether the target takes the file, and gives the right numbers."""
        return self.did == "taken"

    @property
    def is_right(self) -> bool:
        """Whether it was predicted."""
        return self.said == ("yes" if self.is_taken else "no")

    @property
    def model(self) -> str:
        """``timm_resnet18``."""
        return self.file.split(".")[0]


def main() -> None:
    """Export, run, predict, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", nargs="+", choices=TARGETS, default=TARGETS)
    parser.add_argument("--opset", nargs="+", default=[OPSET])
    parser.add_argument("--model", nargs="+", default=[])
    asked = parser.parse_args()
    environments = asked.folder.absolute()
    python = environments / "models/bin/python"
    names = asked.model or said(python, ["names"], 60).split()
    folders = [WORK / opset for opset in asked.opset]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        for name in at_opset(names, folder.name):
            exported(python, name, folder)
    for target in asked.target:
        given = [(folder, name) for folder in folders for name in at_opset(names, folder.name)]
        found = [file for folder, name in given for file in files(target, name, folder)]
        made = list(compared(environments / target, target, found))
        runs = stored()  # read again: another process may have run other targets meanwhile
        runs |= {run[:3]: run._replace(first=runs.get(run[:3], run).first) for run in made}
        STORE.write_text("".join(f"{json.dumps(runs[key])}\n" for key in sorted(runs)), encoding="utf-8")
    page = written(list(stored().values()))
    print(page)
    PAGE.write_text(page, encoding="utf-8")


def at_opset(names: Sequence[str], opset: str) -> list[str]:
    """The models that are exported at an opset."""
    return [name for name in names if opset == OPSET or name in drawn_models.AT_SEVERAL]


def stored() -> dict[tuple[str, ...], Run]:
    """The runs that are kept, by target, opset and file."""
    lines = STORE.read_text(encoding="utf-8").splitlines() if STORE.exists() else []
    runs = (Run(*json.loads(line)) for line in lines)
    return {run[:3]: run for run in runs}


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
        ways = WAYS if folder.name == OPSET else WAYS_OF_FILES
        out = said(python, ["export", str(folder), folder.name, name, *ways], EXPORT_SECONDS).strip().splitlines()
        mark.write_text(out[-1] if out else '"the worker ended or took too long"')
        print(f"{name}: {mark.read_text()[:300]}", flush=True)


def compared(environment: Path, target: str, given: Sequence[Path]) -> Iterator[Run]:
    """What a target makes of files, beside what is predicted of them."""
    os.chdir(environment)  # where node looks for packages
    with RuntimeProcess(target, str(environment / "bin/python"), RUN_SECONDS, GIGABYTES) as process:
        for file in given:
            what, why, version = ran(process, target, file)
            if not (is_unended(why) or (what == "wrong" and is_wrong_itself(file))):
                verdict, because = judged(predicted(target, file))
                run = Run(target, file.parent.name, file.name, version, verdict, what, first=verdict)
                yield (
                    run
                    if run.is_right
                    else run._replace(because=because, why=without_folders(" ".join(why.split()))[:LONGEST])
                )


def is_unended(why: str) -> bool:
    """Whether nobody knows what a target makes of a file, since it had not ended in time."""
    return why.startswith("no end within")


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
        said = process.run(file, given(file, stored), right, rtol * smallness(right))
        what = "taken" if said.passed else "wrong" if said.what == "wrong" else "refused"
        mark.write_text(json.dumps([what, said.why, process.version]))
        print(f"{file.name} {target}: {mark.read_text()[:160]}", flush=True)
    what, why, version = json.loads(mark.read_text())
    return what, why, version


def smallness(right: Sequence[Any]) -> float:
    """What tolerances are multiplied with where random weights make all numbers smaller than ``SMALL``."""
    largest = max((float(np.abs(one).max(initial=0.0)) for one in right if one.dtype.kind == "f"), default=0.0)
    return min(1.0, largest / SMALL) or 1.0


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


def judged(made: Matrix) -> tuple[str, str]:
    """The verdict of a matrix of one column, and why."""
    (column,) = made.columns.values()
    cells = [cell for cell in column.cells if cell.supported in ("no", "unknown")]
    because = "; ".join(dict.fromkeys(filter(None, [column.refusal or column.reason, *map(told, cells)])))
    return {"partial": "yes"}.get(column.supported, column.supported), because[:LONGEST]


def written(runs: Sequence[Run]) -> str:
    """The page: a confusion matrix of each target in a row, at one opset and at others, unseen; each miss."""
    models = len({run.model for run in runs})
    fails = sum(not run.is_taken for run in runs)
    given = {run[1:3] for run in runs}
    failing = {run[1:3] for run in runs if not run.is_taken}
    at_first = [run for run in runs if run.opset == OPSET]
    lines = [
        "# What is predicted of whole models, and what targets do",
        "",
        "Written by `python benchmarks/predictions.py`. The matrix's verdict, from the shipped facts alone, of each",
        "file that a model becomes (`predicted_models.py`; random weights), beside what the target did with it: an",
        "ONNX file of each exporter, or a program of torch. A run fails that is refused or gives other numbers than",
        "eager (a file of which ONNX Runtime gives other numbers too is left out: its exporter is to blame; so is what",
        "had not ended in time); of Core ML it is the conversion alone. Unknown counts as wrong. Each run is a line of",
        f"`predictions.jsonl`. {models} models; {fails} of {len(runs)} runs fail ({_share(fails, len(runs))});",
        f"{len(failing)} of {len(given)} files and programs ({_share(len(failing), len(given))}) fail on one target at",
        f"least of those that they were given to. At opset {OPSET}:",
        "",
        *_table(at_first, "version", lambda mine: ", ".join(sorted({run.version for run in mine} - {""}))),
        *_by_opset(runs),
        *_unseen(at_first),
        "## Misses",
        "",
    ]
    misses = sorted(run for run in runs if not run.is_right)
    lines += [f"- {run.target}: `{_miss(run)}`" for run in misses] or ["None."]
    return "\n".join(lines) + "\n"


def _share(some: int, of: int) -> str:
    return f"{some / max(of, 1):.0%}"


def _table(runs: Sequence[Run], heading: str, about: Callable[[Sequence[Run]], str]) -> list[str]:
    """A row of each target, with a column of what is told about its runs."""
    cells = " | ".join(f"{said}, {'taken' if taken else 'fails'}" for said, taken in CELLS)
    lines = [f"| target | {heading} | models | runs | fail | right | always yes | {cells} |", "|---" * 13 + "|"]
    for target in TARGETS:
        mine = [run for run in runs if run.target == target]
        if mine:
            lines.append(f"| {target} | {about(mine)} | {_figures(mine)} |")
    return [*lines, ""]


def _figures(mine: Sequence[Run]) -> str:
    counts = Counter((run.said, run.is_taken) for run in mine)
    taken, right = (sum(getattr(run, name) for run in mine) for name in ("is_taken", "is_right"))
    shares = f"{len(mine) - taken} | {right / len(mine):.1%} | {taken / len(mine):.1%}"
    cells = " | ".join(str(counts[cell]) for cell in CELLS)
    return f"{len({run.model for run in mine})} | {len(mine)} | {shares} | {cells}"


def _by_opset(runs: Sequence[Run]) -> Iterator[str]:
    """The models that were exported at several opsets, at each."""
    several = {name.replace(":", "_") for name in drawn_models.AT_SEVERAL}
    if all(run.opset == OPSET for run in runs):
        return
    yield f"## The {len(several)} models that were exported at several opsets"
    yield ""
    for opset in sorted({run.opset for run in runs}, key=int):
        mine = [run for run in runs if run.opset == opset and run.model in several and run.target in AT_OPSETS]
        yield from _table(mine, "opset", lambda mine: mine[0].opset)


def _unseen(runs: Sequence[Run]) -> Iterator[str]:
    """The last draws, by the verdicts that were given before anything was known of their models."""
    for seed, names in sorted(drawn_models.DRAWS.items(), reverse=True)[:SHOWN]:
        drawn = {name.replace(":", "_") for name in names}
        mine = [run._replace(said=run.first) for run in runs if run.first and run.model in drawn]
        if mine:
            right = sum(run.is_right for run in mine)
            yield f"## What was said of models that nobody had seen (draw {seed}), by the facts before it"
            yield ""
            yield f"{right} of {len(mine)} runs right ({right / len(mine):.1%})."
            yield ""
            yield from _table(mine, "opset", lambda mine: mine[0].opset)


def _miss(run: Run) -> str:
    because = f" ({run.because})" if run.because else ""
    return f"{run.opset}/{run.file}: said {run.said}{because}, {run.did}: {run.why}"


if __name__ == "__main__":
    main()
