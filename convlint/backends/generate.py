"""Makes the files in ``facts``: ``python -m convlint.backends.generate FOLDER [TARGET...]``.

FOLDER holds what was read from the targets' own tables and registries (a JSON list of rows each, with source and date)
and what ONNX's own operator tests did on them (``matrix_*.json``). ONNX Runtime, coremltools and the versions of ONNX's
operators are asked of the installed packages instead.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from convlint.analyzer import torch_facts
from convlint.backends import aten_name, live
from convlint.backends.facts import FOLDER, OLDEST_OPSET, OPERATORS

ONNX = ["onnx_torchscript", "onnx_dynamo"]
Rows = list[dict[str, Any]]
Known = dict[str, Any]


class Sources:
    """The gathered tables by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, name: str) -> Rows:
        """A table."""
        found: Rows = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return found

    def measured(self, name: str) -> dict[tuple[str, int], tuple[int, int]]:
        """By operator and since_version how many of ONNX's tests passed, of how many.

        None ran where all that failed says nothing of the operator: random numbers, the last digits of float32, or an
        input that the test does not write as the constant that a model has there.
        """
        raw: Any = self.rows(f"matrix_{name}")
        return {(row["op"], row["since"]): (row["passed"], row["tests"]) for row in raw["matrix"] if not _is_idle(row)}


_RANDOM = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
_DIGITS = re.compile(r"mismatch: value maxdiff=(\d\.?\d*e-\d+|0\.000\d+)")
_CONSTANT = re.compile(r"(?s).*([Ee]xpect(ed)? (a )?(const|axes)|shape input i)")


def _is_idle(row: dict[str, Any]) -> bool:
    """Whether all tests of an operator failed, of what does not matter to a model."""
    failed = row["fails"] if row["tests"] and not row["passed"] else []
    drawn = row["op"] in _RANDOM
    return bool(failed) and all(
        (drawn and one.startswith("mismatch")) or _DIGITS.match(one) or _CONSTANT.match(one) for one in failed
    )


def onnxruntime(sources: Sources) -> Known:
    """The CPU kernels of the installed package."""
    known: Known = msgspec.to_builtins(live.with_tests(live.of_onnxruntime(), sources.measured("ort")))
    return known | {"rows": [trimmed(row) for row in known["rows"]]}


def _row(
    operator: str, since: int, claim: str, dtypes: str, note: str, measured: dict[tuple[str, int], tuple[int, int]]
) -> list[Any]:
    return trimmed([operator, since, claim, dtypes, note, *measured.get((operator, since), (0, 0))])


def trimmed(row: list[Any]) -> list[Any]:
    """A row without what is left out at its end."""
    row = list(row)
    while len(row) > 3 and not row[-1]:
        row.pop()
    return row


def openvino(sources: Sources) -> Known:
    """What its ONNX front end translated when asked operator by operator."""
    probed = [one for one in sources.rows("openvino_fe_probe") if one["domain"] == ""]
    measured = sources.measured("openvino")
    rows = [_row(one["op"], one["since"], one["translator"], "", "", measured) for one in probed]
    head = _head("OpenVINO", probed[0]["backend_version"], "its ONNX front end, asked operator by operator", ONNX)
    return head | _window(measured) | {"rows": rows}


def opencv(sources: Sources) -> Known:
    """What either of its engines did with ONNX's tests; it has no list."""
    engines = [sources.measured("opencv_new"), sources.measured("opencv_classic")]
    best = {key: max(engine.get(key, (0, 0)) for engine in engines) for engine in engines for key in engine}
    rows = [_row(operator, since, "unknown", "", "", best) for operator, since in sorted(best)]
    return _head("OpenCV", "5", "ONNX's own operator tests", ONNX) | _window(best) | {"rows": rows}


def _of_importer(title: str, name: str, complete: bool) -> Callable[[Sources], Known]:
    """The operators that an importer of ONNX registers, as measured where it was."""

    def known(sources: Sources) -> Known:
        listed = sources.rows(name)
        names = {one["op"] for one in listed}
        path = sources.folder / f"matrix_{name}.json"
        measured = sources.measured(name) if path.is_file() else {}
        rows = [_row(one, 0, "yes", "", "", {}) for one in sorted(names)]
        rows += [_row(op, v, "yes" if op in names else "no", "", "", measured) for op, v in sorted(measured)]
        source = os.path.commonpath([one["source"] for one in listed])
        version = re.sub(r".*@(\w+) .*", r"git-\1", source)
        head = _head(title, version, source, ONNX, complete=complete)
        return head | (_window(measured) if measured else {}) | {"rows": rows}

    return known


def coreml(_: Sources) -> Known:
    """The operators of torch that the installed coremltools converts."""
    import coremltools
    from coremltools.converters.mil.frontend.torch.torch_op_registry import _TORCH_OPS_REGISTRY as REGISTRY

    head = _head("Core ML (coremltools)", coremltools.__version__, "coremltools' own registry of torch operators", [])
    names = {aten_name(f"aten::{name}") for name in REGISTRY.name_to_func_mapping}
    rows = [[name] for name in names] + [
        [name, 0, "no", "", "", passed, tests] for name, (passed, tests) in _converted(names).items()
    ]
    return head | {"date": live.today(), "reads": ["jit_trace", "torch_export"], "complete": True, "rows": rows}


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


