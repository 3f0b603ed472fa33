"""Whether ``convlint preflight`` says what is known of small modules: ``python benchmarks/preflight_cases.py FOLDER``.

FOLDER holds cases: files ``NN_name.py`` with the classes ``BAD`` and ``GOOD``, their inputs ``A()`` and ``OTHERS`` and
the dynamic axes ``DYN``; ``verdicts.json``, what the routes made of them on these inputs; and ``expected.json``, the
lines to be named. preflight is not given the inputs, but a specification that covers them, and invents its own. What it
says goes to ``build/preflight_cases``, and a case that is there is not run again.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

WORK = Path("build/preflight_cases")
SIDES = ("BAD", "GOOD")
ROUTES = {
    "torchscript": {"trace": "jit_trace", "onnx_ts": "onnx_torchscript"},
    "dynamo": {"export": "torch_export", "onnx_dyn": "onnx_dynamo"},
}
"""By exporter what the cases call its routes, and what convlint does."""
DYNAMO_OPSET = 18
"""At which the cases were exported by dynamo; each names its own for the other exporter."""


def main() -> None:
    """Run, compare, count."""
    folder = Path(sys.argv[1]).resolve()
    WORK.mkdir(parents=True, exist_ok=True)
    known = json.loads((folder / "verdicts.json").read_text(encoding="utf-8"))
    lines = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    same = total = bad = named = 0
    for name, case in known.items():
        for side in SIDES:
            said = dict(verdicts(folder / f"{name}.py", side))
            for route, was in case[side].items():
                now, rows = said[route]
                total, same = total + 1, same + (now == was)
                note = "" if now == was else f" said {now}, was {was};"
                if side == "BAD" and now != "ok":
                    is_named = bool({*lines[name]["lines"]} & rows)
                    bad, named = bad + 1, named + is_named
                    note += "" if is_named else f" line {lines[name]['lines']} not among {sorted(rows)}"
                if note:
                    print(f"{name} {side} {route}:{note}", flush=True)
    print(f"{same} of {total} verdicts are the known ones; of {bad} routes that are not ok {named} have their line")


def verdicts(path: Path, side: str) -> Iterator[tuple[str, tuple[str, set[int]]]]:
    """By route what preflight says of a class of a case, and the rows of the findings that count there."""
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
            yield theirs, (verdict(told["routes"][ours]), rows)


def preflighted(path: Path, side: str, inputs: str, how: list[str], *, training: bool) -> Any:
    """What preflight says of a class, once."""
    done = WORK / f"{path.stem}_{side}_{how[1]}.json"
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
    if outcome["stopped_at"]:
        return "EXC" if outcome["stopped_at"] == "export" else "ORT-REFUSES"
    if not outcome["failed"]:
        return "ok"
    if "traced" in outcome["failed"]:
        return "WRONG-same"
    return "WRONG-other" if any("differ" in told for told in outcome["verdicts"].values()) else "RUNFAIL-other"


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
