"""The user's line behind a node, where the exporter recorded one."""

from __future__ import annotations

import linecache
from typing import TYPE_CHECKING, NamedTuple

from convlint.source import place

if TYPE_CHECKING:
    from onnx import NodeProto


class Line(NamedTuple):
    """A line of the user's code; all empty where none is known."""

    path: str = ""
    row: int = 0
    code: str = ""


NO_LINE = Line()


def line_of(node: NodeProto) -> Line:
    """The innermost line of the user's that led to a node, or none."""
    found = place.of_node(node)
    if found is None:
        return NO_LINE
    path, row, code = found
    return Line(path, row, code or _code(path, row))


def _code(path: str, row: int) -> str:
    """The line itself, if the file is here; a model names any file it likes, so only Python is opened."""
    return linecache.getline(path, row).strip() if path.endswith(".py") else ""
