"""Who imports the reported files: a helper that is handed over alone is judged through its callers."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

from convlint.analyzer.index import ModuleInfo, Project

Names = Callable[[], set[str]]
_MOST_MODULES = 32
"""How many importers are parsed; the nearest come first."""


def importers(
    project: Project, modules: list[ModuleInfo], missing: Callable[[ModuleInfo], set[str]]
) -> Iterator[ModuleInfo]:
    """Modules around the given ones that use what is missing of them, nearest first; then those that use these.

    ``missing`` says which names of a module have not been met so far; it is asked again after each module given.
    """
    files = project.files
    paths = files.around({Path(module.document.path) for module in modules})
    words = {path: there for path in paths if (there := files.words(path))}
    level: dict[str, Names] = {module.name: functools.partial(missing, module) for module in modules}
    count = 0
    while level and words:
        above: dict[str, Names] = {}
        wanted = {name: _encoded(names()) for name, names in level.items()}
        for path, there in list(words.items()):
            used = {name for name, names in wanted.items() if _stem(name) in there and any(n in there for n in names)}
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
