"""What a configuration names as entered by an exporter, and what it excludes."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Agree, Cli
from convlint_rules.examples import forward

LEAVES = "return x / x.max().item()"
FOUND = f"{LEAVES}  # CVL202"


def method(signature: str = "encode(self, x)", head: str = "class Net(nn.Module):") -> str:
    return f"import torch\nfrom torch import nn\n\n\n{head}\n    def {signature}:\n        {FOUND}\n"


@pytest.mark.parametrize(
    "signature",
    ["peak(x)", "_peak(x)", "peak_loss(x)", "init_weights(x)", "evaluate(x: torch.Tensor)", "peak(x) -> float"],
)
def test_a_function_is_entered_whatever_it_looks_like(agree: Agree, signature: str) -> None:
    source = f"import torch\n\n\ndef {signature}:\n    {LEAVES}\n"
    agree(source)
    agree(source.replace(LEAVES, FOUND), entry_points=[f"model:{signature.partition('(')[0]}"])


@pytest.mark.parametrize("path", ["losses/ops.py", "tests/test_ops.py", "src/data/transforms.py"])
def test_a_class_is_entered_wherever_it_stands(agree: Agree, path: str) -> None:
    source = {path: method("forward(self, x)", "class FocalLoss(nn.Module):")}
    name = path.removeprefix("src/").removesuffix(".py").replace("/", ".")
    agree({path: source[path].replace("  # CVL202", "")})
    agree(source, entry_points=[f"{name}:FocalLoss"])


def test_transforms_are_of_data_where_they_read_images_or_sounds(agree: Agree) -> None:
    flow = method("forward(self, x)", "class Flow(nn.Module):")
    package = {"flows/__init__.py": "", "flows/transforms/__init__.py": ""}
    agree(package | {"flows/transforms/affine.py": flow, "flows/transforms/base.py": "import numpy\n"})
    flow = flow.replace("  # CVL202", "")
    agree(package | {"flows/transforms/affine.py": flow, "flows/transforms/io.py": "import PIL.Image\n"})
    agree({"transform.py": "import PIL.Image\n" + flow})


@pytest.mark.parametrize("name", ["BenchTrain", "Trainer", "FocalLoss"])
def test_what_trains_a_model_is_not_exported(agree: Agree, name: str) -> None:
    agree(method("forward(self, x)", f"class {name}(nn.Module):").replace("  # CVL202", ""))
    agree(method("forward(self, x)", "class BertForPreTraining(nn.Module):"))


@pytest.mark.parametrize(
    ("source", "name"),
    [
        (method(), "Net.encode"),
        (method("forward(self, x)"), "Net"),
        (method("__call__(self, x)", "class Net:"), "Net"),
        (method("encode(x)").replace("    def", "    @staticmethod\n    def"), "Net.encode"),
        (method("encode(cls, x)").replace("    def", "    @classmethod\n    def"), "Net.encode"),
        (method() + "\n\nclass Other(Net):\n    pass\n", "Other.encode"),
        (method() + "\n\nmodel = Net()\n", "model.encode"),
        (method("__call__(self, x)", "class Net:") + "\n\nmodel = Net()\n", "model"),
        (method() + "\n\nrun = Net.encode\n", "run"),
        ("class Outer:\n    class Inner:\n        def run(self, x):\n            " + FOUND + "\n", "Outer.Inner.run"),
        ("if True:\n    def peak(x):\n        " + FOUND + "\n", "peak"),
        ("peak = lambda x: x / x.max().item()  # CVL202\n", "peak"),
    ],
)
def test_a_name_is_a_function_a_method_or_a_class(agree: Agree, source: str, name: str) -> None:
    agree(source, entry_points=[f"model:{name}"])


def test_a_name_that_is_imported_leads_to_its_definition(agree: Agree) -> None:
    source = {"pkg/__init__.py": "from .ops import _peak as peak\n", "pkg/ops.py": f"def _peak(x):\n    {FOUND}\n"}
    agree(source, entry_points=["pkg:peak"])


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("x", "CVL301"),
        ("x: torch.Tensor", "CVL301"),
        ("x=None", ""),
        ("x=2", ""),
        ("x: int", ""),
        ("x: 'Config'", ""),
    ],
)
def test_a_parameter_is_a_tensor_unless_something_says_otherwise(agree: Agree, parameter: str, code: str) -> None:
    mark = f"  # {code}" if code else ""
    agree(
        f"import torch\n\n\ndef run({parameter}):\n    if x > 0:{mark}\n        return x\n", entry_points=["model:run"]
    )


def test_what_is_excluded_is_not_entered_by_itself(agree: Agree) -> None:
    for pattern in ("model:Model", "model:Model.forward", "model:M*", "model", "mod*", "*"):
        agree(forward(LEAVES), exclude_entry_points=[pattern])
    for pattern in ("model:Mod", "other.*", "model:*.backward", "models"):
        agree(forward(FOUND), exclude_entry_points=[pattern])


def test_a_function_of_tensors_is_excluded_by_its_name(agree: Agree) -> None:
    source = f"import torch\n\n\ndef peak(x: torch.Tensor) -> torch.Tensor:\n    {LEAVES}\n"
    agree(source, exclude_entry_points=["model:peak"])


def test_what_is_excluded_is_traced_where_a_model_calls_it(agree: Agree) -> None:
    other = forward("return self.net(x)", init="self.net = Net()").replace("class Model", "class Other")
    agree(method("forward(self, x)") + "\n\n" + other, exclude_entry_points=["model:Net"])


def test_what_is_named_wins_over_what_is_excluded(agree: Agree) -> None:
    source = {"a.py": method("forward(self, x)"), "b.py": forward(LEAVES)}
    agree(source, entry_points=["a:Net"], exclude_entry_points=["*"])


def test_modules_without_init_are_named_from_the_configuration(agree: Agree) -> None:
    agree({"nets/one.py": f"def run(x):\n    {FOUND}\n"}, entry_points=["nets.one:run"])
    agree({"nets/one.py": forward(LEAVES)}, exclude_entry_points=["nets.*"])


# --- from the command line ---------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "src/pkg"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "ops.py").write_text(f"def scale(x):\n    {LEAVES}\n")
    (package / "run.py").write_text("from pkg.ops import scale\n\n\ndef infer(x):\n    return scale(x) * x.item()\n")
    (tmp_path / "convlint.toml").write_text("entry-points = ['pkg.run:infer']\noutput-format = 'concise'\n")
    return tmp_path


def test_an_entry_point_outside_the_given_files_is_followed_into_them(cli: Cli, project: Path) -> None:
    ran = cli("src/pkg/ops.py")
    assert (ran.code, ran.err) == (1, "")
    assert ran.out.splitlines()[0].startswith("src/pkg/ops.py:2:16: error CVL202")
    assert "run.py" not in ran.out
    assert cli("src", "--isolated").code == 0


def test_the_command_line_names_entry_points_too(cli: Cli, project: Path) -> None:
    assert cli("src", "--config", "entry-points = []").code == 0
    assert cli("src", "--isolated", "--config", "entry-points = ['pkg.ops:scale']").code == 1


def test_text_on_stdin_is_entered_in_place_of_its_file(cli: Cli, project: Path) -> None:
    text = "def infer(x):\n    return int(x.sum())\n"
    ran = cli("-", "--stdin-filename", "src/pkg/run.py", stdin=text)
    assert ran.out.startswith("src/pkg/run.py:2:12: error CVL202")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pkg.runs:infer", ["no module `pkg.runs`", "src", "did you mean `pkg.run`?"]),
        ("pkg.run:infr", ["`infr` is not in", "run.py", "did you mean `infer`?"]),
        ("pkg.run:infer.more", ["`infer.more`", "no function or class"]),
        ("pkg.net:Net", ["`Net` has no `forward` and no `__call__`", "`pkg.net:Net.method`"]),
        ("pkg.net:Net.encod", ["`encod` is no method of `Net`", "did you mean `encode`?"]),
        ("pkg.net:nn", ["`nn`", "no function or class"]),
        ("pkg.net:compiled", ["`compiled`", "no function or class"]),
    ],
)
def test_a_name_that_leads_nowhere_ends_the_run(cli: Cli, project: Path, name: str, words: list[str]) -> None:
    (project / "src/pkg/net.py").write_text(
        method().replace("  # CVL202", "") + "\n\ncompiled = torch.compile(Net())\n"
    )
    (project / "convlint.toml").write_text(f"entry-points = ['{name}']\n")
    ran = cli("src")
    assert (ran.code, ran.out) == (2, "")
    assert all(word in ran.err for word in [str(project / "convlint.toml"), f"`{name}`", *words])


def test_an_entry_point_in_a_file_that_does_not_parse_is_reported_as_such(cli: Cli, project: Path) -> None:
    (project / "src/pkg/run.py").write_text("def infer(:\n")
    assert "CVL001" in cli("src").out
    assert cli("src/pkg/ops.py").code == 0


@pytest.mark.parametrize("name", ["inference", "infer"])
def test_what_stands_in_for_forward_after_training_is_entered(agree: Agree, name: str) -> None:
    source = method(f"{name}(self, x)") + "\n    def forward(self, x):\n        return x\n"
    agree(source)
    agree(source.replace("  # CVL202", ""), exclude_entry_points=[f"model:Net.{name}"])
    agree(method(f"{name}(self, x)", "class Tool:").replace("  # CVL202", ""))
