"""Who imports the reported files: a helper that is handed over alone is judged through its callers."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from convlint.analyzer.index import ModuleInfo, Project, place
from convlint.source.discovery import DEFAULT_EXCLUDE, INSTALLED, discover, project_root

Names = Callable[[], set[str]]
_WORD = re.compile(rb"[^\W\d]\w*")
_MOST_FILES = 20_000
"""How many files around the given ones are looked into."""
_MOST_MODULES = 32
"""How many importers are parsed; the nearest come first."""


@dataclass(frozen=True)
class _Around:
    """Which files count as the project around a file: those that a run on the whole of it would take."""

    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    force_exclude: bool = False
    respect_gitignore: bool = True


def importers(
    project: Project, modules: list[ModuleInfo], missing: Callable[[ModuleInfo], set[str]]
) -> Iterator[ModuleInfo]:
    """Modules around the given ones that use what is missing of them, nearest first; then those that use these.

    ``missing`` says which names of a module have not been met so far; it is asked again after each module given.
    """
    files = files_around({Path(module.document.path) for module in modules})
    words = {path: set(_WORD.findall(text)) for path in files if b"import" in (text := read(path))}
    level: dict[str, Names] = {module.name: functools.partial(missing, module) for module in modules}
    count = 0
    while level and words:
        above: dict[str, Names] = {}
        wanted = {name: _encoded(names()) for name, names in level.items()}
        for path, there in list(words.items()):
            used = {name for name, names in wanted.items() if _stem(name) in there and not names.isdisjoint(there)}
            module = project.read(path) if used else None
            if module is None or not _imports(module, used):
                continue
            del words[path]
            yield module
            wanted |= {name: _encoded(level[name]()) for name in used}
            above[module.name] = functools.partial(_handed_on, module, {name: level[name] for name in used}, missing)
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


def _handed_on(module: ModuleInfo, used: dict[str, Names], missing: Callable[[ModuleInfo], set[str]]) -> set[str]:
    """What is missing of an importer: its own functions, and the missing ones that it imports for others."""
    names = missing(module)
    for source, wanted in used.items():
        if source in module.stars:
            names |= wanted()
    for name, binding in module.names.items():
        if isinstance(binding, tuple) and binding[0] in used and binding[1] in used[binding[0]]():
            names.add(name)
    return names


def files_around(given: set[Path]) -> list[Path]:
    """The files of the projects that the given ones belong to, without those."""
    tops: set[Path] = set()
    for path in given:
        root = project_root(path)
        name, base, _ = place(path.absolute())
        tops.add(base / name.partition(".")[0] if root.name in INSTALLED else root)
    known = {path.absolute() for path in given}
    found = discover([top for top in tops if top.is_dir()], lambda _: _Around())
    return [path for path in found if path not in known][:_MOST_FILES]


def read(path: Path) -> bytes:
    """What a file holds, nothing where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _imports(module: ModuleInfo, wanted: set[str]) -> bool:
    """Whether a module's top level imports a wanted one (``import a.b`` binds ``a``, from which all can be reached)."""
    if wanted.intersection(module.stars):
        return True
    imported = [binding for binding in module.names.values() if isinstance(binding, tuple)]
    return any(
        source in wanted
        or f"{source}.{attribute}" in wanted
        or (not attribute and any(name.startswith(f"{source}.") for name in wanted))
        for source, attribute in imported
    )
