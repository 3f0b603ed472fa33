"""What must hold for all rules together."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path

import convlint_rules
import pytest

from convlint.config import Settings
from convlint.errors import UsageError
from convlint.findings import ROUTES, Harm, Level
from convlint.linter import lint
from convlint.proofs import digest, load, proofs_file
from convlint.report.docs import pages, write
from convlint.report.rule_page import SECTIONS
from convlint.rule import Example, Rule, registry
from convlint.source.document import Document
from convlint.trial import prove
from convlint.trial.job import Outcome, Reference, Trial

ROOT = Path(__file__).parents[2]
PACK = Path(convlint_rules.__file__).parent
RULES = [rule for rule in registry().values() if rule.__module__.startswith(f"{PACK.name}.")]
JUDGING = [rule for rule in RULES if rule.events]
KNOWN = {code for rule in RULES for code in (rule.code, *rule.formerly)}
EXAMPLES = [pytest.param(rule, one, id=f"{rule.code} {one.title}") for rule in RULES for one in rule.examples]
WRITTEN = {"What it does", "Why it breaks", "Fix safety", "References"}
"""The sections that the docstring of a rule has; the others of the template are made, or left out."""


def by_code(rules: list[type[Rule]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rule", rules, ids=[rule.code for rule in rules])


def test_codes_and_names_are_unique_and_well_formed() -> None:
    assert [code for code, rule in registry().items() if code != rule.code] == []
    assert [name for name, count in Counter(rule.name for rule in RULES).items() if count > 1] == []
    assert [rule.code for rule in RULES if not re.fullmatch(r"CVL\d{3}", rule.code)] == []
    assert [rule.name for rule in RULES if not re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)] == []


@by_code(JUDGING)
def test_a_docstring_has_its_sections_in_the_order_of_the_template(rule: type[Rule]) -> None:
    titles = re.findall(r"^## (.+)$", inspect.getdoc(rule) or "", re.MULTILINE)
    assert titles == [title for title in SECTIONS if title in titles]
    assert WRITTEN <= set(titles)
    assert "TODO" not in (rule.__doc__ or "")


@by_code(JUDGING)
def test_a_file_is_called_as_its_rule_and_stands_in_the_folder_of_its_family(rule: type[Rule]) -> None:
    package, folder, file = rule.__module__.split(".")
    assert (package, file) == (PACK.name, rule.name.replace("-", "_"))
    assert {other.code[:4] for other in JUDGING if other.__module__.split(".")[1] == folder} == {rule.code[:4]}
    assert {other.__module__.split(".")[1] for other in JUDGING if other.code[:4] == rule.code[:4]} == {folder}


def test_every_file_of_a_family_is_a_rule() -> None:
    files = {path.relative_to(PACK).with_suffix("") for path in PACK.glob("*/*.py") if path.name != "__init__.py"}
    assert files == {Path(*rule.__module__.split(".")[1:]) for rule in RULES}


@by_code([rule for rule in RULES if not rule.events])
def test_a_rule_about_files_says_what_it_does_and_why_it_matters(rule: type[Rule]) -> None:
    titles = re.findall(r"^## (.+)$", inspect.getdoc(rule) or "", re.MULTILINE)
    assert titles[:2] == ["What it does", "Why it breaks"]
    assert not rule.examples


@by_code([rule for rule in RULES if not rule.events and "## Example" in (rule.__doc__ or "")])
def test_the_example_of_a_rule_about_files_shows_it(rule: type[Rule]) -> None:
    bad, good = re.findall(r"```python\n(.*?)```", inspect.getdoc(rule) or "", re.DOTALL)
    for source, found in ((bad, True), (good, False)):
        findings = lint([], Settings(), stdin=Document("model.py", source)).findings
        assert (rule.code in {finding.code for finding in findings}) is found


@by_code([rule for rule in RULES if rule.status in ("deprecated", "removed")])
def test_a_rule_that_goes_says_why(rule: type[Rule]) -> None:
    assert rule.reason.endswith(".")


def test_no_rule_has_a_code_that_another_had_before() -> None:
    assert KNOWN - {rule.code for rule in RULES} == {old for rule in RULES for old in rule.formerly}


@by_code(JUDGING)
def test_the_docstring_speaks_of_a_fix_where_there_is_one(rule: type[Rule]) -> None:
    section = (inspect.getdoc(rule) or "").partition("## Fix safety")[2].partition("##")[0]
    fixes = {example.fix.name for example in rule.examples if example.fix}
    assert all(fix in section.lower() for fix in fixes)
    assert fixes or "no fix" in section or "squeeze()" in section


@by_code(JUDGING)
def test_a_rule_has_examples_and_each_states_a_harm_or_a_target(rule: type[Rule]) -> None:
    assert rule.examples
    assert all(one.inputs for one in rule.examples)
    assert all(one.harm.worst(ROUTES) or one.targets or not one.marked_rows for one in rule.examples)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_what_was_measured_is_what_the_example_states(rule: type[Rule], example: Example) -> None:
    shown = load(proofs_file(rule)).shown(rule, example)
    again = f"run `python -m convlint.trial.prove {rule.code}`"
    assert shown is not None, f"not measured; {again}"
    assert shown.source == digest(example), f"edited after it was measured; {again}"
    assert Harm(**{route: Level[name] for route, name in shown.harm.items()}) == example.harm


def test_every_proof_belongs_to_an_example() -> None:
    stored = {code: [one.title for one in shown] for code, shown in load(proofs_file(JUDGING[0])).rules.items()}
    assert stored == {rule.code: [one.title for one in rule.examples] for rule in RULES if rule.code in stored}
    assert set(stored) >= {rule.code for rule in JUDGING}


@pytest.mark.parametrize(("message", "seen"), [("x" * 160, "x" * 160), ("x" * 161, "x" * 159 + "…")])
def test_what_is_stored_of_a_long_message_shows_that_it_was_longer(message: str, seen: str) -> None:
    trial = Trial(Reference((), {}, {}), {"jit_trace": Outcome("jit_trace", Level.breaks, message)})
    assert prove.shown(JUDGING[0].examples[0], trial).why == {"jit_trace": seen}


def test_the_pages_of_the_rules_are_up_to_date() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs/rules").glob("*.md")}
    assert there == pages(), "run `make docs`"


def test_without_rules_no_page_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = tmp_path / "CVL101.md"
    kept.write_text("# chained-index-assignment\n", encoding="utf-8")
    monkeypatch.setattr("convlint.report.docs.registry", dict)
    with pytest.raises(UsageError, match="not installed"):
        write(tmp_path)
    assert kept.is_file()


@by_code(RULES)
def test_the_changelog_names_the_range_of_a_rule(rule: type[Rule]) -> None:
    files = [ROOT / "CHANGELOG.md", *sorted((ROOT / "docs/changes").glob("*.md"))]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    ranges = re.findall(r"(CVL\d{3})(?: (?:to|and) (CVL\d{3}))?", text)
    assert any(first <= rule.code <= (last or first) for first, last in ranges)


@pytest.mark.parametrize("file", ["CHANGELOG.md", "CONTRIBUTING.md", "README.md", "pyproject.toml", "docs/screen.svg"])
def test_no_text_names_a_rule_that_there_is_not(file: str) -> None:
    named = set(re.findall(r"CVL\d{3}", (ROOT / file).read_text(encoding="utf-8")))
    assert named <= KNOWN


@by_code(RULES)
def test_no_docstring_names_a_rule_that_there_is_not(rule: type[Rule]) -> None:
    assert set(re.findall(r"CVL\d{3}", rule.__doc__ or "")) <= KNOWN


@by_code(JUDGING)
def test_a_good_side_and_a_bad_side_are_python_of_the_same_interface(rule: type[Rule]) -> None:
    for example in rule.examples:
        heads = [re.findall(r"def forward\(self.*\):", side) for side in (example.source, example.good)]
        assert len(heads[0]) == 1
        assert heads[0] == heads[1] or example.good_inputs
