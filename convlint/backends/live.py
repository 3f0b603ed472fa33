"""What an installed runtime says of itself, which beats the shipped facts; never asked while linting."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from typing import Any

from msgspec import structs

from convlint.backends.facts import DTYPES, ELSE_FUNCTION, OLDEST_OPSET, Claim, Facts, Row, facts

ONNX_GRAPHS = ("onnx_torchscript", "onnx_dynamo")
_NEVER = 2**31 - 1
_OLD_IR, _MOST_IR = 8, 40


@functools.cache
def installed(target: str) -> Facts | None:
    """The facts of the runtime that is installed here, None where none is or it cannot be asked."""
    ask = _ASKED.get(target)
    try:
        return ask() if ask is not None else None
    except Exception:  # not installed, or too old or too new to be asked in this way
        return None


def _onnxruntime() -> Facts:
    known = of_onnxruntime()
    shipped = facts("onnxruntime")
    if shipped is None or shipped.version != known.version:
        return known
    tested = {key: (row.passed, row.tests) for key, row in shipped.by_operator.items()}
    return with_tests(known, tested)


_ASKED: dict[str, Callable[[], Facts]] = {"onnxruntime": _onnxruntime}


def with_tests(known: Facts, tested: dict[tuple[str, int], tuple[int, int]]) -> Facts:
    """The facts with what ONNX's own tests of each operator did."""
    rows = []
    for row in known.rows:
        passed, tests = tested.get((row.operator, row.since_version), (0, 0))
        rows.append(structs.replace(row, passed=passed, tests=tests))
    return structs.replace(known, rows=tuple(rows))


def of_onnxruntime() -> Facts:
    """The CPU kernels of the installed ONNX Runtime, by the versions of the operators that it knows.

    Raises:
        ImportError: it is not installed, or onnx is not, which knows what is made of other operators.
    """
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    kernels: dict[str, list[Any]] = {}
    for kernel in state.get_all_opkernel_def():
        if kernel.domain == "" and kernel.provider == "CPUExecutionProvider":
            kernels.setdefault(kernel.op_name, []).append(kernel)
    schemas = [one for one in state.get_all_operator_schema() if one.domain == "" and not one.deprecated]
    functions = _functions()
    halves = _loads("Sin", "FLOAT16", _OLD_IR)  # it has no such kernel, and casts where it takes it
    rows = []
    for schema in sorted(schemas, key=lambda one: (one.name, one.since_version)):
        fitting = [one for one in kernels.get(schema.name, ()) if _covers(one.version_range, schema.since_version)]
        rows.append(_row(schema, fitting, (schema.name, schema.since_version) in functions, halves))
    return Facts(
        title="ONNX Runtime",
        version=onnxruntime.__version__,
        source="onnxruntime's own registry of CPU kernels",
        date=today(),
        reads=ONNX_GRAPHS,
        complete=False,
        rows=tuple(rows),
        oldest_opset=OLDEST_OPSET,
        newest_opset=max(one.since_version for one in schemas),
        newest_ir=max(ir for ir in range(3, _MOST_IR) if _loads("Relu", "FLOAT", ir)),
    )


def today() -> str:
    """The date that facts bear which are asked for now."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")


def _functions() -> set[tuple[str, int]]:
    """The operators of which ONNX says how they are made of others."""
    from onnx import defs

    known = defs.get_all_schemas_with_history()
    return {(one.name, one.since_version) for one in known if _is_function(one)}


def _is_function(schema: Any) -> bool:
    return bool(schema.has_function or schema.has_context_dependent_function)


def _loads(operator: str, kind: str, ir: int) -> bool:
    """Whether the installed ONNX Runtime takes a file of one operator."""
    import onnxruntime
    from onnx import TensorProto, helper

    given, made = (helper.make_tensor_value_info(name, TensorProto.DataType.Value(kind), [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node(operator, ["x"], ["y"])], "g", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=ir)
    quiet = onnxruntime.SessionOptions()
    quiet.log_severity_level = 4
    try:
        onnxruntime.InferenceSession(model.SerializeToString(), quiet, providers=["CPUExecutionProvider"])
    except Exception:
        return False
    return True


def _covers(versions: tuple[int, int], since: int) -> bool:
    """Whether a kernel is for this version; one with an open end is for the version that it begins with."""
    start, end = versions
    return since == start or (end < _NEVER and start <= since <= end)


def _row(schema: Any, kernels: Sequence[Any], is_function: bool, halves: bool) -> Row:
    claimed: Claim = "yes" if kernels or schema.name == "Constant" else "function" if is_function else "no"
    constraints = [dict(one.type_constraints) for one in kernels]
    first = schema.inputs[0].typeStr if schema.inputs else ""
    others = {one.type_param_str: _taken(constraints, one.type_param_str, halves) for one in schema.type_constraints}
    return Row(
        schema.name,
        schema.since_version,
        claimed,
        _taken(constraints, first, halves),
        ELSE_FUNCTION if is_function and kernels else "",
        types=";".join(f"{name}={taken}" for name, taken in others.items() if taken and name != first),
    )


def _taken(constraints: Sequence[dict[str, list[str]]], parameter: str, halves: bool) -> str:
    """The dtypes that any of the kernels takes for a type parameter, empty where one of them takes whatever."""
    if not constraints or any(parameter not in one for one in constraints):
        return ""
    found = set(dtypes(name for one in constraints for name in one[parameter]).split())
    return " ".join(sorted(found | ({"float16"} if halves and "float32" in found else set())))


def dtypes(names: Iterable[str]) -> str:
    """Names of dtypes as torch has them, in order: ``tensor(float)`` is ``float32``; of tensors only."""
    plain = {
        one.removeprefix("tensor(").removesuffix(")") for one in names if not one.startswith(("seq(", "optional("))
    }
    return " ".join(sorted(DTYPES.get(one, one) for one in plain))


def types_but(operator: str, opset: int, refused: Mapping[str, Set[str]]) -> str:
    """What the type parameters of an operator of ONNX may be, but for what was refused of them, as facts write it."""
    from onnx import defs

    constraints = defs.get_schema(operator, opset).type_constraints if refused else ()
    allowed = {one.type_param_str: dtypes(one.allowed_type_strs).split() for one in constraints}
    taken = {name: " ".join(one for one in allowed[name] if one not in refused[name]) for name in sorted(refused)}
    return ";".join(f"{name}={left}" for name, left in taken.items())
