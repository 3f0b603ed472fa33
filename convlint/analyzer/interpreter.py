"""What one file shows by itself: what of it may be entered, and what is met on the way from there."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import convlint.analyzer.expressions  # noqa: F401 - fills in what nodes do
from convlint.analyzer import Asked, inputs, kept, properties, training
from convlint.analyzer.annotations import entry_arguments, written
from convlint.analyzer.builders import Builders
from convlint.analyzer.calls import UNINTERESTING, Arguments, invoke
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo, dotted
from convlint.analyzer.named import Entry, entry_at
from convlint.analyzer.parts import ClassOutline, FunctionOutline, Key, Outline, Part, Step, Trace
from convlint.analyzer.plain_code import PlainCode
from convlint.analyzer.project import Project
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
    Tensor,
    Unknown,
    Value,
)
from convlint.entry_points import EntryPoint
from convlint.errors import raised
from convlint.events import Event, Failed
from convlint.findings import Span
from convlint.source.walk import walk

_NONE: Mapping[Step, Trace] = {}
INFERENCE = ("inference", "infer")
"""What a model's method is called that stands in for ``forward`` once training is over."""
_OF_DATA = frozenset(
    ["PIL", "albumentations", "cv2", "imageio", "imgaug", "librosa", "random", "skimage", "soundfile", "torchvision"]
)
"""What transforms of data import; transforms that import none of it may be a flow's or a spectrogram's."""
_OF_TRANSFORMS = re.compile(r"\.transforms?\.")
_OF_OPERATORS = frozenset(
    ["custom_op", "triton_op", "impl", "impl_abstract", "register_fake", "register_kernel", "register_vmap"]
)
"""Decorators by which a function becomes (a part of) an operator: exporters call it as it is."""


def _is_of_tensors(function: FunctionInfo) -> bool:
    """Whether a function says that it makes tensors of tensors; what is given the ground truth is for training."""
    node = function.node
    if isinstance(node, ast.Lambda) or training.FUNCTION.search(function.name):
        return False
    if any(d.rpartition(".")[2] in _OF_OPERATORS for d in function.decorators):
        return False
    if training.is_given_truth(function):
        return False
    parameters = [*node.args.posonlyargs, *node.args.args]
    return any(_is_tensor(one.annotation) for one in parameters) and _is_tensor(node.returns)


def _is_tensor(annotation: ast.expr | None) -> bool:
    return annotation is not None and written(annotation).rpartition(".")[2] == "Tensor"


def _transforms(module: ModuleInfo) -> str:
    """The package (or module) of transforms that a module is of, '' for none."""
    found = _OF_TRANSFORMS.search(f".{module.name}.")
    return found.string[: found.end()] if found else ""


def _imports_data(module: ModuleInfo) -> bool:
    return any(isinstance(bound, tuple) and bound[0].partition(".")[0] in _OF_DATA for bound in module.names.values())


def _failed(function: FunctionInfo, error: Exception) -> Failed:
    document, node = function.module.document, function.node
    span = document.span(node)
    first = Span(span.row, span.column, span.row, len(document.lines[span.row - 1].rstrip()) + 1)
    return Failed(document=document, span=first, statement=first, function=function.qualname, why=raised(error))


