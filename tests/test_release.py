"""What a release is made of: the wheel and the source distribution, as they would be uploaded."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"convlint": ROOT / "convlint", "convlint_rules": ROOT / "rules" / "convlint_rules"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(folder)], cwd=ROOT, check=True)
    return folder


def test_the_index_would_take_them(dist: Path) -> None:
    files = [str(file) for file in dist.iterdir()]
    ran = subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *files], capture_output=True, text=True)
    assert ran.stdout.count("PASSED") == len(files) == 2, ran


def test_the_wheel_holds_the_packages_and_nothing_else(dist: Path) -> None:
    names = zipfile.ZipFile(next(dist.glob("*.whl"))).namelist()
    wanted = {
        f"{package}/{path.relative_to(folder).as_posix()}"
        for package, folder in PACKAGES.items()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == wanted
    assert "convlint/py.typed" in names


def test_the_source_distribution_can_be_tested(dist: Path) -> None:
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    needed = ["Makefile", "constraints.txt", "action.yml", "docs/session.py", "benchmarks/packages.py", "LICENSE"]
    assert not [
        name for name in [*needed, "tests/conftest.py", "examples/custom_rules/pyproject.toml"] if name not in names
    ]
    assert not [name for name in names if "__pycache__" in name or name.startswith("build/")]
