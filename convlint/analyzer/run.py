"""The state of an abstract run: frames, the project, memory, and the events found so far."""

from __future__ import annotations

import ast
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

from msgspec.structs import replace

from convlint.analyzer import torch_facts
from convlint.analyzer.agreement import OF_ALL_CALLS
from convlint.analyzer.aliases import Memory, Region, View
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo, dotted
from convlint.analyzer.parts import Trace
from convlint.analyzer.project import Project
from convlint.analyzer.values import (
    UNKNOWN,
    Class,
    Function,
    Name,
    Places,
    Relation,
    Tensor,
    Union,
    Value,
    counted_in,
    join,
    tensors_in,
)
from convlint.events import (
    Event,
    InplaceWrite,
    Operand,
    ReducedPrecision,
    SqueezesBatch,
    Taint,
)
from convlint.findings import ROUTES, Span
from convlint.source.document import Document

ALL_ROUTES = frozenset(ROUTES)
TORCHSCRIPT = frozenset({"jit_trace", "onnx_torchscript"})
DYNAMO = ALL_ROUTES - TORCHSCRIPT


@dataclass(eq=False)
class Frame:
    """One function being interpreted (or a module's or class's top level)."""

    module: ModuleInfo
    function: FunctionInfo | None = None
    parent: Frame | None = None
    env: dict[str, Value] = field(default_factory=dict)
    routes: frozenset[str] = ALL_ROUTES
    """The routes on which the current statement runs."""
    traced: bool = True
    """False in ``__init__`` and at module level: nothing there is an event."""
    certain: bool = True
    """False inside branches and loops."""
    live: bool = True
    returns: list[Value] = field(default_factory=list)
    returned_on: list[frozenset[str]] = field(default_factory=list)
    """The routes of each return."""
    returned_after: list[frozenset[tuple[int, str]]] = field(default_factory=list)
    """The attributes written before each return."""
    yields: list[Value] = field(default_factory=list)
    statement: ast.stmt | None = None
    following: ast.stmt | None = None
    """The statement behind it in the same block."""
    checking: bool = False
    """Inside a test whose branch only raises, warns or logs."""
    tests: list[Any] | None = None
    """Where decisions inside one test are collected, so that a test makes one event."""
    globals_: set[str] = field(default_factory=set)
    choice: tuple[ast.IfExp, Value, Value] | None = None
    """The last conditional expression, with what it is if its test is true, and if not."""
    choices: dict[str, tuple[str, Value, Value]] = field(default_factory=dict)
    """The names that are one thing or another by a flag with a name, and what they are where that is true, and not."""
    counter: tuple[str, int] = ("", 0)
    """The variable of the innermost loop, where it is another number in each round, and which run of the loop it is."""
    unrolled: str = ""
    """The variable of a loop of as many rounds as a size says: a trace keeps these rounds, and what each decides."""
    drawn: dict[str, Event] = field(default_factory=dict)
    """Names of random numbers of which nothing has been computed yet."""

    @property
    def document(self) -> Document:
        """The file that the code stands in."""
        return self.module.document

    def taint_of_made(self, taint: Taint) -> Taint:
        """What a tensor made of numbers depends on: where that is traced, `torch.export` knows none of its values."""
        return max(taint, Taint.state) if self.traced else taint

    def lookup(self, name: str) -> Value | None:
        """A local or closed-over name."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.env:
                return frame.env[name]
            frame = frame.parent
        return None


def header(document: Document, node: ast.stmt) -> Span:
    """The statement's range; of a compound statement its header only."""
    span = document.span(node)
    if not isinstance(getattr(node, "body", getattr(node, "cases", None)), list):
        return span
    row, column = max((document.span(part)[2:] for part in _header_parts(node)), default=(span.row, span.column))
    while row < span.end_row and ":" not in document.lines[row - 1][column - 1 :].partition("#")[0]:
        row, column = row + 1, 1  # closing brackets may follow
    return Span(span.row, span.column, row, len(document.lines[row - 1].rstrip("\r\n")) + 1)


