"""Sources and file names that try to say more than they should, in the formats that quote them."""

from __future__ import annotations

import os
from pathlib import Path

SOURCE = """\
import torch
from torch import nn


class Model(nn.Module):
    def forward(self, x, t):
        é = "😀"; n = t["\x1b[31m::error::%0A%25;],| ##vso[a](b) <b>&amp;\u202e\x9b"].max().item()
        m = int(
            x.shape[0]
        )
        if x.sum() > 0:
            return x * int(x.shape[1]) * int(x.shape[1])
        return f'`{int(t["``@all :a: {{0}} :1:2: error CVL999 "].shape[0])}`', x / n / m
"""

NAMES = [
    b"plain.py",
    b"C:\\models\\net.py",
    b'a b\'s "c".py',
    b"::error file=x::y.py",
    b"##vso[task.setvariable variable=a]b.py",
    b"a:1:2: error CVL999 b.py",
    b"100%0A%25,;].py",
    b"line\nbreak\r\n.py",
    b"\x1b[31mred\x9b.py",
    "é日本😀\u202e.py".encode(),
    b"`tick``|<b>@all.py",
    b"\xff\xfe.py",
]


def write(folder: Path) -> list[Path]:
    """A repository with a file of each name below a folder ``pkg``, every other one with CRLF."""
    (folder / ".git").mkdir()
    (folder / "pkg").mkdir()
    paths = [folder / "pkg" / os.fsdecode(name) for name in NAMES]
    for number, path in enumerate(paths):
        path.write_bytes(SOURCE.replace("\n", "\r\n" if number % 2 else "\n").encode())
    return paths