def _of_registry(title: str, name: str, source: str) -> Callable[[Sources], Known]:
    """The operators that a converter of `torch.export`'s programs registers."""

    def known(sources: Sources) -> Known:
        targets = [one["target"] for one in sources.rows(name)]
        full = [one if one.startswith("aten") else f"aten.{one}" for one in targets if re.match(r"(aten\W+)?\w", one)]
        version = max(one["backend_version"] for one in sources.rows(name))
        rows = [[one] for one in {aten_name(one) for one in full}]
        return _head(title, version, source, ["core"]) | {
            "rows": rows
        }  # others are rewritten before they are looked up

    return known


def _of_web(title: str, backend: str) -> Callable[[Sources], Known]:
    """The operators that an execution provider of ONNX Runtime Web lists; it leaves others to wasm, or refuses them."""

    def known(sources: Sources) -> Known:
        listed = [one for one in sources.rows("ort_web") if one["backend"] == backend and one["domain"] == ""]
        versions = {name: [one for one in changes if one > 0] for name, changes in _operators().items()}
        rows = {
            (one["op"], since): trimmed([one["op"], since, "yes", "", "restricted" if one.get("note") else ""])
            for one in listed
            for start, end in one["ranges"]
            for since in versions.get(one["op"], ())
            if since == start or (end is not None and start <= since <= end)
        }
        refused = [[one["op"], 0, "no"] for one in listed if not one["ranges"]]
        starts = [start for one in listed for start, _ in one["ranges"]]
        head = _head(title, listed[0]["backend_version"], listed[0]["source"], ONNX)
        return head | {
            "oldest_opset": OLDEST_OPSET,
            "newest_opset": max(starts),
            "rows": [*rows.values(), *refused],
        }

    return known


def onnx_tf(sources: Sources) -> Known:
    """The list of the project when it stopped: by operator and opset."""
    listed = [one for one in sources.rows("onnx_tf") if one["status"] != "deprecated"]
    claims = {"yes": ("yes", ""), "partial": ("yes", "restricted"), "no": ("no", "")}
    latest = {(one["op"], one["since"]): one["status"] for one in sorted(listed, key=lambda one: one["opset"])}
    rows = [trimmed([name, since, claims[how][0], "", claims[how][1]]) for (name, since), how in latest.items()]
    head = _head("onnx-tf", listed[0]["backend_version"], listed[0]["source"], ONNX)
    newest = max(one["opset"] for one in listed)
    return head | {"oldest_opset": OLDEST_OPSET, "newest_opset": newest, "rows": rows}


def _head(title: str, version: str, source: str, reads: list[str], *, complete: bool = False) -> Known:
    """What all rows of a file have in common; the date is in the source's words, where it says one."""
    date = re.search(r"\d{4}-\d\d-\d\d", source)
    return {
        "title": title,
        "version": version,
        "source": source.replace(f" {date[0]}", "") if date else source,
        "date": date[0] if date else "",
        "reads": reads,
        "complete": complete,
    }


def _window(measured: dict[tuple[str, int], tuple[int, int]]) -> Known:
    return {"oldest_opset": OLDEST_OPSET, "newest_opset": max(since for _, since in measured)}


TARGETS: dict[str, Callable[[Sources], Known]] = {
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "coreml": coreml,
    "litert": _of_registry("LiteRT (litert-torch)", "litert", "litert_torch's own registry of lowerings"),
    "executorch": _of_registry(
        "ExecuTorch", "executorch", "the registries of its runtime and of XNNPACK's partitioner"
    ),
    "tract": _of_importer("tract", "tract", complete=True),
    "tvm": _of_importer("TVM", "tvm", complete=True),
    "opencv": opencv,
    "mnn": _of_importer("MNN", "mnn", complete=False),
    "ncnn": _of_importer("ncnn (pnnx)", "ncnn_pnnx", complete=False),
    "onnx2tf": _of_importer("onnx2tf", "onnx2tf", complete=True),
    "onnx-tf": onnx_tf,
    "onnxruntime-webgl": _of_web("ONNX Runtime Web, WebGL", "ort-web-webgl"),
    "onnxruntime-webgpu": _of_web("ONNX Runtime Web, WebGPU", "ort-web-webgpu(jsep)"),
    "onnxruntime-webnn": _of_web("ONNX Runtime Web, WebNN", "ort-web-webnn"),
}


def write(path: Path, data: dict[str, Any]) -> None:
    """One row a line, so that a refresh is a readable diff."""
    head = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in data.items() if key != "rows"]
    rows = [f"  {json.dumps(row, separators=(',', ':'))}" for row in sorted(data["rows"])]
    path.write_text("\n".join(["{", *head, ' "rows": [', ",\n".join(rows), " ]", "}", ""]), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Writes the files of the targets named, all where none is."""
    sources = Sources(Path(arguments[0]))
    FOLDER.mkdir(exist_ok=True)
    for target in arguments[1:] or TARGETS:
        write(FOLDER / f"{target}.json", TARGETS[target](sources))
    _write_operators()


def _operators() -> dict[str, list[int]]:
    """The opsets that changed each operator, by the installed onnx; negative the one that deprecated it."""
    from onnx import defs

    changes: dict[str, list[int]] = {}
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "":
            since = schema.since_version
            changes.setdefault(schema.name, []).append(-since if schema.deprecated else since)
    return {name: sorted(changes[name], key=abs) for name in sorted(changes)}


def _write_operators() -> None:
    lines = ",\n".join(f" {json.dumps(name)}: {changes}" for name, changes in _operators().items())
    OPERATORS.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
