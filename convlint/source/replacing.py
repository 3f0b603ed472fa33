"""Writes a file whole or not at all: a reader sees the old one or the new one, whenever the process ends."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path


def replace_bytes(path: Path, data: bytes) -> None:
    """Makes the bytes the content of a file, as editors do: behind a symbolic link, with mode, owner and extended
    attributes as they were. Another name of the file (a hard link) keeps the old content.

    Raises:
        OSError: it cannot be written; then it is as it was.
    """
    temporary, path = "", path.resolve()
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".convlint-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            if path.exists():
                _dress(temporary, path)
            else:
                Path(temporary).chmod(_mode_of_new())
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:  # an interrupted run leaves nothing behind either
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _dress(temporary: str, like: Path) -> None:
    """Gives a file what belongs to another: its owner and attributes as far as the user may, its mode."""
    was = like.stat()
    mode = stat.S_IMODE(was.st_mode)
    if hasattr(os, "chown"):  # not on Windows
        try:
            os.chown(temporary, was.st_uid, was.st_gid)
        except OSError:
            mode &= 0o777  # who may not give the file away must not lend it his own rights
            with contextlib.suppress(OSError):
                os.chown(temporary, -1, was.st_gid)
    if hasattr(os, "listxattr"):  # Linux: access lists, labels
        with contextlib.suppress(OSError):
            for name in os.listxattr(like):
                with contextlib.suppress(OSError):
                    os.setxattr(temporary, name, os.getxattr(like, name))
    Path(temporary).chmod(mode)


def _mode_of_new() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
