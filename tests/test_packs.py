"""Rules of third parties: installed, selected, silenced, explained; and packs that are broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Cli, Install

PACK = """
from convlint.events import Call
from convlint.rule import Rule


class NoSystem(Rule):
    '''
    ## What it does
    Finds calls of `os.system`.
    '''

    code, name, since = "ACME001", "no-system", "3.2"
    events, callees = (Call,), ("os.system",)

    def check(self, event, context):
        return self.finding(event, "`os.system` starts a shell; use `subprocess.run`", None, context)


def pack():
    return [NoSystem]
"""
SCRIPT = "import os\n\nos.system('ls'){}\n"


@pytest.fixture
def lint(cli: Cli, tmp_path: Path):
    def call(*arguments: str, comment: str = "") -> tuple[int, list[str]]:
        (tmp_path / "script.py").write_text(SCRIPT.format(comment and f"  {comment}"))
        ran = cli("script.py", "--isolated", "--output-format", "json", *arguments)
        assert ran.err == ""
        return ran.code, [found["code"] for found in json.loads(ran.out)]

    return call


def test_an_installed_pack_is_on(install: Install, lint) -> None:
    install(PACK)
    assert lint() == (1, ["ACME001"])


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--select", "ACME"], True),
        (["--select", "ACME001"], True),
        (["--select", "ALL"], True),
        (["--select", "CVL"], False),
        (["--select", "CVL", "--extend-select", "ACME001"], True),
        (["--ignore", "ACME"], False),
        (["--per-file-ignores", "script.py:ACME001"], False),
        (["--exporter", "dynamo", "--target", "tensorrt"], True),
    ],
)
def test_foreign_codes_are_selected_as_all_others(install: Install, lint, options: list[str], found: bool) -> None:
    install(PACK)
    assert lint(*options) == (int(found), ["ACME001"] * found)


@pytest.mark.parametrize(
    ("comment", "left"),
    [
        ("# convlint: ignore[ACME001] our build", []),
        ("# convlint: ignore[ACME] our build", []),
        ("# noqa: ACME001", []),
        ("# noqa: E501, ACME001", []),
        ("# noqa: E501", ["ACME001"]),
        ("# convlint: ignore[ACME002]", ["ACME001", "CVL004"]),
    ],
)
def test_foreign_codes_are_silenced_as_all_others(install: Install, lint, comment: str, left: list[str]) -> None:
    install(PACK)
    assert lint(comment=comment)[1] == left


def test_a_comment_of_another_linter_is_left_alone(install: Install, lint) -> None:
    install(PACK)
    assert lint("--ignore", "ACME", comment="# noqa: E501, ABC123")[1] == []


def test_ignores_are_written_for_foreign_codes(install: Install, lint, cli: Cli, tmp_path: Path) -> None:
    install(PACK)
    lint()
    assert cli("script.py", "--isolated", "--add-ignores").out == "Added 1 suppression.\n"
    assert "os.system('ls')  # convlint: ignore[ACME001]\n" in (tmp_path / "script.py").read_text()
    assert cli("script.py", "--isolated").code == 0


def test_a_foreign_rule_is_explained(install: Install, cli: Cli) -> None:
    install(PACK)
    for word in ("ACME001", "no-system"):
        page = cli("rule", word, "--output-format", "markdown").out
        assert page.startswith("# no-system (ACME001)\n\nSince version 3.2.\n\n## What it does\nFinds calls of")
    told = json.loads(cli("rule", "ACME001", "--output-format", "json").out)
    assert (told["code"], told["pack"]) == ("ACME001", "acme_rules")
    assert "ACME001" in [one["code"] for one in json.loads(cli("rule", "--all", "--output-format", "json").out)]


# --- packs that are broken -----------------------------------------------------------------------------------------


def broken(cli: Cli, tmp_path: Path, *options: str) -> dict[str, object]:
    """What is said of the pack in a run that finds something else besides."""
    (tmp_path / "export.py").write_text("import torch\ntorch.onnx.export(m, x, 'm.onnx', example_outputs=y)\n")
    ran = cli("export.py", "--isolated", "--output-format", "json", *options)
    assert (ran.code, ran.err) == (1, "")
    codes = {found["code"]: found for found in json.loads(ran.out)}
    assert set(codes) == {"CVL005", "CVL907"}
    return codes["CVL005"]


def test_a_pack_that_raises_is_named_at_its_line_and_the_run_goes_on(
    install: Install, cli: Cli, tmp_path: Path
) -> None:
    path = install("import convlint\n\nraise RuntimeError('no licence')\n")
    found = broken(cli, tmp_path)
    assert "`acme` (acme_rules:pack) cannot be loaded (RuntimeError: no licence)" in str(found["message"])
    assert (found["filename"], found["location"]) == (str(path), {"row": 3, "column": 1})


def test_a_preflight_names_it_too(install: Install, cli: Cli, tmp_path: Path) -> None:
    install("raise RuntimeError('no licence')\n")
    (tmp_path / "net.py").write_text("import torch\n\nnet = torch.nn.ReLU()\n")
    ran = cli("preflight", "net.py:net", "--input", "x: float32[2]", "--exporter", "torchscript", "--isolated")
    assert "CVL005 rule pack `acme` (acme_rules:pack) cannot be loaded (RuntimeError: no licence)" in ran.out
    assert ran.code == 1


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("def pack(:\n", "SyntaxError"),
        ("import acme_missing\n", "ModuleNotFoundError: No module named 'acme_missing'"),
        ("def other(): ...\n", "AttributeError"),
        ("def pack():\n    return 1 / 0\n", "ZeroDivisionError"),
        ("def pack():\n    return None\n", "TypeError"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
    ],
)
def test_packs_that_cannot_be_loaded(install: Install, cli: Cli, tmp_path: Path, source: str, why: str) -> None:
    install(source)
    assert f"cannot be loaded ({why}" in str(broken(cli, tmp_path)["message"])


def test_a_pack_that_is_not_there_is_named_where_its_entry_point_stands(
    install: Install, cli: Cli, tmp_path: Path
) -> None:
    install("", entry="acme_gone:pack")
    found = broken(cli, tmp_path)
    assert "ModuleNotFoundError: No module named 'acme_gone'" in str(found["message"])
    assert Path(str(found["filename"])).name == "entry_points.txt"


def test_one_broken_pack_leaves_the_others(install: Install, lint) -> None:
    install("raise ValueError\n", name="broken", module="broken_rules", entry="broken_rules:pack")
    install(PACK)
    assert sorted(lint()[1]) == ["ACME001", "CVL005"]


def test_codes_of_a_broken_pack_are_no_mistake(install: Install, lint) -> None:
    install("raise ValueError\n")
    assert lint("--select", "ACME001,CVL0", comment="# convlint: ignore[ACME001] our build") == (1, ["CVL005"])


def test_what_is_said_of_packs_can_be_ignored(install: Install, lint) -> None:
    install("raise ValueError\n")
    assert lint("--ignore", "CVL005") == (0, [])


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("code = 'CVL301'", "has the code CVL301 of `convlint_rules.control_flow.branch_on_value.BranchOnValue`"),
        ("code = 'acme-1'", "has the code 'acme-1'; write capital letters and a number, like `ACME101`"),
        ("del callees, events", "lacks `name` or the tuple `events`"),
        ("events = ('Call',)", "has something else than classes of `convlint.events` among its `events`"),
        ("callees = ('os.system')", "has a text for `callees` or `attributes`; write a tuple of names"),
        ("def __init__(self, option): ...", "cannot be made without arguments (TypeError: "),
        ("status = 'beta'", "has the status 'beta'; known are preview, stable, deprecated, removed"),
    ],
)
def test_a_rule_that_cannot_run_is_left_out(install: Install, cli: Cli, tmp_path: Path, code: str, why: str) -> None:
    path = install(PACK.replace("    def check", f"    {code}\n\n    def check"))
    found = broken(cli, tmp_path)
    assert f"`NoSystem` of rule pack `acme` {why}" in str(found["message"])
    assert (found["filename"], found["location"]) == (str(path), {"row": 6, "column": 1})


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("raise KeyError('x')", "KeyError: 'x' at __init__.py:16"),
        ("return 'os.system'", "TypeError: `check` returned a str, no finding"),
    ],
)
def test_a_rule_that_raises_is_named_with_its_pack(
    install: Install, cli: Cli, tmp_path: Path, statement: str, why: str
) -> None:
    install(PACK.replace("return self.finding", f"{statement}\n        return self.finding"))
    (tmp_path / "script.py").write_text(SCRIPT.format(""))
    ran = cli("script.py", "--isolated", "--output-format", "concise")
    assert ran.code == 1
    assert "CVL005" in ran.out
    assert f"rule ACME001 failed here ({why}" in ran.out
    assert "report it to the authors of `acme_rules`" in ran.out


def test_a_fix_that_is_none_leaves_the_finding(install: Install, cli: Cli, tmp_path: Path) -> None:
    fixable = (
        "context, fixable=Applicability.safe)\n\n    def fix(self, event, context):\n        return 'subprocess.run'"
    )
    install(
        "from convlint.findings import Applicability\n"
        + PACK.replace("context)\n\n\ndef pack", f"{fixable}\n\n\ndef pack")
    )
    (tmp_path / "script.py").write_text(SCRIPT.format(""))
    ran = cli("script.py", "--isolated", "--output-format", "concise", "--fix", "-q")
    assert (ran.code, ran.err) == (1, "")
    assert "ACME001" in ran.out
    assert (tmp_path / "script.py").read_text() == SCRIPT.format("")
