"""From documents to events: which functions an exporter enters, and the run over them."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from convlint.analyzer import expressions, kept, statements
from convlint.analyzer.annotations import entry_arguments
from convlint.analyzer.builders import Builders
from convlint.analyzer.calls import UNINTERESTING, Arguments, invoke
from convlint.analyzer.importers import importers
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo, Project, dotted
from convlint.analyzer.named import Entry, entries
from convlint.analyzer.registrations import cured
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
from convlint.entry_points import EntryPoint
from convlint.errors import raised
from convlint.events import Event, Failed
from convlint.findings import Span

NOT_EXPORTED = frozenset(
    [
        "data",
        "dataset",
        "datasets",
        "dataloader",
        "dataloaders",
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
INFERENCE = ("inference", "infer")
"""What a model's method is called that stands in for ``forward`` once training is over."""
_OF_DATA = frozenset(
    ["PIL", "albumentations", "cv2", "imageio", "imgaug", "librosa", "random", "skimage", "soundfile", "torchvision"]
)
"""What transforms of data import; transforms that import none of it may be a flow's or a spectrogram's."""
_NOT_EXPORTED = re.compile(
    r".*(Loss|Criterion|Dataset|BatchSampler|Metric|Optimizer|HungarianMatcher|Augmentation)(s|es)?$"
)


_ONLY_AROUND = re.compile(
    r"loss|criterion|metric|accuracy|train|valid|evaluat|test|collate|load|save|plot|draw|visuali|log|convert|export|main"
    r"|backward|augment|optimi|sample_batch|dataset|to_pil|to_image|^__\w+__$",
    re.IGNORECASE,
)
"""Parts of the names of functions that feed, train, test or show a model, and Python's own hooks."""


_OF_OPERATORS = frozenset(
    ["custom_op", "triton_op", "impl", "impl_abstract", "register_fake", "register_kernel", "register_vmap"]
)
"""Decorators by which a function becomes (a part of) an operator: exporters call it as it is."""


def _is_of_tensors(function: FunctionInfo) -> bool:
    """Whether a function says that it makes tensors of tensors."""
    node = function.node
    if isinstance(node, ast.Lambda) or _ONLY_AROUND.search(function.name):
        return False
    if any(d.rpartition(".")[2] in _OF_OPERATORS for d in function.decorators):
        return False
    parameters = [*node.args.posonlyargs, *node.args.args]
    return any(_is_tensor(one.annotation) for one in parameters) and _is_tensor(node.returns)


def _is_tensor(annotation: ast.expr | None) -> bool:
    if annotation is None:
        return False
    text = annotation.value if isinstance(annotation, ast.Constant) else dotted(annotation)
    return isinstance(text, str) and text.rpartition(".")[2] == "Tensor"


def _transforms(module: ModuleInfo) -> str:
    """The package (or module) of transforms that a module is of, '' for none."""
    around, found, _ = f".{module.name}.".partition(".transforms.")
    return around + found if found else ""


def _imports_data(module: ModuleInfo) -> bool:
    return any(isinstance(bound, tuple) and bound[0].partition(".")[0] in _OF_DATA for bound in module.names.values())


def _failed(function: FunctionInfo, error: Exception) -> Failed:
    document, node = function.module.document, function.node
    span = document.span(node)
    first = Span(span.row, span.column, span.row, len(document.lines[span.row - 1].rstrip()) + 1)
    return Failed(document=document, span=first, statement=first, function=function.qualname, why=raised(error))