class Interpreter:
    """Reads files of a project one by one; of what is met there ``reported`` files get events.

    ``asked`` is the plain code that rules want to know of, ``excluded`` are patterns of what is never entered by
    itself.
    """

    def __init__(
        self,
        project: Project,
        reported: Container[str],
        asked: Asked = Asked(),  # noqa: B008 - never changes
        excluded: Sequence[EntryPoint] = (),
    ) -> None:
        self.project = project
        self._reported = reported
        self._asked = asked
        self._excluded = excluded
        self._renew()

    def _renew(self) -> None:
        """Begin a run that knows nothing yet: what it meets does not depend on what was read before."""
        self.run = Run(self.project, self._reported, operators=self._asked.operators)
        self._builders = Builders(self.run)

    # --- a file --------------------------------------------------------------------------------------------------

    def part(self, path: Path, held: Mapping[Step, Trace] = _NONE) -> Part:
        """All that a file shows by itself; ``held`` is what of its traces is known."""
        self.project.forget(but=path)
        module = self.project.whole(path)
        if module is None:
            return Part(None, self.project.asked, error=self.project.errors[path])
        self._renew()
        outline = self._outline(module)
        traces = self._likely(module, outline, held)
        plain = self._plain(module) if module.document.path in self._reported else []
        return Part(outline, self.project.asked, traces, plain, self.run.shared)

    def _plain(self, module: ModuleInfo) -> list[Event]:
        reader = PlainCode(Run(self.project, self._reported), self._asked) if self._asked.plain else None
        return [*reader.events(module)] if reader is not None else []

    def trace(self, path: Path, step: Step) -> Trace:
        """What is met on the way from one entry of a file."""
        self.project.forget()
        module = self.project.read(path)
        assert module is not None  # its outline is known
        self._renew()
        return self._trace(module, step)

    def _likely(self, module: ModuleInfo, outline: Outline, held: Mapping[Step, Trace]) -> dict[Step, Trace]:
        """What is met on the way from the entries that count unless other files lead there (see ``Assembly``)."""
        traces: dict[Step, Trace] = {}
        visited: set[Key] = set()

        def enter(step: Step) -> None:
            traces[step] = held.get(step) or self._trace(module, step)
            visited.update(traces[step].visited)

        entries = [] if outline.around or outline.of_data else list(entries_of(outline))
        for step, cls in entries:
            if cls.name not in outline.mentioned:
                enter(step)
        for step, cls in entries:
            if cls.forward is not None and cls.forward not in visited:
                enter(step)
        for step, _, key in inference_of(outline, entries):
            if key not in visited:
                enter(step)
        if not (outline.around or outline.of_data):
            for step, _, key in possible_of(outline, visited):
                if key not in visited:
                    enter(step)
        return traces

    def _trace(self, module: ModuleInfo, step: Step) -> Trace:
        self.run.begin(guessed=step.kind == "possible")
        if step.kind == "class":
            self._enter(module.classes[step.at])
        else:
            cls = module.classes[step.at] if step.method else None
            function = cls.methods[step.method] if cls is not None else module.functions[step.at]
            self._enter_at(Entry(function, cls))
        return self._kept(module)

    def named(self, point: EntryPoint) -> tuple[str, Trace] | None:
        """What is met on the way from a function that the configuration names, and whose ``forward`` it is.

        None where it is in a file that does not parse.

        Raises:
            UsageError: the name leads nowhere.
        """
        self._renew()
        entry = entry_at(self.run, point)
        if entry is None:
            return None
        self._enter_at(entry, named=True)
        return entry.model, self._kept(entry.function.module)

    def _kept(self, module: ModuleInfo) -> Trace:
        """What was met, as far as anybody may ask for it."""
        met, own = self.run.met, module.document.path
        met.visited = {key for key in met.visited if key[0] == own or key[0] in self._reported}
        met.used = {used for used in met.used if used[0] in self._reported}
        return met

    # --- its outline ---------------------------------------------------------------------------------------------

    def _outline(self, module: ModuleInfo) -> Outline:
        return Outline(
            path=module.document.path,
            name=module.name,
            around=training.is_around(module.name),
            transforms=_transforms(module),
            of_data=bool(_transforms(module)) and _imports_data(module),
            classes=tuple(map(self._class, module.classes)),
            functions=tuple(self._function(function) for function in module.functions),
            mentioned=frozenset(_mentioned(module)),
            called=frozenset(name for function in module.functions for name in function.uses),
        )

    def _class(self, cls: ClassInfo) -> ClassOutline:
        forward = cls.methods.get("forward")
        is_module = self.run.is_module(cls)
        inference = [cls.methods[name] for name in INFERENCE if name in cls.methods]
        return ClassOutline(
            name=cls.node.name,
            entry=self._is_entry(cls),
            forward=forward.key if forward is not None else None,
            inference=tuple(
                self._function(one) for one in inference if not self._is_excluded(cls.module, one.qualname)
            ),
            methods=tuple(map(self._method, cls.methods.items())),
            plain=not is_module,
            partly=is_module and not training.CLASS.match(cls.node.name),
        )

    def _method(self, named: tuple[str, FunctionInfo]) -> FunctionOutline:
        name, method = named
        return FunctionOutline(name, method.key, name not in UNINTERESTING and self._is_possible(method))

    def _function(self, function: FunctionInfo) -> FunctionOutline:
        return FunctionOutline(function.name, function.key, self._is_possible(function))

    def _is_possible(self, function: FunctionInfo) -> bool:
        return _is_of_tensors(function) and not self._is_excluded(function.module, function.qualname)

    def _is_entry(self, cls: ClassInfo) -> bool:
        forward = self.run.method(cls, "forward")
        if forward is None or training.CLASS.match(cls.node.name) or training.is_given_truth(forward):
            return False
        if any(self._is_excluded(cls.module, name) for name in (cls.qualname, f"{cls.qualname}.forward")):
            return False
        if inputs.are_refused(self.run, forward):
            return False
        outside = self.run.outside_bases(cls)
        if any(base.startswith("torch.autograd") or base.endswith("autograd.Function") for base in outside):
            return False
        unknown = [base for base in outside if base.partition(".")[0] not in sys.stdlib_module_names]
        return bool(unknown) and (self.run.is_module(cls) or "forward" in cls.methods)

    def _is_excluded(self, module: ModuleInfo, qualname: str) -> bool:
        path = Path(module.document.path).absolute()
        return any(pattern.covers(path, module.name, qualname) for pattern in self._excluded)

    # --- entering ------------------------------------------------------------------------------------------------

    def _enter(self, cls: ClassInfo) -> None:
        """Interpret a model's ``forward`` as an exporter calls it, as far as its nesting allows."""
        forward = self.run.method(cls, "forward")
        if forward is not None and not training.is_step(self.run, cls, forward):
            inputs.note(self.run, cls, forward)
            with self._as_far_as_possible(forward):
                model = self._instance(cls)
                properties.note(self.run, model)
                self.run.entered = None if inputs.is_one_of_several(self.run, cls) else forward
                self._call_on(model, forward)
            self.run.entered = None
        kept.finish(self.run)

    def _enter_at(self, entry: Entry, *, named: bool = False) -> None:
        """Interpret a function; of what the configuration has ``named`` everything given is taken for an input."""
        function, owner = entry.function, entry.owner
        with self._as_far_as_possible(function):
            if owner is None or "staticmethod" in function.decorators:
                self._call(function, entry_arguments(self.run, function, {}, named=named))
            elif "classmethod" in function.decorators:
                self._call_on(Class(owner if isinstance(owner, ClassInfo) else owner.cls), function, named=named)
            else:
                self._call_on(self._instance(owner) if isinstance(owner, ClassInfo) else owner, function, named=named)
        if not self.run.guessed:  # a part of a model does not show what the rest reads
            kept.finish(self.run)

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
        self.run.root = owner.serial if isinstance(owner, Instance) else 0
        env: dict[str, Value] = {}
        parameters = [*method.node.args.posonlyargs, *method.node.args.args]
        if parameters:
            env[parameters[0].arg] = owner
        given = entry_arguments(self.run, method, env, named=named)
        self.run.inputs = {one.ident: name for name, one in given.items() if isinstance(one, Tensor)}
        self._call(method, env | given)

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
        env |= self._builders.parts(cls, init)
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
            return Number(type(value.value).__name__, usual=value.value)
        return Unknown()


