"""From documents to events: which functions an exporter enters, and the run over them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from convlint.analyzer import expressions, statements
from convlint.analyzer.annotations import entry_arguments
from convlint.analyzer.calls import Arguments, invoke
from convlint.analyzer.importers import importers
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo, Project
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import (
    UNKNOWN,
    Class,
    Const,
    Function,
    Instance,
    Layer,
    Name,
    Number,
    Unknown,
    Value,
)
from convlint.events import Event

NOT_EXPORTED = frozenset(
    [
        "data",
        "dataset",
        "datasets",
        "dataloader",
        "dataloaders",
        "transforms",
        "augment",
        "augmentation",
        "loss",
        "losses",
        "criterion",
        "criterions",
        "metrics",
        "optim",
        "optimizer",
        "tests",
        "test",
        "testing",
    ]
)
"""Folders and files of what feeds, trains and tests a model: no exporter enters there by itself (README)."""
_NOT_EXPORTED = re.compile(
    r".*(Loss|Criterion|Dataset|BatchSampler|Metric|Optimizer|HungarianMatcher|Augmentation)(s|es)?$"
)


_ONLY_AROUND = re.compile(
    r"loss|criterion|metric|accuracy|train|valid|evaluat|test|collate|load|save|plot|draw|visuali|log|convert|export|main"
    r"|backward|augment|optimi|sample_batch|dataset|to_pil|to_image|^__\w+__$",
    re.IGNORECASE,
)
"""Parts of the names of functions that feed, train, test or show a model, and Python's own hooks."""


def _is_of_tensors(function: FunctionInfo) -> bool:
    """Whether a function says that it makes tensors of tensors."""
    node = function.node
    if isinstance(node, ast.Lambda) or _ONLY_AROUND.search(function.name):
        return False
    annotations = [p.annotation for p in (*node.args.posonlyargs, *node.args.args)]
    return any(_is_tensor(one) for one in annotations) and _is_tensor(node.returns)


def _is_tensor(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation).rpartition(".")[2].strip("'\"") == "Tensor"


def _is_not_exported(module: ModuleInfo) -> bool:
    return not NOT_EXPORTED.isdisjoint(module.name.split("."))


