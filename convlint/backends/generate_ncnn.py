"""Makes the facts of ncnn: ``python -m convlint.backends.generate_ncnn CLONE``.

CLONE is a git clone of Tencent/ncnn. Its converter pnnx has patterns of ONNX's operators, and reads others as functions
of torch, of which expressions are made: of these ncnn takes those that become layers of one or two numbers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from convlint.backends.fact_file import ONNX, Known, head, write
from convlint.backends.facts import FOLDER
from convlint.backends.generate_tensorrt import git

SOURCE = "tools/pnnx/src"
_PATTERN = re.compile(r"^([A-Z]\w+)\s+\S+\s+\d+ \d+", re.MULTILINE)
_READ_AS = re.compile(r'op_type == "(\w+)"\) sim_op_type = "aten::(\w+)"')
_LAYER = re.compile(r'\bt == "(\w+)"')
_NO_OPERATOR = "Tensor"


def patterns(clone: Path) -> Iterator[str]:
    """The operators that its patterns name."""
    for path in git(clone, "ls-tree", "-r", "--name-only", "HEAD", f"{SOURCE}/pass_level2").split():
        if path.endswith(".cpp"):
            yield from _PATTERN.findall(git(clone, "show", f"HEAD:{path}"))


def expressions(clone: Path) -> Iterator[str]:
    """Those that it reads as functions of torch which become layers."""
    layers = set(_LAYER.findall(git(clone, "show", f"HEAD:{SOURCE}/pass_ncnn/expand_expression.cpp")))
    for operator, function in _READ_AS.findall(git(clone, "show", f"HEAD:{SOURCE}/pass_onnx.cpp")):
        if function in layers:
            yield operator


def known(clone: Path) -> Known:
    """The facts; what is not among them may be taken in a larger pattern."""
    commit, date = git(clone, "log", "-1", "--format=%h %cs", "HEAD", "--").split()
    names = {*patterns(clone), *expressions(clone)} - {_NO_OPERATOR}
    told = head("ncnn (pnnx)", f"git-{commit}", f"Tencent/ncnn@{commit} {date} {SOURCE}", ONNX)
    return told | {"folds": True, "rows": [[name, 0, "yes"] for name in sorted(names)]}  # pass_onnx/fold_constants.cpp


if __name__ == "__main__":
    write(FOLDER / "ncnn.json", known(Path(sys.argv[1])))
