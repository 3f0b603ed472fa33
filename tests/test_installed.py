"""convlint as pre-commit and GitHub's action install it: what a user sees who adds a hook and commits."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

import pytest
import wheelhouse
import yaml
from convlint_rules.examples import forward

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHECKOUT = Path(__file__).parent.parent
PARTS = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "action.yml", "convlint", "rules")
MODEL = forward("return x * int(x.shape[0])")
CELL = {"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": MODEL}
NOTEBOOK = json.dumps({"cells": [CELL], "metadata": {}, "nbformat": 4, "nbformat_minor": 4})

Ran = subprocess.CompletedProcess[str]
Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with convlint as a repository that pre-commit can clone, and all that pip needs to install it."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "convlint").mkdir()
    for name in PARTS:
        if (CHECKOUT / name).is_dir():
            shutil.copytree(CHECKOUT / name, folder / "convlint" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(CHECKOUT / name, folder / "convlint" / name)
    _run(folder / "convlint", folder, "git", "init", "--quiet")
    _run(folder / "convlint", folder, "git", "add", "--all")
    _run(folder / "convlint", folder, "git", "commit", "--quiet", "--message", "a release")
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    (folder / "wheels").mkdir()
    wheelhouse.fill(folder / "wheels", [*project["project"]["dependencies"], *project["build-system"]["requires"]])
    return folder


def _run(where: Path, home: Path, *command: str, **variables: str) -> Ran:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "PYTHONPATH"))}
    environment |= {
        "PRE_COMMIT_HOME": str(home / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(home / "wheels"),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for role in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{role}_NAME": "A", f"GIT_{role}_EMAIL": "a@example.com"}
    environment |= variables
    return subprocess.run(command, cwd=where, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Run:
    """Runs a command in a user's repository that has a hook."""
    revision = _run(home / "convlint", home, "git", "rev-parse", "HEAD").stdout.strip()

    def call(*command: str, hook: str = "") -> Ran:
        if hook:
            _run(tmp_path, home, "git", "init", "--quiet")
            repository = f"repo: {(home / 'convlint').as_uri()}, rev: {revision}"
            config = f"repos:\n- {{{repository}, hooks: [{{id: {hook}, exclude: ^vendored/}}]}}\n"
            (tmp_path / ".pre-commit-config.yaml").write_text(config)
            ran = _run(tmp_path, home, sys.executable, "-m", "pre_commit", "install")
            assert ran.returncode == 0, ran
        return _run(tmp_path, home, *command)

    return call


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_commit_is_stopped_until_the_finding_is_mended(run: Run, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "net.py": MODEL,
            "legacy/old.py": MODEL,
            "vendored/net.py": MODEL,
            "notes.md": "int(x.shape[0])\n",
            "trial.ipynb": NOTEBOOK,
            "convlint.toml": "extend-exclude = ['legacy/']\n",
        },
    )
    run("git", "add", "--all", hook="convlint")
    stopped = run("git", "commit", "--message", "a model")
    assert stopped.returncode == 1
    assert "net.py:7:20" in stopped.stderr
    assert "trial.ipynb:cell 1:7:20" in stopped.stderr
    assert "Found 2 errors." in stopped.stderr
    assert "legacy" not in stopped.stderr
    assert "vendored" not in stopped.stderr
    assert run("git", "log").returncode != 0
    for name in ("net.py", "trial.ipynb"):
        (tmp_path / name).write_text((tmp_path / name).read_text().replace("int(x.shape[0])", "x.shape[0]"))
    run("git", "add", "--all")
    done = run("git", "commit", "--message", "a model")
    assert done.returncode == 0, done
    assert "Passed" in done.stderr


def test_the_fixing_hook_repairs_and_asks_to_look(run: Run, tmp_path: Path) -> None:
    write(tmp_path, {"a.py": MODEL, "b.py": "x = 1\n"})
    run("git", "add", "--all", hook="convlint-fix")
    first = run("git", "commit", "--message", "a model")
    assert first.returncode == 1
    assert "files were modified by this hook" in first.stderr
    assert "(1 fixed, 0 remaining)" in first.stderr
    assert (tmp_path / "a.py").read_text() == MODEL.replace("int(x.shape[0])", "x.shape[0]")
    run("git", "add", "--all")
    assert run("git", "commit", "--message", "a model").returncode == 0


def test_only_what_is_committed_is_reported_and_the_rest_is_known(run: Run, tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "net.py": forward("return x * rows(x)").replace(
                "import torch\n", "import torch\nfrom helper import rows\n"
            ),
            "helper.py": "def rows(x):\n    return int(x.shape[0])\n",
        },
    )
    run("git", "add", "net.py", hook="convlint")
    assert run("git", "commit", "--message", "the caller").returncode == 0
    run("git", "add", "helper.py")
    stopped = run("git", "commit", "--message", "the helper")
    assert stopped.returncode == 1
    assert "helper.py:2:12" in stopped.stderr


def test_the_hooks_environment_is_small_quickly_made_and_without_torch(run: Run, home: Path, tmp_path: Path) -> None:
    run("git", "status", hook="convlint")
    cache = tmp_path / "cache"  # in which nothing is yet
    before = os.times()
    made = _run(tmp_path, home, sys.executable, "-m", "pre_commit", "install-hooks", PRE_COMMIT_HOME=str(cache))
    after = os.times()
    assert made.returncode == 0, made
    (site,) = cache.glob("repo*/py_env-*/lib/python*/site-packages")
    names = {one.metadata["Name"].lower() for one in distributions(path=[str(site)])}
    assert {"convlint", "libcst"} <= names
    assert not names & {"torch", "numpy", "onnx", "onnxruntime"}
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 80e6
    # of the processor, whatever else the machine does meanwhile
    assert after.children_user + after.children_system - before.children_user - before.children_system < 30


def test_the_action_installs_convlint_and_annotates(home: Path, tmp_path: Path) -> None:
    write(tmp_path, {"src/net.py": MODEL, "other.py": MODEL})
    values = {"inputs.src": "src", "inputs.args": "--exporter dynamo", "runner.temp": str(tmp_path / "temp")}
    runner = {"RUNNER_TEMP": values["runner.temp"], "GITHUB_ACTION_PATH": str(home / "convlint")}
    install, lint = yaml.safe_load((home / "convlint/action.yml").read_text())["runs"]["steps"]
    ran = _run(tmp_path, home, install["shell"], "-e", "-c", install["run"], **runner)
    assert ran.returncode == 0, ran
    given = {key: re.sub(r"\$\{\{ (.+?) \}\}", lambda m: values[m[1]], text) for key, text in lint["env"].items()}
    ran = _run(tmp_path, home, lint["shell"], "-e", "-c", lint["run"], **runner, **given)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.count("\n") == 1
    assert ran.stdout.startswith(
        "::error title=convlint (CVL202),file=src/net.py,line=7,col=20,endLine=7,endColumn=35::"
    )
