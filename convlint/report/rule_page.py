"""The documentation of a rule, made from the rule itself by one template, as Markdown and as JSON.

What it does, Why it breaks, Example with Use instead, Fix safety, Harm, Options, References: the docstring has the
words, examples and proofs the rest.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from convlint.findings import EXPORTERS, ROUTES, Applicability, Harm, Level, severity
from convlint.proofs import Shown, load, proofs_file
from convlint.rule import Example, Rule

SECTIONS = ("What it does", "Why it breaks", "Example", "Fix safety", "Harm", "Options", "References")
"""The template. A docstring may have any of them; other sections of it stand before the references."""
_FIX = {
    Applicability.safe: "Repaired by `--fix`",
    Applicability.unsafe: "Repaired by `--fix --unsafe-fixes`",
    Applicability.display: "A repair is shown, not applied",
}
_IN_OTHER_CASES = {
    Applicability.unsafe: "in some cases only with `--unsafe-fixes`",
    Applicability.display: "in some cases a repair is shown, not applied",
}
_INSTEAD = {
    None: "Use instead:",
    Applicability.safe: "Use instead (`--fix` writes it):",
    Applicability.unsafe: "Use instead (`--fix --unsafe-fixes` writes it):",
    Applicability.display: "Use instead (shown, not written):",
}
_NO_FIX = "There is no fix."
_LEVELS = {
    Level.breaks: "the export fails, or the runtime refuses the file",
    Level.wrong: "another result than in eager, without an error",
    Level.frozen: "right only for the traced shape, batch, or branch on a shape",
    Level.harmless: "the same result as in eager",
}
_HEAD = "| route | | worst harm | seen |\n|---|---|---|---|"
_ROW = re.compile(r"^\| (`.+?`) \| (.*?) ?\| (.+?) \| (.*?) ?\|$", re.MULTILINE)
_FAMILIES = "The first and third route are the TorchScript routes, the others the dynamo routes."
_CALLS = {
    "jit_trace": "`torch.jit.trace`",
    "torch_export": "`torch.export.export`",
    "onnx_torchscript": "`torch.onnx.export(dynamo=False)`",
    "onnx_dynamo": "`torch.onnx.export(dynamo=True)`",
}


def rule_page(rule: type[Rule]) -> str:
    """The page of a rule: the sections of the template in order, from the docstring, the examples and the proofs."""
    intro, own = sections(rule)
    made = {"Harm": _harm(rule), "Options": _options(rule), "Fix safety": _NO_FIX if rule.events else ""}
    parts = [f"# {rule.name} ({rule.code})", state(rule), intro]
    for title in SECTIONS[:-1]:
        if title == "Example":
            parts += [_example(example) for example in rule.examples]
        written = own.pop(title, "")
        added = made.get(title, "") if title == "Options" or not written else ""
        parts.append(_section(title, "\n".join(filter(None, [written, added]))))
    references = own.pop("References", "")
    parts += [_section(title, text) for title, text in own.items()]
    parts.append(_section("References", _linked(references)))
    return "\n\n".join(filter(None, parts)) + "\n"


def rule_text(rule: type[Rule]) -> str:
    """The page for a terminal, which has no room for the table of harm: a list of the same."""

    def listed(row: re.Match[str]) -> str:
        route, call, level, seen = row.groups()
        return f"- {route}{f' ({call})' if call else ''}: **{level}**{f', {seen}' if seen else ''}"

    head, table, rest = rule_page(rule).partition(f"{_HEAD}\n")
    return head + _ROW.sub(listed, rest) if table else head


def rule_json(rule: type[Rule]) -> dict[str, Any]:
    """What ``ruff rule --output-format json`` says of a rule, as far as it applies, and its harm."""
    proofs = load(proofs_file(rule))
    return {
        "name": rule.name,
        "code": rule.code,
        "pack": rule.__module__.partition(".")[0],
        "summary": summary(rule),
        "fix_availability": "Sometimes" if fixes(rule) else "None",
        "fixes": [applicability.value for applicability in fixes(rule)],
        "explanation": rule_page(rule),
        "preview": rule.status == "preview",
        "status": rule.status,
        "since": rule.since,
        "formerly": list(rule.formerly),
        "harm": rule.harm().as_json(),
        "measured_with": proofs.versions if any(proofs.shown(rule, one) for one in rule.examples) else None,
    }


def sections(rule: type[Rule]) -> tuple[str, dict[str, str]]:
    """What a docstring says before its sections, and the text of each by its title."""
    intro, *parts = re.split(r"^(?=## )", inspect.cleandoc(rule.__doc__ or ""), flags=re.MULTILINE)
    split = (part.removeprefix("## ").partition("\n") for part in parts)
    return intro.strip(), {title.strip(): text.strip() for title, _, text in split}


def summary(rule: type[Rule]) -> str:
    """The first sentences of the documentation, on one line."""
    intro, own = sections(rule)
    return " ".join((intro or own.get("What it does", "")).partition("\n\n")[0].split())


def fixes(rule: type[Rule]) -> list[Applicability]:
    """The kinds of repairs that the examples show; of a rule without examples, that its documentation speaks of."""
    shown = {example.fix for example in rule.examples}
    if not rule.examples:
        word = sections(rule)[1].get("Fix safety", "").partition(":")[0].lower()
        shown = {applicability for applicability in Applicability if applicability.value == word}
    return [applicability for applicability in Applicability if applicability in shown]


def state(rule: type[Rule]) -> str:
    """In which release the rule came, in which state it is, what repairs it."""
    words = [f"Since version {rule.since}."]
    if kinds := fixes(rule):
        words.append(", ".join([_FIX[kinds[0]], *(_IN_OTHER_CASES[other] for other in kinds[1:])]) + ".")
    if rule.status == "preview":
        words.append("In preview: it runs with `--preview` only.")
    elif rule.status != "stable":
        words.append(f"{rule.status.capitalize()}: {rule.reason}")
    if rule.formerly:
        words.append(f"Its code was {_listed(rule.formerly)} before, which still works.")
    return " ".join(words)


def _section(title: str, text: str) -> str:
    return f"## {title}\n{text}" if text else ""


_ISSUE = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)#(?P<number>\d+)|(?<=, )#(?P<another>\d+)")
"""``pytorch/pytorch#1``, and the ``#2`` that may follow."""


