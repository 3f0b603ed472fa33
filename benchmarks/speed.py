"""How long convlint takes, beside its peers in the same run: ``python benchmarks/speed.py [--runs N]``.

Whole processes, caches off; the median of N runs in turn, and its ratio to parsing the same files with ``ast``.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

from packages import SITE, download

PARSE = """
import ast, pathlib, sys
path = pathlib.Path(sys.argv[1])
for file in path.rglob("*.py") if path.is_dir() else [path]:
    ast.parse(file.read_bytes())
"""
CONVLINT = ["-m", "convlint", "check", "--isolated", "--exit-zero", "--quiet"]
RUFF = ["-m", "ruff", "check", "--isolated", "--no-cache", "--select", "ALL", "--exit-zero", "--quiet"]
ONE = "transformers/models/led/modeling_led.py"
"""107 KB."""


def commands() -> dict[str, dict[str, list[str]]]:
    """What is timed: title to tool to arguments of Python, the first of them what the others are compared with."""
    return {
        "one file of 107 KB": {
            "ast.parse": ["-c", PARSE, ONE],
            "ruff --select ALL": [*RUFF, ONE],
            "convlint": [*CONVLINT, ONE],
        },
        "timm, 5.5 MB": {
            "ast.parse": ["-c", PARSE, "timm"],
            "ruff --select ALL": [*RUFF, "timm"],
            "convlint": [*CONVLINT, "timm"],
        },
        "start": {"python -c pass": ["-c", "pass"], "convlint --version": ["-m", "convlint", "--version"]},
    }


def seconds(arguments: list[str]) -> float:
    """The time of one process."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], cwd=SITE, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Time and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    download()
    for title, tools in commands().items():
        times: dict[str, list[float]] = {tool: [] for tool in tools}
        for _ in range(runs):
            for tool, arguments in tools.items():
                times[tool].append(seconds(arguments))
        medians = {tool: statistics.median(measured) for tool, measured in times.items()}
        base = next(iter(medians.values()))
        print(title)
        for tool, median in medians.items():
            print(f"  {tool:20} {median:7.3f} s  {median / base:6.1f} x")


if __name__ == "__main__":
    main()
