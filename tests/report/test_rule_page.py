from __future__ import annotations

import re
from dataclasses import replace

import pytest
from conftest import Cli

from convlint.events import LeavesGraph
from convlint.findings import Applicability, Harm, Level
from convlint.report.rule_page import rule_json, rule_page, state
from convlint.rule import Example, Fact, Rule, registry


class Frozen(Rule):
    """Sizes that freeze.

    ## References
    - pytorch/pytorch#12, #34
    - torch 2.13 / page #56

    ## What it does
    Finds sizes.
    """

    code = "ABC101"
    name = "frozen-size"
    events = (LeavesGraph,)
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


def test_a_page_has_the_sections_of_the_template_in_order() -> None:
    titles = re.findall(r"^## (.+)$", rule_page(Frozen), re.MULTILINE)
    assert titles == ["What it does", "Example: a size", "Fix safety", "Harm", "Options", "References"]


def test_a_rule_page_has_docs_examples_harm_and_facts() -> None:
    page = rule_page(Frozen)
    assert page.startswith("# frozen-size (ABC101)\n")
    assert "Repaired by `--fix --unsafe-fixes`." in page
    assert "## What it does\nFinds sizes." in page
    assert "Inputs: `x: float32[N=3, 4]`, with `N` dynamic. `# <-` marks what is reported." in page
    assert "x = int(y)  # <-\n```" in page
    assert (
        page.index("x = int(y)") < page.index("Use instead (`--fix --unsafe-fixes` writes it):") < page.index("x = y")
    )
    assert "| `jit_trace` | `torch.jit.trace` | frozen |" in page
    assert "| `coreml` | | breaks |" in page
    assert "- coreml: needs fixed sizes (https://example.org/doc, 2026-01-02)" in page
    assert "not measured yet" in page


def test_several_kinds_of_repairs_are_told_in_one_sentence() -> None:
    safe = replace(Frozen.examples[0], fix=Applicability.safe)
    shown = replace(safe, fix=Applicability.display)
    several = type("Several", (Frozen,), {"examples": (*Frozen.examples, safe, shown)})
    assert state(several) == (
        "Since version 0.1. Repaired by `--fix`, in some cases only with `--unsafe-fixes`, in some cases a repair is "
        "shown, not applied."
    )


def test_issues_are_links() -> None:
    page = rule_page(Frozen)
    link = "[pytorch/pytorch#12](https://github.com/pytorch/pytorch/issues/12)"
    assert f"- {link}, [#34](https://github.com/pytorch/pytorch/issues/34)\n- torch 2.13 / page #56\n" in page


def test_options_say_what_the_verdict_depends_on() -> None:
    page = rule_page(Frozen)
    assert "`exporter`: at most a warning with `torchscript` and `any`; shown by `--show-harmless` only with" in page
    assert "`target`: what `coreml` refuses" in page
    assert "`# convlint: ignore[ABC101] reason`" in page


class Convention(Rule):
    """
    ## What it does
    Finds what the house does not want.

    ## Options
    - None of its own.
    """

    code, name, events = "ABC102", "not-here", (LeavesGraph,)
    examples = (Example(bad="x = 1  # <-", good="x = 2"), Example(bad="x = 3", good="x = 3", title="allowed"))


def test_what_a_rule_lacks_is_said_as_it_is() -> None:
    page = rule_page(Convention)
    assert "## Fix safety\nThere is no fix." in page
    assert "## Harm\nNone that a tracer could show" in page
    assert "## Options\n- None of its own.\n- `ignore`" in page
    assert "## References" not in page
    assert "Inputs:" not in page
    assert page.count("Use instead:") == 1
    assert "## Example: allowed\n\nNothing is reported here." in page


def test_json_says_what_a_program_needs() -> None:
    told = rule_json(Frozen)
    assert (told["code"], told["name"], told["status"], told["preview"]) == ("ABC101", "frozen-size", "stable", False)
    assert told["summary"] == "Sizes that freeze."
    assert (told["fix_availability"], told["fixes"]) == ("Sometimes", ["unsafe"])
    assert (rule_json(Convention)["fix_availability"], rule_json(Convention)["fixes"]) == ("None", [])
    assert told["harm"]["jit_trace"] == "frozen"
    assert told["measured_with"] is None
    assert told["explanation"] == rule_page(Frozen)


@pytest.mark.parametrize("code", ["CVL101", "CVL301", "CVL804"])
def test_a_page_fits_a_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = cli("rule", code).out.splitlines()
    assert [line for line in lines if len(line) > 80 or line != line.rstrip()] == []
    assert sum(line.count("…") for line in lines) == rule_page(registry()[code]).count("…")  # the terminal cuts nothing
    harm = registry()[code].harm()
    for route, call in (("jit_trace", "torch.jit.trace"), ("onnx_dynamo", "torch.onnx.export(dynamo=True)")):
        assert any(line.startswith(f" • {route} ({call}): {harm.on(route).name}") for line in lines)
