"""How fast `convlint server` answers, and what it keeps: ``python benchmarks/server.py [--edits 10000]``.

A real client opens files of some 3,000 lines of timm and transformers, where they are installed, and edits one line at
a time, by a comment or by a statement; what counts is the time from the edit to the findings of that version, the pause
for typing included. Then it
edits a small project many times, and the memory of the server is read.
"""

from __future__ import annotations

import argparse
import ast
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
from convlint_rules.examples import forward
from lsprotocol import types as lsp
from packages import SITE, download

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/server"))

from editor import Editor, spot

FILES = (
    "timm/models/byobnet.py",
    "timm/models/efficientnet.py",
    "timm/models/eva.py",
    "transformers/models/perceiver/modeling_perceiver.py",
    "transformers/models/speecht5/modeling_speecht5.py",
)
CALLER = forward("return x * rows(x)").replace("import torch\n", "import torch\nfrom helper import rows\n")


def statements(text: str) -> list[tuple[int, int]]:
    """Where the simple statements of functions begin, docstrings left out."""
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    within = {part for node in functions for part in ast.walk(node) if isinstance(part, ast.Assign | ast.Return)}
    return sorted({(one.lineno - 1, one.col_offset) for one in within})


def answers(editor: Editor, name: str, edits: int) -> None:
    """Times edits of a file."""
    started = time.perf_counter()
    uri = editor.open(name)
    editor.found(uri)
    lines = editor.texts[uri].splitlines()
    print(f"{name}, {len(lines)} lines: first findings after {time.perf_counter() - started:.2f} s")
    begins = random.choices(statements(editor.texts[uri]), k=edits)  # noqa: S311
    timed(editor, uri, "a comment", "  # !", [(row, len(lines[row])) for row, _ in begins])
    timed(editor, uri, "a statement", "pass; ", begins)
    editor.close(uri)


def timed(editor: Editor, uri: str, what: str, text: str, places: Sequence[tuple[int, int]]) -> None:
    """Writes a text at one place after the other, and takes it away again."""
    process = psutil.Process(editor.process.pid)
    times, busy = [], []
    for row, column in places:
        time.sleep(1)  # somebody looks at the screen
        started, used = time.perf_counter(), sum(process.cpu_times()[:2])
        editor.type(uri, lsp.TextDocumentContentChangePartial(spot(row, column, column), text))
        editor.found(uri)
        times.append(time.perf_counter() - started)
        busy.append(sum(process.cpu_times()[:2]) - used)
        editor.type(uri, lsp.TextDocumentContentChangePartial(spot(row, column, column + len(text)), ""))
        editor.found(uri)
    median, most, cpu = statistics.median(times), statistics.quantiles(times, n=10)[-1], statistics.median(busy)
    print(f"  {what} {median * 1000:.0f} ms (90 % within {most * 1000:.0f} ms), of processor time {cpu * 1000:.0f} ms")


def memory(folder: Path, edits: int) -> None:
    """Edits a small project, and prints the server's memory on the way."""
    (folder / "helper.py").write_text("def rows(x):\n    return int(x.shape[0])\n", encoding="utf-8")
    (folder / "net.py").write_text(CALLER, encoding="utf-8")
    editor = Editor(folder)
    process = psutil.Process(editor.process.pid)
    uri = editor.open("net.py")
    for number in range(edits + 1):
        if number % max(1, edits // 10) == 0:
            print(f"after {number} edits: {process.memory_info().rss / 2**20:.1f} MB", flush=True)
        editor.write(uri, CALLER.replace("rows(x)", f"rows(x[{number % 7}:]) + {number}"))
        editor.found(uri)
        editor.published.clear()
    editor.stop()
    editor.end()


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--edits", type=int, default=10_000)
    parser.add_argument("files", nargs="*", default=FILES)
    options = parser.parse_args()
    random.seed(0)
    download()
    editor = Editor(SITE.absolute())
    for name in options.files:
        answers(editor, name, 20)
    editor.stop()
    editor.end()
    with tempfile.TemporaryDirectory() as folder:
        memory(Path(folder), options.edits)


if __name__ == "__main__":
    main()
