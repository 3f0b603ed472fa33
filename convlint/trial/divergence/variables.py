"""The line that gave a variable its value, found in the lines that ran."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from convlint.trial.divergence.tape import Tape


def made_at(tape: Tape, call: int, others: Mapping[str, Any]) -> tuple[str, int] | None:
    """Where the variable of a call's line was assigned last that had another value in another run."""
    one = tape.calls[call]
    changed = {
        name
        for name in _rows(one.path).read.get(one.row, set())
        if name in others and one.names.get(name) != others[name]
    }
    if not changed:
        return None
    at = one.lines - 1
    depth = tape.lines[at].depth
    for line in reversed(tape.lines[:at]):
        if line.depth < depth:
            return line.path, line.row  # a parameter: what called the function
        if line.depth == depth and changed & _rows(line.path).assigned.get(line.row, set()):
            return line.path, line.row
    return None


class _Rows:
    """The variables that the rows of a file read and assign."""

    def __init__(self, tree: ast.AST) -> None:
        self.read: dict[int, set[str]] = defaultdict(set)
        self.assigned: dict[int, set[str]] = defaultdict(set)
        for statement in ast.walk(tree):
            if isinstance(statement, ast.stmt):
                self._note(statement)

    def _note(self, statement: ast.stmt) -> None:
        names = [name for part in _own(statement) for name in ast.walk(part) if isinstance(name, ast.Name)]
        for row in range(statement.lineno, max(name.lineno for name in names) + 1 if names else 0):
            self.read[row] |= {name.id for name in names if isinstance(name.ctx, ast.Load)}
            self.assigned[row] |= {name.id for name in names if isinstance(name.ctx, ast.Store)}
        if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
            self.read[statement.lineno].add(statement.target.id)


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """What a statement evaluates itself, not the statements in it."""
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, (ast.stmt, ast.excepthandler, ast.match_case)):
            yield child


@cache
def _rows(path: str) -> _Rows:
    try:
        return _Rows(ast.parse(Path(path).read_text(encoding="utf-8")))
    except (OSError, SyntaxError, ValueError):
        return _Rows(ast.Module([], []))
