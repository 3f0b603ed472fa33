"""A matrix as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterator

from convlint.backends.matrix import MatrixResult
from convlint.report import matrix_rows as shown


def lines(result: MatrixResult) -> Iterator[str]:
    """The whole report."""
    matrix = result.matrix
    yield f"# {_safe(shown.subject(result))}"
    columns = shown.heads(matrix)
    rows = shown.rows(matrix, columns)
    in_the_way = [row for row in rows if {"no", "unknown"} & set(row.worst)]
    if in_the_way:
        yield ""
        yield _cells("operator", "uses", *(head.title for head in columns), "why, and where")
        yield _cells(*["---"] * (len(columns) + 3))
        for row in in_the_way:
            why = "<br>".join(map(_safe, filter(None, (*row.refusals, shown.origin(row.use, matrix)))))
            yield _cells(f"`{shown.title(row.use)}`", str(row.use.count), *row.texts, why)
    if len(rows) > len(in_the_way):
        yield f"\n{len(rows) - len(in_the_way)} more: taken by all."
    yield ""
    for target in matrix.targets:
        _, text = shown.outcome(matrix, target)
        yield f"- **{target.asked}**: {_safe(text)}. {_safe(shown.evidence(target))}"
    if not_run := shown.not_run(result):
        yield f"- {_safe(not_run)}"
    if matrix.windows:
        yield "\nOpsets at which all take it:\n"
        for first, obstacles in shown.window_lines(matrix):
            yield f"- {_safe(first)}"
            yield from (f"  - {_safe(one)}" for one in obstacles)


def _cells(*texts: str) -> str:
    return f"| {' | '.join(texts)} |"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")
