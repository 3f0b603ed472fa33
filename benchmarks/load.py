"""How convlint bears a load: ``python benchmarks/load.py [--files 20000] [--kilobytes 50]``.

Writes that many files of that size (a gigabyte), lints them, and says how long it took, how much memory the process
had, and how soon a run in the middle of it answers Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from convlint_rules.examples import forward

CHECK = [sys.executable, "-m", "convlint", ".", "--isolated", "--exit-zero", "--statistics"]


def main() -> None:
    """Writes, lints, interrupts; prints."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--files", type=int, default=20_000)
    asked.add_argument("--kilobytes", type=int, default=50)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        written = sum(write(Path(folder), number, given.kilobytes << 10) for number in range(given.files))
        start = time.perf_counter()
        process = subprocess.Popen(CHECK, cwd=folder, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        took = time.perf_counter() - start
        sys.stdout.write(
            f"{given.files:,} files, {written / 1e6:,.0f} MB: {took:.1f} s, {used.ru_maxrss / 1024:,.0f} MB of memory, "
            f"exit code {os.waitstatus_to_exitcode(status)}\n"
        )
        process = subprocess.Popen(CHECK, cwd=folder, stdout=subprocess.DEVNULL)
        time.sleep(took / 2)
        process.send_signal(signal.SIGINT)
        start = time.perf_counter()
        code = process.wait()
        sys.stdout.write(f"Ctrl-C in the middle: exit code {code} after {time.perf_counter() - start:.2f} s\n")


def write(folder: Path, number: int, size: int) -> int:
    """Writes one file, of a package of a hundred: a model and plain code around it; returns its size."""
    text = forward("y = x.abs()\nreturn y * int(x.shape[0])")
    plain = (
        "\n\ndef plain{}(path, names=()):\n    found = [name for name in names if name in path]\n    return found[0]\n"
    )
    text += "".join(plain.format(at) for at in range(size // len(plain)))
    path = folder / f"package{number // 100}" / f"module{number}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return len(text)


if __name__ == "__main__":
    main()
