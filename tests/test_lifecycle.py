"""From preview to removed: what a user is told of a rule's state, and what old codes still do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Cli, Install
from convlint_rules.examples import forward

from convlint.config import Configuration, Layer, Options

PACK = """
from convlint.events import LeavesGraph
from convlint.findings import Harm, Level
from convlint.rule import rules_in


from convlint.rule import Rule


class Stable(Rule):
    '''
    ## What it does
    Finds conversions.
    '''

    code, name, events = "ACME101", "a-conversion", (LeavesGraph,)
    formerly = ("ACME009",)

    def check(self, event, context):
        return self.finding(event, f"{self.name} is found", Harm(Level.wrong), context)


class Preview(Stable):
    code, name, status, formerly = "ACME102", "not-yet", "preview", ()


class Deprecated(Stable):
    code, name, status, formerly = "ACME103", "not-for-long", "deprecated", ()
    reason = "ACME101 finds the same."


class Removed(Rule):
    '''
    ## What it does
    Found conversions.
    '''

    code, name, status, events = "ACME104", "no-more", "removed", ()
    reason = "torch 2.9 exports it."


def pack():
    return [Stable, Preview, Deprecated, Removed]
"""
LINE = "return x / x.max().item()"


@pytest.fixture
def found(install: Install, cli: Cli, tmp_path: Path):
    """Lints one line: exit code, codes found, and what stands on stderr."""
    install(PACK)

    def call(*arguments: str, comment: str = "") -> tuple[int, list[str], str]:
        (tmp_path / "model.py").write_text(forward(f"{LINE}  {comment}".rstrip()))
        ran = cli("model.py", "-q", "--output-format", "concise", *arguments)
        return ran.code, re.findall(r"(?:error|warning) ([A-Z]+\d+)", ran.out), ran.err

    return call


def test_what_runs_by_default(found) -> None:
    assert found("--ignore", "CVL") == (1, ["ACME101", "ACME103"], "")


def test_preview_needs_its_option_and_says_so(found) -> None:
    code, codes, said = found("--select", "ACME102")
    assert (code, codes) == (0, [])
    assert said == "warning: selecting `ACME102` has no effect, because it is in preview; pass --preview\n"
    assert found("--select", "ACME102", "--preview") == (1, ["ACME102"], "")
    assert found("--select", "ACME", "--preview")[1] == ["ACME101", "ACME102", "ACME103"]


def test_preview_may_be_switched_on_by_a_file(found, tmp_path: Path) -> None:
    (tmp_path / "convlint.toml").write_text("preview = true\n")
    assert found("--select", "ACME102") == (1, ["ACME102"], "")


def test_a_deprecated_rule_works_and_warns_where_it_is_named(found) -> None:
    code, codes, said = found("--select", "ACME103")
    assert (code, codes) == (1, ["ACME103"])
    assert said == "warning: rule `ACME103` is deprecated and will be removed: ACME101 finds the same.\n"
    assert found("--select", "ACME")[2] == ""


def test_the_old_code_of_a_renamed_rule_selects_it(found) -> None:
    code, codes, said = found("--select", "ACME009")
    assert (code, codes) == (1, ["ACME101"])
    assert said == "warning: command line: `ACME009` is called ACME101 now; write that\n"
    assert found("--select", "ACME10", "--ignore", "ACME009")[1] == ["ACME103"]


def test_a_file_with_an_old_code_is_named(found, tmp_path: Path) -> None:
    (tmp_path / "convlint.toml").write_text("select = ['ACME']\nper-file-ignores = {'*.py' = ['ACME009']}\n")
    code, codes, said = found()
    assert (code, codes) == (1, ["ACME103"])
    assert said == f"warning: {tmp_path / 'convlint.toml'}: `ACME009` is called ACME101 now; write that\n"


def test_a_removed_rule_cannot_be_selected_and_need_not_be_ignored(found) -> None:
    code, codes, said = found("--select", "ACME104")
    assert (code, codes) == (2, [])
    assert "rule `ACME104` was removed and cannot be selected: torch 2.9 exports it." in said
    code, codes, said = found("--select", "ACME", "--ignore", "ACME104")
    assert codes == ["ACME101", "ACME103"]
    assert "rule `ACME104` was removed, so that naming it has no effect: torch 2.9 exports it." in said


@pytest.mark.parametrize("comment", ["# convlint: ignore[{}] as meant", "# noqa: {}"])
def test_comments_with_the_old_code_still_silence_and_are_corrected(found, tmp_path: Path, comment: str) -> None:
    code, codes, _ = found("--select", "ACME101,CVL0", comment=comment.format("ACME009"))
    assert (code, codes) == (1, ["CVL004"])
    assert found("--select", "ACME101,CVL0", "--fix", comment=comment.format("ACME009"))[:2] == (0, [])
    assert f"{LINE}  {comment.format('ACME101')}" in (tmp_path / "model.py").read_text()


def test_a_comment_with_the_code_of_a_removed_rule_says_why_and_is_taken_away(found, cli: Cli, tmp_path: Path) -> None:
    comment = "# convlint: ignore[ACME104, CVL202] as meant"
    assert found("--select", "CVL", comment=comment)[1] == ["CVL004"]
    assert "`ACME104` was removed: torch 2.9 exports it; remove it here too" in cli("model.py").out
    found("--select", "CVL", "--fix", comment=comment)
    assert f"{LINE}  # convlint: ignore[CVL202] as meant" in (tmp_path / "model.py").read_text()


def test_a_baseline_excuses_by_the_old_code(found, tmp_path: Path) -> None:
    found("--select", "ACME101", "--write-baseline", "old.json")
    (tmp_path / "old.json").write_text((tmp_path / "old.json").read_text().replace("ACME101", "ACME009"))
    assert found("--select", "ACME101", "--baseline", "old.json") == (0, [], "")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ACME102", ["In preview", "--preview"]),
        ("ACME103", ["Deprecated", "ACME101 finds the same."]),
        ("ACME104", ["Removed", "torch 2.9 exports it."]),
        ("ACME009", ["a-conversion (ACME101)", "ACME009"]),
    ],
)
def test_a_page_says_in_which_state_its_rule_is(found, cli: Cli, code: str, words: list[str]) -> None:
    page = " ".join(cli("rule", code, "--output-format", "markdown").out.split())
    assert all(word in page for word in words)


def test_a_program_that_reads_settings_is_warned_as_python_warns(install: Install, tmp_path: Path) -> None:
    install(PACK)
    layer = Layer(Options(select=["ACME009"]), "test", tmp_path)
    with pytest.warns(UserWarning, match="`ACME009` is called ACME101 now"):
        assert Configuration([layer], isolated=True).settings(tmp_path).select == ("ACME101",)
