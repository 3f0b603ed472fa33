"""Of which dtypes an installed runtime takes operators: a part of ``convlint dev refresh``.

ONNX's own tests of each operator, those of float32, are written anew in other dtypes and run in a worker process; what
one does is compared with what ONNX's reference does in float32. The rows of facts are given the dtypes that ran, and
those that were not tried.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.backend.test.case.node import collect_testcases

from convlint.backends import live
from convlint.backends.fact_file import Known, trimmed
from convlint.backends.facts import since_version
from convlint.trial.runtime_process import RuntimeProcess

TRIED = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "float16": TensorProto.FLOAT16,
    "bfloat16": TensorProto.BFLOAT16,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}
TRIES = 5
"""How many tests of an operator are run at most, until one of a dtype comes out right."""
COUNTING = frozenset({"CumSum", "ReduceSum"})
"""Operators that exporters write of bools, which ONNX has not for them: torch counts these."""
OPSET = 18
"""An older opset than that of the tests, which both exporters write."""
COARSE = "bfloat16"
"""Of which the last digits say nothing: that it runs is enough."""
SECONDS = 20.0
RTOL = 2e-2


class Case(NamedTuple):
    """A test of one version of an operator, in one dtype."""

    operator: str
    since: int
    dtype: str
    model: Any
    given: list[np.ndarray[Any, Any]]
    right: np.ndarray[Any, Any]


@functools.cache
def cases(*asked: str) -> tuple[Case, ...]:
    """The first tests of each operator that is named, of all where none is, those of float32 before others, in all
    dtypes that its schema has, at two opsets."""
    return tuple(_cases(asked))


def _cases(asked: Sequence[str]) -> Iterator[Case]:
    done = Counter[tuple[str, int]]()
    for test in sorted(collect_testcases(), key=lambda test: _kind(test) != "float32"):
        if asked and not (test.model and test.model.graph.node[0].op_type in asked):
            continue
        for opset in (None, OPSET):
            made = _plain(test, opset)
            if made and done[made[0][:2]] < TRIES:
                done[made[0][:2]] += 1
                yield from made


def _kind(test: Any) -> str:
    """The dtype of the first input of a test, empty where it is no tensor."""
    given = test.data_sets[0][0] if test.data_sets else ()
    return str(getattr(given[0], "dtype", "")) if given else ""


def _as_array(value: Any) -> Any:
    """A number as an array of none of the axes."""
    return np.asarray(value) if isinstance(value, np.generic) else value


def _plain(test: Any, asked: int | None) -> list[Case]:
    """The test in each dtype, none where it is not of numbers that other dtypes can hold."""
    model = onnx.ModelProto()
    model.CopyFrom(test.model)
    given, right = [_as_array(one) for one in test.data_sets[0][0]], test.data_sets[0][1][0]
    nodes = model.graph.node
    if len(nodes) != 1 or nodes[0].domain or not all(isinstance(one, np.ndarray) for one in (*given, right)):
        return []
    if not given or _kind(test) not in TRIED or any(not name for name in nodes[0].input) or not right.size:
        return []
    imported = next(one for one in model.opset_import if one.domain == "")
    opset = imported.version = asked or imported.version
    if not onnx.defs.has(nodes[0].op_type) or since_version(nodes[0].op_type, opset) is None:
        return []
    schema = onnx.defs.get_schema(nodes[0].op_type, opset)
    kind = schema.inputs[0].type_str
    listed = next((one.allowed_type_strs for one in schema.type_constraints if one.type_param_str == kind), [])
    allowed = {*live.dtypes(listed).split(), *(["bool"] if schema.name in COUNTING else [])}
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
    arrays = [
        one.astype(kind) if is_cast else one for one, is_cast in zip(given, _cast(schema, given, dtype), strict=True)
    ]
    for value, array in zip(changed.graph.input, arrays, strict=True):
        value.type.tensor_type.elem_type = helper.np_dtype_to_tensor_dtype(array.dtype)
    same = schema.outputs[0].type_str == schema.inputs[0].type_str
    if same:
        changed.graph.output[0].type.tensor_type.elem_type = TRIED[dtype]
    if kind != given[0].dtype:
        try:
            fed = {value.name: array for value, array in zip(changed.graph.input, arrays, strict=True)}
            found: Any = ReferenceEvaluator(changed).run(None, fed)
            right = found[0]
        except Exception:
            right = right.astype(kind) if same else right
    return Case(schema.name, schema.since_version, dtype, changed, arrays, np.asarray(right, float))


def _cast(schema: Any, given: Sequence[Any], dtype: str) -> list[bool]:
    """Which inputs are of the dtype of the first, and may be of another by the schema of the operator."""
    kinds = [schema.inputs[min(i, len(schema.inputs) - 1)].types for i, _ in enumerate(given)]
    others = zip(given[1:], kinds[1:], strict=True)
    return [True, *(one.dtype == given[0].dtype and dtype in live.dtypes(types).split() for one, types in others)]


def _cast_around(graph: Any, given: Sequence[Any], schema: Any) -> None:
    """Casts what is float32 to bfloat16, which NumPy has not, and back: as a model does that computes in it."""
    node = graph.node[0]
    casts = []
    for i, (name, is_cast) in enumerate(zip(list(node.input), _cast(schema, given, COARSE), strict=True)):
        if is_cast:
            casts.append(helper.make_node("Cast", [name], [f"{name}_coarse"], to=TRIED[COARSE]))
            node.input[i] = f"{name}_coarse"
    after = []
    if schema.outputs[0].type_str == schema.inputs[0].type_str:
        kind = helper.np_dtype_to_tensor_dtype(given[0].dtype)
        after = [helper.make_node("Cast", ["coarse"], [node.output[0]], to=kind)]
        node.output[0] = "coarse"
    nodes = [*casts, node, *after]
    copies = [onnx.NodeProto.FromString(one.SerializeToString()) for one in nodes]
    del graph.node[:]
    graph.node.extend(copies)


def with_dtypes(known: Known, target: str) -> Known:
    """Facts of a target with the dtypes of its rows, where it takes the operator of float32 at least."""
    found = _measured(target)
    rows = []
    for old in known["rows"]:
        row: list[Any] = [*old, *[0, "yes", "", ""][len(old) - 1 :]]
        did = found.get((row[0], row[1]), {})
        if did.get("float32", "right") == "right" in did.values() and len(set(did.values())) > 1:
            schema = onnx.defs.get_schema(row[0], row[1])
            kind = schema.inputs[0].type_str
            allowed = next(one.allowed_type_strs for one in schema.type_constraints if one.type_param_str == kind)
            row[3] = " ".join(one for one in live.dtypes(allowed).split() if _ran(one, did))
            row[3] += " bool" * (row[0] in COUNTING and did.get("bool") == "right" and "bool" not in row[3])
        rows.append(trimmed(row))
    return {**known, "rows": rows}


def _measured(target: str) -> dict[tuple[str, int], dict[str, str]]:
    """By operator and version the best that each dtype did: one test may ask for what another does not."""
    found: dict[tuple[str, int], dict[str, str]] = {}
    with RuntimeProcess(target, seconds=SECONDS) as process:
        for case in cases():
            did = found.setdefault((case.operator, case.since), {})
            if did.get(case.dtype) == "right":
                continue
            given = dict(zip((one.name for one in case.model.graph.input), case.given, strict=True))
            said = process.run(case.model.SerializeToString(), given, [case.right], RTOL)
            did[case.dtype] = said.what if did.get(case.dtype) != "wrong" or said.passed else "wrong"
    return found


def _ran(dtype: str, did: dict[str, str]) -> bool:
    return did.get(dtype, "right") == "right" or (dtype == COARSE and did[dtype] == "wrong")
