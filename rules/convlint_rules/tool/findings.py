from __future__ import annotations

from convlint.rule import Rule


class SyntaxErrorInFile(Rule):
    """
    ## What it does
    Reports a file that cannot be read or parsed. Nothing else is said of it. A file that only a newer Python can parse
    is an info and does not fail the run.
    """

    code, name, since = "CVL001", "syntax-error", "0.1"
    events = ()


class UnusedSuppression(Rule):
    """
    ## What it does
    Reports a suppression that silences nothing for any exporter, target or opset.

    ## Fix safety
    Safe: only the comment is removed.
    """

    code, name, since = "CVL002", "unused-suppression", "0.1"
    events = ()


class MalformedSuppression(Rule):
    """
    ## What it does
    Reports a comment that begins with `# convlint:` and cannot be read. Write `# convlint: ignore[CVL301] reason`.
    """

    code, name, since = "CVL003", "malformed-suppression", "0.1"
    events = ()


class UnknownCodeInSuppression(Rule):
    """
    ## What it does
    Reports a code in a suppression that belongs to no installed rule, with the nearest one.
    """

    code, name, since = "CVL004", "unknown-code-in-suppression", "0.1"
    events = ()


class RuleCrashed(Rule):
    """
    ## What it does
    Reports a rule that failed on a line; the run goes on. Please report it to the rule's authors with that line.
    """

    code, name, since = "CVL005", "rule-crashed", "0.1"
    events = ()
