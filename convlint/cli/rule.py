"""``convlint rule``: what a rule finds, why it matters and what to write instead."""

from __future__ import annotations

from typing import Annotated

import typer

from convlint.config import check_codes
from convlint.errors import UsageError
from convlint.report.rule_page import rule_page
from convlint.rule import registry


def rule(
    codes: Annotated[
        list[str] | None, typer.Argument(metavar="CODE...", help="Codes, beginnings of codes, or names.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Explain every rule.")] = False,
) -> int:
    """Explain a rule in the terminal: what it finds, on which routes it hurts, what to write instead."""
    if every == bool(codes):
        raise UsageError("name the rules to explain (`convlint rule CVL101`) or all of them (`convlint rule --all`)")
    named = {rule.name: code for code, rule in registry().items()}
    codes = [named.get(code, code) for code in codes or ()]
    check_codes(codes)
    from rich.console import Console
    from rich.markdown import Markdown

    pages = [rule_page(rule) for code, rule in registry().items() if every or code.startswith(tuple(codes))]
    if not pages:
        raise UsageError(f"no rule has a code that begins with {', '.join(codes)}; see `convlint rule --all`")
    console = Console()
    for page in pages:
        console.print(Markdown(page))
        console.print()
    return 0
