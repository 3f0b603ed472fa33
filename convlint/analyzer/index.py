"""The project as names: modules, classes and functions, found from imports and parsed when first asked for."""

from __future__ import annotations

import ast
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from convlint.source.discovery import INSTALLED, is_file
from convlint.source.document import Document, SourceError

if TYPE_CHECKING:
    from convlint.analyzer.files import Files


@dataclass(eq=False)
class FunctionInfo:
    """A ``def`` or ``lambda``."""

    module: ModuleInfo
    qualname: str
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    cls: ClassInfo | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What names this function (two files may be modules of one name)."""
        return (self.module.document.path, self.qualname, self.node.lineno)

    @property
    def name(self) -> str:
        """The last part of the qualified name."""
        return self.qualname.rpartition(".")[2]

    @cached_property
    def parameters(self) -> list[tuple[ast.arg, ast.expr | None]]:
        """The parameters with their defaults, those that are given by name only last; without ``*args, **kwargs``."""
        spec = self.node.args
        positional = [*spec.posonlyargs, *spec.args]
        required: list[ast.expr | None] = [None] * (len(positional) - len(spec.defaults))
        pairs = [*zip(positional, [*required, *spec.defaults], strict=True)]
        return [*pairs, *zip(spec.kwonlyargs, spec.kw_defaults, strict=True)]

    @property
    def decorator_list(self) -> list[ast.expr]:
        """The decorators as written."""
        return [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list

    @cached_property
    def decorators(self) -> list[str]:
        """The decorators' dotted names."""
        return [dotted(d.func if isinstance(d, ast.Call) else d) for d in self.decorator_list]


@dataclass(eq=False)
class ClassInfo:
    """A class statement: bases as written, methods, and what its body assigns."""

    module: ModuleInfo
    qualname: str
    node: ast.ClassDef
    methods: dict[str, FunctionInfo] = field(default_factory=dict)
    assigned: dict[str, ast.expr] = field(default_factory=dict)
    annotations: dict[str, ast.expr] = field(default_factory=dict)

    @property
    def bases(self) -> list[str]:
        """The bases' dotted names."""
        return [dotted(base.value if isinstance(base, ast.Subscript) else base) for base in self.node.bases]


Binding = ClassInfo | FunctionInfo | tuple[str, str] | ast.expr
"""A module-level name: a class, a function, an import (module, attribute or ''), or the expression assigned."""


@dataclass(eq=False)
class ModuleInfo:
    """One file: its module-level names."""

    name: str
    document: Document
    package: bool
    names: dict[str, Binding] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    classes: list[ClassInfo] = field(default_factory=list)
    functions: list[FunctionInfo] = field(default_factory=list)
    body: list[ast.stmt] = field(default_factory=list)
    defined: dict[str, ClassInfo | FunctionInfo] = field(default_factory=dict)
    """What a name was before it was assigned to: ``pick = torch.jit.script(pick)``."""
    fallbacks: dict[str, Binding] = field(default_factory=dict)
    """What ``except ImportError`` binds where the import before it leads nowhere."""

    @cached_property
    def torch(self) -> str:
        """What the module calls torch, empty where it does not import it."""
        return next((name for name, bound in self.names.items() if bound == ("torch", "")), "")

    def absolute(self, module: str | None, level: int) -> str:
        """The absolute name of a relative import."""
        if not level:
            return module or ""
        parts = self.name.split(".")
        if not self.package:
            parts = parts[:-1]
        parts = parts[: len(parts) - (level - 1)] if level > 1 else parts
        return ".".join([*parts, *([module] if module else [])])


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name or attribute chain, '' for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def build(document: Document, name: str, package: bool) -> ModuleInfo:
    """The index of one document.

    Raises:
        SourceError: it does not parse.
    """
    module = ModuleInfo(name, document, package, body=document.parse().body)
    _block(module, module.body)
    return module


