"""Makes ``ranks.json`` from the installed torch: ``python -m convlint.analyzer.torch_facts.generate_ranks``.

Layers that take an image also take one without a batch axis. What the TorchScript ONNX exporter makes of that is run in
ONNX Runtime and compared with eager, for inputs of one rank after the other: the least rank that works is kept where
eager takes a lesser one.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import torch
from torch import nn

from convlint.analyzer import torch_facts
from convlint.analyzer.torch_facts.generate import attempt, in_processes
from convlint.analyzer.torch_facts.generate_sizes import INPUTS, modules_of


def lost(name: str) -> dict[str, int | str] | None:
    """The least rank that works, and what happens to those below: breaks or wrong; None where all are fine."""
    for _, keywords, module in modules_of(name):
        found = {given[0].dim(): _outcome(module, given) for given in INPUTS if not keywords}
        fine = [rank for rank, outcome in found.items() if outcome == "fine"]
        bad = [outcome for rank, outcome in found.items() if fine and rank < min(fine) and outcome]
        if bad:
            return {"rank": min(fine), "below": max(bad)}
    return None


def _outcome(module: nn.Module, given: tuple[torch.Tensor, ...]) -> str:
    expected = attempt(lambda: module(*given))
    if not isinstance(expected, torch.Tensor):
        return ""
    computed = attempt(lambda: _run(module, given))
    if not isinstance(computed, torch.Tensor):
        return "breaks"
    same = computed.shape == expected.shape and torch.allclose(computed, expected, atol=1e-4)
    return "fine" if same else "wrong"


def _run(module: nn.Module, given: tuple[torch.Tensor, ...]) -> torch.Tensor:
    import onnxruntime

    file = io.BytesIO()
    with contextlib.redirect_stdout(io.StringIO()):
        torch.onnx.export(module, given, file, dynamo=False, input_names=["x"])  # type: ignore[arg-type]
    session = onnxruntime.InferenceSession(file.getvalue())
    return torch.from_numpy(session.run(None, {"x": given[0].numpy()})[0])


def main() -> None:
    """Writes what is found of all layers and of the functions that layers are made of."""
    table = torch_facts.table()
    layers = [name for name in sorted(table.modules) if not name.startswith("Lazy")]
    functions = [name for name in sorted(table.functions) if name.startswith("torch.nn.functional.")]
    rows = {name: found for name, found in in_processes(lost, (*layers, *functions)) if found}
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in sorted(rows.items()))
    text = f'{{\n "torch": {json.dumps(table.torch)},\n "ranks": {{\n{body}\n }}\n}}\n'
    Path(__file__).with_name("ranks.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
