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

from convlint.source.discovery import INSTALLED

_TOOLS = ("torch", "functorch", "onnx", "onnxscript", "onnx_ir", "onnxruntime", "numpy", "msgspec", "convlint")
_DUMPED = re.compile(r'File "(.+)", line (\d+) in ')
_ELSEWHERE = re.compile(
    rf"/(?:{'|'.join(INSTALLED)})/(?:{'|'.join(_TOOLS)})/|/lib/python3\.\d+/(?!{'|'.join(INSTALLED)})"
)
"""A tool's or Python's own file, installed on whatever machine the model was exported on."""
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


def innermost(frame: FrameType | None, owns: Callable[[str], bool]) -> FrameType | None:
    """A frame, or the nearest of those around it, that runs one of some files."""
    while frame and not owns(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def of_dump(text: str) -> str:
    """The same of the last stack that ``faulthandler`` has written into a text."""
    return _of_stack((path, int(row)) for path, row in _DUMPED.findall(_STACKS.split(text)[-1]))


def _of_stack(innermost_first: Iterable[tuple[str, int]]) -> str:
    found = of_frames(innermost_first)
    return f"{shown(found[0])}:{found[1]}" if found else ""


def of_frames(innermost_first: Iterable[tuple[str, int]]) -> tuple[str, int] | None:
    """The first of the paths and lines that is the user's, None where none is."""
    return next((frame for frame in innermost_first if is_of_user(frame[0])), None)


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
