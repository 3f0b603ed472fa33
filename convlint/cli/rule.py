"""``convlint rule``: what a rule finds, why it matters and what to write instead."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Literal

import typer

from convlint.cli.completion import codes
from convlint.config import check_codes
from convlint.errors import UsageError
from convlint.rule import Rule, current, registry


def rule(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="CODE", help="Codes, beginnings of codes, or names.", autocompletion=codes),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Explain every rule.")] = False,
    output_format: Annotated[
        Literal["text", "markdown", "json"],
        typer.Option("--output-format", metavar="FORMAT", help="text, markdown or json; default text."),
    ] = "text",
) -> int:
    """Explain a rule: what it finds, on which routes it hurts, what to write instead.

    Examples:
        convlint rule CVL101                 # one
        convlint rule CVL3                   # a family
        convlint rule branch-on-value --output-format markdown
        convlint rule --all --output-format json
    """
    if every == bool(words):
        raise UsageError("name the rules to explain (`convlint rule CVL101`) or all of them (`convlint rule --all`)")
    rules = list(registry().values()) if every else _named(words or ())
    if output_format == "json":
        one = not every and len(words or ()) == 1 and len(rules) == 1
        _print_json(rules[0] if one else rules)
    elif output_format == "markdown":
        from convlint.report.rule_page import rule_page

        sys.stdout.write("\n".join(map(rule_page, rules)))
    else:
        _print_text(rules)
    return 0


def _named(words: Sequence[str]) -> list[type[Rule]]:
    """The rules that codes, beginnings of codes and names stand for.

    Raises:
        UsageError: one stands for none.
    """
    known = registry()
    names = {rule.name: code for code, rule in known.items()}
    codes = [names.get(word, current(word)) for word in words]
    check_codes(codes)
    rules = [rule for code, rule in known.items() if code.startswith(tuple(codes))]
    if not rules:
        raise UsageError(f"no rule has a code that begins with {', '.join(codes)}; see `convlint rule --all`")
    return rules


def _print_json(rules: type[Rule] | list[type[Rule]]) -> None:
    import msgspec

    from convlint.report.rule_page import rule_json

    told = [rule_json(rule) for rule in rules] if isinstance(rules, list) else rule_json(rules)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n")


def _print_text(rules: Sequence[type[Rule]]) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from convlint.report.rule_page import rule_text

    console = Console()
    for rule in rules:
        with console.capture() as shown:
            console.print(Markdown(rule_text(rule)))
        sys.stdout.writelines(f"{line.rstrip()}\n" for line in [*shown.get().splitlines(), ""])