class Interpreter:
    """One run over a project: ``named`` is entered whatever it looks like, ``excluded`` (patterns) never by itself."""

    def __init__(
        self,
        project: Project,
        modules: list[ModuleInfo],
        named: Sequence[EntryPoint] = (),
        excluded: Sequence[EntryPoint] = (),
    ) -> None:
        self.modules = modules
        self.named = named
        self.excluded = excluded
        self.of_data = {_transforms(module) for module in modules if _imports_data(module)} - {""}
        """The packages of transforms that read or change data before it comes to a model."""
        self.run = Run(project, {module.document.path for module in modules})
        self.builders = Builders(self.run, modules)
        self.run.evaluate = lambda frame, node: expressions.evaluate(self.run, frame, node)
        self.run.execute = lambda frame, body: statements.execute(self.run, frame, body)

    def events(self) -> Iterable[Event]:
        """The events of all modules.

        What the configuration names is entered first, then models that nobody else uses, then every ``forward`` not
        yet reached; for what is still not reached, the models around the modules that import them. Functions of
        tensors that then are still not reached may be called by a model that nobody has shown.

        Raises:
            UsageError: the configuration names what is not there.
        """
        named = entries(self.run, self.modules, self.named)
        for entry in named:
            self._enter_at(entry, named=True)
        known = {entry.owner for entry in named if entry.function.name == "forward"}
        classes = [cls for module in self.modules for cls in module.classes if self._is_entry(cls)]
        classes = [cls for cls in classes if cls not in known]
        used = self._mentioned()
        for cls in classes:
            if cls.node.name not in used:
                self._enter(cls)
        for cls in classes:
            self._enter_if_new(cls)
        for cls in classes:
            self._enter_inference(cls)
        self._enter_importers()
        self._enter_possible(used)
        return cured(self.run.project.files, self.modules, self.run.events())

    def _enter_if_new(self, cls: ClassInfo) -> None:
        forward = cls.methods.get("forward")
        if forward is not None and forward.key not in self.run.visited:
            self._enter(cls)

    def _enter_inference(self, cls: ClassInfo) -> None:
        """Where ``forward`` is what training calls, as in speech synthesis, a method says that it is for the rest."""
        for name in INFERENCE:
            method = cls.methods.get(name)
            if method is None or method.key in self.run.visited:
                continue
            if not self._is_excluded(cls.module, f"{cls.qualname}.{name}"):
                self._enter_at(Entry(method, cls))

    def _enter_importers(self) -> None:
        modules = [module for module in self.modules if not self._is_not_exported(module) and self._unmet(module)]
        if not modules:
            return
        for module in importers(self.run.project, modules, self._unmet):
            for cls in module.classes:
                if self._is_entry(cls):
                    self._enter_if_new(cls)
            if not any(map(self._unmet, modules)):
                return

    def _enter_possible(self, used: set[str]) -> None:
        modules = [module for module in self.modules if not self._is_not_exported(module)]
        functions = [function for module in modules for function in (*module.functions, *self._methods(module))]
        possible = [function for function in functions if _is_of_tensors(function)]
        possible = [function for function in possible if not self._is_excluded(function.module, function.qualname)]
        bodies = [function.node for module in modules for function in module.functions]
        called = {part.id for body in bodies for part in ast.walk(body) if isinstance(part, ast.Name)}
        first = (function for function in possible if function.name not in used | called)
        self.run.guessed = True
        for function in [*first, *possible]:
            if function.key not in self.run.visited:
                self._enter_at(Entry(function, function.cls))

    def _methods(self, module: ModuleInfo) -> list[FunctionInfo]:
        """The methods of models of which nothing was met."""
        classes = [c for c in module.classes if self.run.is_module(c) and not _NOT_EXPORTED.match(c.node.name)]
        unmet = [cls for cls in classes if not any(method.key in self.run.visited for method in cls.methods.values())]
        return [method for cls in unmet for method in cls.methods.values() if method.name not in UNINTERESTING]

    def _is_not_exported(self, module: ModuleInfo) -> bool:
        return not NOT_EXPORTED.isdisjoint(module.name.split(".")) or _transforms(module) in self.of_data

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
        if self._is_not_exported(cls.module) or _NOT_EXPORTED.match(cls.node.name):
            return False
        if any(self._is_excluded(cls.module, name) for name in (cls.qualname, f"{cls.qualname}.forward")):
            return False
        outside = self.run.outside_bases(cls)
        if any(base.startswith("torch.autograd") or base.endswith("autograd.Function") for base in outside):
            return False
        unknown = [base for base in outside if base.partition(".")[0] not in sys.stdlib_module_names]
        return bool(unknown) and (self.run.is_module(cls) or "forward" in cls.methods)

    def _is_excluded(self, module: ModuleInfo, qualname: str) -> bool:
        path = Path(module.document.path).absolute()
        return any(pattern.covers(path, module.name, qualname) for pattern in self.excluded)

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
        self._forget()
        forward = self.run.method(cls, "forward")
        if forward is not None:
            with self._as_far_as_possible(forward):
                self._call_on(self._instance(cls), forward)
        kept.finish(self.run)

    def _enter_at(self, entry: Entry, *, named: bool = False) -> None:
        """Interpret a function; of what the configuration has ``named`` everything given is taken for an input."""
        function, owner = entry.function, entry.owner
        self._forget()
        with self._as_far_as_possible(function):
            if owner is None or "staticmethod" in function.decorators:
                self._call(function, entry_arguments(self.run, function, {}, named=named))
            elif "classmethod" in function.decorators:
                self._call_on(Class(owner if isinstance(owner, ClassInfo) else owner.cls), function, named=named)
            else:
                self._call_on(self._instance(owner) if isinstance(owner, ClassInfo) else owner, function, named=named)
        if not self.run.guessed:  # a part of a model does not show what the rest reads
            kept.finish(self.run)

    def _forget(self) -> None:
        """Nobody reads the tensors of the last model any more."""
        self.run.memory.missed = {}
        self.run.contexts = {}
        self.run.facts = ()
        self.run.kept, self.run.written = {}, frozenset()

    @contextmanager
    def _as_far_as_possible(self, function: FunctionInfo) -> Iterator[None]:
        """What is nested too deeply to be followed, or too much for convlint itself, ends here; the run goes on."""
        try:
            yield
        except RecursionError:
            self._come_back()
        except Exception as error:  # a fault of the analyzer's must not hide what it finds elsewhere
            self._come_back()
            if function.module.document.path in self.run.reported:
                self.run.note(_failed(function, error), "failed", ())

    def _come_back(self) -> None:
        self.run.active.clear()
        self.run.depth = 0

    def _call_on(self, owner: Value, method: FunctionInfo, *, named: bool = False) -> None:
        env: dict[str, Value] = {}
        parameters = [*method.node.args.posonlyargs, *method.node.args.args]
        if parameters:
            env[parameters[0].arg] = owner
        self._call(method, env | entry_arguments(self.run, method, env, named=named))

    def _call(self, function: FunctionInfo, arguments: dict[str, Value]) -> None:
        given = Arguments(keywords=arguments, nodes=[], entry=True)
        call = ast.Name(id=function.name, lineno=1, col_offset=0)
        invoke(self.run, Frame(function.module), call, Function(function), given)

    def _instance(self, cls: ClassInfo) -> Instance:
        """A model made with arguments of which only their kind is known."""
        instance = Instance(cls, complete=False)
        init = self.run.method(cls, "__init__")
        if init is not None:
            with self._as_far_as_possible(init):
                self._call_init(cls, instance, init)
        return instance

    def _call_init(self, cls: ClassInfo, instance: Instance, init: FunctionInfo) -> None:
        env = {name: self._configured(value) for name, value in self._parameters(init).items()}
        env |= self.builders.parts(cls, init)
        first = [*init.node.args.posonlyargs, *init.node.args.args][:1]
        if first:
            env[first[0].arg] = instance
        call = ast.Name(id=cls.node.name, lineno=1, col_offset=0)
        given = Arguments(keywords=env, nodes=[])
        invoke(self.run, Frame(cls.module, traced=False), call, Function(init), given)

    def _parameters(self, init: FunctionInfo) -> dict[str, Value]:
        """The defaults of a constructor's parameters; Unknown for those without."""
        frame = Frame(init.module, traced=False)
        return {
            parameter.arg: UNKNOWN if default is None else self.run.evaluate(frame, default)
            for parameter, default in init.parameters
        }

    def _configured(self, value: Value) -> Value:
        """A configuration value of the kind of its default: a class stays (it is the usual one), a number varies."""
        if isinstance(value, (Class, Function, Name, Layer)):
            return value
        if isinstance(value, Const) and isinstance(value.value, (bool, int, float)):
            return Number(type(value.value).__name__)
        return Unknown()
