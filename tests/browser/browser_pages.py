"""What the tests of pages run, make and open."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convlint.cli.app import run


@dataclass
class Opened:
    """A page in a browser, and what it did that nobody asked for."""

    page: Any
    told: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.page, name)


def convlint(folder: Path, *arguments: str) -> int:
    """Runs convlint in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        return run(arguments)
    finally:
        os.chdir(before)


def large_model(path: Path, nodes: int) -> None:
    """A file with so many nodes, in blocks with a shortcut."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info
    made, before, shortcut = [], "x", "x"
    for at in range(nodes):
        block = at % 12 == 11
        operator, reads = ("Add", [before, shortcut]) if block else (("Relu", "Tanh", "Erf")[at % 3], [before])
        made.append(helper.make_node(operator, reads, [f"t{at}"], name=f"{operator}_{at}"))
        before = f"t{at}"
        shortcut = before if block else shortcut
    shape = [1, 8]
    graph = helper.make_graph(
        made, "large", [value("x", TensorProto.FLOAT, shape)], [value(before, TensorProto.FLOAT, shape)]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    path.write_bytes(model.SerializeToString())
