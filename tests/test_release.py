"""What a release is made of: the wheel and the source distribution, as they would be uploaded."""

from __future__ import annotations

import re
import shutil
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


def test_changes_are_collected_under_their_version(tmp_path: Path) -> None:
    (tmp_path / "docs/changes").mkdir(parents=True)
    shutil.copy(ROOT / "docs/changelog.py", tmp_path / "docs")
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 0.2.0\n\n- Old.\n\n## 0.1.0\n\n- Older.\n")

    def collect(version: str, **told: str) -> str:
        for name, text in told.items():
            (tmp_path / f"docs/changes/{name}.md").write_text(text)
        subprocess.run([sys.executable, "docs/changelog.py", version], cwd=tmp_path, check=True)
        assert list((tmp_path / "docs/changes").iterdir()) == []
        return (tmp_path / "CHANGELOG.md").read_text()

    now = collect("0.2.0", b="- B\n  goes on.\n", a="- A.\n")
    assert now == "# Changelog\n\n## 0.2.0\n\n- Old.\n- A.\n- B\n  goes on.\n\n## 0.1.0\n\n- Older.\n"
    now = collect("0.3.0", c="- C.")
    assert now.startswith("# Changelog\n\n## 0.3.0\n\n- C.\n\n## 0.2.0\n\n- Old.\n")


def test_each_change_is_told_in_bullets() -> None:
    for file in (ROOT / "docs/changes").glob("*.md"):
        assert re.fullmatch(r"(?:- .{1,118}\n(?:  .{1,118}\n)*)+", file.read_text(encoding="utf-8")), file.name
