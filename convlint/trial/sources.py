"""Texts that stand in for files when Python imports them: the changed sources of a project, nothing on disk touched."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any


def stand_in(texts: Mapping[str, str]) -> None:
    """From now on a file of ``texts`` is imported, and shown by ``inspect``, with that text; no ``.pyc`` is written."""
    sys.dont_write_bytecode = True
    by_path = {os.path.realpath(path): text for path, text in texts.items()}
    read = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, fullname: str) -> CodeType | None:
        text = by_path.get(os.path.realpath(loader.path))
        if text is None:
            return read(loader, fullname)
        linecache.cache[loader.path] = (len(text), None, text.splitlines(keepends=True), loader.path)
        code: CodeType = compile(text, loader.path, "exec", dont_inherit=True)
        return code

    loader: Any = SourceFileLoader
    loader.get_code = get_code
