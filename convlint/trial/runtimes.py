"""The runtimes that take ONNX files, each a function of a file and its inputs, and the process that runs one of them.

Of convlint it imports what needs no other package: interpreters that have none of them run it too.
"""

from __future__ import annotations

import base64
import functools
import importlib
import importlib.metadata
import importlib.util
import json
import logging
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from convlint.process import end_with_parent, limit_memory
from convlint.trial.program_runtimes import CONVERTER_MODULES, CONVERTERS

_LONGEST = 600
_WEB = "onnxruntime-web"
_NODE_SCRIPT = Path(__file__).with_name("onnxruntime_web.cjs")
_OF_GRAPH = re.compile(r"ERROR_CODE: \d+")
"""What it says of a file, and goes on."""
_PNNX_INPUT = re.compile(r'ex\.input\("(in\d+)".*batch_index=(\d+)\)')
_PNNX_OUTPUT = re.compile(r"(out\d+)\.numpy\(batch_index=(\d+)\)")
_PLAIN = "biufc"
"""The kinds of arrays that every runtime can be handed; ONNX Runtime takes text too."""


class UnableError(Exception):
    """What is asked is no question to the runtime: Python cannot hand it such a value."""


def onnxruntime(path: str, given: Mapping[str, Any]) -> list[Any]:
    """ONNX Runtime on the CPU."""
    from convlint.graph.runtime import session

    made = session(path, optimized=True)
    known = {one.name for one in made.get_inputs()}
    return list(made.run(None, {name: value for name, value in given.items() if name in known}))


def openvino(path: str, given: Mapping[str, Any]) -> list[Any]:
    """OpenVINO on the CPU, in float32 and not in what the processor likes better."""
    import numpy
    import openvino as runtime

    values = _plain(given)
    compiled = runtime.Core().compile_model(
        path, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": "1"}
    )
    fed = {i: _named(values, i, one.get_names()) for i, one in enumerate(compiled.inputs)}
    found = compiled(fed)
    return [numpy.asarray(found[one]) for one in compiled.outputs]


def opencv(path: str, given: Mapping[str, Any]) -> list[Any]:
    """OpenCV's DNN module, by whichever of its engines takes the file."""
    import cv2
    import numpy
    import onnx

    values = _plain(given)
    graph = onnx.load(path, load_external_data=False).graph
    net = cv2.dnn.readNetFromONNX(path)
    for name, value in values.items():
        net.setInput(numpy.ascontiguousarray(value).reshape(value.shape), name)
    return [numpy.asarray(one) for one in net.forward([one.name for one in graph.output])]


def tract(path: str, given: Mapping[str, Any]) -> list[Any]:
    """tract, with the sizes that the file says."""
    import tract as runtime

    values = list(_plain(given).values())
    model = runtime.onnx().load(path).into_model()
    fed = values[: model.input_count()]
    return [_read(one) for one in model.into_runnable().run(fed)]


def _read(value: Any) -> Any:
    try:
        return value.to_numpy()
    except Exception as error:  # of its own numbers for sizes Python gets none
        raise UnableError(str(error)) from None


def ncnn(path: str, given: Mapping[str, Any]) -> list[Any]:
    """ncnn in float32, of what pnnx converts a file to, with the batch where the script that pnnx writes has it."""
    import ncnn as runtime
    import pnnx

    with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
        Path(folder, "m.onnx").symlink_to(path)
        subprocess.run([pnnx.EXEC_PATH, "m.onnx"], cwd=folder, capture_output=True, check=False)  # noqa: S603
        script = Path(folder, "m_ncnn.py")
        if not script.exists():
            raise ValueError("pnnx ends before it has converted it")
        how, layers = script.read_text(), Path(folder, "m.ncnn.param").read_text().splitlines()[2:]
        if unknown := {name for line in layers if runtime.layer_to_index(name := line.split()[0]) < 0}:
            raise ValueError(f"pnnx leaves what ncnn has no layers of: {', '.join(sorted(unknown))}")
        net = runtime.Net()
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        if net.load_param(f"{folder}/m.ncnn.param") or net.load_model(f"{folder}/m.ncnn.bin"):
            raise ValueError("ncnn does not load what pnnx has made of it")
    extractor = net.create_extractor()
    for (name, batch), value in zip(_PNNX_INPUT.findall(how), _plain(given).values(), strict=False):
        extractor.input(name, runtime.Mat(_of_32_bits(value), batch_index=int(batch)).clone())
    found = [(extractor.extract(name), int(batch)) for name, batch in _PNNX_OUTPUT.findall(how)]
    if any(code for (code, _), _ in found):
        raise ValueError("ncnn does not compute its outputs")
    return [mat.numpy(batch_index=batch) for (_, mat), batch in found]


