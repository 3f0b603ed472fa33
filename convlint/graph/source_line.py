"""The user's line behind a node, where the exporter recorded one."""

from __future__ import annotations

import linecache
import re
from typing import TYPE_CHECKING, NamedTuple

from convlint.trial import place

if TYPE_CHECKING:
    from onnx import NodeProto

_OF_DYNAMO = "pkg.torch.onnx.stack_trace"
_DYNAMO_FRAME = re.compile(r'File "([^"\n]+)", line (\d+), in [^\n]*(?:\n[ \t]+(?!File ")([^\n]+))?')
_TORCHSCRIPT_FRAME = re.compile(r"^([^\n]+?)\((\d+)\): ", re.MULTILINE)


class Line(NamedTuple):
    """A line of the user's code; all empty where none is known."""

    path: str = ""
    row: int = 0
    code: str = ""


NO_LINE = Line()


def line_of(node: NodeProto) -> Line:
    """The innermost line of the user's that led to a node: recorded by torch.onnx's exporters, or none.

    ``dynamo=True`` always records it, ``dynamo=False`` with ``verbose=True`` only.
    """
    trace = next((entry.value for entry in node.metadata_props if entry.key == _OF_DYNAMO), "")
    frames = [(path, int(row), code) for path, row, code in _DYNAMO_FRAME.findall(trace)][::-1]
    if not frames and node.doc_string:
        frames = [(path.strip(), int(row), "") for path, row in _TORCHSCRIPT_FRAME.findall(node.doc_string)]
    found = place.of_frames((path, row) for path, row, _ in frames)
    if found is None:
        return NO_LINE
    code = next(code for path, row, code in frames if (path, row) == found)
    return Line(*found, code.strip() or _code(*found))


def _code(path: str, row: int) -> str:
    """The line itself, if the file is here; a model names any file it likes, so only Python is opened."""
    return linecache.getline(path, row).strip() if path.endswith(".py") else ""
