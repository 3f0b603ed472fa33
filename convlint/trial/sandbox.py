"""A process that runs code which nobody has read: it reads the machine's files, writes none, and has no network."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from convlint.errors import UsageError


def sandboxed(command: Sequence[str], folders: Sequence[str]) -> list[str]:
    """The command in a sandbox of bubblewrap's, in which only these folders can be written to.

    Namespaces of Linux hide the network, other processes and the services in ``/run``. What is written to the folder
    for temporary files is kept in memory and gone with the process.

    Raises:
        UsageError: bubblewrap is not there.
    """
    tool = shutil.which("bwrap")
    if tool is None:
        raise UsageError(
            "--sandbox needs bubblewrap, which there is for Linux only (`apt install bubblewrap`); "
            "install it, or run convlint in a container without a network"
        )
    alone = ("--unshare-all", "--cap-drop", "ALL", "--die-with-parent")
    seen = ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/run")
    written = [word for folder in folders for word in ("--bind", folder, folder)]
    return [tool, *alone, *seen, *written, "--setenv", "TMPDIR", "/dev/shm", "--", *command]  # noqa: S108
