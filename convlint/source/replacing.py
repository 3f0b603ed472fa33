"""Writes a file whole or not at all: a reader sees the old one or the new one, whenever the process ends."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def replace_bytes(path: Path, data: bytes) -> None:
    """Makes the bytes the content of a file, as editors do: behind a symbolic link, with mode, owner and extended
    attributes as they were. Another name of the file (a hard link) keeps the old content.

    Raises:
        OSError: it cannot be written; then it is as it was.
    """
    path = path.resolve()
    temporary = path.parent / f".convlint-{secrets.token_hex(8)}"  # known before it is there, to be removed whenever
    try:
        with os.fdopen(os.open(temporary, _NEW, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            if path.exists():
                _dress(temporary, path)
            else:
                temporary.chmod(_mode_of_new())
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # an interrupted run leaves nothing behind either
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _dress(temporary: Path, like: Path) -> None:
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
    temporary.chmod(mode)


def _mode_of_new() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
