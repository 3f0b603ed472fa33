"""Lints and repairs whatever Python files there are, writing nothing: no crash, no hang, no fault of a rule.

``python tests/fuzz/corpus.py FOLDER...`` takes each file as it is and, with ``--enter``, as if an exporter entered
every function in it with tensors for all that it is given, so that the analyzer walks code which has nothing to do
with torch. A process of its own takes one file after the other; what ends, hangs or fails there is printed, and makes
the exit code 1.
"""

from __future__ import annotations

import argparse
import ast
import json
import queue
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO

from convlint.config import Settings
from convlint.entry_points import EntryPoint
from convlint.errors import UsageError
from convlint.fixer import fix_paths
from convlint.linter import lint
from convlint.source.discovery import SOURCES
from convlint.source.document import Document, SourceError

SECONDS = 600.0
"""What one file may take, on a machine that does other things too."""
SETTINGS = Settings(
    root=Path("/"),
    targets=(("onnxruntime", None), ("coreml", None), ("tensorrt", None)),
    jobs=1,
    cache=False,
    preview=True,
    show_harmless=True,
    unsafe_fixes=True,
)
LARGEST = 2_000_000
"""Bytes of a file that is entered."""
MOST = 60
"""Functions of a file that are entered: each makes its class anew."""


def main() -> int:
    """Reads the command line; says how many files were tried and which of them ended a process."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", nargs="+", type=Path)
    asked.add_argument("--enter", action="store_true")
    asked.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.worker:
        return answer(enter=given.enter)
    started, faults, count = time.monotonic(), 0, 0
    for folder in given.folder:
        found = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.suffix in SOURCES)
        paths = [path for path in found if path.is_file()]
        for path, fault in tried(paths, enter=given.enter):
            faults += 1
            sys.stdout.write(f"{path}: {fault}\n")
            sys.stdout.flush()
        count += len(paths)
    sys.stdout.write(f"{count} files, {faults} faults, {time.monotonic() - started:.0f} s\n")
    return int(faults > 0)


def tried(paths: list[Path], *, enter: bool) -> Iterator[tuple[Path, str]]:
    """The files on which a process ends, hangs or says that something failed."""
    process: subprocess.Popen[bytes] | None = None
    lines: queue.Queue[bytes] = queue.Queue()
    for path in paths:
        if process is None:
            process = subprocess.Popen(
                [sys.executable, __file__, "-", "--worker", *(["--enter"] if enter else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            lines = queue.Queue()
            assert process.stdout
            threading.Thread(target=_read, args=(process.stdout, lines), daemon=True).start()
        assert process.stdin
        process.stdin.write(json.dumps(str(path)).encode() + b"\n")
        process.stdin.flush()
        try:
            line = lines.get(timeout=SECONDS)
        except queue.Empty:
            process.kill()
            yield path, f"no end within {SECONDS:g} s"
            process = None
            continue
        if not line:
            yield path, f"ends the process ({process.wait()})"
            process = None
        elif fault := json.loads(line):
            yield path, fault
    if process is not None and process.stdin:
        process.stdin.close()
        process.wait()


def _read(stdout: IO[bytes], lines: queue.Queue[bytes]) -> None:
    for line in stdout:
        lines.put(line)
    lines.put(b"")


def answer(*, enter: bool) -> int:
    """The worker: what is wrong with each file named on stdin, empty where nothing is."""
    for line in sys.stdin:
        path = Path(json.loads(line))
        try:
            fault = fault_on(path, enter=enter)
        except Exception:
            fault = traceback.format_exc()
        sys.stdout.write(json.dumps(fault) + "\n")
        sys.stdout.flush()
    return 0


def fault_on(path: Path, *, enter: bool) -> str:
    """What a rule or a repair says of itself; any exception is a fault too."""
    named = list(islice(entries(path), MOST)) if enter else []
    while True:
        settings = replace(SETTINGS, root=path.parent, entry_points=tuple(named))
        try:
            found = lint([path], settings, want_fixes=True)
            break
        except UsageError as error:  # a name that stands for another function, or for none
            right = [one for one in named if f"`{one.name}`" not in str(error)]
            if right == named:
                raise
            named = right
    if wrong := [f"{one.span.row}: {one.message}" for one in found.findings if one.code == "CVL005"]:
        return "\n".join(wrong)
    if missing := [one for one in found.findings if one.fixable is not None and one.fix is None]:
        return f"{missing[0].span.row}: {missing[0].code} offers a repair that is not written"
    fix_paths([path], settings, write=False)
    return ""


def entries(path: Path) -> Iterator[EntryPoint]:
    """All functions and methods of a file, as a configuration beside it would name them."""
    if path.suffix != ".py" or path.stat().st_size > LARGEST or not path.stem.isidentifier():
        return
    try:
        tree = Document.read(path).parse()
    except SourceError:
        return
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield EntryPoint(f"{path.stem}:{node.name}", path.parent, "corpus")
        elif isinstance(node, ast.ClassDef):
            for part in node.body:
                if isinstance(part, ast.FunctionDef):
                    yield EntryPoint(f"{path.stem}:{node.name}.{part.name}", path.parent, "corpus")


if __name__ == "__main__":
    sys.exit(main())
