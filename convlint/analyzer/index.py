"""A file as names: its module, classes and functions; what these do may rest until somebody asks."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from convlint.source.document import Document, split
from convlint.source.reparsing import Parsed, first_row, function_at, has_type_comments
from convlint.source.walk import walk


@dataclass(eq=False)
class FunctionInfo:
    """A ``def`` or ``lambda``."""

    module: ModuleInfo
    qualname: str
    _node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | None
    cls: ClassInfo | None = None
    source: tuple[int, int, int] = (0, 0, 0)
    """The row that it begins in, and which part of the module's text these rows are, once it rests."""

    @property
    def node(self) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda:
        """Its tree, parsed again where it rests (see ``ModuleInfo.rest``)."""
        if self._node is None:
            row, start, end = self.source
            self._node = function_at(self.module.document, row, start, end)
            self.module.awake.append(self)
        return self._node

    def rest(self, starts: Sequence[int]) -> None:
        """Keeps its name, and where it is written in a text whose rows start there."""
        assert isinstance(self.node, ast.stmt)  # a lambda is of no module
        _ = self.key, self.decorators  # which are asked of those that nobody enters
        row = first_row(self.node)
        self.source = row, starts[row - 1], starts[self.node.end_lineno or row]
        self.sleep()

    def sleep(self) -> None:
        """Lets go of the tree again."""
        self._node = None

    @cached_property
    def key(self) -> tuple[str, str, int]:
        """What names this function (two files may be modules of one name)."""
        return (self.module.document.path, self.qualname, self.node.lineno)

    @cached_property
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

    @cached_property
    def is_left_to_subclasses(self) -> bool:
        """Whether it is abstract and does nothing itself."""
        if ABSTRACT.isdisjoint(self.decorators) or isinstance(self.node, ast.Lambda):
            return False
        return all(map(_does_nothing, self.node.body))

    @cached_property
    def uses(self) -> set[str]:
        """The names that it uses."""
        return {part.id for part in walk(self.node) if isinstance(part, ast.Name)}

    @cached_property
    def place(self) -> tuple[str, str]:
        """The file, and the function or method of its top level that it is or stands in."""
        return (self.module.document.path, self.qualname.partition(".<")[0])

    @property
    def decorator_list(self) -> list[ast.expr]:
        """The decorators as written."""
        return [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list

    @cached_property
    def decorators(self) -> list[str]:
        """The decorators' dotted names."""
        return [dotted(d.func if isinstance(d, ast.Call) else d) for d in self.decorator_list]


ABSTRACT = frozenset({"abstractmethod", "abc.abstractmethod"})
"""Of a class with such a method there is no object."""


def _does_nothing(statement: ast.stmt) -> bool:
    constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return constant or isinstance(statement, (ast.Pass, ast.Raise))


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
    rests: bool = False
    """Whether only its names are kept (see ``rest``)."""
    awake: list[FunctionInfo] = field(default_factory=list)
    """Those of its functions, or of all modules that rest, that were parsed again."""

    @cached_property
    def torch(self) -> str:
        """What the module calls torch, empty where it does not import it."""
        return next((name for name, bound in self.names.items() if bound == ("torch", "")), "")

    @cached_property
    def _stays(self) -> bool:
        """Whether a function may parse otherwise than the whole text does."""
        return bool(self.document.broken) or has_type_comments(self.document)

    def rest(self, awake: list[FunctionInfo]) -> None:
        """Keeps the names: of what others import little is entered; that is parsed again, and put in ``awake``.

        A tree takes forty times the room of its text.
        """
        if self.rests or self._stays:
            return
        self.rests, self.awake = True, awake
        starts = [0, *accumulate(map(len, split(self.document.sound)))]
        for function in self.all_functions():
            function.rest(starts)
        for cls in self.classes:
            cls.node.body = []
        self.body.clear()
        self.document.slim()

    def all_functions(self) -> list[FunctionInfo]:
        """The functions and the methods of its classes."""
        return [*self.functions, *(method for cls in self.classes for method in cls.methods.values())]

    def close(self) -> None:
        """Nobody asks for it any more: what points in circles is let go of, so that the tree is freed at once."""
        for cls in self.classes:
            cls.methods.clear()
        for part in (self.names, self.fallbacks, self.defined, self.classes, self.functions, self.body):
            part.clear()
        self.document.slim()

    def absolute(self, module: str | None, level: int) -> str:
        """The absolute name of a relative import."""
        if not level:
            return module or ""
        parts = self.name.split(".")
        if not self.package:
            parts = parts[:-1]
        parts = parts[: len(parts) - (level - 1)] if level > 1 else parts
        return ".".join([*parts, *([module] if module else [])])


def is_dots(node: ast.expr) -> bool:
    """Whether a part of an index is ``...``."""
    return isinstance(node, ast.Constant) and node.value is Ellipsis


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of a name or attribute chain, '' for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([node.id, *reversed(parts)])


def build(parsed: Parsed, name: str, package: bool) -> ModuleInfo:
    """The index of one document."""
    module = ModuleInfo(name, parsed.document, package, body=[*parsed.body])
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
