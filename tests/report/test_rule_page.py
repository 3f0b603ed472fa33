from __future__ import annotations

from convlint.findings import Applicability, Harm, Level
from convlint.report.rule_page import rule_page
from convlint.rule import Example, Fact, Rule


class Frozen(Rule):
    """Sizes that freeze.

    ## What it does
    Finds sizes.
    """

    code = "ABC101"
    name = "frozen-size"
    examples = (
        Example(
            bad="x = int(y)  # <-\n",
            good="x = y\n",
            inputs="x: float32[N=3, 4]",
            harm=Harm(jit_trace=Level.frozen),
            fix=Applicability.unsafe,
            title="a size",
        ),
    )
    facts = (Fact("coreml", "needs fixed sizes", "https://example.org/doc", "2026-01-02"),)


def test_a_rule_page_has_docs_harm_facts_and_examples() -> None:
    page = rule_page(Frozen)
    assert page.startswith("# frozen-size (ABC101)\n")
    assert "Repaired by `--fix --unsafe-fixes`." in page
    assert "## What it does\nFinds sizes." in page
    assert "| `jit_trace` | frozen |" in page
    assert "| `coreml` | breaks |" in page
    assert "- coreml: needs fixed sizes (https://example.org/doc, 2026-01-02)" in page
    assert "## Example: a size" in page
    assert "x = int(y)  # <-\n```" in page
    assert page.index("x = int(y)") < page.index("Use instead:") < page.index("x = y")
