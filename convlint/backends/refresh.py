"""Makes fact files anew from installed packages: what ``convlint dev refresh`` runs.

What a package's own registry lists is asked of it; what ONNX's operator tests do, and of which dtypes, is measured of
those that run here. Other sources are repositories, whose tables ``convlint.backends.generate`` reads.
"""

from __future__ import annotations

import importlib.metadata
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from pathlib import Path
from typing import Any

import msgspec

from convlint.analyzer import torch_facts
from convlint.backends import aten_name, live
from convlint.backends.fact_file import ONNX, Known, head, path_of, trimmed, with_tests, write, write_operators
from convlint.backends.facts import OLDEST_OPSET, facts, same_version, since_version
from convlint.backends.operator_tests import SECONDS, Key, Tally, cases, measured
from convlint.errors import UsageError
from convlint.trial.program_runtimes import CONVERTERS
from convlint.trial.runtime_process import RuntimeProcess
from convlint.trial.runtimes import RUNTIMES, installed


def refreshed(target: str) -> Path:
    """Writes the facts of a target anew, and says where.

    Raises:
        UsageError: its source is no package, or one that is not installed.
    """
    if target == "onnx":
        return write_operators()
    known = _claims(target)
    if target in RUNTIMES:
        tallies = measured(target, cases())
        tests, lacking = _tests(target, known["version"], tallies)
        known = without(with_tests(known, tests), lacking)
        known |= {"oldest_opset": OLDEST_OPSET, "newest_opset": max(since for _, since in tests)}
        if target not in _OF_DTYPES:
            from convlint.backends.measure_dtypes import with_dtypes

            known = with_types(with_dtypes(known, target), tallies)
    elif target in CONVERTERS:
        known = _with_calls(known, target)
    path = path_of(target, known["version"])
    write(path, known)
    return path


def _with_calls(known: Known, target: str) -> Known:
    """Facts with what ``measure_calls`` measured of the same version."""
    shipped = facts(target)
    if shipped is None or not same_version(shipped.version, known["version"]):
        return known
    rows = {row[0]: row for row in known["rows"]}
    for name, row in ((row.operator, row) for row in shipped.rows if row.tests):
        claim = "yes" if name in rows and rows[name][2:3] != ["no"] else "no"
        rows[name] = trimmed([name, 0, claim, *msgspec.to_builtins(row)[3:]])
    return {**known, "rows": list(rows.values())}


def without(known: Known, lacking: Set[Key]) -> Known:
    """Facts in which these versions of operators are lacking."""
    rows = ([*row[:2], "no", *row[3:]] if (row[0], row[1]) in lacking else row for row in known["rows"])
    return {**known, "rows": list(rows)}


def is_lacking(operator: str, why: str) -> bool:
    """Whether what a runtime says of a file is that it has no such operator."""
    return any(re.search(told.format(re.escape(operator)), " ".join(why.split())) for told in _LACKS)


_LACKS = (
    r"No conversion rule found for operations: [^.]*(?<![\w:]){}\b",
    r"Unimplemented\({}\)",
    r"Can't create layer \S+ of type \"{}\"",
    r"leaves what ncnn has no layers of: [^.]*\b{}\b",
)
"""How runtimes say that they lack an operator; what they say of its options has other words."""


def with_types(known: Known, tallies: Mapping[Key, Tally]) -> Known:
    """Facts with what the other type parameters of operators may be, where tests of some dtypes fail and none passes:
    what the schema allows but for these."""
    rows = []
    for old in known["rows"]:
        key, row = (old[0], old[1]), [*old, *["yes", "", "", 0, 0, ""][len(old) - 2 :]]
        row[_TYPES] = live.types_but(*key, tallies[key].refused() if key in tallies else {})
        rows.append(trimmed(row))
    return {**known, "rows": rows}


_TYPES = 7
"""The place of these in a row."""


