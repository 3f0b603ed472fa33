"""Measures of which dtypes targets take operators: ``python -m convlint.backends.measure_dtypes PYTHON [TARGET...]``.

PYTHON is an interpreter that has the targets' runtimes. ONNX's own test of each operator, one of float32, is written
anew in other dtypes and run in a worker process; what it does is compared with what ONNX's reference does in float32.
The rows of the shipped facts are given the dtypes that ran, and those that were not tried.
"""

from __future__ import annotations

import select
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.backend.test.case.node import collect_testcases

from convlint.backends import live
from convlint.backends.facts import FOLDER, facts, since_version
from convlint.backends.generate import trimmed, write

TRIED = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}
OPSET = 18
"""An older opset than that of the tests, which both exporters write."""
COARSE = "bfloat16"
"""Of which the last digits say nothing: that it runs is enough."""
SECONDS = 20.0
WORKER = r"""
import os, sys, warnings
import numpy
warnings.simplefilter("ignore")
out = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
def openvino(path, given):
    import openvino
    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_NUM_THREADS": "1"})
    found = model(dict(enumerate(given)))
    return [numpy.asarray(found[one]) for one in model.outputs]
def opencv(path, given):
    import cv2, onnx
    graph = onnx.load(path).graph
    net = cv2.dnn.readNetFromONNX(path)
    for one, value in zip(graph.input, given):
        net.setInput(value, one.name)
    return [numpy.asarray(one) for one in net.forward([one.name for one in graph.output])]
def tract(path, given):
    import tract
    return [one.to_numpy() for one in tract.onnx().load(path).into_model().into_runnable().run(given)]
run = locals()[sys.argv[1]]
for line in sys.stdin:
    path, arrays = line.split()
    stored = numpy.load(arrays)
    try:
        found = run(path, [stored[key] for key in stored.files if key.startswith("arr")])
        right = stored["right"]
        same = numpy.allclose(numpy.asarray(found[0], float).reshape(right.shape), right, rtol=2e-2, atol=2e-2)
        said = "right" if same else "wrong"
    except BaseException:
        said = "refused"
    print(said, file=out, flush=True)
"""


class Case(NamedTuple):
    """A test of one version of an operator, in one dtype."""

    operator: str
    since: int
    dtype: str
    model: Any
    given: list[np.ndarray[Any, Any]]
    right: np.ndarray[Any, Any]


def cases() -> Iterator[Case]:
    """The first test of each operator that is of float32, in all dtypes that its schema has, at two opsets."""
    done: set[tuple[str, int]] = set()
    for test in collect_testcases():
        for opset in (None, OPSET):
            made = _plain(test, opset)
            if made and made[0][:2] not in done:
                done.add(made[0][:2])
                yield from made


def _plain(test: Any, asked: int | None) -> list[Case]:
    """The test in each dtype, none where it is not of numbers that other dtypes can hold."""
    model = onnx.ModelProto()
    model.CopyFrom(test.model)
    given, right = list(test.data_sets[0][0]), test.data_sets[0][1][0]
    nodes = model.graph.node
    if len(nodes) != 1 or nodes[0].domain or not all(isinstance(one, np.ndarray) for one in (*given, right)):
        return []
    if not given or given[0].dtype != np.float32 or any(not name for name in nodes[0].input) or not right.size:
        return []
    imported = next(one for one in model.opset_import if one.domain == "")
    opset = imported.version = asked or imported.version
    if not onnx.defs.has(nodes[0].op_type) or since_version(nodes[0].op_type, opset) is None:
        return []
    schema = onnx.defs.get_schema(nodes[0].op_type, opset)
    kind = schema.inputs[0].type_str
    listed = next((one.allowed_type_strs for one in schema.type_constraints if one.type_param_str == kind), [])
    allowed = set(live.dtypes(listed).split())
    return [_of(dtype, schema, model, given, right) for dtype in TRIED if dtype in allowed]


