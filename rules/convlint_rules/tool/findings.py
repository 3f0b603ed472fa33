"""CVL0: files and suppressions. The linter itself makes these findings; here is what they mean."""

from __future__ import annotations

from convlint.rule import Rule


class SyntaxErrorInFile(Rule):
    """
    ## What it does
    Reports a file that cannot be read or parsed. Nothing else is said of it. A file that only a newer Python can parse
    is an info and does not fail the run.

    ## Why it breaks
    What cannot be parsed is not checked: any other problem of the file, and of what it calls, goes unseen.
    """

    code, name, since = "CVL001", "syntax-error", "0.1"
    events = ()


class UnusedSuppression(Rule):
    """
    ## What it does
    Reports a suppression that silences nothing for any exporter, target or opset: the code was repaired, the comment
    stands on another line than its statement, or the rule finds nothing there any more.

    ## Why it breaks
    A comment that is left behind silences the next problem on that line, which nobody has looked at.

    ## Example
    ```python
    class Model(nn.Module):
        def forward(self, x):
            return x * 2  # convlint: ignore[CVL202]
    ```

    Use instead:

    ```python
    class Model(nn.Module):
        def forward(self, x):
            return x * 2
    ```

    ## Fix safety
    Safe: only the comment is removed. A comment that stands on a line of its own is left for you to move.
    """

    code, name, since = "CVL002", "unused-suppression", "0.1"
    events = ()


class MalformedSuppression(Rule):
    """
    ## What it does
    Reports a comment that begins with `# convlint:` and cannot be read.

    ## Why it breaks
    It silences nothing, though somebody meant it to.

    ## Example
    ```python
    n = int(x.shape[0])  # convlint: ignore CVL202
    ```

    Use instead:

    ```python
    n = int(x.shape[0])  # convlint: ignore[CVL202] exported for one batch size
    ```
    """

    code, name, since = "CVL003", "malformed-suppression", "0.1"
    events = ()


class UnknownCodeInSuppression(Rule):
    """
    ## What it does
    Reports a code in a suppression that belongs to no installed rule, with the nearest one. The code that a rule had in
    an older release still silences it, and is reported so that it can be replaced; so is the code of a rule that was
    removed, with the reason.

    ## Why it breaks
    A misspelt code silences nothing, or one day another rule. If the rules of your company's pack are meant, it is not
    installed where convlint runs.

    ## Example
    ```python
    n = int(x.shape[0])  # convlint: ignore[CVL2022]
    ```

    Use instead:

    ```python
    n = int(x.shape[0])  # convlint: ignore[CVL202]
    ```

    ## Fix safety
    Safe: an old code is replaced by today's, that of a removed rule is taken away. A misspelt one is left for you.
    """

    code, name, since = "CVL004", "unknown-code-in-suppression", "0.1"
    events = ()


class RuleCrashed(Rule):
    """
    ## What it does
    Reports a rule that failed on a line, a rule pack that cannot be loaded, at the line of the pack that raised, and a
    function in which convlint itself failed. The run goes on with the other rules and functions.

    ## Why it breaks
    What the rule would have found is missing from the report, so the run must not pass for clean. Please report the
    line to the rule's authors, or update or uninstall the pack.
    """

    code, name, since = "CVL005", "rule-crashed", "0.1"
    events = ()
