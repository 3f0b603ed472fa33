"""What a shell offers for words that are half written: codes of rules, and targets."""

from __future__ import annotations

from collections.abc import Iterable


def codes(incomplete: str) -> list[tuple[str, str]]:
    """Codes of rules behind the last comma, each with the rule's name."""
    from convlint.rule import registry

    return _behind_comma(incomplete, ((code, rule.name) for code, rule in registry().items()))


def targets(incomplete: str) -> list[tuple[str, str]]:
    """Names of targets behind the last comma."""
    from convlint.config import TARGETS

    return _behind_comma(incomplete, ((name, "") for name in TARGETS))


def _behind_comma(incomplete: str, words: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    before, comma, last = incomplete.rpartition(",")
    return [(f"{before}{comma}{word}", told) for word, told in words if word.startswith(last)]


def mend_zsh() -> None:
    """Lets the script for zsh complete at the first Tab: what zsh autoloads must also do what it defines."""
    from typer import _completion_shared as typers

    typers._completion_scripts["zsh"] += '\n\n[[ $funcstack[1] == _%(prog_name)s ]] && %(complete_func)s "$@"\n'
