"""Plain code - scripts, helpers, any function: calls with what the lines before say of their arguments, and classes.

Nothing is traced here, so nothing is interpreted as a tracer would: each function (and each module's top level) is read
once from top to bottom. What branches disagree on is unknown afterwards, and what loops change is unknown in them.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgspec.structs import replace

from convlint.analyzer import Asked, torch_facts
from convlint.analyzer.export_facts import (
    CHANGING,
    EXPORTS,
    KEEPS_MODE,
    OF_MODULES,
    POSITIONAL,
    RETURNS_MODULE,
    SCRIPTING,
    TENSORS,
)
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo
from convlint.analyzer.models import constructed
from convlint.analyzer.plain_values import NOTHING, State, Thing, is_function, paths_of, sizes_of, value_of
from convlint.analyzer.run import Run, header
from convlint.analyzer.values import Class, Function, Name
from convlint.events import (
    UNKNOWN,
    Argument,
    Assign,
    Attribute,
    Call,
    ClassDef,
    ExportCall,
    Generic,
    Model,
    Named,
    Subscript,
)
from convlint.findings import Span
from convlint.source.walk import walk

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_DEEPEST = 3
"""How many helpers within helpers are looked into for the model that they return."""


class PlainCode:
    """Finds what was asked for in one module after another."""

    def __init__(self, run: Run, asked: Asked) -> None:
        self.run = run
        self.asked = asked
        self.helpers: dict[tuple[str, str, int], Model | None] = {}
        """The models that functions of the project give back, so that each is read once."""
        names = asked.callees | asked.attributes
        self._words = {name.rpartition(".")[2] for name in names}
        self._word = _any_of(self._words)
        self._packages = {name.partition(".")[0] for name in names}

    def events(self, module: ModuleInfo) -> list[Generic]:
        """The events of a module, in any order."""
        classes = [self._class(cls) for cls in module.classes] if self.asked.classes else []
        return [*classes, *self._of_libraries(module)]

    def _class(self, cls: ClassInfo) -> ClassDef:
        document = cls.module.document
        own = [f"{info.module.name}.{info.qualname}" for info in self.run.mro(cls)[1:]]
        return ClassDef(
            document=document,
            span=header(document, cls.node),
            statement=header(document, cls.node),
            function=cls.module.name,
            torch=cls.module.torch,
            name=cls.node.name,
            bases=(*own, *self.run.outside_bases(cls)),
            methods=tuple(cls.methods),
            whole=document.span(cls.node),
        )

    def _of_libraries(self, module: ModuleInfo) -> list[Generic]:
        text, top = module.document.text, module.name.partition(".")[0]
        near = top in self._packages or any(package in text for package in self._packages)
        if not (near and self._word.search(text)):
            return []
        aliases = {name for name, bound in module.names.items() if isinstance(bound, tuple) and bound[1] in self._words}
        word = _any_of(self._words | aliases) if aliases else self._word
        book = _Book(self, module)
        outer = _Reader(book, module.name)
        with suppress(RecursionError):  # nested too deeply to be followed
            outer.block(module.body)
        things = outer.state.names.items()
        book.constants = {name: Thing(value=thing.value) for name, thing in things if thing.value is not UNKNOWN}
        lines = module.document.lines
        for qualname, node in _functions(module.body, module.name):
            if word.search("".join(lines[node.lineno - 1 : node.end_lineno])):
                with suppress(RecursionError):
                    _Reader(book, qualname, State(dict(book.constants))).enter(node)
        return book.events()


def _any_of(words: Collection[str]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(sorted(map(re.escape, words)))})\b")


def _functions(body: Sequence[ast.AST], prefix: str) -> Iterator[tuple[str, _Function]]:
    """All functions under some statements, those of classes and within functions too."""
    for node in body:
        if isinstance(node, _SCOPES) and not isinstance(node, ast.Lambda):
            name = f"{prefix}.{node.name}"
            if not isinstance(node, ast.ClassDef):
                yield name, node
            yield from _functions(node.body, name)
        elif isinstance(node, (ast.stmt, ast.ExceptHandler, ast.match_case)):
            yield from _functions(list(ast.iter_child_nodes(node)), prefix)


@dataclass
class _Book:
    """What the readers of one module write down."""

    code: PlainCode
    module: ModuleInfo
    found: dict[tuple[type[Generic], Span], Generic] = field(default_factory=dict)
    called: dict[tuple[type[Generic], Span], list[Generic]] = field(default_factory=dict)
    """The same in functions of the module as they are called in it: what is known of their arguments counts."""
    constants: dict[str, Thing] = field(default_factory=dict)
    """What the names of the module stand for where that is a constant, once its top level is read."""
    imported: set[str] = field(default_factory=set)
    """Names that an import binds."""
    models: dict[int, Model] = field(default_factory=dict)
    used_as_model: set[Span] = field(default_factory=set)
    serial: Iterator[int] = field(default_factory=count)

    def new(self, model: Model) -> int:
        """A model from now on."""
        number = next(self.serial)
        self.models[number] = model
        return number

    def note(self, event: Generic, *, called: bool) -> None:
        """An event; code that is read again makes the same again."""
        key = type(event), event.span
        if called:
            self.called.setdefault(key, []).append(event)
            self.found.setdefault(key, event)
        else:
            self.found[key] = event

    def events(self) -> list[Generic]:
        """The events, calls with what became of their results."""
        used = self.used_as_model
        found = [self._agreed(key, one) for key, one in self.found.items()]
        return [replace(one, makes_model=one.span in used) if isinstance(one, Call) else one for one in found]

    def _agreed(self, key: tuple[type[Generic], Span], alone: Generic) -> Generic:
        """An event as all calls of its function have it, or as the function has it alone."""
        first, *others = self.called.get(key, [alone])
        return first if all(other == first for other in others) else alone


class _Reader:
    """Reads one scope."""

    def __init__(self, book: _Book, function: str, state: State | None = None, depth: int = 0) -> None:
        self.book = book
        self.run = book.code.run
        self.function = function
        self.state = state or State()
        self.depth = depth
        self.top = function == book.module.name
        self.statement: ast.stmt | None = None
        self.attempts = 0
        """How many ``try`` are around."""
        self.returned: list[tuple[Thing, bool | None]] = []
        """What a function gives back, with the mode if it is a model."""

    def enter(self, node: _Function, arguments: Mapping[str, Thing] | None = None) -> None:
        """A function's body, with nothing known of its parameters but the arguments."""
        self._forget(node.args)
        self.state.names |= arguments or {}
        self.block(node.body)

    # --- statements ------------------------------------------------------------------------------------------------

    def block(self, body: Sequence[ast.stmt]) -> None:
        """Statements in order."""
        for node in body:
            if self.state.ended:
                return
            self.statement = node
            self._statement(node)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                thing = self.read(value)
                self._note_targets(targets, value, thing)
                self._assign(targets, thing)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                thing = self.read(value)
                self._note_targets([target], value, thing)
                self._assign([target], thing)
            case ast.Delete(targets=targets):
                self._note_targets(targets)
                self._forget(node)
            case ast.Import() | ast.ImportFrom():
                self._import(node)
            case ast.If(test=test, body=body, orelse=orelse):
                self.read(test)
                self._doubt_loaded(test)
                self._branches([body, orelse])
            case ast.For() | ast.AsyncFor() | ast.While():
                self._loop(node)
            case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
                for item in items:
                    self.read(item.context_expr)
                    self._forget(item)
                self.block(body)
            case ast.Try():
                self._try(node)
            case ast.Match(subject=subject, cases=cases):
                self.read(subject)
                self._branches([*(case.body for case in cases), []])
            case ast.Return(value=value):
                thing = self.read(value) if value is not None else NOTHING
                self.returned.append((thing, self.state.training.get(thing.model) if thing.model is not None else None))
                self.state.ended = True
            case ast.FunctionDef(args=args) | ast.AsyncFunctionDef(args=args):
                for one in (*node.decorator_list, *args.defaults, *filter(None, args.kw_defaults)):
                    self.read(one)
                self.state.names[node.name] = NOTHING
            case ast.ClassDef():
                self._class(node)
            case _:
                for part in ast.iter_child_nodes(node):
                    if isinstance(part, ast.expr):
                        self.read(part)
                self._forget(node)
                self.state.ended = isinstance(node, (ast.Raise, ast.Break, ast.Continue))

    def _class(self, node: ast.ClassDef) -> None:
        """A class body, whose names are its own; its methods are read apart."""
        for part in (*node.decorator_list, *node.bases, *(keyword.value for keyword in node.keywords)):
            self.read(part)
        outer, self.state = self.state, self.state.copy()
        self.block(node.body)
        self.state = outer
        self.state.names[node.name] = NOTHING

    def _assign(self, targets: Sequence[ast.expr], thing: Thing) -> None:
        for target in targets:
            if isinstance(target, ast.Name):
                self.state.names[target.id] = thing
            elif isinstance(target, (ast.Tuple, ast.List)) and len(thing.parts) == len(target.elts):
                for one, part in zip(target.elts, thing.parts, strict=True):
                    self._assign([one], part)
            else:
                self._changed(target)
                self._forget(target)

    def _changed(self, target: ast.expr) -> None:
        """``options["dynamo"] = False`` changes what is known of ``options``, as does an attribute of a model."""
        base = target
        while isinstance(base, (ast.Subscript, ast.Attribute)):
            base = base.value
        if not isinstance(base, ast.Name) or base is target:
            return
        thing = self._name(base.id)
        if thing.model is not None:
            self.state.training.pop(thing.model, None)
        elif isinstance(target, ast.Subscript) and thing.named is None:  # what is imported stays what it is
            self.state.names[base.id] = NOTHING

    def _forget(self, node: ast.AST) -> None:
        """Names that are bound under a node stand for something unknown."""
        for part in walk(node):
            if isinstance(part, ast.Name) and isinstance(part.ctx, (ast.Store, ast.Del)):
                self.state.names[part.id] = NOTHING
            elif isinstance(part, ast.arg):
                self.state.names[part.arg] = NOTHING
            elif isinstance(part, ast.ExceptHandler) and part.name:
                self.state.names[part.name] = NOTHING

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        for alias in node.names:
            if isinstance(node, ast.ImportFrom):
                source, attribute = self.book.module.absolute(node.module, node.level), alias.name
                name = alias.asname or alias.name
            else:
                source, attribute = alias.name if alias.asname else alias.name.partition(".")[0], ""
                name = alias.asname or source
            if name != "*":
                self.book.imported.add(name)
                path = f"{source}.{attribute}" if attribute else source
                self.state.names[name] = Thing(named=self.run.imported(source, attribute), path=path)

    def _branches(self, bodies: Sequence[Sequence[ast.stmt]]) -> None:
        before, after = self.state, []
        for body in bodies:
            self.state = before.copy()
            self.block(body)
            after.append(self.state)
        self.state = before
        self.state.become(after)

    def _doubt_loaded(self, test: ast.expr) -> None:
        """What is read from a file and looked at before may be a model or something else."""
        for part in walk(test):
            if isinstance(part, ast.Name) and self._name(part.id).loaded is not None:
                self.state.names[part.id] = NOTHING

    def _loop(self, node: ast.For | ast.AsyncFor | ast.While) -> None:
        self.read(node.test if isinstance(node, ast.While) else node.iter)
        before = self.state.copy()
        self._forget(node)
        self.state.training.clear()
        self.block(node.body)
        self.state.ended = False
        self.state.become([before, self.state.copy()])
        self.block(node.orelse)

    def _try(self, node: ast.Try) -> None:
        before = self.state.copy()
        self.attempts += 1
        self.block(node.body)
        self.attempts -= 1
        self.block(node.orelse)
        done = self.state.copy()
        done.ended = self.state.ended
        before.become([before.copy(), State(done.names, done.training)])  # it may have stopped anywhere
        after = [done]
        for handler in node.handlers:
            self.state = before.copy()
            self._forget(ast.ExceptHandler(handler.type, handler.name, []))
            self.block(handler.body)
            after.append(self.state)
        self.state = State()
        self.state.become(after)
        ended, self.state.ended = self.state.ended, False
        self.block(node.finalbody)
        self.state.ended |= ended

    # --- expressions -----------------------------------------------------------------------------------------------

    def read(self, node: ast.expr) -> Thing:
        """What is known of an expression; calls in it are noted."""
        match node:
            case ast.Constant(value=value):
                return Thing(value=value)
            case ast.Name(id=name):
                thing = self._name(name)
                if name in self.book.imported:
                    self._note_attribute(node, thing)
                return thing
            case ast.Subscript(value=owner, slice=index):
                whole = self.read(owner)
                self._note_subscript(node, whole, self.read(index))
                return Thing(loaded=whole.loaded)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                number = self.read(operand).value
                return Thing(value=-number) if isinstance(number, (int, float)) else NOTHING
            case ast.Tuple(elts=elements) | ast.List(elts=elements):
                return self._display(node, elements)
            case ast.Dict():
                return self._dict(node)
            case ast.Attribute():
                return self._attribute(node)
            case ast.Call():
                return self._call(node)
            case ast.NamedExpr(target=target, value=value):
                thing = self.read(value)
                self._assign([target], thing)
                return thing
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.read(test)
                self._doubt_loaded(test)
                one, other = self.read(body), self.read(orelse)
                return one if one == other else NOTHING
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                self._forget(node)
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.read(part)
            elif isinstance(part, ast.comprehension):
                for source in (part.iter, *part.ifs):
                    self.read(source)
        return NOTHING

    def _name(self, name: str) -> Thing:
        thing = self.state.names.get(name)
        if thing is not None and not (self.top and thing == NOTHING):
            return thing
        if isinstance(self.book.module.names.get(name), ast.expr):
            return NOTHING
        value = self.run.global_name(self.book.module, name)
        path = ".".join(filter(None, bound)) if isinstance(bound := self.book.module.names.get(name), tuple) else ""
        return Thing(named=value, path=path) if isinstance(value, (Class, Function, Name)) else NOTHING

    def _display(self, node: ast.expr, elements: list[ast.expr]) -> Thing:
        if any(isinstance(element, ast.Starred) for element in elements):
            for element in elements:
                self.read(element)
            return NOTHING
        parts = tuple(self.read(element) for element in elements)
        spans = tuple(self._span(element) for element in elements)
        values = [value_of(part) for part in parts]
        return Thing(value=values if isinstance(node, ast.List) else tuple(values), parts=parts, spans=spans)

    def _dict(self, node: ast.Dict) -> Thing:
        pairs = [
            (self.read(key) if key else None, self.read(value))
            for key, value in zip(node.keys, node.values, strict=True)
        ]
        keys = [value_of(key) for key, _ in pairs if key is not None]
        if len(keys) < len(pairs) or not all(isinstance(key, (str, int)) for key in keys):
            return NOTHING
        return Thing(value=dict(zip(keys, (value_of(value) for _, value in pairs), strict=True)))

    def _attribute(self, node: ast.Attribute) -> Thing:
        base = self.read(node.value)
        if base.model is not None and node.attr == "forward":
            return Thing(method=True)
        if not isinstance(base.named, Name):
            return NOTHING
        path = f"{base.path or base.named.qualified}.{node.attr}"
        thing = Thing(named=self.run.member(base.named, node.attr), path=path)
        self._note_attribute(node, thing)
        return thing

    def _span(self, node: ast.expr | ast.stmt) -> Span:
        return self.book.module.document.span(node)

    # --- calls -----------------------------------------------------------------------------------------------------

    def _call(self, node: ast.Call) -> Thing:
        if isinstance(node.func, ast.Attribute):
            owner = self.read(node.func.value)
            if owner.named is None:
                return self._method(node, node.func.attr, owner)
        function = self.read(node.func)
        if function.loaded is not None:
            self.book.used_as_model.add(function.loaded)
        given = [(one, self.read(one.value if isinstance(one, ast.Starred) else one)) for one in node.args]
        named = [(one, self.read(one.value)) for one in node.keywords]
        for callee in paths_of(function) & self.book.code.asked.callees:
            self._note(node, callee, given, named)
        match function.named:
            case Name(qualified=callee):
                self._note(node, callee, given, named)
                return self._outside(node, callee, given)
            case Class(info=cls) if self.run.is_module(cls):
                return self._model(constructed(self.run, cls))
            case Function(info=info):
                self._follow(info, given, named)
                self._may_change([thing for _, thing in (*given, *named)])
                return self._helper(info)
        builtin = isinstance(node.func, ast.Name) and hasattr(builtins, node.func.id)
        if function.model is None and not builtin:
            self._may_change([thing for _, thing in (*given, *named)])
        return NOTHING

    def _follow(
        self, info: FunctionInfo, given: list[tuple[ast.expr, Thing]], named: list[tuple[ast.keyword, Thing]]
    ) -> None:
        """Reads a function of this module as it is called here: ``export(Model())``."""
        starred = any(isinstance(one, ast.Starred) for one, _ in given) or not all(one.arg for one, _ in named)
        if self.depth or starred or info.module is not self.book.module or isinstance(info.node, ast.Lambda):
            return
        known = State(dict(self.book.constants), dict(self.state.training))
        reader = _Reader(self.book, f"{info.module.name}.{info.qualname}", known, self.depth + 1)
        by_name = {one.arg or "": thing for one, thing in named}
        reader.enter(info.node, _arguments(info, [thing for _, thing in given], by_name))

    def _method(self, node: ast.Call, method: str, owner: Thing) -> Thing:
        """A method of a value: of a model it may set the mode."""
        things = [self.read(one) for one in (*node.args, *(keyword.value for keyword in node.keywords))]
        if owner.loaded is not None and method in OF_MODULES:
            self.book.used_as_model.add(owner.loaded)
        if owner.model is not None and method in ("eval", "train"):
            return self._set_mode(owner, owner.model, method, things)
        if method not in KEEPS_MODE:
            self._changed(node.func)  # also of a part: `model.backbone.eval()`
        if method in CHANGING and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            self.state.names[node.func.value.id] = NOTHING
        self._may_change(things)
        if method == "unsqueeze" and things and things[0].value == 0 and owner.model is None and owner.loaded is None:
            return Thing(sizes=(1, *(owner.sizes or ())))
        keeps = method in RETURNS_MODULE and (owner.model is not None or owner.sizes is not None)
        return owner if keeps or owner.loaded is not None else NOTHING

    def _set_mode(self, owner: Thing, model: int, method: str, things: list[Thing]) -> Thing:
        mode = method == "train" and (things[0].value if things else True)
        if isinstance(mode, bool):
            self.state.training[model] = mode
        else:
            self.state.training.pop(model, None)
        return owner

    def _may_change(self, things: Sequence[Thing]) -> None:
        """Somebody's function may set the mode of a model that it is given."""
        for thing in things:
            if thing.model is not None:
                self.state.training.pop(thing.model, None)
            self._may_change(thing.parts)

    def _model(self, model: Model) -> Thing:
        """A new model, its mode known only where it is training."""
        number = self.book.new(model)
        if model.training:
            self.state.training[number] = True
        return Thing(model=number)

    def _outside(self, node: ast.Call, callee: str, given: list[tuple[ast.expr, Thing]]) -> Thing:
        """The result of a function or class that is not of the project."""
        things = [part for one, thing in given for part in (thing.parts if isinstance(one, ast.Starred) else (thing,))]
        if callee in TENSORS:
            return Thing(sizes=sizes_of(given), made=self._span(node))
        if torch_facts.is_layer(callee):
            model = constructed(self.run, callee)
            parts = [number for thing in things if (number := thing.model) is not None]
            modal = [self.book.models[part].modal for part in parts if self.state.training.get(part)]
            return self._model(replace(model, modal=model.modal or next(filter(None, modal), "")))
        if callee in SCRIPTING:
            return self._model(Model(name=callee, scripted=True))
        if callee == "torch.compile" and things:
            return self._compiled(things[0])
        if callee == "torch.load":
            return Thing(loaded=self._span(node))
        if not callee.startswith("torch."):
            self._may_change(things)
        return Thing(value=Named(callee, True)) if callee.startswith(("torch.", "numpy.")) else NOTHING

    def _compiled(self, thing: Thing) -> Thing:
        """What ``torch.compile`` gives of a model: it is in the mode of that."""
        if thing.model is None:
            return self._model(Model(name="torch.compile", compiled=True))
        training = self.state.training.get(thing.model, False)
        return self._model(replace(self.book.models[thing.model], training=training, compiled=True))

    def _helper(self, info: FunctionInfo) -> Thing:
        """The model that a function of the project makes and gives back, where it is one on every path."""
        known = self.book.code.helpers
        if info.key not in known:
            if self.depth == _DEEPEST:
                return NOTHING
            known[info.key] = None  # a function that calls itself
            known[info.key] = self._given_back(info)
        model = known[info.key]
        return NOTHING if model is None else self._model(model)

    def _given_back(self, info: FunctionInfo) -> Model | None:
        if isinstance(info.node, ast.Lambda):
            return None
        book = _Book(self.book.code, info.module)
        reader = _Reader(book, f"{info.module.name}.{info.qualname}", depth=self.depth + 1)
        reader.enter(info.node)
        if len(reader.returned) != 1 or not reader.state.ended:
            return None
        thing, training = reader.returned[0]
        return None if thing.model is None else replace(book.models[thing.model], training=bool(training))

    def _note(
        self,
        node: ast.Call,
        callee: str,
        given: list[tuple[ast.expr, Thing]],
        named: list[tuple[ast.keyword, Thing]],
    ) -> None:
        """Write down a call that was asked for."""
        names = POSITIONAL.get(callee, ())
        starred = next((i for i, (one, _) in enumerate(given) if isinstance(one, ast.Starred)), len(given))
        written = [(names[i] if i < len(names) else "", *one) for i, one in enumerate(given[:starred])]
        written += [(keyword.arg, keyword.value, thing) for keyword, thing in named if keyword.arg]
        complete = starred == len(given) and all(keyword.arg for keyword, _ in named)
        exported = NOTHING
        if callee in EXPORTS:
            exported = next((thing for name, _, thing in written if name == names[0]), NOTHING)
            if exported.loaded is not None:
                self.book.used_as_model.add(exported.loaded)
        if callee in self.book.code.asked.callees:
            facts = self._facts(node) | {
                "callee": callee,
                "arguments": tuple(self._argument(*one) for one in written),
                "complete": complete,
                "attempted": self.attempts > 0,
            }
            event = self._export_call(facts, exported) if callee in EXPORTS else Call(**facts)
            self._add(event)

    def _add(self, event: Generic) -> None:
        """An event; below the code that is read for itself are the functions that it calls."""
        self.book.note(event, called=self.depth > 0)

    # --- what else was asked for -----------------------------------------------------------------------------------

    def _asked(self, thing: Thing) -> str:
        """The name by which a rule asked for something imported, empty where none did."""
        return next(iter(paths_of(thing) & self.book.code.asked.attributes), "")

    def _note_attribute(self, node: ast.expr, thing: Thing) -> None:
        if qualified := self._asked(thing):
            self._add(Attribute(**self._facts(node), qualified=qualified))

    def _note_subscript(self, node: ast.Subscript, owner: Thing, index: Thing, value: Argument | None = None) -> None:
        if qualified := self._asked(owner):
            place = self._argument("", node.slice, index)
            self._add(Subscript(**self._facts(node), qualified=qualified, index=place, value=value))

    def _note_targets(self, targets: Sequence[ast.expr], node: ast.expr | None = None, thing: Thing = NOTHING) -> None:
        """What is assigned to (with the value), or deleted."""
        if not self.book.code.asked.attributes:
            return
        value = self._argument("", node, thing) if node is not None else None
        for target in targets:
            if isinstance(target, ast.Subscript):
                self._note_subscript(target, self.read(target.value), self.read(target.slice), value)
            elif isinstance(target, ast.Attribute) and value is not None:
                base = self.read(target.value)
                path = f"{base.path or base.named.qualified}.{target.attr}" if isinstance(base.named, Name) else ""
                if qualified := self._asked(Thing(path=path)):
                    self._add(Assign(**self._facts(target), qualified=qualified, value=value))

    def _facts(self, node: ast.expr) -> dict[str, Any]:
        """What any event says."""
        module, span = self.book.module, self._span(node)
        statement = header(module.document, self.statement) if self.statement else span
        return {
            "document": module.document,
            "span": span,
            "statement": statement,
            "function": self.function,
            "torch": module.torch,
        }

    def _export_call(self, facts: dict[str, Any], exported: Thing) -> ExportCall:
        model = None
        if exported.model is not None:
            training = self.state.training.get(exported.model, False)
            model = replace(self.book.models[exported.model], training=training)
        call = ExportCall(**facts, model=model, gives_function=is_function(exported))
        return replace(call, routes=_routes(call))

    def _argument(self, name: str, node: ast.expr, thing: Thing) -> Argument:
        parts = tuple(
            Argument(span=span, value=value_of(part), sizes=part.sizes, made=part.made)
            for part, span in zip(thing.parts, thing.spans, strict=True)
        )
        return Argument(
            name=name, span=self._span(node), value=value_of(thing), sizes=thing.sizes, made=thing.made, parts=parts
        )


def _arguments(info: FunctionInfo, given: Sequence[Thing], named: Mapping[str, Thing]) -> dict[str, Thing]:
    """What is known of a function's parameters in a call of it; what is not given has its default."""
    spec = info.node.args
    positional = [parameter.arg for parameter in (*spec.posonlyargs, *spec.args)]
    given_to = {**named, **dict(zip(positional, given, strict=False))}
    found = {}
    for parameter, default in info.parameters:
        if parameter.arg in given_to:
            found[parameter.arg] = given_to[parameter.arg]
        elif isinstance(default, ast.Constant):
            found[parameter.arg] = Thing(value=default.value)
    return found


def _routes(call: ExportCall) -> frozenset[str]:
    """The routes that an export call may take."""
    if call.callee == "torch.jit.trace":
        return frozenset({"jit_trace"})
    if call.callee == "torch.export.export":
        return frozenset({"torch_export"})
    dynamo = call.argument("dynamo")
    if call.by_default or call.of_program or (dynamo is not None and dynamo.value is True):
        return frozenset({"onnx_dynamo"})
    if dynamo is not None and dynamo.value is False:
        return frozenset({"onnx_torchscript"})
    return frozenset({"onnx_dynamo", "onnx_torchscript"})