def _tests(target: str, version: str, tallies: Mapping[Key, Tally]) -> tuple[dict[Key, tuple[int, int]], set[Key]]:
    """How many of ONNX's tests pass, of how many; and which operators are lacking by what is said of all that fail.

    Of the same version it is what was shipped, where that were more tests of this very version of an operator: those of
    older releases of onnx, or of dtypes that NumPy lacks. Where all are of other versions and none passes, it is none.
    """
    found = {key: (one.passed, one.tests) for key, one in tallies.items() if one.own or one.passed}
    shipped = facts(target)
    if shipped is not None and same_version(shipped.version, version):
        for key, row in shipped.by_operator.items():
            if row.tests and (key not in found or (row.passed and row.tests > tallies[key].own)):
                found[key] = row.passed, row.tests
    lacking = {key for key, one in tallies.items() if any(is_lacking(key[0], why) for why in one.failures)}
    return found, {key for key in lacking if not found.get(key, (0, 0))[0]}


def _claims(target: str) -> Known:
    """What the source of a target says."""
    shipped = facts(target)
    ask = SOURCES.get(target)
    if ask is None and target in RUNTIMES and shipped is not None and installed(target):
        return _kept(target)  # of which the source is no package; what it does can be measured
    if ask is None:
        source = f"the source of its facts is {shipped.source}" if shipped else "nothing is known of it"
        raise UsageError(f"{target}: {source}, no package to ask; these can be: {', '.join(sorted(SOURCES))}")
    try:
        return ask()
    except ImportError as error:
        raise UsageError(f"the facts of {target} are asked of an installed package: {error}; install it") from None


def _kept(target: str) -> Known:
    """What the shipped facts claim, without what was measured."""
    known: Known = msgspec.to_builtins(facts(target))
    return known | {"rows": [trimmed(list(row)[:3]) for row in known["rows"] if not row[1]]}


def _onnxruntime_web() -> Known:
    """The CPU kernels of ONNX Runtime, of the same version, that wasm is made of.

    Raises:
        ImportError: there is none, or one of another version.
    """
    version, known = _version("onnxruntime-web"), _onnxruntime()
    if known["version"] != version:
        raise ImportError(f"onnxruntime-web {version} is made of onnxruntime {version}, not {known['version']}")
    title, source = "ONNX Runtime Web (wasm)", "the CPU kernels of onnxruntime of this version"
    return known | {"title": title, "source": source}


def _tvm() -> Known:
    """The operators that its ONNX front end converts."""
    from tvm.relax.frontend.onnx.onnx_frontend import _get_convert_map

    told = head("TVM", _version("tvm"), "the convert map of its ONNX front end", ONNX, complete=True)
    return told | {"date": live.today(), "rows": [[one, 0, "yes"] for one in sorted(_get_convert_map())]}


def _onnxruntime() -> Known:
    """The CPU kernels of the installed package."""
    known: Known = msgspec.to_builtins(live.of_onnxruntime())
    rows = [row for row in known["rows"] if row[1] >= OLDEST_OPSET or row[1] == since_version(row[0], OLDEST_OPSET)]
    return known | {"rows": [trimmed(row) for row in rows]}


def _opencv() -> Known:
    """It has no list: what it says when asked operator by operator, and what ONNX's tests do, is all that is known."""
    told = head("OpenCV", _version("opencv"), "ONNX's own operator tests", ONNX)
    with RuntimeProcess("opencv", seconds=SECONDS) as process:
        said = {(one.name, one.since_version): process.run(*_alone(one), None, 0.0).why for one in _schemas()}
    rows = [[*key, "no"] for key, why in said.items() if is_lacking(key[0], why)]
    return told | {"date": live.today(), "rows": rows}


