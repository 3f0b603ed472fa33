"""What must hold for all rules together."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from pathlib import Path

import pytest

from convlint.findings import ROUTES, Harm, Level
from convlint.proofs import load, proofs_file
from convlint.report.docs import pages
from convlint.rule import Example, Rule, registry

ROOT = Path(__file__).parents[2]
RULES = list(registry().values())
JUDGING = [rule for rule in RULES if rule.events]
EXAMPLES = [pytest.param(rule, one, id=f"{rule.code} {one.title}") for rule in RULES for one in rule.examples]
SECTIONS = ["What it does", "Why it breaks", "Fix safety", "References"]


def by_code(rules: list[type[Rule]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rule", rules, ids=[rule.code for rule in rules])


def test_codes_and_names_are_unique_and_well_formed() -> None:
    assert [code for code, rule in registry().items() if code != rule.code] == []
    assert [name for name, count in Counter(rule.name for rule in RULES).items() if count > 1] == []
    assert [rule.code for rule in RULES if not re.fullmatch(r"CVL\d{3}", rule.code)] == []
    assert [rule.name for rule in RULES if not re.fullmatch(r"[a-z]+(-[a-z]+)+", rule.name)] == []


@by_code(JUDGING)
def test_a_docstring_has_its_sections_in_order(rule: type[Rule]) -> None:
    titles = re.findall(r"^## (.+)$", inspect.getdoc(rule) or "", re.MULTILINE)
    assert titles == SECTIONS


@by_code([rule for rule in RULES if not rule.events])
def test_a_rule_about_files_says_what_it_does(rule: type[Rule]) -> None:
    assert (inspect.getdoc(rule) or "").startswith("## What it does\n")
    assert not rule.examples


@by_code(JUDGING)
def test_the_docstring_speaks_of_a_fix_where_there_is_one(rule: type[Rule]) -> None:
    section = (inspect.getdoc(rule) or "").partition("## Fix safety")[2].partition("##")[0]
    fixes = {example.fix.name for example in rule.examples if example.fix}
    assert all(fix in section.lower() for fix in fixes)
    assert fixes or "no fix" in section or "squeeze()" in section


@by_code(JUDGING)
def test_a_rule_has_examples_and_each_states_a_harm_or_a_target(rule: type[Rule]) -> None:
    assert rule.examples
    assert all(one.harm.worst(ROUTES) or one.targets or not one.marked_rows for one in rule.examples)


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_what_was_measured_is_what_the_example_states(rule: type[Rule], example: Example) -> None:
    shown = load(proofs_file(rule)).shown(rule, example)
    assert shown is not None, "not measured; run `make prove`"
    assert Harm(**{route: Level[name] for route, name in shown.harm.items()}) == example.harm


def test_every_proof_belongs_to_an_example() -> None:
    stored = {code: [one.title for one in shown] for code, shown in load(proofs_file(JUDGING[0])).rules.items()}
    assert stored == {rule.code: [one.title for one in rule.examples] for rule in RULES if rule.code in stored}
    assert set(stored) >= {rule.code for rule in JUDGING}


def test_the_pages_of_the_rules_are_up_to_date() -> None:
    there = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs/rules").glob("*.md")}
    assert there == pages(), "run `make docs`"


@by_code(RULES)
def test_the_changelog_names_the_range_of_a_rule(rule: type[Rule]) -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    ranges = re.findall(r"(CVL\d{3})(?: (?:to|and) (CVL\d{3}))?", text)
    assert any(first <= rule.code <= (last or first) for first, last in ranges)


@by_code(JUDGING)
def test_a_good_side_and_a_bad_side_are_python_of_the_same_interface(rule: type[Rule]) -> None:
    for example in rule.examples:
        heads = [re.findall(r"def forward\(.*\):", side) for side in (example.source, example.good)]
        assert len(heads[0]) == 1
        assert heads[0] == heads[1] or example.good_inputs
