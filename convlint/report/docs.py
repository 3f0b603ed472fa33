"""``python -m convlint.report.docs [--check]``: one Markdown page a rule and their table, into ``docs/rules``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from convlint.errors import UsageError
from convlint.report.rule_page import fixes, rule_page, summary
from convlint.rule import Rule, registry

FOLDER = Path("docs/rules")


def pages() -> dict[str, str]:
    """File name to text, of the built-in rules."""
    rules = [rule for rule in registry().values() if rule.code.startswith("CVL")]
    if not rules:
        raise UsageError("the built-in rules are not installed: there is nothing to write pages of")
    return {f"{rule.code}.md": rule_page(rule) for rule in rules} | {"README.md": _table(rules)}


def _table(rules: Sequence[type[Rule]]) -> str:
    rows = [f"| [{rule.code}]({rule.code}.md) | {rule.name} | {_cell(rule)} | {_fix(rule)} |" for rule in rules]
    return "\n".join(["# Rules", "", "| code | name | | fix |", "|---|---|---|---|", *rows]) + "\n"


def _cell(rule: type[Rule]) -> str:
    state = "" if rule.status == "stable" else f"({rule.status}) "
    return state + summary(rule).replace("|", "\\|")


def _fix(rule: type[Rule]) -> str:
    return ", ".join(applicability.value for applicability in fixes(rule))


def stale(folder: Path) -> list[str]:
    """The files that are not what the rules say now: changed, missing, or of no rule any more."""
    wanted = pages()
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.md")}
    return sorted(name for name in wanted | there if wanted.get(name) != there.get(name))


def write(folder: Path) -> None:
    """Makes the folder hold the pages and no others."""
    wanted = pages()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Writes the pages, or with ``--check`` says which are stale."""
    if "--check" not in arguments:
        write(FOLDER)
        return 0
    old = stale(FOLDER)
    for name in old:
        sys.stdout.write(f"{FOLDER / name} is stale; run `make docs`\n")
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
