"""The modules that can be reached from some files, opened when first named, and what was asked while they were read."""

from __future__ import annotations

import functools
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from convlint.analyzer.index import FunctionInfo, ModuleInfo
from convlint.source.discovery import INSTALLED
from convlint.source.document import SourceError

if TYPE_CHECKING:
    from convlint.analyzer.files import Files


@dataclass
class Questions:
    """What was asked of a project while a part of it was read: whoever gets the same answers reads the same."""

    modules: set[str] = field(default_factory=set)
    """The names that modules were asked for by."""
    stars: set[tuple[str, str, str]] = field(default_factory=set)
    """Whose star imports were searched (name and file of the module), and for which name."""
    files: dict[str, str] = field(default_factory=dict)
    """The files whose code was read, and what tells their contents apart."""
    mentions: set[str] = field(default_factory=set)
    """Names of which it was asked which functions mention them."""
    searched: set[str] = field(default_factory=set)
    """The files whose text was searched for a name, as far as nobody had searched it before."""


Place = tuple[Path, str, bool]
"""The file of a module, what it is called and whether it is a package."""


@dataclass
class Answers:
    """The answers to what was asked (see ``Questions``), each as plain data."""

    place: str
    """How the file itself is imported."""
    modules: dict[str, str]
    stars: list[tuple[str, str, str, str]]
    files: dict[str, tuple[str, bool]]
    """What tells the content apart, and whether it is to be reported."""
    mentions: dict[str, list[str]]
    searched: list[str]


def _spelt(place: Place | None) -> str:
    """A place as plain data."""
    return "" if place is None else f"{place[1]}:{int(place[2])}:{place[0]}"


@dataclass
class Grounds:
    """What several parts rest on together."""

    files: dict[str, str] = field(default_factory=dict)
    """The files whose code was read, and what tells their contents apart."""
    searched: set[str] = field(default_factory=set)
    places: dict[str, str] = field(default_factory=dict)
    """The modules that were asked for, and where they are."""
    sound: bool = True
    """Whether no file changed from one part to the next."""

    def add(self, answers: Answers) -> None:
        """One more part."""
        for path, (digest, _) in answers.files.items():
            self.sound &= self.files.setdefault(path, digest) == digest
        self.searched.update(answers.searched)
        self.places |= answers.modules


_STATEMENTS = re.compile(r"^(?=[^\s#)\]}])", re.MULTILINE)
_HOLDS_FUNCTIONS = re.compile(r"(?:async\s+)?def\b|(?:if|else|elif|try|except|finally|with|for|while|match)\b")
_WORD = re.compile(r"[^\W\d]\w*")


class Mentions:
    """Which files have functions outside of classes that may mention a name, by the words of their text."""

    def __init__(self) -> None:
        self._files: list[Path] = []
        self._by_word: dict[str, list[int]] = {}

    def add(self, path: Path, text: str) -> None:
        """One more file."""
        statements = [part for part in _STATEMENTS.split(text) if _HOLDS_FUNCTIONS.match(part)]
        for word in {word for part in statements for word in _WORD.findall(part)}:
            self._by_word.setdefault(word, []).append(len(self._files))
        self._files.append(path)

    def of(self, name: str) -> list[Path]:
        """The files that may mention a name, in the order in which they were added."""
        return [self._files[at] for at in self._by_word.get(name, ())]


@dataclass(frozen=True)
class Given:
    """A file that is to be reported: how it is imported."""

    path: Path
    name: str
    base: Path
    package: bool

    @classmethod
    def of(cls, path: Path) -> Given:
        """What a file is called, and from which folder it is imported."""
        name, base, package = place(path)
        return cls(path, name, base, package)


_STAR = re.compile(r"\bimport\s*\(?\s*\*", re.ASCII)


@functools.lru_cache(maxsize=256)
def _binding(name: str) -> re.Pattern[str]:
    """Text that may bind a name at the top level of a module: a definition, an assignment, an import."""
    word = re.escape(name)
    return re.compile(
        rf"^[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+{word}\b"
        rf"|(?:^[ \t]*|[:;=][ \t]*){word}[ \t]*(?:=(?!=)|:)"
        rf"|\bimport\b[^\n]*\b{word}\b|\bas[ \t]+{word}\b|^[ \t]*{word}[ \t]*(?:[,)#\r\n]|\Z)",
        re.MULTILINE | re.ASCII,
    )


def _lines_with(text: str, word: str) -> Iterator[str]:
    """The lines that hold a word: whole files are too much for `_binding`, which tries each of its ways everywhere."""
    at = text.find(word)
    while at >= 0:
        end = text.find("\n", at) + 1 or len(text)
        yield text[text.rfind("\n", 0, at) + 1 : end]
        at = text.find(word, end)


_AWAKE = 500_000
"""How many characters of functions stay parsed that others may enter next: forty times that of memory."""
_OPEN = 4_000_000
"""Of how many characters of source the names are kept."""


