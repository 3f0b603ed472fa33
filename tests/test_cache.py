"""The cache: what comes out of it is what a run without it finds, whatever was changed and whatever befell it."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli

from convlint import api
from convlint.cache import NAME
from convlint.config import Configuration, Layer, Options
from convlint.findings import Finding

BLOCK = """import torch
from torch import nn
from {package}.tools import {tool}
from {package}.base import *


class {name}(nn.Module):
    def __init__(self, width={width}, part=None):
        super().__init__()
        self.part = part
        self.scale = {scale}

    def forward(self, x):
        y = {tool}(x)
        if y.sum() > {width}:
            y = y * self.scale
        return y if self.part is None else self.part(y)
"""
TOOLS = """import torch


def first(x):
    return x * int(x.shape[{axis}])


def second(x: torch.Tensor) -> torch.Tensor:
    v = x.view(-1)
    {write}
    return x


def third(x):
    return x[x > {axis}]
"""
BASE = """from {package}.{other} import {tool}

LIMIT = {axis}
"""
BUILD = """from {package}.{module} import {name}


class Head:
    def __call__(self, x):
        return x.tolist()[{axis}]


def build():
    return {name}(part=Head())
"""
WRITES = ("pass", "v += 1", "v = v.clone()", "v.mul_(2)")
TOOL_NAMES = ("first", "second", "third")
FILES = ("a", "b", "c", "d")


def program(chance: random.Random, name: str) -> str:
    """One file of the program, drawn at random."""
    pick = {
        "package": "net",
        "tool": chance.choice(TOOL_NAMES),
        "name": chance.choice(["One", "Two", "Three"]),
        "width": chance.randint(1, 3),
        "scale": chance.choice(["1.0", "torch.ones(3)", "LIMIT"]),
        "axis": chance.randint(0, 1),
        "write": chance.choice(WRITES),
        "other": chance.choice(["tools", "a"]),
        "module": chance.choice(FILES),
    }
    if chance.random() < 0.05:
        return "def broken(:\n"
    template = {"tools": TOOLS, "base": BASE, "build": BUILD}.get(name, BLOCK)
    return template.format(**pick)


def edit(chance: random.Random, folder: Path) -> str:
    """One change of the program, as people make them."""
    package = folder / "net"
    files = sorted(package.glob("*.py"))
    what = chance.choice(["rewrite"] * 6 + ["delete", "add", "rename", "touch", "init", "configure", "comment"])
    chosen = chance.choice(files) if files else package / "a.py"
    if what == "delete":
        chosen.unlink(missing_ok=True)
    elif what in ("add", "rewrite"):
        name = chance.choice([*FILES, "tools", "base", "build"])
        (package / f"{name}.py").write_text(program(chance, name))
    elif what == "rename" and chosen.exists():
        chosen.rename(package / f"{chance.choice([*FILES, 'tools', 'other'])}.py")
    elif what == "touch" and chosen.exists():
        os.utime(chosen)
    elif what == "init":
        init = package / "__init__.py"
        init.unlink() if init.exists() else init.write_text(f"from net.{chance.choice(FILES)} import *\n")
    elif what == "comment" and chosen.exists():
        chosen.write_text(chosen.read_text() + "# a comment\n")
    elif what == "configure":
        options = ["", "show-harmless = true", 'exporter = "dynamo"', 'select = ["CVL1", "CVL3"]', 'ignore = ["CVL2"]']
        (folder / "convlint.toml").write_text(chance.choice(options) + "\n")
    return what


def found(where: list[str], **options: object) -> list[Finding]:
    layer = Layer(Options(**options), "test", Path.cwd())  # type: ignore[arg-type]
    return api.check(where, Configuration([layer]), want_fixes=True).findings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CONVLINT_CACHE_DIR", raising=False)
    (tmp_path / "convlint.toml").write_text("")
    (tmp_path / "net").mkdir()
    chance = random.Random(0)
    for name in (*FILES, "tools", "base", "build"):
        (tmp_path / "net" / f"{name}.py").write_text(program(chance, name))
    (tmp_path / "net" / "__init__.py").write_text("")
    return tmp_path


@pytest.mark.parametrize("seed", range(4))
def test_after_any_change_the_findings_are_those_of_a_run_without_it(project: Path, seed: int) -> None:
    chance = random.Random(seed)
    done = []
    for _ in range(int(os.environ.get("CACHE_EDITS", "25"))):
        done.append(edit(chance, project))
        where = chance.choice(
            [["net"], ["."], [str(path) for path in sorted((project / "net").glob("[ab]*.py"))] or ["."]]
        )
        assert found(where) == found(where, cache=False), done
        assert found(where) == found(where, cache=False), ("unchanged", done)


@pytest.mark.parametrize("seed", range(4))
def test_repairs_are_those_of_a_run_without_it(project: Path, seed: int) -> None:
    chance = random.Random(seed)
    done = []
    for _ in range(int(os.environ.get("CACHE_EDITS", "10"))):
        done.append(edit(chance, project))
        where, unsafe = chance.choice([["net"], ["net/a.py", "net/tools.py"]]), chance.random() < 0.7
        where = [one for one in where if Path(one).exists()] or ["net"]
        before = texts(project)
        alone = repaired(where, unsafe_fixes=unsafe, cache=False)
        after = texts(project)
        for name, text in before.items():
            (project / "net" / name).write_text(text)
        assert repaired(where, unsafe_fixes=unsafe) == alone, done
        assert texts(project) == after, done
        assert found(where) == found(where, cache=False), done


def texts(project: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((project / "net").glob("*.py"))}


def repaired(where: list[str], **options: object) -> tuple[list[Finding], list[Finding]]:
    result = api.fix(where, Configuration([Layer(Options(**options), "test", Path.cwd())]))  # type: ignore[arg-type]
    return result.fixed, result.left.findings


def test_a_change_that_keeps_size_and_time_is_seen(project: Path) -> None:
    file = project / "net" / "tools.py"
    file.write_text(TOOLS.format(axis=0, write="v += 1"))
    os.utime(file, ns=(10**18, 10**18))
    before = found(["net"])
    file.write_text(TOOLS.format(axis=0, write="v  = 1"))
    os.utime(file, ns=(10**18, 10**18))
    assert found(["net"]) == found(["net"], cache=False) != before


def test_it_lies_beside_the_configuration_and_git_ignores_it(project: Path) -> None:
    (project / "net" / "deep").mkdir()
    (project / "net" / "deep" / "x.py").write_text("x = 1\n")
    os.chdir(project / "net")
    found(["deep"])
    assert (project / NAME / ".gitignore").read_text().endswith("*\n")
    assert (project / NAME / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")


def test_option_before_environment_before_default(project: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVLINT_CACHE_DIR", str(project / "env"))
    cli("net", "--cache-dir", "option")
    assert (Path.cwd() / "option").is_dir()
    assert not (project / "env").exists()
    cli("net")
    assert (project / "env").is_dir()


def test_no_cache_reads_and_writes_none(project: Path, cli: Cli) -> None:
    cli(str(project / "net"), "--no-cache")
    assert not (project / NAME).exists()


def test_clean_removes_a_cache_and_nothing_else(project: Path, cli: Cli) -> None:
    os.chdir(project)
    found(["net"])
    assert cli("clean") == (0, "Removed .convlint_cache.\n", "")
    assert cli("clean") == (0, "There is no .convlint_cache.\n", "")
    assert not (project / NAME).exists()
    (project / NAME).mkdir()
    (project / NAME / "mine").write_text("")
    assert cli("clean").code == 2
    assert (project / NAME / "mine").exists()


def _database(project: Path) -> Path:
    (file,) = (project / NAME).glob("*/*.sqlite3")
    return file


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _garbage(file: Path) -> None:
    file.write_bytes(os.urandom(5000))


def _empty(file: Path) -> None:
    file.write_bytes(b"")


def _lies(file: Path) -> None:
    with sqlite3.connect(file) as database:
        database.execute("UPDATE parts SET part = x'80' || part")
        database.execute("UPDATE runs SET result = x'81' || result")


def _is_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("damage", [_cut, _garbage, _empty, _lies, _is_a_folder])
def test_a_damaged_cache_costs_time_and_nothing_else(project: Path, damage: Callable[[Path], None]) -> None:
    right = found(["net"])
    damage(_database(project))
    assert found(["net"]) == right
    assert found(["net"]) == right


def test_a_damaged_cache_is_told_once(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    found(["net"])
    _garbage(_database(project))
    found(["net"])
    found(["net"])
    assert [record.message for record in caplog.records if "is damaged" in record.message] != []
    assert len(caplog.records) == 1


def test_a_folder_that_cannot_be_made_is_no_error(project: Path) -> None:
    (project / NAME).write_text("a file is in the way")
    assert found(["net"]) == found(["net"], cache=False)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_no_error(project: Path) -> None:
    right = found(["net"])
    for path in (project / NAME).rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    (project / "net" / "a.py").write_text("x = 1\n")
    assert found(["net"]) == found(["net"], cache=False) != right


def test_runs_at_the_same_time_find_the_same(project: Path) -> None:
    command = [sys.executable, "-m", "convlint", "check", "net", "--output-format", "json", "--exit-zero"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    said = {run.communicate()[0] for run in runs}
    assert len(said) == 1
    assert all(run.returncode == 0 for run in runs)


def test_it_may_be_moved_or_copied_with_its_project(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    found(["net"])
    other = tmp_path_factory.mktemp("other") / "copy"
    shutil.copytree(project, other)
    os.chdir(other)
    assert found(["net"]) == found(["net"], cache=False)
    assert all(finding.path.startswith(str(other)) for finding in found(["net"]))
