"""The documentation of a rule as Markdown, made from the rule itself."""

from __future__ import annotations

import inspect
import re

from convlint.findings import ROUTES, Applicability, Level
from convlint.proofs import Shown, load, proofs_file
from convlint.rule import Example, Rule

_FIX = {
    Applicability.safe: "Repaired by `--fix`.",
    Applicability.unsafe: "Repaired by `--fix --unsafe-fixes`.",
    Applicability.display: "A repair is shown, not applied.",
}
_FIRST, _LAST = ("What it does", "Why it breaks"), ("References",)
"""The sections of a docstring that stand before the examples, and after everything else."""


def rule_page(rule: type[Rule]) -> str:
    """What it does and why it breaks, examples, the other sections, harm (as last measured), facts, references."""
    intro, *sections = re.split(r"^(?=## )", inspect.getdoc(rule) or "", flags=re.MULTILINE)
    titled = {section.partition("\n")[0].removeprefix("## ").strip(): section.strip() for section in sections}
    parts = [f"# {rule.name} ({rule.code})", _status(rule), intro.strip()]
    parts += [titled.get(title, "") for title in _FIRST]
    parts += [_example(example) for example in rule.examples]
    parts += [text for title, text in titled.items() if title not in (*_FIRST, *_LAST)]
    if rule.examples or rule.facts:
        parts += [_harm_table(rule), _facts(rule)]
    parts += [titled.get(title, "") for title in _LAST]
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
    proofs = load(proofs_file(rule))
    shown = [measured for example in rule.examples if (measured := proofs.shown(rule, example))]
    rows = [_row(rule, route, shown) for route in ROUTES]
    rows += [f"| `{target}` | {level.name} | documented, see below |" for target, level in rule.harm().targets]
    versions = ", ".join(f"{name} {version}" for name, version in proofs.versions.items())
    source = (
        f"The worst that the examples show, with {versions}." if shown else "As the rule states it; not measured yet."
    )
    return "\n".join(["## Harm", "", source, "", "| route or target | worst harm | seen |", "|---|---|---|", *rows])


def _row(rule: type[Rule], route: str, shown: list[Shown]) -> str:
    if not shown:
        return f"| `{route}` | {rule.harm().on(route).name} | |"
    taken = [measured for measured in shown if route in measured.harm]
    if not taken:
        return f"| `{route}` | - | not taken by the examples |"
    worst = max(taken, key=lambda measured: Level[measured.harm[route]])
    why = worst.why.get(route, "").replace("`", "'").replace("|", "\\|")
    return f"| `{route}` | {worst.harm[route]} | {f'`{why}`' if why else ''} |"


def _facts(rule: type[Rule]) -> str:
    if not rule.facts:
        return ""
    lines = [f"- {fact.target}: {fact.claim} ({fact.source}, {fact.date})" for fact in rule.facts]
    return "## Documented, not measured here\n\n" + "\n".join(lines)


def _example(example: Example) -> str:
    title = f"## Example: {example.title}" if example.title else "## Example"
    bad = f"```python\n{example.bad.strip()}\n```"
    good = f"```python\n{example.good.strip()}\n```"
    instead = f"Use instead, with `{example.good_inputs}`" if example.good_inputs else "Use instead"
    return f"{title}\n\nInputs: `{example.inputs}`\n\n{bad}\n\n{instead}:\n\n{good}"
