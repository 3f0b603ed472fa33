"""Every rule does to its own examples what it says."""

from __future__ import annotations

import pytest

from convlint.rule import Example, Rule, registry
from convlint.testing import check_example, check_fix, prove_example

CASES = [
    pytest.param(rule, example, id=f"{code} {example.title or rule.name}")
    for code, rule in registry().items()
    for example in rule.examples
]
FAMILIES = {code[:4]: rule for code, rule in reversed(registry().items()) if rule.examples}
"""The first rule of each family; `make prove` proves the others."""


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_the_marked_lines_are_found_with_the_stated_harm_and_nothing_else(rule: type[Rule], example: Example) -> None:
    check_example(rule, example)


@pytest.mark.parametrize(("rule", "example"), CASES)
def test_the_repair_makes_the_good_side_of_the_bad_one(rule: type[Rule], example: Example) -> None:
    check_fix(rule, example)


@pytest.mark.proof
@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_tracers_do_what_a_family_states(family: str) -> None:
    pytest.importorskip("onnxruntime")
    prove_example(FAMILIES[family], FAMILIES[family].examples[0])
