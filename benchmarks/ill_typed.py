"""What a diagnosis says of graphs that are wrong, beside what onnx.checker and ONNX Runtime say of the same graphs.

``python benchmarks/ill_typed.py`` writes the table as Markdown.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import onnx
import onnxruntime
from ill_typed_graphs import GRAPHS, Graph, text
from onnx import checker, parser

from convlint.config import parse_targets
from convlint.graph.diagnose import diagnose
from convlint.graph.problems import BadNode

LONGEST = 160
"""Characters of a message that are shown."""


def main() -> None:
    """Prints counts, and a row a graph."""
    onnxruntime.set_default_logger_severity(4)
    rows, named, bad = [], {"plain": 0, "full": 0, "runtime": 0}, 0
    for graph in GRAPHS:
        model = parser.parse_model(text(graph))
        said = {
            "plain": refusal(lambda model=model: checker.check_model(model)),
            "full": refusal(lambda model=model: checker.check_model(model, full_check=True)),
            "runtime": refusal(lambda model=model: onnxruntime.InferenceSession(model.SerializeToString())),
        }
        bad += len(graph.bad)
        for who, message in said.items():
            named[who] += message != "accepted"
        rows.append((graph, said, diagnosed(graph, model)))
    print(f"# {len(GRAPHS)} graphs with {bad} bad nodes\n")
    print(
        f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}. Made by `python benchmarks/ill_typed.py`.\n"
    )
    print("| | nodes named | allowed types | opset that would do | Cast that mends |\n|---|---|---|---|---|")
    print(f"| onnx.checker | {named['plain']} of {bad} | no | no | no |")
    print(f"| onnx.checker, full_check | {named['full']} of {bad} (the first of a graph) | no | no | no |")
    print(f"| ONNX Runtime | {named['runtime']} of {bad} (the first of a graph) | no | no | no |")
    told = [node for _, _, nodes in rows for node in nodes]
    print(
        f"| convlint diagnose | {len(told)} of {bad} | {sum(any(w.allowed for w in node.wrongs) for node in told)} | "
        f"{sum(node.first_opset is not None for node in told)}, and of the others that none does | "
        f"{sum(bool(node.casts) for node in told)} |"
    )
    for graph, said, nodes in rows:
        print(f"\n## {graph.name}\n\nopset {graph.opset}: `{graph.text}`\n")
        print(f"- onnx.checker: {said['plain']}\n- full_check: {said['full']}\n- ONNX Runtime: {said['runtime']}")
        for node in nodes:
            print(f"- **convlint**: {in_words(node)}")


def refusal(check: Callable[[], object]) -> str:
    """How a check fails, on one line."""
    try:
        check()
    except Exception as error:
        line = " ".join(str(error).replace("|", "\\|").split()).removeprefix("[ONNXRuntimeError] : ")
        return f"`{line[:LONGEST]}{'...' if len(line) > LONGEST else ''}`"
    return "accepted"


def diagnosed(graph: Graph, model: onnx.ModelProto) -> list[BadNode]:
    """The nodes that a diagnosis names."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return diagnose(path, parse_targets(graph.target)).bad


def in_words(node: BadNode) -> str:
    """A bad node on one line."""
    wrong = "; ".join(one.message for one in node.wrongs)
    allowed = next((f"; allowed: {' '.join(one.allowed)}" for one in node.wrongs if one.allowed), "")
    inputs = ", ".join(f"{one.formal} {one.type} <- {one.origin}" for one in node.inputs)
    return f"{node.operator}-{node.since_version} `{node.name}`: {wrong}{allowed}. {node.repair}. Inputs: {inputs}."


if __name__ == "__main__":
    main()
