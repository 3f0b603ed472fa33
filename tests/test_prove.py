"""``--fix --prove``: real models in packages of their own, real repairs, right and wrong; worker processes that die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli, Ran

pytest.importorskip("onnxruntime")

from convlint import api
from convlint.config import Configuration, Layer, Options

pytestmark = pytest.mark.proof
HEADER = "import ctypes, os, time\nimport torch\nfrom torch import nn\n\n\n"
FAST = ("--isolated", "--exporter", "torchscript", "--output-format", "concise")

SWAP = ("--select", "SWAP", "--fixable", "SWAP")

# A rule pack as anybody installs one: `torch.neg(...)  # -> what to write instead` is a finding, with that repair.
PACK = {
    "swap.py": """
        import re

        from convlint.events import Call
        from convlint.findings import Applicability, Edit, Fix
        from convlint.rule import Rule


        class Swap(Rule):
            '''Writes what a comment says.'''

            code, name = "SWAP01", "swap"
            events = (Call,)
            callees = ("torch.neg",)

            def check(self, event, context):
                return self.finding(
                    event, "swap", None, context, fixable=Applicability.safe
                )

            def fix(self, event, context):
                wanted = re.search("# -> (.*)", event.document.lines[event.span.row - 1])
                return Fix("swap", (Edit(event.span, wanted[1].strip()),), Applicability.safe)


        def pack():
            return [Swap]
        """,
    "swap-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: swap\nVersion: 1.0\n",
    "swap-1.0.dist-info/entry_points.txt": "[convlint.rules]\nswap = swap:pack\n",
}


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def model(*lines: str, init: tuple[str, ...] = ("self.layer = nn.Linear(4, 4)",), parameters: str = "x") -> str:
    """A file with a class ``Net``."""
    start = "".join(f"        {line}\n" for line in ("super().__init__()", *init))
    body = "".join(f"        {line}\n" for line in lines)
    return (
        f"{HEADER}class Net(nn.Module):\n    def __init__(self):\n{start}\n    def forward(self, {parameters}):\n{body}"
    )


Swapped = Callable[..., tuple[Ran, str]]


@pytest.fixture
def swapped(tmp_path: Path) -> Swapped:
    """Runs ``--fix --prove`` with the pack on a model of such lines; what it said, and the file afterwards."""

    def call(*lines: str, options: tuple[str, ...] = (), **parts: object) -> tuple[Ran, str]:
        write(tmp_path / "pack", PACK)
        (tmp_path / "net.py").write_text(model(*lines, **parts))  # type: ignore[arg-type]
        paths = [str(tmp_path / "pack"), *sys.path]
        ran = subprocess.run(
            [sys.executable, "-m", "convlint", "net.py", "--fix", "--prove", "net:Net", *SWAP, *FAST, *options],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr), (tmp_path / "net.py").read_text()

    return call


def said(ran: Ran, word: str) -> list[str]:
    """What was said of each repair of which such a thing became."""
    return [line.partition(f" {word}: ")[2] for line in ran.out.splitlines() if f" {word}: " in line]


def test_what_is_right_is_kept_and_each_wrong_repair_is_dropped_with_its_reason(swapped: Swapped) -> None:
    lines = (
        "x = self.layer(x)",
        "x = torch.neg(x)  # -> -x",
        "x = torch.neg(x)  # -> -x.abs()",
        "x = torch.neg(x)  # -> -x.detach()",
        "x = torch.neg(x)  # -> x * float('nan')",
        "x = torch.neg(x)  # -> x.missing()",
        "x = torch.neg(x)  # -> x.double().neg()",
        "x = torch.neg(x)  # -> -x * (x.shape[0] / torch.tensor(int(x.shape[0])))",
        "if len(x) > 99:",
        "    x = torch.neg(x)  # -> -x",
        "return x",
    )
    ran, after = swapped(*lines)
    assert after == model(*lines).replace(lines[1], "x = -x  # -> -x", 1)
    assert len(said(ran, "repaired")) == 1
    assert "equal on 12 inputs to the bit, gradients on 12, in training mode on 12" in said(ran, "repaired")[0]
    assert said(ran, "not exercised") == ["no model runs this line"]
    reasons = said(ran, "dropped")
    wanted = (
        "values differ, by up to",
        "the gradient: `layer.weight` is gone, `layer.bias` is gone",
        "values differ, by up to inf",
        "the model raises AttributeError: 'Tensor' object has no attribute 'missing'",
        "dtype float64 instead of float32",
        "jit_trace gets worse: it was right, and is frozen on",
    )
    assert len(reasons) == len(wanted)
    assert [reason for reason, want in zip(reasons, wanted, strict=True) if want not in reason] == []
    assert (ran.code, ran.err) == (1, "")


def test_repairs_that_kill_the_process_are_dropped_with_the_line(swapped: Swapped) -> None:
    lines = (
        "x = torch.neg(x)  # -> -x",
        "x = torch.neg(x)  # -> os._exit(3)",
        "return torch.neg(x)  # -> ctypes.string_at(0)",
    )
    ran, after = swapped(*lines, options=("--input", "x: float32[2]"))
    assert after == model(*lines).replace(lines[0], "x = -x  # -> -x")
    reasons = said(ran, "dropped")
    assert ["the process dies (exit code 3) at net.py:13" in one for one in reasons] == [True, False]
    assert ["the process dies (SIGSEGV) at net.py:14" in one for one in reasons] == [False, True]


def test_state_keys_and_what_is_left_in_the_model_count(swapped: Swapped) -> None:
    lines = (
        "self.seen = torch.neg(x.sum())  # -> x.sum()",
        "self.count.add_(torch.neg(torch.ones(())))  # -> torch.ones(())",
        "return x * 2",
    )
    init = (
        "self.register_buffer('count', torch.zeros(()))",
        "self.sign = torch.neg(torch.ones(1))  # -> nn.Linear(1, 1)",
    )
    ran, after = swapped(*lines, init=init, options=("--input", "x: float32[N=2, 4]"))
    assert after == model(*lines, init=init)
    reasons = said(ran, "dropped")
    assert [one.partition(":")[0] for one in reasons] == [
        "its state_dict",
        "the state afterwards `seen`",
        "the state afterwards `count`",
    ]
    assert "`sign.weight` is new, `sign.bias` is new" in reasons[0]


SIZES = model("n = int(x.shape[0])", "return self.layer(x).reshape(n, -1)")
SIZED = SIZES.replace("int(x.shape[0])", "x.shape[0]")


def test_a_size_is_repaired_and_proven_by_the_exporters(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    write(Path(), {"shop/__init__.py": "", "shop/net.py": SIZES})
    command = ("shop", "--fix", "--isolated", "--prove", "shop.net:Net")
    with monkeypatch.context() as terminal:
        terminal.setenv("FORCE_COLOR", "1")
        terminal.setenv("TERM", "xterm")
        ran = cli(*command, "--exporter", "torchscript", "--diff")
    assert Path("shop/net.py").read_text() == SIZES
    assert (ran.code, "+        n = x.shape[0]" in ran.out) == (1, True)
    assert "\x1b[1;32mrepaired\x1b[0m: equal on" in ran.err
    assert "guessed from the first layer, `layer`, a Linear" in ran.err
    ran = cli(*command)
    assert (ran.code, ran.err) == (0, "")
    assert Path("shop/net.py").read_text() == SIZED
    (told,) = said(ran, "repaired")
    assert "jit_trace was frozen on 3 inputs, now right; torch_export was stopped, now right" in told
    assert ran.out.endswith("Found 1 problem (1 fixed, 0 remaining).\n")
    assert list(Path("shop").glob("__pycache__")) == []
    ran = cli(*command)
    assert (ran.code, ran.out) == (0, "There is no repair to prove.\nAll checks passed!\n")


def test_a_repair_that_helps_no_exporter_is_dropped(cli: Cli) -> None:
    write(Path(), {"net.py": SIZES})
    ran = cli("net.py", "--fix", *FAST, "--prove", "net:Net", "--input", "x: float32[2, 4]")
    assert said(ran, "dropped") == [
        "no exporter needs it on these inputs: jit_trace and onnx_torchscript are right already; "
        "other sizes or values may show why"
    ]
    assert Path("net.py").read_text() == SIZES


def test_what_no_model_runs_is_told_once_a_file(cli: Cli) -> None:
    never = SIZES.partition("class Net")[2].replace("n = int(x.shape[0])", "n = int(x.shape[0]) * int(x.shape[1])")
    two = never.replace("* int", "\n        n *= int")
    write(Path(), {"net.py": f"{model('return self.layer(x)')}\n\nclass Never{two}"})
    ran = cli("net.py", "--fix", *FAST, "--prove", "net:Net", "--input", "x: float32[2, 4]")
    assert said(ran, "not exercised") == ["no model runs this line (nor line 22)"]


def test_what_stops_elsewhere_does_not_show_whether_a_repair_helps(cli: Cli) -> None:
    source = SIZES.replace("        n = ", "        x = x + torch.from_numpy(x.detach().numpy())\n        n = ")
    write(Path(), {"net.py": source})
    ran = cli("net.py", "--fix", *FAST[:1], "--exporter", "dynamo", *FAST[3:], "--prove", "net:Net")
    (told,) = said(ran, "repaired")
    assert "; whether it helps is not seen: torch_export is stopped at net.py:12, " in told
    assert Path("net.py").read_text() == source.replace("int(x.shape[0])", "x.shape[0]")


def test_a_repair_that_is_not_made_is_said_with_the_reason(cli: Cli) -> None:
    write(Path(), {"shop/__init__.py": "", "shop/net.py": SIZES})
    ran = cli("shop", "--fix", "--isolated", "--unfixable", "CVL202", "--prove", "shop.net:Net")
    assert f"Not repaired: {Path('shop/net.py')}:" in ran.out
    assert "CVL202: the settings do not let it be repaired." in ran.out
    assert Path("shop/net.py").read_text() == SIZES


def test_a_file_by_its_path_keywords_ranges_and_json(cli: Cli) -> None:
    source = model(
        "n = int(boxes['xy'].shape[0]) if flip else 0",
        "return {'out': self.layer(boxes['xy'][:n]) + levels[0][k].sum()}",
        parameters="boxes, levels, *, k, flip=False",
    )
    write(Path(), {"src/net.py": source})
    described = ("boxes.xy: float32[N=2..6:2, 4]; levels.0: float32[L=3..9, 4]", "k: int64[N] in 0..2; flip = True")
    inputs = [word for text in described for word in ("--input", text)]
    ran = cli("src", "--fix", *FAST[:3], "--output-format", "json", "--prove", "src/net.py:Net", *inputs)
    told = json.loads(ran.out)
    assert told["findings"] == []
    (repair,) = told["repairs"]
    assert (repair["code"], repair["verdict"], repair["models"]) == ("CVL202", "proven", ["src/net.py:Net"])
    (proved,) = told["models"]
    assert {"N=2", "N=6", "L=9", "N=6, L=9"} <= set(proved["compared"]["gradients"])
    assert not any(name in proved["compared"]["outputs"] for name in ("N=1", "N=3", "L=1", "L=12"))
    assert proved["routes"]["jit_trace"]["after"]["level"] == "harmless"
    assert "x.shape" not in Path("src/net.py").read_text()
    assert "n = boxes['xy'].shape[0] if flip else 0" in Path("src/net.py").read_text()


def test_models_of_the_configuration_and_inputs_of_a_function(cli: Cli) -> None:
    import torch

    helper = HEADER + "def rows(x):\n    return int(x.shape[0])\n\n\ndef other(x):\n    return int(x.shape[0])\n"
    net = model("return self.layer(x).reshape(rows(x), -1)", init=("self.layer = nn.Linear(width, width)",))
    net = net.replace("__init__(self)", "__init__(self, width)").replace(
        "from torch", "from helper import rows\nfrom torch"
    )
    write(
        Path(),
        {
            "src/helper.py": helper,
            "src/net.py": net,
            "src/data.py": "import torch\n\ndef given():\n    yield from (torch.rand(n, 6) for n in (2, 5))\n",
            "convlint.toml": """
                exporter = "torchscript"

                [[models]]
                name = "small"
                factory = "net:Net"
                arguments = {width = 4}
                weights = "small.pt"

                [[models]]
                factory = "src/net.py:Net"
                arguments = [6]
                inputs = "data:given"
                """,
        },
    )
    torch.save({"state_dict": torch.nn.Linear(4, 4).state_dict()}, "small.pt")
    ran = cli("src/helper.py", "--fix", "--prove", "all")
    assert "small.pt: are not the weights of this model: they lack `layer.weight`, `layer.bias`" in ran.err
    assert ran.code == 2
    torch.save({f"layer.{name}": value for name, value in torch.nn.Linear(4, 4).state_dict().items()}, "small.pt")
    ran = cli("src/helper.py", "--fix", "--prove", "all")
    assert Path("src/helper.py").read_text() == helper.replace("int(x.shape[0])", "x.shape[0]", 1)
    assert Path("src/net.py").read_text() == net
    assert "src/net.py:Net on data:given (float32[2, 6])" in ran.out
    assert "small on x: float32[N=2, 4]" in ran.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--prove", "shop.nett:Net"), "there is no module `shop.nett`; did you mean `shop.net`?"),
        (("--prove", "all"), "no model is configured; add a [[tool.convlint.models]] table"),
        (("--prove", "net"), "there is no model `net` in the configuration; write `package.module:name`"),
        (
            ("--prove", "shop.net:Net", "--input", "x: float32[2, 5]"),
            "fails on the inputs that it is given: RuntimeError",
        ),
        (("--prove", "shop.net:Net", "--inputs", "a:b", "--input", "x: float32[2]"), "contradict each other"),
        (("--input", "x: float32[2]"), "are those of the model that --prove names; add it"),
    ],
)
def test_what_cannot_be_run_ends_with_2_and_writes_nothing(cli: Cli, arguments: tuple[str, ...], message: str) -> None:
    write(Path(), {"shop/__init__.py": "", "shop/net.py": SIZES})
    ran = cli("shop", "--fix", *FAST, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert Path("shop/net.py").read_text() == SIZES


def prove(folder: Path, seconds: float) -> api.ProveResult:
    layer = Layer(Options(exporter="torchscript"), "test", folder)
    return api.prove([folder], Configuration([layer], isolated=True), models=[f"{folder}/net.py:Net"], seconds=seconds)


def test_a_model_that_hangs_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    source = SIZES.replace("        n = ", "        while len(x) == 2:\n            time.sleep(0.1)\n        n = ")
    (tmp_path / "net.py").write_text(source)
    with pytest.raises(Exception, match=r"no end within 12 s at .*net\.py:13"):
        prove(tmp_path, 12)
    assert (tmp_path / "net.py").read_text() == source


def test_an_exporter_that_hangs_is_no_reason_against_a_repair(tmp_path: Path) -> None:
    source = SIZES.replace(
        "        n = ", "        while torch.onnx.is_in_onnx_export():\n            time.sleep(0.1)\n        n = "
    )
    (tmp_path / "net.py").write_text(source)
    result = prove(tmp_path, 20)
    assert (tmp_path / "net.py").read_text() == source.replace("int(x.shape[0])", "x.shape[0]")
    outcome = result.models[0].after.outcomes["onnx_torchscript"]
    assert (outcome.message, Path(outcome.place).name) == ("no end within 20 s", "net.py:13")


def test_a_model_that_is_run_from_elsewhere_leaves_the_files_alone(cli: Cli) -> None:
    write(Path(), {"a/net.py": SIZES, "b/net.py": SIZES})
    ran = cli("a", "--fix", *FAST, "--prove", "b/net.py:Net")
    assert Path("a/net.py").read_text() == SIZES
    assert said(ran, "not exercised") == ["no model runs this line"]
    assert ran.code == 1
