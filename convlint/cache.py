"""The cache: what was read of files in earlier runs, in ``.convlint_cache``, and when it still holds.

A database of SQLite for each version of convlint, its rules and Python. What is in it is plain data with its own
checksum (see ``analyzer.wire``): a repository that ships such a folder can lie, but make nothing run. Whatever fails
about it - a folder that cannot be written, a full disk, a torn file - costs time and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from convlint import __version__
from convlint.analyzer.files import digest_of
from convlint.analyzer.wire import Kept, WireError, decoded_findings, encoded_findings
from convlint.config import Settings
from convlint.findings import Finding
from convlint.rule import registry
from convlint.source.document import SourceError, content

if TYPE_CHECKING:
    from convlint.analyzer.known import Piece

NAME = ".convlint_cache"
VARIABLE = "CONVLINT_CACHE_DIR"
_TAG = "CACHEDIR.TAG"
_SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is convlint's cache: it may be removed.\n"
_WAIT = 5.0
"""Seconds that another run may take to write."""
_YOUNG = 2 * 10**9
"""Nanoseconds within which a file may change again without another time: such a one is read to be compared."""
_TABLES = """
CREATE TABLE IF NOT EXISTS stamps
(path TEXT PRIMARY KEY, mtime INTEGER, ctime INTEGER, size INTEGER, digest TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (key BLOB PRIMARY KEY, answers BLOB, part BLOB, sum BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (key BLOB PRIMARY KEY, used INTEGER, result BLOB, sum BLOB) WITHOUT ROWID;
"""
_RUNS = 20
"""Of so many runs the results are kept."""
_log = logging.getLogger("convlint")


_Stamp = tuple[int, ...]
"""When a file's content and its other properties changed last, and its size."""


class _Run(msgspec.Struct):
    """What a run found, and what that rests on."""

    files: dict[str, str]
    places: dict[str, str]
    findings: bytes


def folder_of(settings: Settings) -> Path:
    """Where the cache of a project is: as configured, else as the environment says, else beside its configuration."""
    if settings.cache_dir is not None:
        return settings.cache_dir
    named = os.environ.get(VARIABLE)
    return Path(named) if named else settings.root / NAME


def clean(folder: Path) -> bool:
    """Removes a cache; whether there was one. A folder that is none stays."""
    if not (folder / _TAG).is_file():
        return False
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


class Cache:
    """One run's view of the cache; ``scope`` tells apart what is asked of files.

    It is read once at the beginning and written once at the end.
    """

    def __init__(self, folder: Path, scope: Sequence[Any]) -> None:
        self._folder = folder
        self._file = folder / __version__ / f"{_fingerprint()}.sqlite3"
        self._scope = repr(scope).encode(errors="surrogatepass")
        self._stamps: dict[str, tuple[_Stamp, str]] = {}
        self._digests: dict[Path, str] = {}
        self._seen: dict[str, tuple[_Stamp, str]] = {}
        self._last_change = 0
        for path, *stamp, digest in self._read("SELECT path, mtime, ctime, size, digest FROM stamps"):
            self._stamps[path] = tuple(stamp), digest

    # --- contents ------------------------------------------------------------------------------------------------

    def digest(self, path: Path) -> str:
        """What tells the content of a file apart from others, empty where it cannot be read."""
        if path not in self._digests:
            self._digests[path] = self._digest(path)
        return self._digests[path]

    def changed_since(self, time_ns: int) -> bool:
        """Whether a file was written to since a time, by those that were asked about."""
        return self._last_change >= time_ns

    def _digest(self, path: Path) -> str:
        try:
            stat = path.stat()
            stamp = stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size
            self._last_change = max(self._last_change, *stamp[:2])
            known = self._stamps.get(str(path))
            if known is not None and known[0] == stamp:
                return known[1]
            digest = digest_of(content(path))
        except (OSError, SourceError):
            return ""
        if time.time_ns() - max(stamp[:2]) > _YOUNG:
            self._seen[str(path)] = stamp, digest
        return digest

    # --- parts ---------------------------------------------------------------------------------------------------

    def parts(self, pieces: Sequence[Piece]) -> Mapping[Piece, Kept]:
        """What is kept, whether it still holds or not."""
        keys = {self._key(piece): piece for piece in pieces}
        rows = self._read("SELECT key, answers, part, sum FROM parts WHERE key = ?", ([key] for key in keys))
        return {keys[key]: Kept(part, answers) for key, answers, part, sum_ in rows if _is_whole(sum_, answers, part)}

    def keep(self, parts: Mapping[Piece, Kept]) -> None:
        """Keep parts."""
        rows = [(self._key(piece), *both, _sum(*both)) for piece, kept in parts.items() for both in [kept[::-1]]]
        self._write(("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", rows))

    def _key(self, piece: Piece) -> bytes:
        path, step = piece
        return _sum(self._scope, os.fsencode(path), repr(step and tuple(step)).encode())

    # --- whole runs ----------------------------------------------------------------------------------------------

    def run(self, asked: Sequence[Any], locate: Callable[[str], str]) -> list[Finding] | None:
        """The findings of a run that was asked the same, if each file is what it was and is found where it was."""
        key = _sum(self._scope, repr(asked).encode(errors="surrogatepass"))
        row = next(self._read("SELECT result, sum FROM runs WHERE key = ?", [[key]]), None)
        if row is None or not _is_whole(row[1], row[0]):
            return None
        try:
            run = msgspec.msgpack.decode(row[0], type=_Run)
            same = all(self.digest(Path(path)) == digest for path, digest in run.files.items()) and all(
                locate(name) == place for name, place in run.places.items()
            )
            return decoded_findings(run.findings) if same else None
        except (msgspec.MsgspecError, WireError):
            return None

    def keep_run(
        self, asked: Sequence[Any], files: dict[str, str], places: dict[str, str], found: Sequence[Finding]
    ) -> None:
        """Keep what a run found, with the contents of all files that it rests on."""
        key = _sum(self._scope, repr(asked).encode(errors="surrogatepass"))
        try:
            result = msgspec.msgpack.encode(_Run(files, places, encoded_findings(found)))
        except (ValueError, TypeError):
            return
        stamps = [(path, *stamp, digest) for path, (stamp, digest) in self._seen.items() if path.isprintable()]
        self._write(
            ("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?)", [(key, int(time.time()), result, _sum(result))]),
            ("DELETE FROM runs WHERE key NOT IN (SELECT key FROM runs ORDER BY used DESC LIMIT ?)", [[_RUNS]]),
            ("INSERT OR REPLACE INTO stamps VALUES (?, ?, ?, ?, ?)", stamps),
        )

    # --- the database --------------------------------------------------------------------------------------------

    def _read(self, query: str, keys: Iterable[Sequence[Any]] = ((),)) -> Iterator[tuple[Any, ...]]:
        """The rows that a query gives for each of some keys, none where the cache cannot be read."""
        rows: list[tuple[Any, ...]] = []
        with self._forgiven(), contextlib.closing(self._open(write=False)) as database:
            for key in keys:
                rows += database.execute(query, key)
        return iter(rows)

    def _write(self, *statements: tuple[str, Iterable[Sequence[Any]]]) -> None:
        """Statements, each for some rows, all in one transaction, if the cache can be written."""
        with self._forgiven(), contextlib.closing(self._open(write=True)) as database, database:
            for statement, rows in statements:
                database.executemany(statement, rows)

    @contextlib.contextmanager
    def _forgiven(self) -> Iterator[None]:
        """What goes wrong with the cache ends the block, and is no error of the run."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                _log.debug("the cache in %s is not used: %s", self._folder, error)  # locked, full, not to be written
            else:
                self._rebuild(error)
        except OSError as error:
            _log.debug("the cache in %s is not used: %s", self._folder, error)

    def _open(self, write: bool) -> sqlite3.Connection:
        if write:
            self._make_folder()
        elif not self._file.is_file():
            return sqlite3.connect(":memory:")
        database = sqlite3.connect(self._file, timeout=_WAIT)
        try:
            if write:
                database.execute("PRAGMA synchronous = NORMAL")  # no WAL: a full disk under its mapped file is fatal
            database.executescript(_TABLES if write else "")
        except sqlite3.DatabaseError:
            database.close()
            raise
        return database

    def _make_folder(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        for name, text in ((".gitignore", "# Made by convlint.\n*\n"), (_TAG, _SIGNATURE)):
            if not (self._folder / name).exists():
                (self._folder / name).write_text(text, encoding="ascii")

    def _rebuild(self, error: sqlite3.DatabaseError) -> None:
        _log.warning("the cache in %s is damaged (%s); it is made anew", self._folder, error)
        for file in self._file.parent.glob(f"{self._file.name}*"):
            with contextlib.suppress(OSError):
                file.unlink()


def _is_whole(known: Any, *parts: Any) -> bool:
    return all(isinstance(part, bytes) for part in parts) and known == _sum(*parts)


def _sum(*parts: bytes) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _fingerprint() -> str:
    """What tells versions apart: of Python, and the files of convlint and of the packages of rules."""
    packages = {"convlint", *(rule.__module__.partition(".")[0] for rule in registry().values())}
    stamps = [f"{name} {stamp}" for name in sorted(packages) for stamp in _stamps_of(name)]
    text = "\n".join([sys.version, *stamps])
    return digest_of(text.encode(errors="surrogatepass"))


def _stamps_of(package: str) -> Iterator[str]:
    spec = find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    for place in places or ([spec.origin] if spec is not None and spec.origin else []):
        for file in _files_of(Path(place)):
            stat = file.stat()
            yield f"{file} {stat.st_mtime_ns} {stat.st_size}"


def _files_of(place: Path) -> Iterable[Path]:
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("*") if path.suffix in (".py", ".json") and path.is_file())
