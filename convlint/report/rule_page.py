"""The documentation of a rule as Markdown, made from the rule itself."""

from __future__ import annotations

import inspect

from convlint.findings import ROUTES, Applicability
from convlint.rule import Example, Rule

_FIX = {
    Applicability.safe: "Repaired by `--fix`.",
    Applicability.unsafe: "Repaired by `--fix --unsafe-fixes`.",
    Applicability.display: "A repair is shown, not applied.",
}


def rule_page(rule: type[Rule]) -> str:
    """Docstring, harm on each route, documented harm for targets, examples."""
    parts = [f"# {rule.name} ({rule.code})", _status(rule), inspect.getdoc(rule) or "", _harm_table(rule)]
    parts += [_facts(rule), *(_example(example) for example in rule.examples)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _status(rule: type[Rule]) -> str:
    fixes = {example.fix for example in rule.examples if example.fix}
    sentences = [f"Since convlint {rule.since}."]
    if rule.status == "preview":
        sentences.append("In preview: needs `--preview`.")
    if rule.status == "deprecated":
        sentences.append("Deprecated.")
    return " ".join(sentences + [text for applicability, text in _FIX.items() if applicability in fixes])


def _harm_table(rule: type[Rule]) -> str:
    harm = rule.harm()
    rows = [(route, harm.on(route).name) for route in ROUTES] + [(name, level.name) for name, level in harm.targets]
    lines = ["| route or target | worst harm |", "|---|---|", *(f"| `{name}` | {level} |" for name, level in rows)]
    return "## Harm\n\n" + "\n".join(lines)


def _facts(rule: type[Rule]) -> str:
    if not rule.facts:
        return ""
    lines = [f"- {fact.target}: {fact.claim} ({fact.source}, {fact.date})" for fact in rule.facts]
    return "## Documented, not measured here\n\n" + "\n".join(lines)


def _example(example: Example) -> str:
    title = f"## Example: {example.title}" if example.title else "## Example"
    bad = f"```python\n{example.bad.strip()}\n```"
    good = f"```python\n{example.good.strip()}\n```"
    return f"{title}\n\nInputs: `{example.inputs}`\n\n{bad}\n\nUse instead:\n\n{good}"
