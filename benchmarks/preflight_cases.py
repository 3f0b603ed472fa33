"""Whether ``convlint preflight`` says what is known of small modules: ``python benchmarks/preflight_cases.py FOLDER``.

FOLDER holds cases: files ``NN_name.py`` with the classes ``BAD`` and ``GOOD``, their inputs ``A()`` and ``OTHERS`` and
the dynamic axes ``DYN``; ``verdicts.json``, what the routes made of them on these inputs; and ``expected.json``, the
lines to be named. preflight is not given the inputs, but a specification that covers them, and invents its own. What it
says goes to ``build/preflight_cases``, and a case that is there is not run again. ``preflight_cases.md`` has what is
not the known verdict, with the reason, which is measured too: such a case is run on its own inputs; the exporter that
was known to stop is called alone in a process, and after ``torch.export``; a graph that draws or keeps something, or is
in training mode, is run as it is.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from convlint.trial.compare import difference
from convlint.trial.routes import EXPORTS, Export

WORK = Path("build/preflight_cases")
PAGE = Path(__file__).with_suffix(".md")
ALONE = "--alone"
SIDES = ("BAD", "GOOD")
ROUTES = {
    "torchscript": {"trace": "jit_trace", "onnx_ts": "onnx_torchscript"},
    "dynamo": {"export": "torch_export", "onnx_dyn": "onnx_dynamo"},
}
"""By exporter what the cases call its routes, and what convlint does."""
HEAD = ["| case | route | known | said | why |", "|---|---|---|---|---|"]
RAISED = re.compile(r"\w+(?:Error|Exception|Argument|Fail): |ONNX Runtime fails in ")
"""What a graph says that does not come to its end."""
INPUTS = """import importlib.util

import torch

spec = importlib.util.spec_from_file_location("case", {path!r})
case = importlib.util.module_from_spec(spec)
spec.loader.exec_module(case)
convert = getattr(case, "GOOD_A", None) if {side!r} == "GOOD" else None


def inputs():
    torch.manual_seed(1)
    for make in (case.A, *case.OTHERS.values()):
        yield convert(make()) if convert else make()
