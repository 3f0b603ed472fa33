"""Runs the pages that are sessions, and writes what each command prints: ``python docs/session.py [PAGE]...``.

In a folder of its own a page's blocks are done one after the other, as a reader does: one that begins with a file's
name in a comment writes that file, ``diff`` changes files, ``console`` runs what stands behind ``$``. Of a page with
``<!-- session -->`` that is what stands from there to ``<!-- end -->``. ``--check`` writes nothing, and says where a
page shows something else than what is printed now.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from markdown_it import MarkdownIt

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PAGES = ("tutorial.md", "sessions.md", "matrix.md")
RELEASE = ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml", "action.yml", "convlint", "rules")
ADDRESS = "https://example.com/convlint"
"""Where the pages say that convlint's repository is."""
NAMED = re.compile(r"(?:#|//|;;) ([\w./-]+\.\w+|\.[\w./-]+)\n")
"""The first line of a block that is a file."""
FIXED = {
    "COLUMNS": "100",
    **{f"GIT_{role}_DATE": "2026-01-01T12:00:00Z" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_NAME": "Ada" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "ada@example.com" for role in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_VALUE_0": ADDRESS,
    "NO_COLOR": "1",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONWARNINGS": "ignore::DeprecationWarning",
}
"""What would make two runs print different things."""


class NotDoneError(Exception):
    """A block of a page cannot be done."""


def home(folder: Path) -> Path:
    """A user's folder, beside a repository of convlint for those who would clone it."""
    release, user = folder / "release", folder / "user"
    user.mkdir()
    for name in RELEASE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, release / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            release.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, release / name)
    shell("git init -q && git add --all && git commit -qm release && git tag v0.1.0", release)
    return user


def done(page: str, folder: Path) -> str:
    """The page with what its commands print now.

    Raises:
        NotDoneError: a patch does not apply.
    """
    before, marked, session_and_rest = page.partition("<!-- session -->\n")
    if marked:
        inside, end, after = session_and_rest.partition("<!-- end -->\n")
        return f"{before}{marked}{done(inside, folder)}{end}{after}"
    lines = page.splitlines(keepends=True)
    shift = 0
    for token in MarkdownIt().parse(page):
        if token.type != "fence" or token.map is None:
            continue
        first, last = token.map[0] + 1 + shift, token.map[1] - 1 + shift
        if token.info == "console":
            printed = list(session(token.content, folder))
            lines[first:last] = printed
            shift += len(printed) - (last - first)
        elif token.info == "diff":
            change(token.content, folder)
        elif named := NAMED.match(token.content):
            file = folder / named[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(token.content[named.end() :], encoding="utf-8")
    return "".join(lines)


def session(block: str, folder: Path) -> Iterator[str]:
    """The commands of a block, each with what it prints."""
    for command in re.findall(r"^\$ (?:.*\\\n)*.*\n", block, re.MULTILINE):
        yield from command.splitlines(keepends=True)
        yield from shell(command[2:], folder).splitlines(keepends=True)


def shell(command: str, folder: Path) -> str:
    """What a command prints, on both streams in their order."""
    environment = os.environ | FIXED | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["GIT_CONFIG_KEY_0"] = f"url.{folder.parent / 'release'}.insteadOf"
    environment["PRE_COMMIT_HOME"] = str(folder.parent / "cache")
    ran = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    text = "\n".join(line.rstrip() for line in ran.stdout.splitlines()).strip("\n")
    return text.replace(str(folder), "~") + "\n" if text else ""


def change(patch: str, folder: Path) -> None:
    """Applies a patch.

    Raises:
        NotDoneError: it does not fit.
    """
    ran = subprocess.run(["git", "apply", "--recount", "-"], cwd=folder, input=patch, capture_output=True, text=True)
    if ran.returncode:
        raise NotDoneError(f"{ran.stderr}{patch}")


def main(arguments: Sequence[str]) -> int:
    """Writes the pages, or with ``--check`` shows how they differ."""
    different = []
    for name in [one for one in arguments if one != "--check"] or PAGES:
        path = HERE / name
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix="convlint-") as folder:
            now = done(page, home(Path(folder).resolve()))
        if "--check" not in arguments:
            path.write_text(now, encoding="utf-8")
        elif now != page:
            different += difflib.unified_diff(page.splitlines(), now.splitlines(), name, "now", lineterm="")
    print("\n".join(different))
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
