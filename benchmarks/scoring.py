"""What convlint names, and what that is worth by some labels. A statement counts once however many rules name it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from label_files import LEVELS, SYMPTOM, Labels, Statement

from convlint.trial.watch.statements import statement_at

UNREACHED = "unreached"
"""Executed and without an event, but some tool always failed at an earlier line."""
SUSPECT = "suspect"
"""Likewise, but a graph of the model is wrong on the inputs it was made with, and no tool says which line it is."""
CLEAN = "clean"
"""All tools came by and said nothing, and the graphs are right."""
NOT_EXECUTED = "not executed"

Named = dict[Statement, set[str]]
"""The statements that findings are in, with the codes of their rules."""


def lint(root: Path, paths: Sequence[str], *options: str) -> Named:
    """What convlint names in some paths below a folder."""
    command = [sys.executable, "-m", "convlint", "--isolated", "--output-format", "json", "--exit-zero", *options]
    run = subprocess.run([*command, *paths], cwd=root, capture_output=True, text=True, check=True)
    named: Named = defaultdict(set)
    for finding in json.loads(run.stdout):
        path = (root / finding["filename"]).resolve()
        first, _ = statement_at(path, finding["location"]["row"])
        named[path.relative_to(root.resolve()).as_posix(), first].add(finding["code"])
    return named


@dataclass
class Score:
    """What named statements are, and which labels they meet."""

    labels: Labels
    seen: dict[Statement, str]
    """What the labels say of each named statement in the files that they know."""

    def found(self, level: str) -> tuple[int, int]:
        """How many statements of a level are named, and how many there are."""
        wanted = [statement for statement, label in self.labels.statements.items() if label.level == level]
        return sum(statement in self.seen for statement in wanted), len(wanted)

    def share(self, *levels: str) -> tuple[int, int]:
        """How many of the named statements that the labels can judge are of these levels, and how many these are."""
        counts = Counter(self.seen.values())
        return sum(counts[level] for level in levels), sum(counts[level] for level in (*LEVELS, SYMPTOM, CLEAN))

    def count(self, what: str) -> int:
        """How many named statements are so."""
        return Counter(self.seen.values())[what]

    @property
    def misses(self) -> list[Statement]:
        """Harm and dyn that is not named."""
        return sorted(
            statement
            for statement, label in self.labels.statements.items()
            if label.level in LEVELS[:2] and statement not in self.seen
        )

    @property
    def false_positives(self) -> list[Statement]:
        """Named, and clean."""
        return sorted(statement for statement, what in self.seen.items() if what == CLEAN)


def score(named: Iterable[Statement], labels: Labels, root: Path) -> Score:
    """Compares what convlint names with labels."""
    known = (statement for statement in named if statement[0] in labels.executed)
    return Score(labels, {statement: _what(statement, labels, root) for statement in known})


def _what(statement: Statement, labels: Labels, root: Path) -> str:
    if statement in labels.statements:
        return labels.statements[statement].level
    path, row = statement
    first, last = statement_at(root / path, row)
    rows = set(range(first, last + 1))
    if not rows & labels.executed[path]:
        return NOT_EXECUTED
    if rows & labels.suspect[path]:
        return SUSPECT
    return CLEAN if rows & labels.judged[path] else UNREACHED


def by_rule(named: Named, seen: dict[Statement, str]) -> dict[str, Counter[str]]:
    """By rule, what the statements are that it names."""
    rules: dict[str, Counter[str]] = defaultdict(Counter)
    for statement, what in seen.items():
        for code in named[statement]:
            rules[code][what] += 1
    return dict(sorted(rules.items()))