"""
DYNAMO_OPSET = 18
"""At which the cases were exported by dynamo; each names its own for the other exporter."""


def main() -> None:
    """Run, compare, count, write the page."""
    if sys.argv[1] == ALONE:
        export_alone(Path(sys.argv[2]), sys.argv[3], after="after" in sys.argv[4:])
        return
    folder = Path(sys.argv[1]).resolve()
    WORK.mkdir(parents=True, exist_ok=True)
    known = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    lines = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    same = total = bad = named = 0
    others, unnamed = [], []
    for name, case in known.items():
        for side in SIDES:
            path = folder / f"{name}.py"
            for route, (now, rows, told) in verdicts(path, side):
                if route not in case[side]:
                    continue
                was = case[side][route]
                total, same = total + 1, same + (now == was)
                if now != was:
                    why = reason(path, side, route, was, told)
                    others.append(f"| {name} {side} | {route} | {was} | {now} | {why} |")
                    print(others[-1], flush=True)
                if side == "BAD" and now != "ok":
                    is_named = bool({*lines[name]["lines"]} & rows)
                    bad, named = bad + 1, named + is_named
                    if not is_named:
                        unnamed.append(f"- {name} by {route}: {lines[name]['lines']} is not among {sorted(rows)}.")
    versions = ", ".join(f"{one} {importlib.metadata.version(one)}" for one in ("torch", "onnx", "onnxruntime"))
    summary = f"{same} of {total} verdicts are the known ones; of {bad} routes that are not ok {named} have their line."
    print(summary)
    page = ["# Preflights of small modules", f"Written by `python benchmarks/preflight_cases.py FOLDER`: {versions}."]
    page += [f"{summary} The others, and why:", "\n".join([*HEAD, *others])]
    page += ["The lines that are not named:", "\n".join(unnamed)] if unnamed else []
    PAGE.write_text("\n\n".join(page) + "\n", encoding="utf-8")


def reason(path: Path, side: str, route: str, was: str, told: Mapping[str, Any]) -> str:
    """Why what preflight says of a route is not the known verdict, as far as that can be measured."""
    case = loaded(path)
    training = side == "BAD" and case.BAD_TRAIN
    if training or told["unsteady"]:
        model = "in evaluation mode, not in the one that was exported" if training else "with other random numbers"
        if told["unsteady"].startswith("it keeps"):
            model = "while the graph keeps what it was left with"
        found = one_after_another(path, side, route, training=training)
        return f"{found} where its graph runs on one input after the other and is compared with a new model {model}"
    theirs = next(ours[route] for ours in ROUTES.values() if route in ours)
    if was == "EXC":
        alone, after = (exports_alone(path, side, *given) for given in ((), ("after",)))
        if route == "onnx_dyn" and alone and not after:
            return "exports in a process of its own, as here, and not in one in which `torch.export` has stopped before"
        return f"exports {'alone' if alone else 'not'}"
    own = on_its_inputs(path, side, theirs)
    differ = [name for name in told["routes"][theirs]["failed"] if name in told["samples"]]
    if own == was:
        return f"{was} on the inputs of the case; here inputs are others: {', '.join(differ[:4])}"
    return f"{own} on the inputs of the case"


def one_after_another(path: Path, side: str, route: str, *, training: bool) -> str:
    """The verdict of a graph that is run on the case's inputs as it is, beside new models in evaluation mode."""
    case, ours = loaded(path), next(ours[route] for ours in ROUTES.values() if route in ours)
    torch.manual_seed(1)
    traced, *others = (make() for make in (case.A, *case.OTHERS.values()))
    names = tuple(f"in{i}" for i in range(len(traced)))

    def model() -> torch.nn.Module:
        torch.manual_seed(0)
        made: torch.nn.Module = getattr(case, side)()
        return made

    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        wanted = [model().eval()(*args) for args in (traced, *others)]
        opset = DYNAMO_OPSET if ours == "onnx_dynamo" else case.OPSET_TS
        exported = model().train(training)
        graph = EXPORTS[ours](Export(exported, traced, names, case.DYN, {}, opset, Path(folder)))
        wrong = [difference(graph.run(args), want) for args, want in zip((traced, *others), wanted, strict=True)]
    return "WRONG-same" if wrong[0] else "WRONG-other" if any(wrong) else "ok"


def on_its_inputs(path: Path, side: str, route: str) -> str:
    """The verdict of a route on the inputs of the case, first those that are traced."""
    script = WORK / f"{path.stem}_{side}_inputs.py"
    script.write_text(INPUTS.format(path=str(path), side=side), encoding="utf-8")
    case = loaded(path)
    exporter = "torchscript" if route in ROUTES["torchscript"].values() else "dynamo"
    opset = DYNAMO_OPSET if exporter == "dynamo" else case.OPSET_TS
    how = ["--exporter", exporter, "--opset", str(opset)]
    model = preflighted(path, side, f"{script}:inputs", how, training=False, name=f"{path.stem}_{side}_own_{exporter}")
    outcome = model["routes"][route]
    given = {name: why for name, why in outcome["failed"].items() if name == "traced" or name.startswith("input ")}
    return verdict(outcome | {"failed": given})


def exports_alone(path: Path, side: str, *given: str) -> bool:
    """Whether the exporter to ONNX by ``torch.export`` takes a case in a new process."""
    command = [sys.executable, __file__, ALONE, str(path), side, *given]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def export_alone(path: Path, side: str, *, after: bool) -> None:
    """Exports a case to ONNX, where asked after ``torch.export`` was called on it; raises what the exporter raises."""
    case = loaded(path)
    model, args = getattr(case, side)().eval(), case.A()
    shapes = tuple(dict.fromkeys(case.DYN.get(i, ()), torch.export.Dim.DYNAMIC) for i in range(len(args)))
    with torch.no_grad():
        if after:
            with suppress(Exception):
                torch.export.export(model, args, dynamic_shapes=shapes)
        torch.onnx.export(model, args, WORK / "alone.onnx", dynamo=True, dynamic_shapes=shapes)


