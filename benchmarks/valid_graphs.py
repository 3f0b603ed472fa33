"""Whether a diagnosis is silent about graphs that are right, and says what ONNX Runtime says of those that it refuses.

``python benchmarks/valid_graphs.py [FOLDER...]``: ONNX's own test models, and all ``*.onnx`` files under the folders.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import onnx.backend.test
import onnxruntime
from onnx.backend.test.case.node import collect_testcases

from convlint.graph.diagnose import diagnose
from convlint.graph.problems import Diagnosis


def main(folders: list[str]) -> int:
    """Prints every disagreement and the counts; 1 where something right was called wrong."""
    warnings.simplefilter("ignore")
    onnxruntime.set_default_logger_severity(4)
    false_alarms = 0
    with tempfile.TemporaryDirectory() as scratch:
        for title, paths in (("ONNX's own test models", tests(Path(scratch))), ("given files", given(folders))):
            counts: Counter[str] = Counter()
            for path in paths:
                alarm = judge(path, counts)
                false_alarms += bool(alarm)
                if alarm:
                    print(f"FALSE ALARM {path.name}: {alarm}")
            print(f"{title}: {', '.join(f'{count} {what}' for what, count in sorted(counts.items())) or 'none'}")
    return int(false_alarms > 0)


def tests(scratch: Path) -> Iterator[Path]:
    """The models on which ONNX tests runtimes: those that it ships, and those that it makes."""
    yield from sorted((Path(onnx.backend.test.__file__).parent / "data").rglob("*.onnx"))
    for case in collect_testcases(None):
        path = scratch / f"{case.name}.onnx"
        path.write_bytes(case.model.SerializeToString())
        yield path


def given(folders: list[str]) -> Iterator[Path]:
    """The files under folders."""
    return (path for folder in folders for path in sorted(Path(folder).rglob("*.onnx")))


def judge(path: Path, counts: Counter[str]) -> str:
    """What a diagnosis says wrongly of a model, empty where nothing; ONNX Runtime is asked where it says something."""
    counts["diagnosed"] += 1
    by_onnx, by_runtime = diagnose(path), diagnose(path, [("onnxruntime", None)])
    counts["nodes"] += by_onnx.nodes
    refused = refusal(path)
    counts["loaded by ONNX Runtime"] += not refused
    if refused:
        counts["refused by ONNX Runtime"] += 1
        counts["of which named"] += not by_runtime.is_clean
        return "" if by_onnx.is_clean else wrong(by_onnx)
    return wrong(by_onnx) or wrong(by_runtime)


def refusal(path: Path) -> str:
    """Why ONNX Runtime does not load a model."""
    try:
        onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:
        return str(error) or type(error).__name__
    return ""


def wrong(told: Diagnosis) -> str:
    """What a diagnosis says, on one line."""
    nodes = [f"{one.operator} `{one.name}`: {one.wrongs[0].message}" for one in told.bad]
    return "; ".join([*(one.message for one in told.graph), *nodes])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
