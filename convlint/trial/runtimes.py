"""The runtimes that take ONNX files, each a function of a file and its inputs, and the process that runs one of them.

Of convlint it imports what needs no other package: interpreters that have none of them run it too.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from convlint.process import end_with_parent, limit_memory

_LONGEST = 600
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
}
MODULES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "opencv": "cv2", "tract": "tract"}
"""What is imported of each."""
PACKAGES = {**MODULES, "opencv": "opencv-python-headless"}
"""What is installed for each."""


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
    module = importlib.import_module(MODULES[target])
    print(json.dumps(["ready", getattr(module, "__version__", "")]), file=out, flush=True)
    for line in sys.stdin:
        path, data = json.loads(line)
        print(json.dumps(_answer(target, path, Path(data))), file=out, flush=True)


def _answer(target: str, path: str, data: Path) -> tuple[str, str]:
    """``right``, ``wrong``, ``refused`` or ``unable``, and why."""
    given, right, rtol = pickle.loads(data.read_bytes())  # noqa: S301 - from our own process
    try:
        found = RUNTIMES[target](path, given)
    except UnableError as error:
        return "unable", str(error)
    except BaseException as error:  # the panics of tract are no Exceptions
        return "refused", f"{type(error).__name__}: {error}"[:_LONGEST]
    if right is None:
        return "ran", ""
    told = difference(found, right, rtol)
    return ("wrong", told) if told else ("right", "")
