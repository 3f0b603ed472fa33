"""Writes ``docs/opsets.md``: which opsets exporters and targets share, and what the matrix says where they hardly do.

``python docs/opsets.py CLONE`` reads the opsets of MXNet's exporter anew from a git clone of apache/mxnet.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto, helper

from convlint.backends.exporters import exporters
from convlint.backends.facts import FOLDER, facts, versions
from convlint.cli.app import run

HERE = Path(__file__).resolve().parent
MXNET = HERE / "mxnet_exporter.json"
SAID = re.compile(
    r"follows version (\d+)(?: & (\d+))? of ONNX operator set|tested with ONNX op set version (\d+) or later"
)
INTRODUCTION = """# Opsets

*Written by `python docs/opsets.py`.*

An exporter writes some opsets, a target reads some, and a model needs operators that came with one. All three must
meet. `convlint matrix` says where they do.
"""
STORY = """
## An exporter stuck at 7, an importer stuck at 10

From 2018 to 2021 MXNet's exporter wrote opset 7 and no other, and TensorRT 6.0 read up to opset 10. They shared one
opset, and a detector needs operators that are younger: at 7 there is no `NonMaxSuppression`, no `Where`, no `NonZero`.
Moving the file up to 10 does not help where TensorRT 6.0 lacks them at any opset. That is seen before anything is
converted, here of the end of an SSD, as a file of opset 10:
"""
TODAY = """
Today's TensorRT takes all of it, from the same opset on:
"""


def mxnet(clone: Path) -> Iterator[dict[str, Any]]:
    """What each release of MXNet said of its exporter."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(clone), *arguments]
        return subprocess.run(command, capture_output=True, text=True).stdout

    for tag in git("tag").split():
        said = SAID.search(
            git("grep", "-hE", SAID.pattern.replace(r"\d", "[0-9]").replace("?:", ""), tag, "--", "docs")
        )
        if said and re.fullmatch(r"1\.\d+\.\d+", tag):
            low = int(said[1] or said[3])
            yield {
                "version": tag,
                "oldest": low,
                "newest": int(said[2] or low) if said[1] else None,
                "source": f"apache/mxnet@{git('rev-parse', '--short', tag).strip()} docs",
                "date": git("log", "-1", "--format=%cs", tag).strip(),
            }


def shared(oldest: int, newest: int | None, low: int, high: int) -> str:
    """The opsets that both know."""
    first, last = max(oldest, low), min(newest or high, high)
    return "none" if first > last else str(first) if first == last else f"{first} to {last}"


def windows() -> Iterator[str]:
    """A table of exporters and targets."""
    writers = [(f"MXNet {one['version']}", one["oldest"], one["newest"]) for one in _mxnet_once()]
    titles = {"onnx_torchscript": "torch {}, TorchScript", "onnx_dynamo": "torch {}, dynamo"}
    writers += [(titles[name].format(one.version), one.oldest, one.newest) for name, one in exporters().items()]
    spans = [
        f"{name}: {low}{f' to {high}' if high and high > low else '' if high else ' and later'}"
        for name, low, high in writers
    ]
    yield f"| reads | opsets | {' | '.join(spans)} |"
    yield f"| --- | --- |{' --- |' * len(writers)}"
    for target in sorted({path.stem.partition("@")[0] for path in FOLDER.glob("*.json")}):
        for version in versions(target):
            known = facts(target, version)
            if known is not None and known.newest_opset:
                reads = (known.oldest_opset, known.newest_opset)
                cells = [shared(low, high, *reads) for _, low, high in writers]
                yield f"| {known.title} {version} | {reads[0]} to {reads[1]} | {' | '.join(cells)} |"


def _mxnet_once() -> list[dict[str, Any]]:
    """The first release of MXNet with each window."""
    found: dict[tuple[int, int | None], dict[str, Any]] = {}
    for one in json.loads(MXNET.read_text(encoding="utf-8")):
        found.setdefault((one["oldest"], one["newest"]), one)
    return list(found.values())


def ssd() -> onnx.ModelProto:
    """The end of an SSD: boxes are decoded, the best are kept."""
    nodes = [
        helper.make_node("Exp", ["sizes"], ["grown"]),
        helper.make_node("Mul", ["grown", "anchors"], ["boxes"]),
        helper.make_node("Softmax", ["logits"], ["scores"], axis=1),
        helper.make_node("NonMaxSuppression", ["boxes", "scores", "most", "overlap"], ["kept"]),
        helper.make_node("Greater", ["scores", "least"], ["good"]),
        helper.make_node("Where", ["good", "scores", "zero"], ["filtered"]),
    ]
    for row, node in zip((41, 41, 43, 47, 48, 48), nodes, strict=True):
        trace = f'File "ssd/head.py", line {row}, in forward'
        node.metadata_props.add(key="pkg.torch.onnx.stack_trace", value=trace)
    kinds = {"most": TensorProto.INT64}
    sizes = {"sizes": [1, 100, 4], "anchors": [1, 100, 4], "logits": [1, 3, 100], "most": [1], "overlap": [1]}
    sizes |= {"least": [1], "zero": [1]}
    given = [
        helper.make_tensor_value_info(name, kinds.get(name, TensorProto.FLOAT), size) for name, size in sizes.items()
    ]
    made = [
        helper.make_tensor_value_info("kept", TensorProto.INT64, None),
        helper.make_tensor_value_info("filtered", TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(nodes, "ssd", given, made)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 10)], ir_version=5)


def shown(*arguments: str) -> str:
    """What a command prints, as a block."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run([*arguments, "--isolated"])
    return f"\n```console\n$ convlint {' '.join(arguments)}\n{out.getvalue()}```\n"


def main() -> None:
    """Writes the page."""
    if len(sys.argv) > 1:
        MXNET.write_text(json.dumps(list(mxnet(Path(sys.argv[1]))), indent=1) + "\n", encoding="utf-8")
    os.environ["COLUMNS"] = "100"
    page = INTRODUCTION + "\n## Who shares which\n\n" + "\n".join(windows()) + "\n" + STORY
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        onnx.save(ssd(), "ssd.onnx")
        page += shown("matrix", "ssd.onnx", "--target", "tensorrt==6.0")
        page += shown("matrix", "ssd.onnx", "--target", "tensorrt==6.0", "--opset", "7-10")
        page += TODAY + shown("matrix", "ssd.onnx", "--target", "tensorrt,onnxruntime")
        os.chdir(HERE)
    (HERE / "opsets.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