class Interpreter:
    """One run over a project."""

    def __init__(self, project: Project, modules: list[ModuleInfo]) -> None:
        self.modules = modules
        self.run = Run(project, {module.document.path for module in modules})
        self.run.evaluate = lambda frame, node: expressions.evaluate(self.run, frame, node)
        self.run.execute = lambda frame, body: statements.execute(self.run, frame, body)

    def events(self) -> Iterable[Event]:
        """The events of all modules.

        Models that nobody else uses are entered first, then every ``forward`` not yet reached; for what is still
        not reached, the models around the modules that import them. Functions of tensors that then are still not
        reached may be called by a model that nobody has shown.
        """
        classes = [cls for module in self.modules for cls in module.classes if self._is_entry(cls)]
        used = self._mentioned()
        for cls in classes:
            if cls.node.name not in used:
                self._enter(cls)
        for cls in classes:
            self._enter_if_new(cls)
        self._enter_importers()
        self._enter_possible(used)
        return self.run.events()

    def _enter_if_new(self, cls: ClassInfo) -> None:
        forward = cls.methods.get("forward")
        if forward is not None and forward.key not in self.run.visited:
            self._enter(cls)

    def _enter_importers(self) -> None:
        modules = [module for module in self.modules if not _is_not_exported(module) and self._unmet(module)]
        if not modules:
            return
        for module in importers(self.run.project, modules, self._unmet):
            for cls in module.classes:
                if self._is_entry(cls):
                    self._enter_if_new(cls)
            if not any(map(self._unmet, modules)):
                return

    def _enter_possible(self, used: set[str]) -> None:
        modules = [module for module in self.modules if not _is_not_exported(module)]
        possible = [function for module in modules for function in module.functions if _is_of_tensors(function)]
        bodies = [function.node for module in modules for function in module.functions]
        called = {part.id for body in bodies for part in ast.walk(body) if isinstance(part, ast.Name)}
        first = (function for function in possible if function.name not in used | called)
        for function in [*first, *possible]:
            if function.key not in self.run.visited:
                with self._as_deep_as_possible():
                    self._call(function, entry_arguments(self.run, function, {}))

    def _unmet(self, module: ModuleInfo) -> set[str]:
        """Names of the functions and plain classes of which nothing was met on the way from any model."""
        visited = self.run.visited
        functions = {f.name for f in module.functions if f.key not in visited and not f.name.startswith("__")}
        plain = [cls for cls in module.classes if cls.methods and not self.run.is_module(cls)]
        return functions | {c.node.name for c in plain if not any(m.key in visited for m in c.methods.values())}

    def _is_entry(self, cls: ClassInfo) -> bool:
        forward = self.run.method(cls, "forward")
        if forward is None:
            return False
        if _is_not_exported(cls.module) or _NOT_EXPORTED.match(cls.node.name):
            return False
        outside = self.run.outside_bases(cls)
        if any(base.startswith("torch.autograd") or base.endswith("autograd.Function") for base in outside):
            return False
        return bool(outside) and (self.run.is_module(cls) or "forward" in cls.methods)

    def _mentioned(self) -> set[str]:
        """Names that other classes and functions use: what they make is entered through them."""
        names: set[str] = set()
        for module in self.modules:
            for cls in module.classes:
                for part in ast.walk(cls.node):
                    if isinstance(part, ast.Name) and part.id != cls.node.name:
                        names.add(part.id)
                    elif isinstance(part, ast.Attribute):
                        names.add(part.attr)
        return names

    def _enter(self, cls: ClassInfo) -> None:
        """Interpret a model's ``forward`` as an exporter calls it, as far as its nesting allows."""
        self.run.memory.missed = {}  # nobody reads the tensors of the last model any more
        self.run.contexts = {}
        with self._as_deep_as_possible():
            self._call_forward(cls)

    @contextmanager
    def _as_deep_as_possible(self) -> Iterator[None]:
        """What is nested too deeply to be followed ends here; the run goes on."""
        try:
            yield
        except RecursionError:
            self.run.active.clear()
            self.run.depth = 0

    def _call_forward(self, cls: ClassInfo) -> None:
        forward = self.run.method(cls, "forward")
        if forward is None:
            return
        env: dict[str, Value] = {}
        parameters = [*forward.node.args.posonlyargs, *forward.node.args.args]
        if parameters:
            env[parameters[0].arg] = self._instance(cls)
        self._call(forward, env | entry_arguments(self.run, forward, env))

    def _call(self, function: FunctionInfo, arguments: dict[str, Value]) -> None:
        given = Arguments(keywords=arguments, nodes=[], entry=True)
        call = ast.Name(id=function.name, lineno=1, col_offset=0)
        invoke(self.run, Frame(function.module), call, Function(function), given)

    def _instance(self, cls: ClassInfo) -> Instance:
        """A model made with arguments of which only their kind is known."""
        instance = Instance(cls, complete=False)
        with self._as_deep_as_possible():
            self._call_init(cls, instance)
        return instance

    def _call_init(self, cls: ClassInfo, instance: Instance) -> None:
        init = self.run.method(cls, "__init__")
        if init is None:
            return
        env = {name: self._configured(value) for name, value in self._parameters(init).items()}
        first = [*init.node.args.posonlyargs, *init.node.args.args][:1]
        if first:
            env[first[0].arg] = instance
        call = ast.Name(id=cls.node.name, lineno=1, col_offset=0)
        given = Arguments(keywords=env, nodes=[])
        invoke(self.run, Frame(cls.module, traced=False), call, Function(init), given)

    def _parameters(self, init: FunctionInfo) -> dict[str, Value]:
        """The defaults of a constructor's parameters; Unknown for those without."""
        spec = init.node.args
        positional = [*spec.posonlyargs, *spec.args]
        pairs = list(zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True))
        pairs += [(p, d) for p, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None]
        frame = Frame(init.module, traced=False)
        found: dict[str, Value] = dict.fromkeys((p.arg for p in [*positional, *spec.kwonlyargs]), UNKNOWN)
        for parameter, default in pairs:
            found[parameter.arg] = self.run.evaluate(frame, default)
        return found

    def _configured(self, value: Value) -> Value:
        """A configuration value of the kind of its default: a class stays (it is the usual one), a number varies."""
        if isinstance(value, (Class, Function, Name, Layer)):
            return value
        if isinstance(value, Const) and isinstance(value.value, (bool, int, float)):
            return Number(type(value.value).__name__)
        return Unknown()
