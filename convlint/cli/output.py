"""Where what a run says goes: stdout or a file, a page, and stderr for what programs are not to read."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from convlint.errors import UsageError
from convlint.report.plain import printable, shown_path


@contextmanager
def output(file: Path | None) -> Iterator[TextIO]:
    """Where a report goes.

    Raises:
        UsageError: the file cannot be written.
    """
    if file is None:
        yield sys.stdout
        return
    try:
        out = file.open("w", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(f"--output-file {file}: cannot be written: {error.strerror or error}") from None
    with out:
        yield out


def check_html(to: Path, models: int = 1) -> None:
    """Whether a page can be made at all and written there: models run for minutes before it is.

    Raises:
        UsageError: the package that makes it is missing, or a folder and a file are taken for each other.
    """
    from convlint.report.page.writing import is_folder

    if importlib.util.find_spec("jinja2") is None:
        raise UsageError("--html needs the package jinja2; pip install 'convlint[html]'")
    if to.is_file() if is_folder(to) else to.is_dir():
        raise UsageError(f"--html {to}: is a {'file' if is_folder(to) else 'folder'}; name a page `.html`, or a folder")
    if models > 1 and not is_folder(to):
        raise UsageError(f"--html {to}: is one page, and these are {models} models; name a folder")


def page_written(path: Path) -> None:
    """Says where the page is, without a word on stdout, which may be read by programs."""
    note(f"Wrote {shown_path(str(path))}.")


def note(text: str) -> None:
    """A line on stderr, behind what was said on stdout before it, also where both go to one file."""
    sys.stdout.flush()
    sys.stderr.write(f"{printable(text)}\n")
