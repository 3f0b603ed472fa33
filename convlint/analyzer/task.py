"""What everybody who reads a file of a run is to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from convlint.analyzer import Asked
from convlint.analyzer.files import Files
from convlint.analyzer.interpreter import Interpreter
from convlint.analyzer.project import Given, Mentions, Project
from convlint.entry_points import EntryPoint
from convlint.source.document import Document


@dataclass(frozen=True)
class Task:
    """The files to be reported, by the names that events call them by; what is asked of them."""

    given: tuple[Given, ...]
    paths: frozenset[str]
    mentions: Mentions
    asked: Asked
    excluded: tuple[EntryPoint, ...]

    @classmethod
    def of(cls, documents: Mapping[Path, Document], asked: Asked, excluded: Sequence[EntryPoint]) -> Task:
        """The task of reading documents."""
        mentions = Mentions()
        for path, document in documents.items():
            mentions.add(path, document.text)
        paths = frozenset(document.path for document in documents.values())
        return cls(tuple(map(Given.of, documents)), paths, mentions, asked, tuple(excluded))

    def interpreter(self, files: Files) -> Interpreter:
        """What reads the files."""
        project = Project(files)
        project.mentions = self.mentions
        for given in self.given:
            project.give(given)
        return Interpreter(project, self.paths, self.asked, self.excluded)