def _mentioned(module: ModuleInfo) -> Iterator[str]:
    """Names that the classes of a module use: what they make is entered through them."""
    for cls in module.classes:
        parts = walk(cls.node)
        asked = (part for part in parts if isinstance(part, ast.Call) and dotted(part.func) == "isinstance")
        only_asked = {part for call in asked for one in (call.func, *call.args[1:]) for part in walk(one)}
        for part in parts:
            if part in only_asked:
                continue  # who asks for a class makes nothing of it
            if isinstance(part, ast.Name) and part.id != cls.node.name:
                yield part.id
            elif isinstance(part, ast.Attribute):
                yield part.attr


def entries_of(outline: Outline) -> Iterator[tuple[Step, ClassOutline]]:
    """The models of a file that an exporter may enter."""
    return ((Step("class", at), cls) for at, cls in enumerate(outline.classes) if cls.entry)


def inference_of(
    outline: Outline, entries: Sequence[tuple[Step, ClassOutline]]
) -> Iterator[tuple[Step, ClassOutline, Key]]:
    """Where ``forward`` is what training calls, as in speech synthesis, a method says that it is for the rest."""
    for step, cls in entries:
        for method in cls.inference:
            yield Step("inference", step.at, method.name), cls, method.key


def possible_of(outline: Outline, visited: Container[Key]) -> Iterator[tuple[Step, str, Key]]:
    """The functions of tensors of a file, and such methods of models of which nothing was met."""
    for at, function in enumerate(outline.functions):
        if function.possible:
            yield Step("possible", at), function.name, function.key
    for at, cls in enumerate(outline.classes):
        if cls.partly and not any(method.key in visited for method in cls.methods):
            for method in cls.methods:
                if method.possible:
                    yield Step("possible", at, method.name), method.name, method.key