def _linked(text: str) -> str:
    """Issues as links."""
    repository = ""

    def link(match: re.Match[str]) -> str:
        nonlocal repository
        repository = match["repository"] or repository
        number = match["number"] or match["another"]
        return f"[{match[0]}](https://github.com/{repository}/issues/{number})"

    return _ISSUE.sub(link, text)


def _listed(words: Iterable[str]) -> str:
    *first, last = (f"`{word}`" for word in words)
    return f"{', '.join(first)} and {last}" if first else last


# --- examples ------------------------------------------------------------------------------------------------------


def _example(example: Example) -> str:
    title = f"## Example: {example.title}" if example.title else "## Example"
    parts = [title, _inputs(example), _code(example.bad)]
    if example.marked_rows:
        other = f"With `{example.good_inputs}`:" if example.good_inputs else ""
        parts += [_INSTEAD[example.fix], other, _code(example.good)]
    return "\n\n".join(filter(None, parts))


def _code(source: str) -> str:
    return f"```python\n{source.strip()}\n```"


def _inputs(example: Example) -> str:
    """The inputs, what a marked line is and whether one is there."""
    names = list(dict.fromkeys(re.findall(r"\b([A-Za-z]\w*)=\d", example.inputs)))
    dynamic = f", with {_listed(names)} dynamic" if names else ""
    inputs = f"Inputs: `{example.inputs}`{dynamic}. " if example.inputs else ""
    marked = "`# <-` marks what is reported" if example.marked_rows else "Nothing is reported here"
    targets = f" for {_listed(example.targets)}" if example.targets and example.marked_rows else ""
    return f"{inputs}{marked}{targets}."


