"""Which files a run is about: the Python files under the given paths, less what is excluded or ignored by git."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from pathspec import GitIgnoreSpec

from convlint.errors import UsageError
from convlint.source.document import SourceError, content

DEFAULT_EXCLUDE: tuple[str, ...] = (
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
"""The folders that Ruff leaves out too: nobody's own source."""

SOURCES = (".py", ".ipynb")
"""How the names of the files end that are linted without being named."""
_ROOT_MARKS = ("pyproject.toml", "setup.py", "setup.cfg", ".git")
INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages: each package in them is a project of its own."""


class Scope(Protocol):
    """What discovery asks of the settings of a folder."""

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns as ``anchored`` makes them."""

    @property
    def force_exclude(self) -> bool:
        """Whether patterns also leave out what was named on the command line."""

    @property
    def respect_gitignore(self) -> bool:
        """Whether files that git ignores are left out."""


ScopeT = TypeVar("ScopeT", bound=Scope)


def anchored(pattern: str, base: Path) -> str:
    """A pattern that means the same from everywhere.

    A bare name (``build``, ``*_pb2.py``) matches at any depth and stays; one with a slash is relative to ``base``,
    the folder of the configuration (or the working directory for the command line), and becomes absolute.
    """
    if "/" not in pattern.rstrip("/"):
        return pattern
    absolute = os.path.normpath(os.path.join(_escaped(base), pattern)).replace(os.sep, "/")  # noqa: PTH118 (a glob)
    return "/" + absolute.lstrip("/")


def _escaped(base: Path) -> str:
    return "".join(f"\\{char}" if char in "*?[]!#\\" else char for char in base.absolute().as_posix())


def matches(patterns: Iterable[str], path: Path) -> bool:
    """Whether one of the (anchored) patterns covers a file or folder, or a folder above it."""
    return GitIgnoreSpec.from_lines(patterns).match_file(_key(path, path.is_dir()))


def covers(patterns: Iterable[str], path: Path, top: Path) -> bool:
    """Whether a run on a folder that the user named leaves out a file below it."""
    return _inside(GitIgnoreSpec.from_lines(patterns), _key(top, True)).match_file(_key(path))


def _key(path: Path, is_dir: bool = False) -> str:
    # A trailing slash tells pathspec that this is a folder (`build/` matches no file of that name).
    return path.as_posix().lstrip("/") + "/" * is_dir


def discover(paths: Sequence[Path], scope_of: Callable[[Path], ScopeT]) -> dict[Path, ScopeT]:
    """The files to lint (absolute, sorted), each with the scope of its own folder (``scope_of(folder)``).

    A file named in ``paths`` is always linted, whatever its name, unless its scope forces the exclusion.

    Raises:
        UsageError: a path does not exist.
    """
    found: dict[Path, ScopeT] = {}
    for path in map(absolute, paths):
        try:
            there = path.exists()
        except OSError as error:
            raise UsageError(f"`{path}` cannot be read: {error.strerror or error}") from None
        if not there:
            raise UsageError(f"`{path}` does not exist: name files or folders to check")
        scope = scope_of(path if path.is_dir() else path.parent)
        if scope.force_exclude and matches(scope.exclude, path):
            continue
        if path.is_dir():
            found.update(_Walk(path, scope_of).files(path))
        else:
            found[path] = scope
    return dict(sorted(found.items()))


def exists(path: Path) -> bool:
    """Whether something is there, as far as the user may look."""
    return os.path.exists(path)  # noqa: PTH110 (Path.exists raises where he may not)


def is_file(path: Path) -> bool:
    """Whether a file is there, as far as the user may look."""
    return os.path.isfile(path)  # noqa: PTH113 (Path.is_file raises where he may not)


def absolute(path: Path | str) -> Path:
    """The absolute path, without ``..`` but with its symbolic links (as the user wrote it)."""
    return Path(os.path.abspath(path))  # noqa: PTH100 (Path.resolve follows links, Path.absolute keeps `..`)


def encodable(name: str) -> str:
    """A file name that can be written as UTF-8: bytes that are none are spelled out."""
    return name.encode("utf-8", "backslashreplace").decode()


