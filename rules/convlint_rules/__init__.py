"""The built-in rule pack: one folder a family, one file a rule."""

from convlint.rule import Rule, rules_in


def pack() -> list[type[Rule]]:
    """The entry point ``convlint.rules``: every rule of this package."""
    return rules_in(__name__)
