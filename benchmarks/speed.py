"""How long convlint takes, beside its peers in the same run: ``python benchmarks/speed.py [--megabytes N]``.

CPU seconds of whole processes, children included: machines are noisy, and ratios of one run are not. The tree is the
models of transformers and timm, or so many megabytes of it. Peers are installed in an environment of their own.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from packages import FOLDERS, SITE, download
from peers import PEERS, peers

FOLDER = Path("build/bench")
TABLE = Path(__file__).with_name("speed.md")
SAMPLE = 1.0
"""Megabytes for the peers that take minutes for more."""
SIZES = (1.0, 5.0, 20.0)
PARSE = """
import {module}, pathlib, sys
for file in pathlib.Path(sys.argv[1]).rglob("*.py"):
    {call}(file.read_bytes())
"""
ONE = "transformers/models/led/modeling_led.py"
"""107 KB."""
NODES = 10_000


class Used(NamedTuple):
    """What a process used."""

    cpu: float
    wall: float
    megabytes: float

    @property
    def both(self) -> str:
        """Time and memory."""
        return f"{self.cpu:.2f} s, {self.megabytes:.0f} MB"


def used(command: Sequence[str | Path], folder: Path = Path()) -> Used:
    """Runs a process to its end."""
    begin = time.perf_counter()
    process = subprocess.Popen(
        [*map(str, command)], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    )
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return Used(usage.ru_utime + usage.ru_stime, time.perf_counter() - begin, usage.ru_maxrss / 1000)


def environment() -> dict[str, str]:
    """That of this process; modules are found where they are found here, also from another folder."""
    path = os.pathsep.join(
        str(Path(one).absolute()) for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one
    )
    return os.environ | ({"PYTHONPATH": path} if path else {})


def convlint(*more: str | Path) -> list[str | Path]:
    """One run of the linter with all rules, in one process, without its cache unless told otherwise."""
    given = [str(one) for one in more]
    alone = [] if "--jobs" in given else ["--jobs", "1"]
    uncached = [] if "--cache-dir" in given else ["--no-cache"]
    return [sys.executable, "-m", "convlint", "check", "--isolated", "--exit-zero", "--quiet", *alone, *uncached, *more]


def tree(megabytes: float | None) -> Path:
    """So many megabytes of the packages, whole folders of them drawn evenly; all without a number."""
    place = (FOLDER / f"tree-{megabytes or 'all'}").absolute()
    shutil.rmtree(place, ignore_errors=True)
    folders = [folder for name in FOLDERS for folder in [SITE / name, *sorted(SITE.joinpath(name).rglob("*/"))]]
    folders = [folder for folder in folders if any(folder.glob("*.py"))]
    whole = sum(size(folder) for folder in folders)
    share = min(1.0, megabytes * 1e6 / whole) if megabytes else 1.0
    taken, due = 0.0, 0.0
    for folder in folders:
        due += share * size(folder)
        if taken < due:
            taken += size(folder)
            target = place / folder.relative_to(SITE)
            target.mkdir(parents=True, exist_ok=True)
            for file in folder.glob("*.py"):
                shutil.copy(file, target)
    (place / "pyproject.toml").touch()  # a project of its own: Fixit reads nothing that the one around it ignores
    return place


def size(folder: Path) -> int:
    """Of the Python files in a folder, not of those below."""
    return sum(file.stat().st_size for file in folder.glob("*.py"))


def size_below(folder: Path) -> float:
    """Megabytes of the Python files."""
    return sum(file.stat().st_size for file in folder.rglob("*.py")) / 1e6


Row = tuple[str, str, str]


def beside_peers(folder: Path, cold: Used, parsed: Used) -> Iterator[Row]:
    """The tree, and the sample that is enough for the slow ones."""
    bin_, whole, sample = peers(), size_below(folder), tree(SAMPLE)
    small = size_below(sample)
    python = bin_ / "python"
    rows = {
        "ast.parse": (parsed, whole),
        "ruff, all rules": (
            used([bin_ / "ruff", "check", "--isolated", "--no-cache", "--select", "ALL", "--exit-zero", "-q", folder]),
            whole,
        ),
        "LibCST, parse only": (
            used([python, "-c", PARSE.format(module="libcst", call="libcst.parse_module"), sample]),
            small,
        ),
        "convlint, one process, no cache": (cold, whole),
        "convlint on the sample": (used(convlint(sample)), small),
        "TorchFix": (used([bin_ / "torchfix", "--select", "ALL", sample]), small),
        "Fixit": (used([bin_ / "fixit", "lint", sample]), small),
    }
    for name, (one, megabytes) in rows.items():
        speed = megabytes / one.cpu
        yield name, f"{megabytes:.1f} MB in {one.both}: {speed:.2f} MB/s", f"{whole / parsed.cpu / speed:.1f}"


def processes(folder: Path) -> Iterator[Row]:
    """What two of them bring; on a busy machine their CPU says more than the clock."""
    two = used(convlint("--jobs", "2", folder))
    one = used(convlint(folder))
    yield "two processes, wall", f"{one.wall:.1f} s alone, {two.wall:.1f} s", f"{one.wall / two.wall:.2f} times as fast"
    yield "two processes, CPU", f"{one.cpu:.1f} s alone, {two.cpu:.1f} s", f"{two.cpu / one.cpu:.2f}"


def cached(folder: Path, cold: Used) -> Iterator[Row]:
    """From one run to the next."""
    cache = FOLDER.absolute() / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    again = convlint("--cache-dir", cache, folder)
    first = used(again)
    yield "cold, writes the cache", first.both, f"{first.cpu / cold.cpu:.2f} of cold"
    time.sleep(3)
    used(again)
    warm = used(again)
    yield "warm", warm.both, f"{warm.cpu / cold.cpu:.1%} of cold"
    files = sorted(folder.rglob("modeling_*.py")) or sorted(folder.rglob("*.py"))
    with files[len(files) // 2].open("a", encoding="utf-8") as file:
        file.write("\nx = 1\n")
    touched = used(again)
    yield f"one file changed ({files[len(files) // 2].name})", touched.both, f"{touched.cpu / cold.cpu:.1%} of cold"


def growth(limit: float) -> Iterator[Row]:
    """Time over size."""
    for megabytes in (one for one in SIZES if one <= limit):
        folder = tree(megabytes)
        one, parsed = (
            used(convlint(folder)),
            used([sys.executable, "-c", PARSE.format(module="ast", call="ast.parse"), folder]),
        )
        yield f"{size_below(folder):.1f} MB", one.both, f"{one.cpu / parsed.cpu:.1f} times ast.parse"
    for lines in (1_000, 10_000):
        file = FOLDER / "long.py"
        body = "".join(f"        y = y * 2 + x.view(-1)[{i}]\n" for i in range(lines))
        head = "from torch import nn\n\n\nclass Long(nn.Module):\n    def forward(self, x):\n        y = x\n"
        file.write_text(f"{head}{body}        return y\n", encoding="utf-8")
        yield f"one function of {lines} lines", used(convlint(file.absolute())).both, ""


def small() -> Iterator[Row]:
    """What a user waits for."""
    imports = used([sys.executable, "-c", "import libcst, typer, rich"])
    one = used(convlint(ONE), SITE)
    yield "python -c 'import libcst, typer, rich'", imports.both, ""
    yield f"fresh process, {Path(ONE).name} (107 KB)", one.both, f"{one.cpu / imports.cpu:.1f} times these imports"
    file = FOLDER.absolute() / "nodes.onnx"
    subprocess.run([sys.executable, "-c", GRAPH, str(NODES), file], check=True)
    matrix = used([sys.executable, "-m", "convlint", "matrix", file])
    yield f"matrix of an ONNX file of {NODES} nodes", matrix.both, ""


GRAPH = """
import sys
from onnx import TensorProto, helper, save
count = int(sys.argv[1])
names = ["Relu", "Sigmoid", "Tanh", "Abs", "Neg"]
nodes = [helper.make_node(names[i % 5], [f"x{i}"], [f"x{i + 1}"]) for i in range(count)]
ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("x0", f"x{count}")]
graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), sys.argv[2])
"""


def machine() -> str:
    """Where the numbers come from."""
    tools = [f"{name} {version(name)}" for name in ("convlint", "libcst", "msgspec")]
    load = os.getloadavg()[0]
    return (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores "
        f"(load {load:.1f}); {', '.join(tools)}; peers {', '.join(PEERS)}."
    )


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--megabytes", type=float, help="take so much of the tree")
    megabytes = parser.parse_args().megabytes
    FOLDER.mkdir(parents=True, exist_ok=True)
    download()
    about = machine()
    folder = tree(megabytes)
    parsed = used([sys.executable, "-c", PARSE.format(module="ast", call="ast.parse"), folder])
    cold = used(convlint(folder))
    lines = [
        "# Speed",
        "",
        f"Written by `python benchmarks/speed.py`: CPU seconds and peak memory of whole processes. {about}",
        f"The tree: {size_below(folder):.1f} MB of transformers/models and timm.",
    ]
    sections = {
        "Beside its peers | | times ast.parse": beside_peers(folder, cold, parsed),
        "Processes | | ": processes(folder),
        "Cache | | ": cached(folder, cold),
        "Growth | | ": growth(size_below(folder)),
        "Alone | | ": small(),
    }
    for title, rows in sections.items():
        lines += ["", f"| {title} |", "|---|---|---|"]
        for row in rows:
            lines.append(f"| {' | '.join(row)} |")
            print(" | ".join(row), flush=True)
    TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
