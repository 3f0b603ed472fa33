"""Who imports the reported files: a helper that is handed over alone is judged through its callers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from convlint.analyzer.index import ModuleInfo
from convlint.analyzer.project import Project

Names = Callable[[], set[str]]
_MOST_MODULES = 32
"""How many importers are parsed; the nearest come first."""


class _Importer(NamedTuple):
    """What a module imports on its top level."""

    path: str
    name: str
    stars: frozenset[str]
    imported: dict[str, tuple[str, str]]

    @classmethod
    def of(cls, module: ModuleInfo) -> _Importer:
        """What outlasts the module's tree."""
        imported = {name: bound for name, bound in module.names.items() if isinstance(bound, tuple)}
        return cls(module.document.path, module.name, frozenset(module.stars), imported)


def importers(
    project: Project, given: Sequence[tuple[str, str]], paths: Iterable[Path], missing: Callable[[str], set[str]]
) -> Iterator[Path]:
    """Files around the given ones that use what is missing of them, nearest first; then those that use these.

    ``given`` are names and files of modules, ``paths`` the files around them; ``missing`` says which names of a file
    have not been met so far; it is asked again after each file told.
    """
    left = dict.fromkeys(paths)
    level: dict[str, Names] = {name: functools.partial(missing, path) for name, path in given}
    count = 0
    while level and left:
        above: dict[str, Names] = {}
        wanted = {name: _encoded(names()) for name, names in level.items()}
        for path in project.files.mentioning(list(left), {*map(_stem, level)}):
            there = project.files.words(path)
            used = {name for name, names in wanted.items() if _stem(name) in there and any(n in there for n in names)}
            module = project.whole(path) if used else None
            if module is None or not _imports(importer := _Importer.of(module), used):
                continue
            del left[path]
            yield path
            wanted |= {name: _encoded(level[name]()) for name in used}
            sources = {name: level[name] for name in used}
            above[importer.name] = functools.partial(_handed_on, importer, sources, missing)
            count += 1
            if count == _MOST_MODULES:
                return
        level = above


def _encoded(names: set[str]) -> set[bytes]:
    return {name.encode() for name in names}


@functools.cache
def _stem(module: str) -> bytes:
    """The last part of a module's name, as who imports it must write it."""
    return module.rpartition(".")[2].encode()


def _handed_on(importer: _Importer, used: dict[str, Names], missing: Callable[[str], set[str]]) -> set[str]:
    """What is missing of an importer: its own functions, and the missing ones that it imports for others."""
    names = missing(importer.path)
    for source, wanted in used.items():
        if source in importer.stars:
            names |= wanted()
    for name, (source, attribute) in importer.imported.items():
        if source in used and attribute in used[source]():
            names.add(name)
    return names


def _imports(importer: _Importer, wanted: set[str]) -> bool:
    """Whether a module's top level imports a wanted one (``import a.b`` binds ``a``, from which all can be reached)."""
    if wanted.intersection(importer.stars):
        return True
    return any(
        source in wanted
        or f"{source}.{attribute}" in wanted
        or (not attribute and any(name.startswith(f"{source}.") for name in wanted))
        for source, attribute in importer.imported.values()
    )