def _block(module: ModuleInfo, body: list[ast.stmt]) -> None:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = FunctionInfo(module, node.name, node)
            module.names[node.name] = function
            module.functions.append(function)
        elif isinstance(node, ast.ClassDef):
            module.names[node.name] = _class(module, node, node.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname:
                    module.names[alias.asname] = (alias.name, "")
                else:
                    top = alias.name.partition(".")[0]
                    module.names[top] = (top, "")
        elif isinstance(node, ast.ImportFrom):
            source = module.absolute(node.module, node.level)
            for alias in node.names:
                if alias.name == "*":
                    module.stars.append(source)
                else:
                    module.names[alias.asname or alias.name] = (source, alias.name)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    if isinstance(defined := module.names.get(target.id), (FunctionInfo, ClassInfo)):
                        module.defined[target.id] = defined
                    module.names[target.id] = node.value
        elif isinstance(node, ast.AnnAssign):
            if isinstance(node.target, ast.Name) and node.value is not None:
                module.names[node.target.id] = node.value
        elif isinstance(node, ast.If):
            _block(module, node.orelse)
            _block(module, node.body)
        elif isinstance(node, ast.Match):
            for case in reversed(node.cases):
                _block(module, case.body)
        elif isinstance(node, ast.Try):
            for handler in node.handlers:
                before = dict(module.names)
                _block(module, handler.body)
                module.fallbacks |= {n: b for n, b in module.names.items() if before.get(n) is not b}
            _block(module, [*node.body, *node.orelse, *node.finalbody])
        elif isinstance(node, (ast.With, ast.For, ast.While)):
            _block(module, node.body)


def _class(module: ModuleInfo, node: ast.ClassDef, qualname: str) -> ClassInfo:
    info = ClassInfo(module, qualname, node)
    module.classes.append(info)
    _class_block(info, node.body)
    return info


def _class_block(info: ClassInfo, body: list[ast.stmt]) -> None:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            function = FunctionInfo(info.module, f"{info.qualname}.{node.name}", node, info)
            decorators = function.decorators
            if any(d.endswith((".setter", ".deleter")) or d in ("overload", "typing.overload") for d in decorators):
                continue
            info.methods[node.name] = function
        elif isinstance(node, ast.ClassDef):
            _class(info.module, node, f"{info.qualname}.{node.name}")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    info.assigned[target.id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            info.annotations[node.target.id] = node.annotation
            if node.value is not None:
                info.assigned[node.target.id] = node.value
        elif isinstance(node, ast.If):
            _class_block(info, node.orelse)
            _class_block(info, node.body)
        elif isinstance(node, ast.Try):
            for handler in node.handlers:
                _class_block(info, handler.body)
            _class_block(info, [*node.body, *node.orelse, *node.finalbody])
        elif isinstance(node, (ast.With, ast.For, ast.While)):
            _class_block(info, node.body)


class Project:
    """The modules that can be reached from the reported documents, read when first named."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.modules: dict[str, ModuleInfo | None] = {}
        self._roots: OrderedDict[Path, None] = OrderedDict()
        self._tops: set[str] = set()
        self._by_path: dict[Path, ModuleInfo] = {}

    def add(self, document: Document) -> ModuleInfo:
        """Index a document that is to be reported.

        Raises:
            SourceError: it does not parse.
        """
        name, base, package = place(Path(document.path).absolute())
        module = build(document, name, package)
        self._know(name, base)
        self.modules[name] = self._by_path[Path(document.path).absolute()] = module
        return module

    def read(self, path: Path) -> ModuleInfo | None:
        """The module of a file that is not to be reported, None where it cannot be read or parsed."""
        name, base, package = place(path)
        known = self.modules.get(name)
        if known is not None and Path(known.document.path).absolute() == path:
            return known
        try:
            module = self.files.module(path, name, package)
        except SourceError:
            return None
        self._know(name, base)
        self.modules.setdefault(name, module)
        return module

    def _know(self, name: str, base: Path) -> None:
        """Modules of the folder that a module is imported from may be imported too."""
        self._tops.add(name.partition(".")[0])
        if base not in self._roots:
            self._roots[base] = None
            if base.name not in INSTALLED:
                self._tops.update(self.files.importable(base))
                self._tops.update(base.parts[-_DEEP:])  # packages without an `__init__.py`

    def module(self, name: str) -> ModuleInfo | None:
        """The module of an absolute name, None where it is not the project's (or does not parse)."""
        if name in self.modules:
            return self.modules[name]
        found: ModuleInfo | None = None
        if name.partition(".")[0] in self._tops:
            found = self._load(name)
        self.modules[name] = found
        return found

    def _load(self, name: str) -> ModuleInfo | None:
        relative = Path(*name.split("."))
        for base in [folder for root in self._roots for folder in (root, *_above(root, relative.parts[0]))]:
            for path, package in ((base / relative / "__init__.py", True), (base / relative.with_suffix(".py"), False)):
                if path in self._by_path:
                    return self._by_path[path]
                if self.files.is_file(path):
                    try:
                        return self.files.module(path, name, package)
                    except SourceError:
                        return None
        return None


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
    while is_file(folder / "__init__.py") and folder.name.isidentifier():
        parts.append(folder.name)
        folder = folder.parent
    return ".".join(reversed(parts)) or path.stem, folder, package
