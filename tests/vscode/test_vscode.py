"""The extension in VS Code itself, in a browser: what its user sees and does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import CHROMIUM
from convlint_rules.examples import forward
from markdown_it import MarkdownIt
from workbench import LONG, Workbench

pytest.importorskip("playwright.sync_api", reason="needs Playwright: make test-vscode")

ROOT = Path(__file__).parents[2]
INSTALLED = Path(os.environ.get("CONVLINT_VSCODE", ROOT / "build/vscode")).absolute()
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or not (INSTALLED / "convlint.vsix").exists(), reason="needs Chromium and make test-vscode"
)
MODEL = forward("return x * int(x.shape[0])")
MENDED = forward("return x * x.shape[0]")
BRANCH = forward("return x + 1 if x.sum() > 0 else x")
NOTHING_ELSE = {
    "chat.disableAIFeatures": True,
    "extensions.autoCheckUpdates": False,
    "files.autoSave": "off",
    "telemetry.telemetryLevel": "off",
    "workbench.editor.enablePreview": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
}

Open = Callable[..., Workbench]


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command ``convlint`` of the Python that runs the tests."""
    path = tmp_path_factory.mktemp("bin") / "convlint"
    search = os.pathsep.join(sys.path)
    path.write_text(f'#!/bin/sh\nPYTHONPATH="{search}" exec "{sys.executable}" -m convlint "$@"\n')
    path.chmod(0o755)
    return path


@contextmanager
def served(home: Path, program: Path, *flags: str) -> Iterator[str]:
    """Where VS Code is served, with the extension installed, and the program on the ``PATH``."""
    (home / "data/User").mkdir(parents=True)
    (home / "data/User/settings.json").write_text(json.dumps(NOTHING_ELSE))
    command = [str(INSTALLED / "code-server"), "--user-data-dir", str(home / "data"), "--extensions-dir", str(home)]
    (home / ".profile").write_text(f'PATH="{program.parent}:$PATH"\n')  # VS Code takes it from the user's shell
    environment = dict(os.environ) | {"HOME": str(home), "SHELL": "/bin/sh"}
    install = [*command, "--install-extension", str(INSTALLED / "convlint.vsix")]
    subprocess.run(install, env=environment, capture_output=True, check=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = ["--auth=none", "--disable-telemetry", "--disable-update-check", *flags]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, *quiet, "--bind-addr", f"127.0.0.1:{port}"], env=environment, stdout=log, stderr=log
        )
    for _ in range(600):
        if "HTTP server listening" in (home / "log").read_text():
            break
        assert server.poll() is None, (home / "log").read_text()
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Iterator[str]:
    """Where VS Code is served that trusts every folder."""
    with served(tmp_path_factory.mktemp("home"), program, "--disable-workspace-trust") as where:
        yield where


@pytest.fixture
def distrusting(tmp_path_factory: pytest.TempPathFactory, program: Path) -> Iterator[str]:
    """Where VS Code is served that trusts no folder."""
    with served(tmp_path_factory.mktemp("home"), program) as where:
        yield where