def _header_parts(node: ast.stmt) -> Iterator[ast.expr]:
    for name in ("test", "iter", "target", "subject"):
        part = getattr(node, name, None)
        if isinstance(part, ast.expr):
            yield part
    for item in getattr(node, "items", ()):
        yield item.optional_vars or item.context_expr


EXPRESSIONS: dict[type[ast.expr], Callable[[Run, Frame, Any], Value]] = {}
STATEMENTS: dict[type[ast.stmt], Callable[[Run, Frame, Any], None]] = {}
"""What the kinds of nodes do: filled in by `expressions` and `statements`, which need not import each other for it."""


Noted = tuple[Callable[..., None] | None, tuple[Any, ...]]
"""Something met, as a method of ``Trace`` with its arguments; without a method another part of the log."""


class Remembered(NamedTuple):
    """A call of a function of which the result is kept."""

    given: dict[int | str, int]
    """What it was given, by order of appearance (see ``signature``)."""
    began: int
    """The identity from which on it made tensors."""
    writes: frozenset[tuple[int, str]]
    """The attributes that it surely writes."""


class Run:
    """What all frames share on the way from one entry after another (``begin``)."""

    depth_limit = 30
    contexts_limit = 100
    """Distinct argument patterns for which one function is interpreted on the way from one model."""

    def __init__(self, project: Project, reported: Container[str], *, operators: bool = False) -> None:
        self.project = project
        self.reported = reported
        self.operators = operators
        """Whether somebody asks what operators each call becomes."""
        self.memory = Memory()
        self.met = Trace()
        self.memo: dict[Any, Value] = {}
        """The results of calls, and the objects of classes of models."""
        self._log: list[Noted] = []
        """All that was met, on the way from any entry."""
        self._spans: dict[Any, tuple[int, int, int]] = {}
        """The remembered calls to what was met in them, as a part of the log, and on the way from which entry."""
        self._entries = 0
        self._told: set[tuple[int, int]] = set()
        """The parts of the log that were met again on the way from this entry."""
        self.shared: set[tuple[str, str]] = set()
        """What was used (see ``Trace``) on the way to what is remembered for all entries, without a part of the log."""
        self.contexts: dict[tuple[str, str, int], int] = {}
        self.active: set[Any] = set()
        self.globals: dict[tuple[str, str], Value] = {}
        self.scripting = 0
        """How many of the functions around TorchScript compiles."""
        self.squeezes: dict[tuple[str, Span], SqueezesBatch] = {}
        """The ``squeeze()`` calls that may drop the batch, by file and range."""
        self.padded_by: set[int] = set()
        """The tensors by whose sizes something was padded."""
        self.selections: dict[int, tuple[str, Span]] = {}
        """Masks, by tensor, to the first selection by each: later ones have the same count."""
        self.facts: tuple[tuple[frozenset[str], Relation], ...] = ()
        """What was checked of numbers so far, and on which routes."""
        self.hooks: list[tuple[Value, Value]] = []
        """Modules with what is called after each..."""
        self.pre_hooks: list[tuple[Value, Value]] = []
        """...and before."""
        self.constructed: list[tuple[ClassInfo, Any]] | None = None
        """The classes constructed and the arguments of each, while `builders` asks for them."""
        self.kept: dict[tuple[int, str], Any] = {}
        """What is done with the attributes of the modules (see ``kept``)."""
        self.written: frozenset[tuple[int, str]] = frozenset()
        """The attributes that have surely been written since the model was entered."""
        self.made_in_call: set[int] = set()
        """The modules that ``forward`` makes and puts nowhere: the next call makes its own."""
        self.kept_tensors: dict[int, tuple[int, str]] = {}
        """The memory of tensors to the attributes that they were before the call."""
        self.looked_up: dict[tuple[str, str, str], Span] = {}
        """Sizes that are keys, by function and text, to where they are looked up first."""
        self.calls: dict[Any, Remembered] = {}
        """What the remembered calls (see ``memo``) of functions were given and wrote."""
        self.lines: dict[ClassInfo, list[ClassInfo]] = {}
        """The resolution order of each class."""
        self.outside: dict[ClassInfo, list[str]] = {}
        self.depth = 0
        self.entered: FunctionInfo | None = None
        """The ``forward`` of a model while that is entered, unless other classes say what it returns."""
        self.root = 0
        """The object whose method was entered last: of models the one that is exported."""
        self.inputs: dict[int, str] = {}
        """The tensors that are given to the method which was entered last, with their names."""
        self.guessed = False
        """While functions are entered that no model is seen to call."""
        self.autocast: list[ReducedPrecision | None] = []
        """The ``with torch.autocast(...)`` around the code, innermost last; None where nothing is reduced."""
        self.only_metadata = False
        """While a name is evaluated of which only the shape, dtype or device is asked."""

    def evaluate(self, frame: Frame, node: ast.expr) -> Value:
        """The value of an expression."""
        handler = EXPRESSIONS.get(type(node))
        return UNKNOWN if handler is None else handler(self, frame, node)

    def execute(self, frame: Frame, body: list[ast.stmt]) -> None:
        """Run statements until the end or until none can be reached any more."""
        for statement, following in zip_longest(body, body[1:]):
            if not frame.live:
                return
            handler = STATEMENTS.get(type(statement))
            if handler is not None:
                frame.statement, frame.following = statement, following
                handler(self, frame, statement)

    # --- names -------------------------------------------------------------------------------------------------

    def _leads_somewhere(self, module: str, name: str) -> bool:
        """Whether an import is of the project, or of what torch is known to have."""
        known = torch_facts.table()
        return (
            self.project.module(module) is not None
            or f"{module}.{name}" in known.functions
            or (module == "torch" and name == "_assert")
            or (module == "torch.nn" and name in known.modules)
        )

    def global_name(self, module: ModuleInfo, name: str) -> Value | None:
        """What a module-level name stands for; None where the module does not define it."""
        key = (module.document.path, name)
        if key in self.globals:
            return self.globals[key]
        if name not in module.names:
            return self._star(module, name)
        self.globals[key] = _defined(module.defined.get(name))  # a name defined through itself
        binding = module.names[name]
        if isinstance(binding, tuple) and name in module.fallbacks and not self._leads_somewhere(*binding):
            binding = module.fallbacks[name]
        value: Value
        if isinstance(binding, ClassInfo):
            value = Class(binding)
        elif isinstance(binding, FunctionInfo):
            value = Function(binding)
        elif isinstance(binding, tuple):
            value = self.imported(*binding)
        else:
            with self.for_all():
                value = self.evaluate(Frame(module, traced=False), binding)
        self.globals[key] = value
        return value

    def _star(self, module: ModuleInfo, name: str) -> Value | None:
        definer = self.project.definer(module, name)
        return None if definer is None else self.global_name(definer, name)

    def imported(self, source: str, attribute: str) -> Value:
        """What ``from source import attribute`` (or ``import source``, attribute '') binds."""
        if not attribute:
            return Name(source)
        module = self.project.module(source)
        if module is None:
            return Name(f"{source}.{attribute}")
        part = f"{source}.{attribute}"
        if attribute not in module.names and self.project.module(part) is not None:
            return Name(part)  # before star imports, which may lead to thousands of files
        return self.global_name(module, attribute) or Name(part)

    def resolve(self, name: Name) -> Value | None:
        """A dotted name as a thing of the project, None where it is outside."""
        source, _, attribute = name.qualified.rpartition(".")
        module = self.project.module(source) if source else None
        return self.global_name(module, attribute) if module is not None else None

    # --- classes -----------------------------------------------------------------------------------------------

    def member(self, owner: Name, attribute: str) -> Value:
        """``owner.attribute`` of something imported: what it is in the project, or its longer name."""
        longer = Name(f"{owner.qualified}.{attribute}")
        return self.resolve(longer) or longer

    def bases(self, cls: ClassInfo) -> list[Value]:
        """The base classes, resolved."""
        frame = Frame(cls.module, traced=False)
        nodes = [b.value if isinstance(b, ast.Subscript) else b for b in cls.node.bases]
        try:
            with self.for_all():
                return [self.evaluate(frame, node) for node in nodes]
        except RecursionError:  # nested too deeply to be followed
            return [UNKNOWN] * len(nodes)

    def mro(self, cls: ClassInfo) -> list[ClassInfo]:
        """The project's classes from ``cls`` upwards, depth first, each once."""
        order = self.lines.get(cls)
        if order is None:
            order = self.lines[cls] = []  # known at once: a class may name itself among its bases
            self._linearise(cls, order, 0)
        return order

    def _linearise(self, cls: ClassInfo, order: list[ClassInfo], depth: int) -> None:
        if cls in order or depth > 20:
            return
        order.append(cls)
        for base in self.bases(cls):
            if isinstance(base, Class):
                self._linearise(base.info, order, depth + 1)

    def method(self, cls: ClassInfo, name: str, after: ClassInfo | None = None) -> FunctionInfo | None:
        """A method by name, inherited ones too (only those beyond ``after`` for ``super()``)."""
        order = self.mro(cls)
        if after is not None:
            order = order[order.index(after) + 1 :] if after in order else self.mro(after)[1:]
        for info in order:
            if name in info.methods:
                return info.methods[name]
        return None

    def outside_bases(self, cls: ClassInfo) -> list[str]:
        """Qualified names of the bases that are not of the project."""
        if cls in self.outside:
            return self.outside[cls]
        found = self.outside[cls] = []
        for info in self.mro(cls):
            for node, base in zip(info.node.bases, self.bases(info), strict=True):
                if isinstance(base, Name):
                    found.append(base.qualified)
                elif not isinstance(base, Class):
                    found.append(dotted(node))
        return found

    def is_module(self, cls: ClassInfo) -> bool:
        """Whether a class is an ``nn.Module`` (its base may be outside the project)."""
        return any(is_module_name(base) for base in self.outside_bases(cls))

    # --- events ------------------------------------------------------------------------------------------------

    def operand(self, frame: Frame, node: ast.expr, value: Value) -> Operand:
        """An operand for an event."""
        from convlint.analyzer.describe import describe

        kind, taint, dtype, rank = describe(value)
        sure = not isinstance(value, Union) and not (isinstance(value, Tensor) and not value.sure)
        return Operand(
            span=frame.document.span(node),
            taint=taint,
            kind=kind,
            dtype=dtype,
            rank=rank,
            sure=sure,
            literal=is_literal(node),
        )

    def model(self, frame: Frame) -> str:
        """The class of the model in whose ``forward`` a frame is while that is entered; empty elsewhere."""
        function = frame.function
        if function is None or function is not self.entered or function.cls is None:
            return ""
        return function.cls.node.name

    def owner(self, frame: Frame) -> str:
        """What the module is called in whose method a frame is: the first parameter; empty elsewhere."""
        function = frame.function
        if function is None or function.cls is None or not self.is_module(function.cls):
            return ""
        arguments = function.node.args
        first = [*arguments.posonlyargs, *arguments.args][:1]
        return first[0].arg if first and "staticmethod" not in function.decorators else ""

    def emit(
        self, frame: Frame, cls: type[Event], node: ast.expr | ast.stmt, key: str, rank: tuple[Any, ...], **facts: Any
    ) -> None:
        """Note an event; of several at one place and key the highest ranked stays, for the routes of all."""
        event = self.event(frame, cls, node, **facts)
        if event is not None:
            self.note(event, key, rank)

    def event(self, frame: Frame, cls: type[Event], node: ast.expr | ast.stmt, **facts: Any) -> Event | None:
        """An event of the current statement, None where nobody asked for this file or nothing is traced here."""
        if not frame.traced or not frame.routes or frame.document.path not in self.reported:
            return None
        document = frame.document
        statement = frame.statement or node
        where = header(document, statement) if isinstance(statement, ast.stmt) else document.span(statement)
        return cls(
            document=document,
            span=document.span(node),
            statement=where,
            function=qualified(frame),
            routes=frame.routes,
            only_checks=frame.checking,
            torch=frame.module.torch,
            **facts,
        )

    def selection(self, frame: Frame, node: ast.expr, by: Value = UNKNOWN) -> Places:
        """The selection that an expression is, or the first one by the same mask."""
        place = (frame.document.path, frame.document.span(node))
        if isinstance(by, Tensor) and by.ident:
            place = self.selections.setdefault(by.ident, place)
        return frozenset({place})

    def decide_on(self, frame: Frame, node: ast.expr, value: Value | None) -> None:
        """A size must be known while the graph is made: the selections that it counts stop `torch.export` here."""
        if not frame.traced or not frame.routes & DYNAMO:
            return
        for place in counted_in(value):
            use = (frame.document.path, frame.document.span(node), qualified(frame))
            self.meet((Trace.decide, (place, use)))

    def doubt(self, frame: Frame, node: ast.expr | ast.stmt) -> None:
        """What an event at this expression says of its operand does not hold in every call."""
        self.meet((Trace.doubt, (frame.document.path, frame.document.span(node))))

    def noted(self, frame: Frame, node: ast.expr, since: int) -> bool:
        """Whether an event on whose repair every call must agree was met at this expression since a moment."""
        span, path = frame.document.span(node), frame.document.path
        met = (arguments[0] for method, arguments in self._log[since:] if method is Trace.note)
        return any(isinstance(one, OF_ALL_CALLS) and one.span == span and one.document.path == path for one in met)

    def note(self, event: Event, key: str, rank: tuple[Any, ...]) -> None:
        """Keep an event (see ``emit``)."""
        self.meet((Trace.note, (event, key, rank)))

    def use(self, frame: Frame, name: str) -> None:
        """A name is read: if it holds a random number, that is drawn for something."""
        if event := frame.drawn.pop(name, None):
            self.note(event, "", ())

    def rest_on(self, *functions: FunctionInfo) -> None:
        """What is met depends on what functions do: they are entered, or looked at."""
        for function in functions:
            self.meet((Trace.use, function.place))

    @contextmanager
    def for_all(self) -> Iterator[None]:
        """What is found here is remembered, and other entries take it without looking."""
        since = self.now
        yield
        if self.now > since:
            self.shared.update(arguments for method, arguments in self._met(since, self.now) if method is Trace.use)

    # --- entries and remembered calls ------------------------------------------------------------------------------

    def begin(self, *, guessed: bool = False) -> None:
        """From here on another entry: nobody reads the tensors of the last model any more."""
        self.met, self.guessed = Trace(), guessed
        self._entries += 1
        self._told = set()
        self.active.clear()
        self.depth = 0
        self.memory.missed = {}
        self.contexts = {}
        self.facts = ()
        self.kept, self.written = {}, frozenset()

    def meet(self, what: Noted) -> None:
        """Something on the way from this entry."""
        self._log.append(what)
        method, arguments = what
        if method is not None:
            method(self.met, *arguments)

    @property
    def now(self) -> int:
        """A moment, to remember a call since then."""
        return len(self._log)

    def remember(self, key: Any, result: Value, since: int) -> None:
        """The result of a call, with what was met in it."""
        self.memo[key] = result
        self._spans[key] = since, len(self._log), self._entries

    def recall(self, key: Any) -> Value:
        """The result of a remembered call; what was met in it is met again."""
        start, end, entry = self._spans[key]
        self._log.append((None, (start, end)))
        if entry != self._entries:
            self._tell(start, end)
        return self.memo[key]

    def _tell(self, start: int, end: int) -> None:
        for method, arguments in self._met(start, end, self._told):
            if method is not None:
                method(self.met, *arguments)

    def _met(self, start: int, end: int, told: set[tuple[int, int]] | None = None) -> Iterator[Noted]:
        """A part of the log, with the other parts in it but those that were told."""
        told, todo = set() if told is None else told, [(start, end)]
        while todo:
            span = todo.pop()
            if span in told:
                continue
            told.add(span)
            for method, arguments in self._log[slice(*span)]:
                if method is None:
                    todo.append(arguments)
                else:
                    yield method, arguments

    # --- memory ------------------------------------------------------------------------------------------------

    def tensor(self, dtype: str | None, shape: tuple[Value, ...] | None, taint: Taint, **more: Any) -> Tensor:
        """A new tensor with memory of its own."""
        ident = self.memory.fresh()
        return Tensor(dtype, shape, taint, ident, ident, **more)

    def view(
        self,
        frame: Frame,
        parent: Tensor,
        how: str,
        node: ast.expr,
        region: Region | None = None,
        row: int | None = None,
        loop: int = 0,
        **changes: Any,
    ) -> Tensor:
        """A new tensor that looks at ``parent``'s memory; ``row`` is the tracer's line where it is not the node's.

        ``loop`` is the run of a loop in each round of which it is another part.
        """
        changes = {"squeezed": None, **changes}
        if not parent.ident:
            return replace(parent, **changes)
        place = (frame.document.path, node.lineno if row is None else row)
        of = _viewed(node, frame.module.torch)
        ident = self.memory.view(parent.ident, parent.storage, View(parent.ident, how, place, region, node, of, loop))
        return replace(parent, ident=ident, **changes)

    def read(self, frame: Frame, node: ast.expr, value: Value, made: tuple[int, ast.expr] | None = None) -> None:
        """A value is used: in-place writes that its tensors miss in an exported graph are harmful ones.

        ``made`` are the loop and the expression in it that makes another view of the value in each round.
        """
        if not self.memory.missed or not frame.traced or self.only_metadata:
            return
        for tensor in tensors_in(value, 2):
            for write in self.memory.read(tensor.ident, made):
                if isinstance(write.report, InplaceWrite):
                    view = self.memory.views.get(tensor.ident if not write.lost else write.through)
                    facts = view_facts(view)
                    found = replace(
                        write.report,
                        lost=write.lost,
                        stale=not write.lost,
                        read=frame.document.span(node),
                        read_path=frame.document.path,
                        read_name=ast.unparse(node) if tensor is value else facts.get("base", ast.unparse(node)),
                        **facts,
                        routes=write.report.routes & frame.routes,
                    )
                    if found.routes:
                        self.note(found, found.how, (found.lost, found.stale))

    @contextmanager
    def on_routes(self, frame: Frame, routes: frozenset[str]) -> Iterator[None]:
        """Code that runs on some routes only."""
        before = frame.routes
        frame.routes = before & routes
        try:
            yield
        finally:
            frame.routes = before