def _openvino() -> Known:
    """What its ONNX front end translates when asked operator by operator."""
    from openvino import frontend

    front = frontend.FrontEndManager().load_by_framework("onnx")
    rows = [[one.name, one.since_version, _translates(front, one)] for one in _schemas()]
    told = head("OpenVINO", _version("openvino"), "its ONNX front end, asked operator by operator", ONNX)
    return told | {"date": live.today(), "rows": rows}


def _version(target: str) -> str:
    """The version of the installed runtime.

    Raises:
        ImportError: there is none.
    """
    if not (version := installed(target)):
        raise ImportError(f"no runtime of {target} is installed")
    return version


def _translates(front: Any, schema: Any) -> str:
    """Whether a front end translates one version of an operator; unknown where the attempt fails otherwise."""
    content, _ = _alone(schema)
    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        file = Path(folder, "model.onnx")
        file.write_bytes(content)
        try:
            made = front.convert_partially(front.load(str(file)))
        except Exception:
            return "err"
    return "no" if any("Framework" in one.get_type_name() for one in made.get_ops()) else "yes"


def _schemas() -> list[Any]:
    """Those of all versions of ONNX's operators."""
    from onnx import defs

    return [one for one in defs.get_all_schemas_with_history() if one.domain == "" and not one.deprecated]


def _alone(schema: Any) -> tuple[bytes, dict[str, Any]]:
    """A file of one version of an operator, of tensors whatever it wants, and its inputs."""
    import numpy
    from onnx import TensorProto, helper

    inputs = [helper.make_tensor_value_info(f"i{i}", TensorProto.FLOAT, [1, 1, 2, 2]) for i in range(schema.min_input)]
    outputs = [helper.make_tensor_value_info(f"o{i}", TensorProto.FLOAT, []) for i in range(max(1, schema.min_output))]
    node = helper.make_node(schema.name, [one.name for one in inputs], [one.name for one in outputs])
    opset = helper.make_opsetid("", schema.since_version)
    model = helper.make_model(helper.make_graph([node], "g", inputs, outputs), opset_imports=[opset], ir_version=8)
    return model.SerializeToString(), {one.name: numpy.ones((1, 1, 2, 2), "float32") for one in inputs}


def _coreml() -> Known:
    """The operators of torch that the installed coremltools converts."""
    import coremltools
    from coremltools.converters.mil.frontend.torch.torch_op_registry import _TORCH_OPS_REGISTRY as REGISTRY

    told = head("Core ML (coremltools)", coremltools.__version__, "coremltools' own registry of torch operators", [])
    names = {aten_name(f"aten::{name}") for name in REGISTRY.name_to_func_mapping}
    lacking = sorted(one for one in set(_overloads(names)) if REGISTRY.get_func(f"aten::{one}") is None)
    rows = [[name] for name in names] + [[name, 0, "no"] for name in lacking]
    rows += [[name, 0, "no", "", "", passed, tests] for name, (passed, tests) in _converted(names).items()]
    return told | {"date": live.today(), "reads": ["jit_trace", "torch_export"], "complete": True, "rows": rows}


def _overloads(registered: set[str]) -> Iterator[str]:
    """The overloads on tensors of the operators that are registered, as programs have them: ``where.scalarother``."""
    import torch

    for schema in torch._C._jit_get_all_schemas():
        name, overload = schema.name.removeprefix("aten::"), schema.overload_name
        writes = any(one.is_out or (one.alias_info and one.alias_info.is_write) for one in schema.arguments)
        if (
            name in registered
            and overload
            and not writes
            and any("Tensor" in str(one.type) for one in schema.arguments)
        ):
            yield f"{name}.{overload.lower()}"


