"""Where in the user's code something happened: the innermost line that is neither Python's nor an exporter's."""

from __future__ import annotations

import importlib.util
import os
import re
import sysconfig
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from traceback import walk_tb
from types import FrameType
from typing import TYPE_CHECKING

from convlint.source.discovery import INSTALLED

if TYPE_CHECKING:
    from onnx import NodeProto

_TOOLS = (
    "torch", "functorch", "sympy", "mpmath", "onnx", "onnxscript", "onnx_ir", "onnxruntime", "numpy", "msgspec",
    "convlint",
)  # fmt: skip
_DUMPED = re.compile(r'File "(.+)", line (\d+) in ')
_ELSEWHERE = re.compile(
    rf"/(?:{'|'.join(INSTALLED)})/(?:{'|'.join(_TOOLS)})/|/lib/python3\.\d+/(?!{'|'.join(INSTALLED)})|^torch/fx/"
)
"""A tool's or Python's own file, installed on whatever machine the model was exported on; torch calls some its own."""
_OF_DYNAMO = "pkg.torch.onnx.stack_trace"
_DYNAMO_FRAME = re.compile(r'File "([^"\n]+)", line (\d+), in [^\n]*(?:\n[ \t]+(?!File ")([^\n]+))?')
_TORCHSCRIPT_FRAME = re.compile(r"^([^\n]+?)\((\d+)\): ", re.MULTILINE)
_STACKS = re.compile(r"^(?:Current thread|Thread|Stack) .*\(most recent call first\):$", re.MULTILINE)


def of_error(error: BaseException) -> str:
    """``file.py:12`` of an exception, or of the first of its causes that ran through the user's code."""
    chain = causes(error)[::-1]
    stacks = ([(f.f_code.co_filename, row) for f, row in walk_tb(one.__traceback__)][::-1] for one in chain)
    return next((place for stack in stacks if (place := _of_stack(stack))), "")


def causes(error: BaseException) -> list[BaseException]:
    """An exception, then its causes, the first of them last."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return chain


def reason(error: BaseException) -> BaseException:
    """What an exception was raised from, and that again: what was only handled before it says little."""
    while error.__cause__:
        error = error.__cause__
    return error


def innermost(frame: FrameType | None, owns: Callable[[str], bool]) -> FrameType | None:
    """A frame, or the nearest of those around it, that runs one of some files."""
    while frame and not owns(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def of_dump(text: str) -> str:
    """The same of the last stack that ``faulthandler`` has written into a text."""
    return _of_stack((path, int(row)) for path, row in _DUMPED.findall(_STACKS.split(text)[-1]))


def of_node(node: NodeProto) -> tuple[str, int, str] | None:
    """Path, line and code (if recorded) of an ONNX node's operator, None where ``torch.onnx`` has recorded none.

    ``dynamo=True`` always does, ``dynamo=False`` with ``verbose=True`` only.
    """
    return next(iter(stack_of_node(node)), None)


def stack_of_node(node: NodeProto) -> list[tuple[str, int, str]]:
    """The same of all lines of the user's that called each other, the innermost first."""
    trace = next((entry.value for entry in node.metadata_props if entry.key == _OF_DYNAMO), "")
    frames = [(path, int(row), code.strip()) for path, row, code in _DYNAMO_FRAME.findall(trace)][::-1]
    if not frames and node.doc_string:
        frames = [(path.strip(), int(row), "") for path, row in _TORCHSCRIPT_FRAME.findall(node.doc_string)]
    return [frame for frame in frames if is_of_user(frame[0])]


def _of_stack(innermost_first: Iterable[tuple[str, int]]) -> str:
    found = next((frame for frame in innermost_first if is_of_user(frame[0])), None)
    return f"{shown(found[0])}:{found[1]}" if found else ""


@cache
def is_of_user(path: str) -> bool:
    """Whether a file is neither Python's nor an exporter's."""
    if path.startswith(("<", *_tools())) or _ELSEWHERE.search(path.replace("\\", "/")):
        return False
    return not path.startswith(sysconfig.get_paths()["stdlib"]) or any(f"/{name}/" in path for name in INSTALLED)


@cache
def _tools() -> tuple[str, ...]:
    specs = (importlib.util.find_spec(name) for name in _TOOLS)
    return tuple(f"{folder}{os.sep}" for spec in specs if spec for folder in spec.submodule_search_locations or ())


def shown(path: str) -> str:
    """A file's name as a user would write it: relative where it is below the working directory."""
    try:
        return Path(path).relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path