@dataclass
class _Ignore:
    """One ``.gitignore``: its folder and its patterns."""

    base: Path
    spec: GitIgnoreSpec

    def verdict(self, entry: Path, is_dir: bool) -> bool | None:
        """True: ignored, False: taken back by ``!``, None: nothing said."""
        return self.spec.check_file(_key(entry.relative_to(self.base), is_dir)).include


class _Walk(Generic[ScopeT]):
    """The walk below one folder that the user named.

    A pattern that covers that folder itself is not applied inside it: who names a folder wants it checked.
    """

    def __init__(self, top: Path, scope_of: Callable[[Path], ScopeT]) -> None:
        self.top = top
        self.scope_of = scope_of
        self.exclusions: dict[tuple[str, ...], Callable[[Path, bool], bool]] = {}

    def files(self, top: Path) -> Iterator[tuple[Path, ScopeT]]:
        """The Python files below, with their scopes."""
        git = repository(top)
        ignores = []
        if git:
            above = [folder for folder in top.parents if folder == git or git in folder.parents]
            ignores = [ignore for folder in reversed(above) for ignore in self._ignores(folder)]
        yield from self._folder(top, ignores, git is not None)

    def _folder(self, folder: Path, ignores: list[_Ignore], in_git: bool) -> Iterator[tuple[Path, ScopeT]]:
        scope = self.scope_of(folder)
        excluded = self._excluded(scope.exclude)
        in_git = in_git or exists(folder / ".git")
        if in_git:
            ignores = ignores + self._ignores(folder)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            return
        for entry in entries:
            path, is_dir = Path(entry.path), entry.is_dir(follow_symlinks=False)
            if not is_dir and not (entry.name.endswith(SOURCES) and is_file(path)):  # `entry` fails on a link to itself
                continue
            if excluded(path, is_dir):
                continue
            if scope.respect_gitignore and _ignored(path, is_dir, ignores):
                continue
            if is_dir:
                yield from self._folder(path, ignores, in_git)
            else:
                yield path, scope

    def _excluded(self, exclude: tuple[str, ...]) -> Callable[[Path, bool], bool]:
        """Says whether a file or folder is excluded, of one in a folder that is not.

        By patterns that name no folder all of one name are alike, and most names come again and again.
        """
        if exclude not in self.exclusions:
            spec = _inside(GitIgnoreSpec.from_lines(exclude), _key(self.top, True))
            named = cache(lambda name, is_dir: spec.match_file(name + "/" * is_dir))
            if all("/" not in pattern.rstrip("/") for pattern in exclude):
                self.exclusions[exclude] = lambda path, is_dir: named(path.name, is_dir)
            else:
                self.exclusions[exclude] = lambda path, is_dir: spec.match_file(_key(path, is_dir))
        return self.exclusions[exclude]

    def _ignores(self, folder: Path) -> list[_Ignore]:
        found = []
        for name in (".git/info/exclude", ".gitignore"):
            try:
                lines = content(folder / name).decode(errors="replace").splitlines()
            except SourceError:
                continue
            spec = GitIgnoreSpec.from_lines(lines)
            if folder in self.top.parents:
                spec = _inside(spec, _key(self.top.relative_to(folder), True))
            found.append(_Ignore(folder, spec))
        return found


def _inside(spec: GitIgnoreSpec, top: str) -> GitIgnoreSpec:
    return GitIgnoreSpec(
        [pattern for pattern in spec.patterns if not (pattern.include and GitIgnoreSpec([pattern]).match_file(top))]
    )


def _ignored(path: Path, is_dir: bool, ignores: list[_Ignore]) -> bool:
    for ignore in reversed(ignores):
        verdict = ignore.verdict(path, is_dir)
        if verdict is not None:
            return verdict
    return False


def repository(folder: Path) -> Path | None:
    """The top of the git repository that a folder is in, if it is in one."""
    return next((place for place in (folder, *folder.parents) if exists(place / ".git")), None)


def project_root(path: Path) -> Path:
    """The folder under which a file's project lives: what is indexed around the files that are reported.

    It is the nearest folder with a ``pyproject.toml``, a setup file or ``.git``; for an installed package the
    folder it is installed in; else the folder that holds the top package.
    """
    path = absolute(path)
    start = path if path.is_dir() else path.parent
    for folder in (start, *start.parents):
        if folder.name in INSTALLED or any(exists(folder / mark) for mark in _ROOT_MARKS):
            return folder
    while exists(start / "__init__.py") and start != start.parent:
        start = start.parent
    return start