@pytest.fixture
def window(request: pytest.FixtureRequest, chromium: Any, program: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens a folder of these files, with these settings, and shows the Problems panel."""
    folder = tmp_path / "project"
    context = chromium.new_context(viewport={"width": 1280, "height": 800})

    def call(files: dict[str, str], served_by: str = "address", **settings: object) -> Workbench:
        settings = {"convlint.path": str(program)} | settings
        for name, text in {"pyproject.toml": "", ".vscode/settings.json": json.dumps(settings), **files}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        page = context.new_page()
        page.goto(f"{request.getfixturevalue(served_by)}/?folder={folder}")
        page.get_by_role("treeitem", name="pyproject.toml").wait_for(timeout=LONG)
        page.keyboard.press("Control+Shift+m")
        return Workbench(page, folder)

    yield call
    if pictures := os.environ.get("CONVLINT_PICTURES"):
        for page in context.pages:
            page.screenshot(path=Path(pictures) / f"{request.node.name}.png")
    context.close()


def own_environment(folder: Path, program: Path) -> Path:
    """Gives the folder a ``.venv`` with a convlint; the file that is there once that was started."""
    own, mark = folder / ".venv/bin/convlint", folder.parent / "started"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\ntouch "{mark}"\nexec "{program}" "$@"\n')
    own.chmod(0o755)
    return mark


def setting_of_documentation() -> dict[str, object]:
    """What docs/editors.md tells to put into the settings."""
    page = (ROOT / "docs/editors.md").read_text(encoding="utf-8")
    fences = [token.content for token in MarkdownIt().parse(page) if token.type == "fence"]
    text = next(text for text in fences if text.startswith("// settings.json\n"))
    settings: dict[str, object] = json.loads(text.partition("\n")[2])
    return settings


def test_findings_are_shown_while_typing_and_their_places_named(window: Open) -> None:
    code = window({"net.py": forward("y = x.clone()\nv = y[:, 0]\nv.mul_(\n    2)\nreturn y")})
    code.open("net.py")
    code.finds("CVL101")
    assert code.page.locator(".squiggly-error").count()
    assert code.page.get_by_role("treeitem", name="the view is made here").count() == 1
    code.go_to(11, 17)
    code.page.keyboard.type(" * int(x.shape[0])")
    code.finds("CVL101", "CVL202")
    assert "int(" not in (code.folder / "net.py").read_text()


def test_the_rule_is_explained_at_the_finding(window: Open) -> None:
    code = window({"net.py": MODEL})
    code.open("net.py")
    code.finds("CVL202")
    code.go_to(7, 21)
    code.command("Show or Focus Hover")
    hover = code.page.locator(".monaco-hover:visible", has_text="python-scalar (CVL202)").first
    hover.wait_for(timeout=LONG)
    assert "Here: frozen on jit_trace, breaks on torch_export" in hover.inner_text()
    assert "What it does" in hover.inner_text()


def test_a_finding_is_repaired(window: Open) -> None:
    code = window({"net.py": MODEL})
    code.open("net.py")
    code.finds("CVL202")
    code.go_to(7, 21)
    code.action("Repair CVL202")
    code.finds()
    code.save()
    assert (code.folder / "net.py").read_text() == MENDED


def test_a_finding_is_suppressed(window: Open) -> None:
    code = window({"net.py": BRANCH})
    code.open("net.py")
    code.finds("CVL301")
    code.go_to(7, 24)
    code.action("Suppress CVL301")
    code.finds()
    code.save()
    assert "# convlint: ignore[CVL301]" in (code.folder / "net.py").read_text()


def test_a_file_is_repaired_when_it_is_saved(window: Open) -> None:
    code = window({"net.py": MODEL}, **setting_of_documentation())
    code.open("net.py")
    code.finds("CVL202")
    code.go_to(1, 1)
    code.page.keyboard.type("# a model\n")
    code.save()
    code.finds()
    assert (code.folder / "net.py").read_text() == "# a model\n" + MENDED


def test_all_of_a_file_is_repaired_by_a_command(window: Open) -> None:
    code = window({"net.py": forward("y = x * int(x.shape[1])\nreturn y * int(x.shape[0])")})
    code.open("net.py")
    code.finds("CVL202", "CVL202")
    code.page.locator(".view-lines").first.click()
    code.command("Fix All")
    code.finds()
    code.save()
    assert "int(" not in (code.folder / "net.py").read_text()


def test_the_configuration_is_read_again(window: Open) -> None:
    code = window({"net.py": MODEL})
    code.open("net.py")
    code.finds("CVL202")
    (code.folder / "pyproject.toml").write_text("[tool.convlint]\nignore = ['CVL202']\n")
    code.finds()
    (code.folder / "pyproject.toml").write_text("[tool.convlint]\nignor = []\n")
    code.page.get_by_text("did you mean `ignore`?").first.wait_for(timeout=LONG)
    (code.folder / "pyproject.toml").write_text("")
    code.finds("CVL202")


def test_a_notebook_is_checked_by_cell(window: Open) -> None:
    cells = [
        {"cell_type": "code", "execution_count": None, "id": f"c{at}", "metadata": {}, "outputs": [], "source": source}
        for at, source in enumerate(["%matplotlib inline\nimport torch\nfrom torch import nn", MODEL])
    ]
    metadata = {"language_info": {"name": "python"}}
    notebook = json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5})
    code = window({"net.py": BRANCH, "trial.ipynb": notebook})
    code.open("net.py")
    code.finds("CVL301")
    code.open("trial.ipynb")
    code.finds("CVL301", "CVL202")
    code.page.locator(".notebookOverlay .squiggly-error").first.wait_for(timeout=LONG)


def test_a_file_that_was_never_saved_is_checked(window: Open) -> None:
    code = window({"net.py": BRANCH})
    code.open("net.py")
    code.finds("CVL301")
    code.command("File: New Untitled Text File")
    code.command("Change Language Mode")
    code.page.locator(".quick-input-widget input").first.fill("python")
    code.page.keyboard.press("Enter")
    code.page.get_by_role("button", name="Python").wait_for(timeout=LONG)
    code.page.keyboard.insert_text(MODEL)
    code.finds("CVL301", "CVL202")


def test_where_there_is_no_convlint_it_is_said_and_mended_by_the_setting(window: Open, program: Path) -> None:
    code = window({"net.py": MODEL}, **{"convlint.path": "/nowhere/convlint"})
    code.open("net.py")
    told = code.page.locator(".notification-list-item", has_text="pip install 'convlint[server]'")
    told.wait_for(timeout=LONG)
    assert "`/nowhere/convlint server` does not start" in told.inner_text()
    assert code.page.locator(".notification-list-item").count() == 1
    (code.folder / ".vscode/settings.json").write_text(json.dumps({"convlint.path": str(program)}))
    code.finds("CVL202")


def test_the_server_is_started_again_by_a_command(window: Open) -> None:
    code = window({"net.py": MODEL})
    code.open("net.py")
    code.finds("CVL202")
    code.command("convlint: Restart Server")
    code.finds()
    code.finds("CVL202")


def test_the_folders_own_convlint_is_started_before_that_on_the_path(
    window: Open, program: Path, tmp_path: Path
) -> None:
    started = own_environment(tmp_path / "project", program)
    code = window({"net.py": MODEL}, **{"convlint.path": ""})
    code.open("net.py")
    code.finds("CVL202")
    assert started.exists()


def test_where_the_folder_has_none_that_on_the_path_is_started(window: Open) -> None:
    code = window({"net.py": MODEL}, **{"convlint.path": ""})
    code.open("net.py")
    code.finds("CVL202")


def test_the_setting_comes_before_the_folders_own_convlint(window: Open, program: Path, tmp_path: Path) -> None:
    started = own_environment(tmp_path / "project", program)
    code = window({"net.py": MODEL})
    code.open("net.py")
    code.finds("CVL202")
    assert not started.exists()


def test_a_folders_own_convlint_is_not_started_until_it_is_trusted(window: Open, program: Path, tmp_path: Path) -> None:
    started = own_environment(tmp_path / "project", program)
    code = window(
        {"net.py": MODEL}, served_by="distrusting", **{"convlint.path": str(tmp_path / "project/.venv/bin/convlint")}
    )
    code.page.get_by_role("button", name="Restricted Mode").wait_for(timeout=LONG)
    code.open("net.py")
    code.finds("CVL202")
    assert not started.exists()
    (code.folder / ".vscode/settings.json").write_text("{}")
    code.command("Workspaces: Manage Workspace Trust")
    code.page.get_by_role("button", name="Trust", exact=True).click(timeout=LONG)
    for _ in range(LONG // 100):
        if started.exists():
            break
        code.page.wait_for_timeout(100)
    assert started.exists()
