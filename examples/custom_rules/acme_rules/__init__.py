"""Acme's rules, one file each. Installing this package switches them on."""

from convlint.rule import Rule, rules_in


def pack() -> list[type[Rule]]:
    """What the entry point in pyproject.toml names."""
    return rules_in(__name__)
