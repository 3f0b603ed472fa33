"""``convlint dev new-rule``: from the command to a rule that finds something."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import convlint_rules
import pytest
from conftest import Cli, Install

from convlint.rule import _packs, registry
from convlint.testing import check_fix, check_rule

PACK = "from convlint.rule import rules_in\n\n\ndef pack():\n    return rules_in(__name__)\n"
MODULE = "import torch\nfrom torch import nn\n\n\nclass Model(nn.Module):\n    def forward(self, x):\n        return "


@pytest.fixture
def package(install: Install) -> Path:
    return install(PACK).parent


def new_rule(cli: Cli, code: str, name: str, package: Path) -> Path:
    ran = cli("dev", "new-rule", code, name, "--package", str(package))
    assert (ran.code, ran.err) == (0, "")
    path = Path(ran.out.splitlines()[0].removeprefix("Wrote ").rstrip("."))
    _packs.cache_clear()
    sys.modules.pop(f"{package.name}.{path.stem}", None)
    return path


def fill(path: Path, package: Path, *changes: tuple[str, str]):
    """The rule after changes to its file."""
    text = path.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    sys.modules.pop(f"{package.name}.{path.stem}", None)
    _packs.cache_clear()
    return registry()["ACME101"]


def test_a_new_rule_is_found_and_its_test_says_what_is_missing_until_it_is_filled_in(cli: Cli, package: Path) -> None:
    path = new_rule(cli, "ACME101", "no-item", package)
    assert path == package / "no_item.py"
    assert cli("rule", "no-item", "--output-format", "markdown").out.startswith("# no-item (ACME101)\n")
    with pytest.raises(AssertionError, match=r"ACME101: write the section What it does of its docstring"):
        check_rule(registry()["ACME101"])
    words = [(line, line.partition("TODO")[0]) for line in path.read_text().splitlines() if "    TODO" in line]
    rule = fill(path, package, *words, ("fix: TODO why;", "fix;"), ("- TODO: an issue", "- an issue"))
    with pytest.raises(AssertionError, match=r"ACME101: line 7 is marked, but nothing harmful is found there"):
        check_rule(rule)
    found = 'return self.finding(event, "found", None, context) if event.how == "item" else None'
    rule = fill(
        path, package, ("x * 2  # <-", "x / x.max().item()  # <-"), ("return None", found), (' inputs="', ' title="')
    )
    check_rule(rule)


def test_a_finding_on_the_good_side_fails_the_test(cli: Cli, package: Path) -> None:
    path = new_rule(cli, "ACME101", "no-item", package)
    found = 'return self.finding(event, "found", None, context)'
    rule = fill(path, package, ("x * 2", "x / x.max().item()"), ("return None", found), ("TODO", ""))
    with pytest.raises(AssertionError, match=r"good, line 7: ACME101 found"):
        check_rule(rule)
    check_fix(rule, rule.examples[0])


def test_a_rule_of_the_built_in_pack_stands_in_the_folder_of_its_family(cli: Cli, tmp_path: Path) -> None:
    pack = tmp_path / "convlint_rules"
    shutil.copytree(Path(convlint_rules.__file__).parent, pack, ignore=shutil.ignore_patterns("__pycache__"))
    path = new_rule(cli, "CVL399", "odd-loop", pack)
    assert path == pack / "control_flow" / "odd_loop.py"
    command = [sys.executable, "-m", "convlint", "rule", "CVL399"]
    root = str(Path(__file__).parents[1])
    env = {"PYTHONPATH": f"{tmp_path}:{root}", "PATH": ""}
    ran = subprocess.run(command, env=env, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert "odd-loop (CVL399)" in ran.stdout
    assert "In preview" in ran.stdout


@pytest.mark.parametrize(
    ("code", "name", "words"),
    [
        ("ACME101", "other-name", ["ACME101 is taken by first-rule"]),
        ("ACME102", "first-rule", ["first-rule is taken by ACME101"]),
        ("ACME102", "branch-on-value", ["branch-on-value is taken by CVL301"]),
        ("CVL301", "other-name", ["CVL301 is taken by branch-on-value"]),
        ("CVL398", "other-name", ["codes like ACME101"]),
        ("ACME1102", "other-name", ["codes like ACME101"]),
        ("acme102", "other-name", ["`acme102` is no code", "`ACME101`"]),
        ("ACME102", "OtherName", ["`OtherName` is no name", "`branch-on-value`"]),
        ("ACME102", "there-is-one", ["there_is_one.py: is there already"]),
    ],
)
def test_what_is_taken_or_wrong_is_named(cli: Cli, package: Path, code: str, name: str, words: list[str]) -> None:
    new_rule(cli, "ACME101", "first-rule", package)
    (package / "there_is_one.py").write_text("")
    before = sorted(package.rglob("*.py"))
    ran = cli("dev", "new-rule", code, name, "--package", str(package))
    assert (ran.code, ran.out) == (2, "")
    assert all(word in ran.err for word in words)
    assert sorted(package.rglob("*.py")) == before


def test_families_are_folders_where_a_package_has_some(cli: Cli, package: Path) -> None:
    for folder in ("shapes", "calls"):
        (package / folder).mkdir()
        (package / folder / "__init__.py").write_text("")
    new_rule(cli, "ACME101", "first-rule", package / "shapes")
    new_rule(cli, "ACME201", "first-call", package / "calls")
    assert new_rule(cli, "ACME202", "second-call", package) == package / "calls" / "second_call.py"
    ran = cli("dev", "new-rule", "ACME301", "third-thing", "--package", str(package))
    assert ran.code == 2
    assert "begins with ACME3; families are ACME1 (shapes), ACME2 (calls); for a new one make its folder" in ran.err


def test_an_unused_pack_may_not_take_the_letters_of_another(cli: Cli, package: Path) -> None:
    ran = cli("dev", "new-rule", "CVL398", "other-name", "--package", str(package))
    assert ran.code == 2
    assert "codes like CVL398 are those of convlint_rules; choose letters of your own" in ran.err


@pytest.mark.parametrize(
    ("arguments", "word", "command"),
    [([], "Missing command", "dev"), (["new-rule", "ACME101"], "NAME", "dev new-rule")],
)
def test_a_command_that_is_not_whole(cli: Cli, arguments: list[str], word: str, command: str) -> None:
    ran = cli("dev", *arguments)
    assert ran.code == 2
    assert word in ran.err
    assert f"`convlint {command} --help`" in ran.err


def test_a_folder_that_is_no_package(cli: Cli, tmp_path: Path) -> None:
    ran = cli("dev", "new-rule", "ACME101", "first-rule")
    assert ran.code == 2
    assert "rules/convlint_rules: is no Python package; name the folder of your rules with --package" in ran.err