def _defined(binding: ClassInfo | FunctionInfo | None) -> Value:
    return UNKNOWN if binding is None else Class(binding) if isinstance(binding, ClassInfo) else Function(binding)


def qualified(frame: Frame) -> str:
    """The name of the function that a frame runs, ``module.Class.method``."""
    return f"{frame.module.name}.{frame.function.qualname}" if frame.function else frame.module.name


def is_literal(node: ast.expr) -> bool:
    """Whether a plain number is written, a negative one too."""
    if isinstance(node, ast.UnaryOp):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float))


def view_facts(view: View | None) -> dict[str, Any]:
    """How a tensor came to share memory, in the words of ``InplaceWrite``."""
    if view is None:
        return {}
    text, base = (ast.unparse(node) if node is not None else "" for node in (view.node, view.of))
    path, row = view.place
    return {"view": view.how, "view_path": path, "view_row": row, "view_text": text, "base": base}


def _viewed(node: ast.expr, torch: str) -> ast.expr | None:
    """``x`` of ``x[0]``, ``x.view(-1)`` and ``torch.flatten(x)``."""
    made = node.func if isinstance(node, ast.Call) else node
    owner = made.value if isinstance(made, (ast.Attribute, ast.Subscript)) else None
    if isinstance(node, ast.Call) and owner is not None and dotted(owner) == torch:
        return node.args[0] if node.args else None
    return owner


def is_module_name(qualified: str) -> bool:
    """Whether an outside base class is surely or very likely an ``nn.Module``."""
    last = qualified.rpartition(".")[2]
    if qualified.startswith(("torch.nn.", "nn.")):
        return True
    if qualified.startswith(("torch.utils.data", "torch.autograd", "torch.optim", "enum.", "typing.", "abc.")):
        return False
    return last.endswith(("Module", "Model", "PreTrainedModel", "ModelMixin", "Layer", "Block", "Network", "Net"))


def join_env(a: dict[str, Value], b: dict[str, Value]) -> dict[str, Value]:
    """The names after either arm of a branch."""
    joined = dict(a)
    for name, value in b.items():
        mine = joined.get(name, value)
        joined[name] = value if mine is value else join(mine, value)
    return joined