def verdicts(path: Path, side: str) -> Iterator[tuple[str, tuple[str, set[int], Any]]]:
    """By route what preflight says of a class of a case, the rows of the findings that count there, and all it says."""
    case = loaded(path)
    inputs = specification(case, side)
    for exporter, routes in ROUTES.items():
        opset = DYNAMO_OPSET if exporter == "dynamo" else case.OPSET_TS
        how = ["--exporter", exporter, "--opset", str(opset)]
        told = preflighted(path, side, inputs, how, training=side == "BAD" and case.BAD_TRAIN)
        for theirs, ours in routes.items():
            rows = {
                row
                for one in told["findings"]
                if one["severity"] != "info" and one["harm"] and one["harm"][ours] != "harmless"
                for row in range(one["location"]["row"], one["end_location"]["row"] + 1)
            }
            yield theirs, (verdict(told["routes"][ours]), rows, told)


def preflighted(path: Path, side: str, inputs: str, how: list[str], *, training: bool, name: str = "") -> Any:
    """What preflight says of a class, once."""
    done = WORK / f"{name or f'{path.stem}_{side}_{how[1]}'}.json"
    if not done.exists():
        config = done.with_suffix(".toml")
        model = {"factory": f"{path}:{side}", "inputs": inputs}
        fields = [f"{key} = {json.dumps(value)}" for key, value in model.items()]
        config.write_text("\n".join(["[[models]]", *fields, f"training = {json.dumps(training)}"]), encoding="utf-8")
        options = ["--config", str(config), *how, "--output-format", "json"]
        command = [sys.executable, "-m", "convlint", "preflight", *options]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        if not run.stdout.startswith("{") or not json.loads(run.stdout)["models"]:
            sys.exit(f"{path} {side} on {inputs}: {run.stdout}{run.stderr}")
        done.write_text(run.stdout, encoding="utf-8")
    return json.loads(done.read_text(encoding="utf-8"))["models"][0]


def verdict(outcome: Mapping[str, Any]) -> str:
    """What preflight says of a route, in the words of the cases."""
    if outcome["given"]:  # as it is called by the cases, it refuses what the model gives
        return "EXC"
    if outcome["stopped_at"]:
        return "EXC" if outcome["stopped_at"] == "export" else "ORT-REFUSES"
    if not outcome["failed"]:
        return "ok"
    if "traced" in outcome["failed"]:
        return "WRONG-same"
    raised = outcome["failed"].keys() <= {name for name, why in outcome["failed"].items() if RAISED.match(why)}
    return "RUNFAIL-other" if raised else "WRONG-other"


def loaded(path: Path) -> Any:
    """A case."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def specification(case: Any, side: str) -> str:
    """The inputs of a side in words: their dtypes, sizes, dynamic axes, and the bounds that all of them keep."""
    convert = getattr(case, "GOOD_A", None) if side == "GOOD" else None
    torch.manual_seed(1)
    given = [make() for make in (case.A, *case.OTHERS.values())]
    every = [convert(inputs) if convert else inputs for inputs in given]
    dynamic = getattr(case, "GOOD_DYN", case.DYN) if side == "GOOD" else case.DYN
    return "; ".join(
        f"x{i}: {described(values[0], dynamic.get(i, {}))}{bounds(values)}"
        for i, values in enumerate(zip(*every, strict=True))
    )


def described(tensor: torch.Tensor, named: Mapping[int, str]) -> str:
    """A tensor's dtype and sizes, the dynamic ones by name."""
    sizes = [f"{named[axis]}={size}" if axis in named else str(size) for axis, size in enumerate(tensor.shape)]
    return f"{str(tensor.dtype).removeprefix('torch.')}[{', '.join(sizes)}]"


def bounds(values: tuple[torch.Tensor, ...]) -> str:
    """Those of whole numbers; of fractions only that none is negative."""
    low, high = min(float(one.min()) for one in values), max(float(one.max()) for one in values)
    if values[0].dtype == torch.bool:
        return ""
    if not values[0].is_floating_point():
        return f" in {low:.0f}..{high:.0f}"
    return f" in 0..{high:.2f}" if low >= 0 else ""


if __name__ == "__main__":
    main()