def _of(dtype: str, schema: Any, model: Any, given: Sequence[Any], right: Any) -> Case:
    """The test with its numbers, rounded, in another dtype; their result as ONNX's reference has it."""
    from onnx.reference import ReferenceEvaluator

    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    if dtype == COARSE:
        _cast_around(changed.graph, given, schema)
        return Case(schema.name, schema.since_version, dtype, changed, list(given), np.asarray(right, float))
    kind = np.dtype(dtype)
    arrays = [one.astype(kind) if one.dtype == np.float32 else one for one in given]
    for value, array in zip(changed.graph.input, arrays, strict=True):
        value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    same = schema.outputs[0].type_str == schema.inputs[0].type_str
    if same:
        changed.graph.output[0].type.tensor_type.elem_type = TRIED[dtype]
    if kind != np.float32:
        try:
            fed = {value.name: array for value, array in zip(changed.graph.input, arrays, strict=True)}
            found: Any = ReferenceEvaluator(changed).run(None, fed)
            right = found[0]
        except Exception:
            right = right.astype(kind) if same else right
    return Case(schema.name, schema.since_version, dtype, changed, arrays, np.asarray(right, float))


def _cast_around(graph: Any, given: Sequence[Any], schema: Any) -> None:
    """Casts what is float32 to bfloat16, which NumPy has not, and back: as a model does that computes in it."""
    node = graph.node[0]
    casts = []
    for i, (name, array) in enumerate(zip(list(node.input), given, strict=True)):
        if array.dtype == np.float32:
            casts.append(helper.make_node("Cast", [name], [f"{name}_coarse"], to=TRIED[COARSE]))
            node.input[i] = f"{name}_coarse"
    after = []
    if schema.outputs[0].type_str == schema.inputs[0].type_str:
        after = [helper.make_node("Cast", ["coarse"], [node.output[0]], to=TensorProto.FLOAT)]
        node.output[0] = "coarse"
    nodes = [*casts, node, *after]
    copies = [onnx.NodeProto.FromString(one.SerializeToString()) for one in nodes]
    del graph.node[:]
    graph.node.extend(copies)


class Worker:
    """A process that runs cases, started again where one ends it."""

    def __init__(self, python: str, target: str) -> None:
        self._command = [python, "-c", WORKER, target]
        self._process: subprocess.Popen[str] | None = None

    def run(self, model: Path, arrays: Path) -> str:
        """right, wrong, refused or crashed."""
        if self._process is None or self._process.poll() is not None:
            pipe = subprocess.PIPE
            quiet = subprocess.DEVNULL
            self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=quiet, text=True)  # noqa: S603
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{model} {arrays}\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], SECONDS)
        said = process.stdout.readline().strip() if ready else ""
        if not said:
            process.kill()
            process.wait()
        return said or "crashed"


def measured(python: str, target: str) -> dict[tuple[str, int], dict[str, str]]:
    """By operator and version what each dtype did."""
    worker = Worker(python, target)
    found: dict[tuple[str, int], dict[str, str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        model, arrays = Path(folder, "m.onnx"), Path(folder, "a.npz")
        for case in cases():
            onnx.save(case.model, model)
            np.savez(arrays, *case.given, right=case.right)
            found.setdefault((case.operator, case.since), {})[case.dtype] = worker.run(model, arrays)
    return found


def written(target: str, found: dict[tuple[str, int], dict[str, str]]) -> None:
    """Gives the rows of a target their dtypes, where it takes the operator of float32 at least."""
    known: dict[str, Any] = msgspec.to_builtins(facts(target))
    rows = []
    for old in known["rows"]:
        row: list[Any] = list(old)
        did = found.get((row[0], row[1]), {})
        if did.get("float32") == "right" and len(set(did.values())) > 1:
            schema = onnx.defs.get_schema(row[0], row[1])
            kind = schema.inputs[0].type_str
            allowed = next(one.allowed_type_strs for one in schema.type_constraints if one.type_param_str == kind)
            row[3] = " ".join(one for one in live.dtypes(allowed).split() if _ran(one, did))
        rows.append(trimmed(row))
    write(FOLDER / f"{target}.json", {**known, "rows": rows})


def _ran(dtype: str, did: dict[str, str]) -> bool:
    return did.get(dtype, "right") == "right" or (dtype == COARSE and did[dtype] == "wrong")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for name in sys.argv[2:] or ("openvino", "opencv", "tract"):
        written(name, measured(sys.argv[1], name))