class Project:
    """The modules that can be reached from the files to be reported, parsed when first named."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.asked = Questions()
        self.mentions = Mentions()
        self.errors: dict[Path, SourceError] = {}
        """Why files cannot be read or parsed."""
        self._given: dict[str, Given] = {}
        self._by_path: dict[Path, Given] = {}
        self._roots: OrderedDict[Path, None] = OrderedDict()
        self._tops: set[str] = set()
        self._places: dict[str, Place | None] = {}
        self._open: OrderedDict[tuple[Path, str], ModuleInfo | None] = OrderedDict()
        self._awake: list[FunctionInfo] = []
        """The functions of modules that rest which were parsed again, those longest ago first."""
        self._texts: dict[Path, tuple[str, bool]] = {}
        """What files hold of which it was asked what they define, and whether they import all of another one."""
        self._definers: dict[tuple[str, str], Place | None] = {}
        self._names: dict[Path, frozenset[str]] = {}
        """What the functions of files use besides themselves, as far as it was asked."""

    def give(self, given: Given) -> None:
        """A file that is to be reported."""
        self.know(given.name, given.base)
        self._given[given.name] = self._by_path[given.path] = given

    @property
    def names(self) -> list[str]:
        """What the reported files are called."""
        return list(self._given)

    def given(self, path: Path) -> ModuleInfo | None:
        """The module of a file that is to be reported, None where it cannot be read or parsed."""
        given = self._by_path[path]
        return self._opened(path, given.name, given.package)

    def whole(self, path: Path) -> ModuleInfo | None:
        """The module of any file (see ``read``) with all that it holds; nobody may have entered it since ``forget``."""
        _, name, package = self._own(path)
        module = self._open.get((path, name))
        if module is not None and module.rests:
            self.files.release(module)
        if module is None or module.rests:
            self._read(path, name, package)
        return self.read(path)

    def read(self, path: Path) -> ModuleInfo | None:
        """The module of any file, None where it cannot be read or parsed."""
        if path in self._by_path:
            return self.given(path)
        name, base, package = place(path)
        module = self._opened(path, name, package)
        if module is not None:
            self.know(name, base)
            if self._places.get(name) is None:
                self._places[name] = (path, name, package)
        return module

    def know(self, name: str, base: Path) -> None:
        """Modules of the folder that a module is imported from may be imported too."""
        self._tops.add(name.partition(".")[0])
        if base not in self._roots:
            self._roots[base] = None
            if base.name not in INSTALLED:
                self._tops.update(self.files.importable(base))
                self._tops.update(base.parts[-_DEEP:])  # packages without an `__init__.py`

    def module(self, name: str) -> ModuleInfo | None:
        """The module of an absolute name, None where it is not the project's (or does not parse)."""
        self.asked.modules.add(name)
        place = self.locate(name)
        return None if place is None else self._opened(*place)

    def locate(self, name: str) -> Place | None:
        """The file of a module, what it is called and whether it is a package; None where it is not the project's."""
        if name not in self._places:
            self._places[name] = self._located(name)
        return self._places[name]

    def spelt(self, name: str) -> str:
        """The file of a module as plain data, empty where it is not the project's."""
        return _spelt(self.locate(name))

    def _located(self, name: str) -> Place | None:
        if given := self._given.get(name):
            return given.path, given.name, given.package
        if name.partition(".")[0] not in self._tops:
            return None
        relative = Path(*name.split("."))
        for base in [folder for root in self._roots for folder in (root, *_above(root, relative.parts[0]))]:
            for path, package in ((base / relative / "__init__.py", True), (base / relative.with_suffix(".py"), False)):
                if given := self._by_path.get(path):
                    return given.path, given.name, given.package
                if self.files.is_file(path):
                    return path, name, package
        return None

    def _opened(self, path: Path, name: str, package: bool) -> ModuleInfo | None:
        key = path, name
        if key in self._open:
            self._open.move_to_end(key)
        elif (module := self._read(path, name, package)) is not None:
            self.files.rest(module, self._awake)
        self._rest_on(path)
        return self._open[key]

    def _read(self, path: Path, name: str, package: bool) -> ModuleInfo | None:
        key = path, name
        try:
            self._open[key] = self.files.module(path, name, package)
        except SourceError as error:
            self.errors[path] = error
            self._open[key] = None
        return self._open[key]

    def _rest_on(self, path: Path) -> None:
        if (text := str(path)) not in self.asked.files:
            self.asked.files[text] = self.files.digest(path)

    def definer(self, module: ModuleInfo, name: str) -> ModuleInfo | None:
        """The module that defines a name which another one has from its star imports, if any does."""
        if not module.stars:
            return None
        self.asked.stars.add((module.name, module.document.path, name))
        key = module.document.path, name
        asked, self.asked = self.asked, Questions(searched=self.asked.searched)  # the answer counts, not the way to it
        try:
            if key not in self._definers:
                self._definers[key] = self._search(module, name, {module.document.path})
        finally:
            self.asked = asked
        definer = self._definers[key]
        return None if definer is None else self._opened(*definer)

    def _search(self, module: ModuleInfo, name: str, seen: set[str]) -> Place | None:
        for source in module.stars:
            place = self.locate(source)
            if place is None or str(place[0]) in seen:
                continue
            seen.add(str(place[0]))
            if not self._may_define(place[0], name) or (other := self.module(source)) is None:
                continue
            if name in other.names:
                return place
            found = self._search(other, name, seen)
            if found is not None:
                return found
        return None

    def _may_define(self, path: Path, name: str) -> bool:
        """Whether a file may define a name, or import all that another one does."""
        if path not in self._texts:
            text = self.files.text(path)
            self._texts[path] = text, _STAR.search(text) is not None
            self.asked.searched.add(str(path))
        text, hands_on = self._texts[path]
        if hands_on or not name.isascii():
            return True
        return any(_binding(name).search(line) is not None for line in _lines_with(text, name))

    def mentioning(self, name: str) -> Iterator[FunctionInfo]:
        """The functions of the reported files that use a name and are not so called, found one after another."""
        self.asked.mentions.add(name)
        for path in self.mentions.of(name):
            module = self.given(path) if self._may_use(path, name) else None
            for function in module.functions if module is not None else ():
                if function.name != name and name in function.uses:
                    yield function

    def _may_use(self, path: Path, name: str) -> bool:
        """Whether a function of a file uses a name; a file that was read in vain is let go of at once."""
        if path in self._names:
            self._rest_on(path)
            return name in self._names[path]
        own = self._own(path)
        key = own[:2]
        kept = key in self._open
        module = self.given(path) if kept else self._read(*own)
        self._rest_on(path)
        functions = module.functions if module is not None else []
        self._names[path] = names = frozenset(used for one in functions for used in one.uses if used != one.name)
        if module is not None and not kept:
            if name in names:
                self.files.rest(module, self._awake)
            else:
                del self._open[key]
                self.files.release(module)
        return name in names

    def answers(self, path: Path, asked: Questions) -> Answers:
        """What was asked while a file was read, with the answers."""
        return Answers(
            place=_spelt(self._own(path)),
            modules={name: self.spelt(name) for name in sorted(asked.modules)},
            stars=[(*star, _spelt(self._definers[star[1:]])) for star in sorted(asked.stars)],
            files={path: (digest, Path(path) in self._by_path) for path, digest in sorted(asked.files.items())},
            mentions={name: [str(path) for path in self.mentions.of(name)] for name in sorted(asked.mentions)},
            searched=sorted(asked.searched),
        )

    def _own(self, path: Path) -> Place:
        """How a file itself is imported."""
        if given := self._by_path.get(path):
            return path, given.name, given.package
        name, _, package = place(path)
        return path, name, package

    def agrees(self, path: Path, answers: Answers, digest: Callable[[Path], str]) -> bool:
        """Whether all answers are the same today; ``digest`` tells the contents of files apart."""
        return (
            answers.place == _spelt(self._own(path))
            and all(
                digest(Path(file)) == known and (Path(file) in self._by_path) == given
                for file, (known, given) in answers.files.items()
            )
            and all(self.spelt(name) == place for name, place in answers.modules.items())
            and all([str(path) for path in self.mentions.of(name)] == paths for name, paths in answers.mentions.items())
            and all(self._defines(*star) for star in answers.stars)
        )

    def _defines(self, of: str, path: str, name: str, definer: str) -> bool:
        module = self.module(of)
        if module is None or module.document.path != path:
            return False
        self.definer(module, name)
        return _spelt(self._definers[path, name]) == definer

    def forget(self, but: Path | None = None) -> None:
        """Between parts of a run: what was asked, the trees of what was not entered lately, and names of long ago.

        One file may be left whole, where that is read next.
        """
        self.asked = Questions()
        opened = [(path, module) for (path, _), module in self._open.items() if module is not None]
        for path, module in opened:
            if path != but:
                self.files.rest(module, self._awake)
        size = sum(function.source[2] - function.source[1] for function in self._awake)
        while size > _AWAKE:
            function = self._awake.pop(0)
            size -= function.source[2] - function.source[1]
            function.sleep()
        total = sum(len(module.document.text) for _, module in opened)
        while total > _OPEN:
            _, oldest = self._open.popitem(last=False)
            if oldest is not None:
                total -= len(oldest.document.text)
                self.files.release(oldest)


_DEEP = 6
"""How many folders a package without an ``__init__.py`` may be nested in."""


def _above(folder: Path, name: str) -> list[Path]:
    """The folders around one that is in a folder of this name: from there ``name.part`` is imported."""
    return [around.parent for around in (folder, *folder.parents)[:_DEEP] if around.name == name]


def place(path: Path) -> tuple[str, Path, bool]:
    """(module name, the folder it is imported from, whether it is a package) of a file."""
    package = path.name == "__init__.py"
    parts = [] if package else [path.name if path.suffix == ".ipynb" else path.stem]  # a notebook is not imported
    folder = path.parent
    while os.path.isfile(f"{folder}/__init__.py") and folder.name.isidentifier():  # noqa: PTH113 (asked of each file)
        parts.append(folder.name)
        folder = folder.parent
    return ".".join(reversed(parts)) or path.stem, folder, package