# --- harm ----------------------------------------------------------------------------------------------------------


def _harm(rule: type[Rule]) -> str:
    """The worst on each route as it was measured, what is documented for targets, and what the words mean."""
    if not (rule.examples or rule.facts):
        return ""
    if not (rule.facts or any(example.inputs for example in rule.examples)):
        return "None that a tracer could show: this is a convention."
    proofs = load(proofs_file(rule))
    shown = [measured for example in rule.examples if (measured := proofs.shown(rule, example))]
    rows = [_row(rule, route, shown) for route in ROUTES]
    rows += [f"| `{target}` | | {level.name} | documented, see below |" for target, level in rule.harm().targets]
    versions = ", ".join(f"{name} {version}" for name, version in proofs.versions.items())
    source = (
        f"The worst that the examples did, with {versions}." if shown else "As the rule states it; not measured yet."
    )
    levels = "; ".join(f"{level.name}: {_LEVELS[level]}" for level in sorted(set(_levels(rule)), reverse=True))
    table = "\n".join([_HEAD, *rows])
    words = f"{levels[:1].upper()}{levels[1:]}. {_FAMILIES}"
    return "\n\n".join(filter(None, [source, table, words, _facts(rule)]))


def _levels(rule: type[Rule]) -> Iterator[Level]:
    harm = rule.harm()
    yield from (harm.on(route) for route in ROUTES)
    yield from (level for _, level in harm.targets)


def _row(rule: type[Rule], route: str, shown: Sequence[Shown]) -> str:
    name = f"`{route}` | {_CALLS[route]}"
    if not shown:
        return f"| {name} | {rule.harm().on(route).name} | |"
    taken = [measured for measured in shown if route in measured.harm]
    if not taken:
        return f"| {name} | - | not taken by the examples |"
    worst = max(taken, key=lambda measured: Level[measured.harm[route]])
    why = worst.why.get(route, "").replace("`", "'").replace("|", "\\|")
    return f"| {name} | {worst.harm[route]} | {f'`{why}`' if why else ''} |"


def _facts(rule: type[Rule]) -> str:
    if not rule.facts:
        return ""
    lines = [f"- {fact.target}: {fact.claim} ({_linked(fact.source)}, {fact.date})" for fact in rule.facts]
    return "Documented, not measured here:\n\n" + "\n".join(lines)


# --- options -------------------------------------------------------------------------------------------------------


def _options(rule: type[Rule]) -> str:
    """The settings on which it depends whether and how severely the rule reports."""
    if rule.status == "removed":
        return ""
    lines = [_exporters(rule.harm())] if rule.examples or rule.facts else []
    targets = sorted({target for target, _ in rule.harm().targets} | {t for one in rule.examples for t in one.targets})
    if targets:
        lines.append(f"- `target`: what {_listed(targets)} refuses counts where it is named.")
    behind = f", or `# convlint: ignore[{rule.code}] reason` behind the statement" if rule.events else ""
    ignored = f"- `ignore` and `per-file-ignores`{behind}."
    return "\n".join([*filter(None, lines), ignored])


def _exporters(harm: Harm) -> str:
    """How severe a finding is at most for each exporter."""
    told = {name: severity(harm.worst(routes)) for name, routes in EXPORTERS.items()}
    if set(told.values()) == {"info"}:
        return ""
    words = {"error": "an error", "warning": "a warning", "info": "shown by `--show-harmless` only"}
    by_severity: dict[str, list[str]] = {}
    for name, severe in told.items():
        by_severity.setdefault(severe, []).append(name)
    *first, last = (f"{words[severe]} with {_listed(names)}" for severe, names in by_severity.items())
    return f"- `exporter`: at most {', '.join(first)}{'; ' if first else ''}{last}."