def _of_32_bits(value: Any) -> Any:
    """What is counted, in the integers that ncnn has."""
    import numpy

    return numpy.ascontiguousarray(value.astype(numpy.int32) if value.dtype == numpy.int64 else value)


def tvm(path: str, given: Mapping[str, Any]) -> list[Any]:
    """TVM, compiled for the CPU."""
    import numpy
    import onnx
    import tvm as runtime
    from tvm import relax
    from tvm.relax.frontend.onnx import from_onnx

    values, model = _plain(given), onnx.load(path)
    module = from_onnx(model, keep_params_in_input=False)
    machine = relax.VirtualMachine(runtime.compile(module, target="llvm"), runtime.cpu())
    weights = {one.name for one in model.graph.initializer}
    names = [one.name for one in model.graph.input if one.name not in weights]
    found = machine["main"](*(runtime.runtime.tensor(numpy.ascontiguousarray(values[name])) for name in names))
    return [one.numpy() for one in ([found] if hasattr(found, "numpy") else found)]


def onnxruntime_web(path: str, given: Mapping[str, Any]) -> list[Any]:
    """ONNX Runtime Web in Node, on wasm: the package in ``node_modules`` of the working folder."""
    import numpy

    values = {name: numpy.ascontiguousarray(value) for name, value in _plain(given).items()}
    fed = {
        name: {"type": str(one.dtype), "dims": one.shape, "data": base64.b64encode(one.tobytes()).decode()}
        for name, one in values.items()
    }
    node = _node()
    assert node.stdin
    assert node.stdout
    node.stdin.write(json.dumps({"file": path, "given": fed}) + "\n")
    node.stdin.flush()
    line = node.stdout.readline()
    said: dict[str, Any] = json.loads(line) if line else {"error": "node ends"}
    if "error" in said:
        if not _OF_GRAPH.search(said["error"]):  # what ends wasm leaves nothing to go on with
            node.kill()
            node.wait()
            _node.cache_clear()
        raise ValueError(said["error"])
    return [numpy.frombuffer(base64.b64decode(one["data"]), one["type"]).reshape(one["dims"]) for one in said["found"]]


