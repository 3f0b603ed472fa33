"""What the tests of several folders share."""

from __future__ import annotations

import importlib
import io
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from convlint_rules.examples import forward

from convlint import api
from convlint.cli.app import run
from convlint.config import Configuration, Layer, Options
from convlint.rule import _packs

Agree = Callable[..., None]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

_MARK = re.compile(r"# ((?:CVL|ACME)\d{3}(?: CVL\d{3})*)$")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test finds the cache of another, or leaves one in the checkout."""
    monkeypatch.setenv("CONVLINT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "convlint-cache"))


@pytest.fixture
def agree(tmp_path: Path) -> Agree:
    """Lints modules and compares what is found with the codes in the comments at the ends of their lines.

    ``x.item()  # CVL202`` says that CVL202 is found on that line, once; where no code stands nothing is found.
    Inputs without a use (CVL708) are not asked for unless a test says so: the bodies of a test share their inputs.
    """

    def compare(source: str | Mapping[str, str], **options: object) -> None:
        files = {"model.py": source} if isinstance(source, str) else source
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        layer = Layer(Options(**{"ignore": ["CVL708", "CVL712"], **options}), "test", tmp_path)  # type: ignore[arg-type]
        findings = api.check([tmp_path], Configuration([layer], isolated=True)).findings
        found = [(Path(f.path).relative_to(tmp_path).as_posix(), f.span.row, f.code) for f in findings]
        assert sorted(found) == _marked(files)

    return compare


def _marked(files: Mapping[str, str]) -> list[tuple[str, int, str]]:
    return sorted(
        (name, row, code)
        for name, text in files.items()
        for row, line in enumerate(text.splitlines(), 1)
        if (mark := _MARK.search(line))
        for code in mark[1].split()
    )


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Cli = Callable[..., Ran]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Runs convlint in an empty folder, stdin given as text."""
    monkeypatch.chdir(tmp_path)
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = run(arguments)
        return Ran(code, *capsys.readouterr())

    return call


def repaired(path: Path, data: bytes, **options: object) -> bytes:
    """The bytes after ``--fix``; a second run changes nothing."""
    path.write_bytes(data)
    configuration = Configuration([Layer(Options(**options), "test", path.parent)], isolated=True)  # type: ignore[arg-type]
    api.fix([path], configuration)
    after = path.read_bytes()
    assert api.fix([path], configuration).changed == []
    assert path.read_bytes() == after
    return after


def body_after(tmp_path: Path, body: str, **options: object) -> str:
    """The body of ``forward`` after ``--fix``."""
    after = repaired(tmp_path / "model.py", forward(body).encode(), **options).decode()
    lines = after.partition("def forward(self, x):\n")[2].splitlines()
    return "\n".join(line.removeprefix(" " * 8) for line in lines)


Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs a rule pack as pip would: a package on the path, and beside it what names its entry point."""
    site = tmp_path_factory.mktemp("site")
    monkeypatch.syspath_prepend(site)

    def call(source: str, name: str = "acme", entry: str = "acme_rules:pack", module: str = "acme_rules") -> Path:
        path = site / module / "__init__.py"
        info = site / f"{name}-1.0.dist-info"
        for folder in (path.parent, info):
            folder.mkdir()
        path.write_text(textwrap.dedent(source), encoding="utf-8")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[convlint.rules]\n{name} = {entry}\n")
        (info / "RECORD").write_text(f"{info.name}/entry_points.txt,,\n")
        _packs.cache_clear()
        importlib.invalidate_caches()
        return path

    yield call
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "") or "").startswith(str(site)):
            del sys.modules[name]
    _packs.cache_clear()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The browser of this machine, for tests that ask for Playwright."""
    from playwright import sync_api

    with sync_api.sync_playwright() as driver:
        options = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        yield browser
        browser.close()
