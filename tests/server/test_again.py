"""While a file is written in, what is found is what a run that knows nothing finds, whatever was written."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from convlint.config import Settings
from convlint.findings import Finding
from convlint.linter import lint
from convlint.server.kept import Kept, KeptFiles
from convlint.source.document import Document

HELPER = """import torch


def rows(x):
    return int(x.shape[0])


class Base(torch.nn.Module):
    def pick(self, x):
        return x[x > 0]
"""
MODELS = '''import torch
from torch import nn
from net.helper import Base, rows

SIZES = {"small": 2, "large": 3}


def halved(x, by=2):
    """A helper."""
    return x / by


def made(name):
    return Outer(part=Inner(SIZES[name]), act=halved)


def scale(width):
    return torch.ones(width)


SCALE = scale(3)


class Inner(Base):
    def __init__(self, width):
        super().__init__()
        self.width = width
        self.seen = None

    def forward(self, x):
        y = self.pick(x)
        if y.sum() > self.width:
            y = y * SCALE
        self.seen = y
        return y


class Outer(nn.Module):
    def __init__(self, part=None, act=None):
        super().__init__()
        self.part = part
        self.act = act
        self.inner = Inner(2)

    def window(self, x):
        v = x[:, 0]
        v += 1
        return x

    def forward(self, x, mask=None):
        x = self.window(x)
        for i in range(x.shape[0]):
            x = x + i
        if mask is not None:
            x = x[mask]
        x = self.act(self.inner(x))
        return self.part(x) if self.part is not None else x


class Other(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = Inner(3)

    def forward(self, x):
        n = rows(x)
        # where it is decided
        if n > 3:
            x = self.inner(x)
        return x.view(n, -1).tolist()


class Alone(nn.Module):
    def helper(self, x):
        return x.item()

    def forward(self, x):
        return torch.zeros(int(x.max())) + self.helper(x)


@torch.no_grad()
def exported(path):
    model = Other()
    torch.onnx.export(model, (torch.ones(2, 3),), path)
'''
USER = """from net.models import Outer, halved


class User(Outer):
    def forward(self, x):
        return halved(x)
"""


def write(chance: random.Random, lines: list[str]) -> str:
    """One change, as people make them; what it is called."""
    row = chance.randrange(len(lines))
    line = lines[row]
    kind = chance.choice(["comment", "blank", "behind", "delete", "double", "word", "number", "swap", "print", "break"])
    indentation = line[: len(line) - len(line.lstrip())]
    if kind == "comment":
        lines.insert(row, f"{indentation}# a comment")
    elif kind == "blank":
        lines.insert(row, "")
    elif kind == "behind":
        lines[row] += "  # behind"
    elif kind == "delete":
        del lines[row]
    elif kind == "double":
        lines.insert(row, line)
    elif kind == "word":
        words = re.findall(r"[A-Za-z_]\w+", "\n".join(lines))
        lines[row] = re.sub(r"[A-Za-z_]\w+", lambda _: chance.choice(words), line, count=1)
    elif kind == "number":
        lines[row] = re.sub(r"\b\d+\b", lambda _: str(chance.randrange(4)), line, count=1)
    elif kind == "swap":
        other = chance.randrange(len(lines))
        lines[row], lines[other] = lines[other], line
    elif kind == "print":
        lines.insert(row, f"{indentation}print(x.item())")
    else:
        lines[row] += " ("
    return f"{kind} {row + 1}"


def parses(text: str) -> bool:
    try:
        compile(text, "x", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def written(chance: random.Random, text: str) -> Iterator[tuple[str, str]]:
    """The texts of a file that somebody goes on writing, each with what was done; what is broken is mended soon."""
    right = text.split("\n")
    while True:
        lines = list(right)
        what = write(chance, lines)
        text = "\n".join(lines)
        if parses(text):
            right = lines
        elif chance.random() < 0.7:
            continue
        yield what, text
        if chance.random() < 0.1:
            yield "undone", "\n".join(right)


def told(document: Document, settings: Settings, kept: Kept) -> list[Finding]:
    return lint((), settings, stdin=document, files=KeptFiles(kept, (), lambda: None), want_fixes=True).findings


def follow(path: Path, chance: random.Random, edits: int) -> None:
    """Writes in a file, and compares each time."""
    settings = Settings(root=path.parent, show_harmless=True, preview=True)
    kept, fresh = Kept(), Kept()
    done: list[str] = []
    text = path.read_text(encoding="utf-8")
    told(Document(str(path), text), settings, kept)
    for _, (what, new) in zip(range(edits), written(chance, text), strict=False):
        done.append(what)
        again = told(Document(str(path), new), settings, kept)
        fresh._found.clear()  # it may know the other files
        fresh._parsed.clear()
        assert again == told(Document(str(path), new), settings, fresh), (path, done)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text("")
    package = tmp_path / "net"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text(HELPER)
    (package / "user.py").write_text(USER)
    (package / "models.py").write_text(MODELS)
    return package / "models.py"


@pytest.mark.parametrize("seed", range(4))
def test_what_is_found_is_what_a_run_that_knows_nothing_finds(models: Path, seed: int) -> None:
    follow(models, random.Random(seed), int(os.environ.get("EDITS", "60")))


def test_files_around_that_change_are_read_again(models: Path) -> None:
    settings, kept = Settings(root=models.parent), Kept()
    before = told(Document(str(models), MODELS), settings, kept)
    (models.parent / "helper.py").write_text(HELPER.replace("x[x > 0]", "x.shape"))
    kept.forget(there=False)
    after = told(Document(str(models), MODELS), settings, kept)
    assert after == told(Document(str(models), MODELS), settings, Kept()) != before


@pytest.mark.skipif("CORPUS" not in os.environ, reason="CORPUS names no folder of real files")
def test_real_files_too() -> None:
    chance = random.Random(int(os.environ.get("SEED", "0")))
    files = [path for path in sorted(Path(os.environ["CORPUS"]).rglob("*.py")) if b"torch" in path.read_bytes()]
    for _ in range(int(os.environ.get("FILES", "20"))):
        follow(chance.choice(files), chance, int(os.environ.get("EDITS", "20")))
