"""Makes the files in ``facts`` of targets whose source is a repository: ``python -m convlint.backends.generate FOLDER
[TARGET...]``.

FOLDER holds what was read from the targets' own tables (a JSON list of rows each, with source and date). Those that an
installed package tells are written by ``convlint dev refresh``, which measures too what runs here.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from convlint.backends.fact_file import ONNX, Known, head, operators, trimmed, write
from convlint.backends.facts import FOLDER, OLDEST_OPSET

Rows = list[dict[str, Any]]


class Sources:
    """The gathered tables by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def rows(self, name: str) -> Rows:
        """A table."""
        found: Rows = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return found


def _of_importer(title: str, name: str, complete: bool) -> Callable[[Sources], Known]:
    """The operators that an importer of ONNX registers."""

    def known(sources: Sources) -> Known:
        listed = sources.rows(name)
        source = os.path.commonpath([one["source"] for one in listed])
        version = re.sub(r".*@(\w+) .*", r"git-\1", source)
        rows = [[one, 0, "yes"] for one in sorted({one["op"] for one in listed})]
        return head(title, version, source, ONNX, complete=complete) | {"rows": rows}

    return known


def _of_web(title: str, backend: str) -> Callable[[Sources], Known]:
    """The operators that an execution provider of ONNX Runtime Web lists; it leaves others to wasm, or refuses them."""

    def known(sources: Sources) -> Known:
        listed = [one for one in sources.rows("ort_web") if one["backend"] == backend and one["domain"] == ""]
        versions = {name: [one for one in changes if one > 0] for name, changes in operators().items()}
        rows = {
            (one["op"], since): trimmed([one["op"], since, "yes", "", "restricted" if one.get("note") else ""])
            for one in listed
            for start, end in one["ranges"]
            for since in versions.get(one["op"], ())
            if since == start or (end is not None and start <= since <= end)
        }
        refused = [[one["op"], 0, "no"] for one in listed if not one["ranges"]]
        starts = [start for one in listed for start, _ in one["ranges"]]
        told = head(title, listed[0]["backend_version"], listed[0]["source"], ONNX)
        return told | {
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
    told = head("onnx-tf", listed[0]["backend_version"], listed[0]["source"], ONNX)
    newest = max(one["opset"] for one in listed)
    return told | {"oldest_opset": OLDEST_OPSET, "newest_opset": newest, "rows": rows}


TARGETS: dict[str, Callable[[Sources], Known]] = {
    "tract": _of_importer("tract", "tract", complete=True),
    "tvm": _of_importer("TVM", "tvm", complete=True),
    "mnn": _of_importer("MNN", "mnn", complete=False),
    "onnx2tf": _of_importer("onnx2tf", "onnx2tf", complete=True),
    "onnx-tf": onnx_tf,
    "onnxruntime-webgl": _of_web("ONNX Runtime Web, WebGL", "ort-web-webgl"),
    "onnxruntime-webgpu": _of_web("ONNX Runtime Web, WebGPU", "ort-web-webgpu(jsep)"),
    "onnxruntime-webnn": _of_web("ONNX Runtime Web, WebNN", "ort-web-webnn"),
}


def main(arguments: Sequence[str]) -> None:
    """Writes the files of the targets named, all where none is."""
    sources = Sources(Path(arguments[0]))
    for target in arguments[1:] or TARGETS:
        write(FOLDER / f"{target}.json", TARGETS[target](sources))


if __name__ == "__main__":
    main(sys.argv[1:])