@functools.cache
def _node() -> subprocess.Popen[str]:
    """Node, which runs one file after another."""
    return subprocess.Popen(  # noqa: S603 - our own script
        [shutil.which("node") or "node", str(_NODE_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _plain(given: Mapping[str, Any]) -> Mapping[str, Any]:
    if any(getattr(getattr(one, "dtype", None), "kind", "") not in _PLAIN for one in given.values()):
        raise UnableError("not all inputs are tensors of numbers")
    return given


def _named(values: Mapping[str, Any], place: int, names: set[str]) -> Any:
    """The input of one of these names, or at this place."""
    return next((value for name, value in values.items() if name in names), list(values.values())[place])


RUNTIMES: dict[str, Callable[[str, Mapping[str, Any]], list[Any]]] = {
    "onnxruntime": onnxruntime,
    "openvino": openvino,
    "opencv": opencv,
    "tract": tract,
    "ncnn": ncnn,
    "tvm": tvm,
    _WEB: onnxruntime_web,
}
MODULES = {
    "onnxruntime": "onnxruntime",
    "openvino": "openvino",
    "opencv": "cv2",
    "tract": "tract",
    "ncnn": "pnnx",
    "tvm": "tvm",
    **CONVERTER_MODULES,
}
"""What is imported of each that Python runs."""
INSTALLS = {
    "onnxruntime": "pip install onnxruntime",
    "openvino": "pip install openvino",
    "opencv": "pip install opencv-python-headless",
    "tract": "pip install tract",
    "ncnn": "pip install ncnn pnnx",
    "tvm": "pip install apache-tvm",
    _WEB: "npm install onnxruntime-web",
}
"""What installs each that takes ONNX files."""


def installed(target: str) -> str:
    """The version of a target's runtime that is installed here, empty where none is that can be run."""
    if target == _WEB:
        return _of_node()
    module = MODULES.get(target, "")
    if not module or importlib.util.find_spec(module) is None:
        return ""
    names = importlib.metadata.packages_distributions().get(module, [])
    return next((importlib.metadata.version(name) for name in names), "")


def _of_node() -> str:
    """The version of ONNX Runtime Web that node finds from the working folder."""
    here = Path.cwd()
    files = (folder / "node_modules" / _WEB / "package.json" for folder in (here, *here.parents))
    file = next((one for one in files if one.is_file()), None)
    return str(json.loads(file.read_text(encoding="utf-8"))["version"]) if file and shutil.which("node") else ""


def difference(found: Sequence[Any], right: Sequence[Any], rtol: float) -> str:
    """In what outputs differ from those that are right, empty where they do not.

    ``rtol`` is of the largest number of an output; of integers, of how many may be others.
    """
    if len(found) < len(right):
        return f"gives {len(found)} outputs instead of {len(right)}"
    for i, (got, want) in enumerate(zip(found, right, strict=False)):
        if told := _differs(got, want, rtol):
            return f"output {i} {told}" if len(right) > 1 else f"its output {told}"
    return ""


def _differs(got: Any, want: Any, rtol: float) -> str:
    import numpy

    if isinstance(want, (list, tuple)):
        return difference(got, want, rtol) if isinstance(got, (list, tuple)) else "is no sequence"
    if want is None or got is None:
        return "" if got is want else "is empty" if got is None else "is not empty"
    got, want = numpy.asarray(got), numpy.asarray(want)
    if [n for n in got.shape if n != 1] != [n for n in want.shape if n != 1]:
        return f"has the shape {got.shape}, not {want.shape}"
    got = got.reshape(want.shape)
    if not want.size:
        return ""
    if want.dtype.kind not in "fc":
        others = float((got.astype(want.dtype) != want).mean())
        return f"differs in {others:.1%} of its values" if others > rtol else ""
    return _far(got, want, rtol)


def _far(got: Any, want: Any, rtol: float) -> str:
    import numpy

    wide = numpy.complex128 if want.dtype.kind == "c" else numpy.float64
    a, b = got.astype(wide), want.astype(wide)
    known = numpy.isfinite(b)
    if not ((a[~known] == b[~known]) | (numpy.isnan(a[~known]) & numpy.isnan(b[~known]))).all():
        return "differs where it is not finite"
    size = float(numpy.abs(b[known]).max(initial=1e-3))
    far = float(numpy.abs(a[known] - b[known]).max(initial=0.0))
    return "" if far <= rtol * size else f"is off by {far:.3g} of {size:.3g}"


def main() -> None:
    """Answers what a runtime makes of files, a line of JSON each, until stdin ends."""
    target, gigabytes = sys.argv[1], int(sys.argv[2])
    end_with_parent()
    limit_memory(gigabytes)
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    if target in MODULES:
        importlib.import_module(MODULES[target])
    print(json.dumps(["ready", installed(target)]), file=out, flush=True)
    for line in sys.stdin:
        path, data = json.loads(line)
        print(json.dumps(_answer(target, path, Path(data))), file=out, flush=True)


def _answer(target: str, path: str, data: Path) -> tuple[str, str]:
    """``right``, ``wrong``, ``refused`` or ``unable``, and why."""
    given, right, rtol = pickle.loads(data.read_bytes())  # noqa: S301 - from our own process
    try:
        found = {**RUNTIMES, **CONVERTERS}[target](path, given)
    except UnableError as error:
        return "unable", str(error)
    except BaseException as error:  # the panics of tract are no Exceptions
        return "refused", f"{type(error).__name__}: {error}"[:_LONGEST]
    if right is None or found is None:
        return "ran", ""
    told = difference(found, right, rtol)
    return ("wrong", told) if told else ("right", "")
