"""What cures: the linter says of each remedy what the real tracers do with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")

from convlint_rules.examples import forward

from convlint.config import Settings
from convlint.findings import Harm
from convlint.linter import lint
from convlint.trial.job import Job
from convlint.trial.runner import Runner

BRANCH = "if x.sum() > 0:\n    return x + 1\nreturn x - 1"
CHOSEN = "return torch.where(x.sum() > 0, x + 1, x - 1)"
COUNT = "y = x[x > -9]\n"
PICK = "def pick(x):\n    if x.sum() > 0:\n        return x + 1\n    return x - 1\n\n\n"
X = "x: float32[N=3, 4]"


def guarded(test: str, before: str = "") -> str:
    return forward(f"{before}\nif {test}:\n    {CHOSEN}\n{BRANCH}")


MODELS = {
    "no remedy": forward(BRANCH),
    "is_tracing": guarded("torch.jit.is_tracing()"),
    "is_exporting": guarded("torch.compiler.is_exporting()"),
    "is_compiling": guarded("torch._utils.is_compiling()"),
    "is_in_onnx_export": guarded("torch.onnx.is_in_onnx_export()"),
    "any": guarded("any([torch.jit.is_tracing(), torch.compiler.is_exporting()])"),
    "a variable": guarded("flag", "flag = False\nif torch.jit.is_tracing():\n    flag = True"),
    "asked before": forward(f"if self.flag:\n    {CHOSEN}\n{BRANCH}", init="self.flag = torch.jit.is_tracing()"),
    "_check": forward(COUNT + "if not torch.jit.is_tracing():\n    torch._check(y.numel() > 0)\n"
                      "if y.numel() == 0:\n    return x * 3\nreturn x * 2"),
    "_check of a size": forward("torch._check(x.shape[0] <= 64)\nif x.shape[0] > 64:\n    return x * 3\nreturn x * 2"),
    "assert": forward(COUNT + "assert y.shape[0] > 0\nif y.shape[0] == 0:\n    return x * 3\nreturn x * 2"),
    "assert with a message": forward(COUNT + "assert y.shape[0] > 0, 'empty'\nreturn x * 2"),
    "_assert": forward("torch._assert((x.abs() >= 0).all(), 'no')\nreturn x * 2"),
    "cond": forward("return torch.cond(x.sum() > 0, lambda t: t + 1, lambda t: t - 1, (x,))"),
    "while_loop": forward("return torch.while_loop(lambda t: t.sum() < 9, lambda t: (t.abs() * 2 + 1,), (x,))[0]"),
    "script": "import torch\n\n\n@torch.jit.script\n" + PICK + forward("return pick(x)"),
    "script, called": "import torch\n\n\n" + PICK + "chosen = torch.jit.script(pick)\n" + forward("return chosen(x)"),
    "disable": "import torch\n\n\n@torch.compiler.disable\n" + PICK + forward("return pick(x)"),
    "ignore": "import torch\n\n\n@torch.jit.ignore\n" + PICK + forward("return pick(x)"),
    "compile": forward("return self.net(x)", init="self.net = torch.compile(nn.Linear(4, 4), backend='eager')"),
}  # fmt: skip


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner() as running:
        yield running


@pytest.mark.parametrize("name", MODELS)
def test_the_linter_says_what_the_tracers_do(runner: Runner, tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.py"
    path.write_text(MODELS[name])
    findings = lint([path], Settings(cache=False)).findings
    assert Harm.worst_of(one.harm for one in findings if one.harm) == runner.run(Job(path=str(path), inputs=X)).harm