def _converted(registered: set[str]) -> dict[str, tuple[int, int]]:
    """Of operators that are not registered, how many calls that become them are converted all the same, of how many:
    the converter rewrites some before it looks them up."""
    from convlint.analyzer.torch_facts.generate import quiet
    from convlint.analyzer.torch_facts.generate_operators import calls

    quiet()
    found: dict[str, tuple[int, int]] = {}
    for name, dtype in torch_facts.measured():
        lacking = {graph: _lacking(name, dtype, graph, registered) for graph in ("jit_trace", "torch_export")}
        for call in calls(name, dtype[0])[:1] if all(lacking.values()) else ():
            for graph, operators in lacking.items():
                converts = _converts(call, graph)
                for operator in operators:
                    passed, tests = found.get(operator, (0, 0))
                    found[operator] = passed + converts, tests + 1
    return found


def _lacking(name: str, dtype: str, graph: str, registered: set[str]) -> set[str]:
    """The operators in a graph of a call that are not registered."""
    spans = (torch_facts.graphs(name, dtype) or {}).get(graph, ())
    return {aten_name(one) for _, operators in spans for one in operators} - registered


def _converts(call: Any, graph: str) -> bool:
    """Whether coremltools converts a call."""
    import coremltools
    import torch

    names = [coremltools.TensorType(name=f"x{i}", shape=one.shape) for i, one in enumerate(call.tensors)]
    try:
        if graph == "jit_trace":
            traced = torch.jit.trace(call, call.tensors, check_trace=False)  # type: ignore[no-untyped-call]
            coremltools.convert(traced, inputs=names, convert_to="mlprogram", skip_model_load=True)
        else:
            program = torch.export.export(call, call.tensors, strict=False).run_decompositions({})
            coremltools.convert(program, convert_to="mlprogram", skip_model_load=True)
    except Exception:
        return False
    return True


def _litert() -> Known:
    """The lowerings that litert_torch registers; of 11 other operators, drawn by lot, it takes none."""
    from litert_torch.backend.lowerings import registry

    names = map(str, registry.global_registry.registered_ops)
    told = _core("LiteRT (litert-torch)", "litert-torch", "litert_torch's own registry of lowerings", names)
    return told | {"complete": True}


def _executorch() -> Known:
    """What the runtime registers, and what XNNPACK's partitioner takes; of 63 other operators that were tried it takes
    none, but for those that are measured."""
    from executorch.backends.xnnpack.partition.config import ALL_PARTITIONER_CONFIGS
    from executorch.runtime import Runtime

    names = [one.target_name for one in ALL_PARTITIONER_CONFIGS if getattr(one, "target_name", "")]
    names += Runtime.get().operator_registry.operator_names
    source = "the registries of its runtime and of XNNPACK's partitioner"
    return _core("ExecuTorch", "executorch", source, names) | {"complete": True}


def _core(title: str, package: str, source: str, names: Iterable[str]) -> Known:
    """The operators of ``torch.export``'s programs that a converter registers; it rewrites others before."""
    full = (one if one.startswith("aten") else f"aten.{one}" for one in names if re.match(r"(aten\W+)?\w", one))
    told = head(title, importlib.metadata.version(package), source, ["core"])
    return told | {"date": live.today(), "rows": [[one] for one in sorted({aten_name(one) for one in full})]}


def _onnx2tf() -> Known:
    """The operators that its package has a module of."""
    files = importlib.metadata.files("onnx2tf") or ()
    names = sorted(one.stem for one in files if one.match("onnx2tf/ops/*.py") and not one.stem.startswith("_"))
    told = head("onnx2tf", importlib.metadata.version("onnx2tf"), "the modules of its package", ONNX, complete=True)
    return told | {"date": live.today(), "rows": [[one, 0, "yes"] for one in names]}


SOURCES: dict[str, Callable[[], Known]] = {
    "onnxruntime": _onnxruntime,
    "onnxruntime-web": _onnxruntime_web,
    "opencv": _opencv,
    "openvino": _openvino,
    "coreml": _coreml,
    "litert": _litert,
    "executorch": _executorch,
    "onnx2tf": _onnx2tf,
    "tvm": _tvm,
}
_OF_DTYPES = ("onnxruntime", "onnxruntime-web")
"""Whose source says of which dtypes it takes operators."""
