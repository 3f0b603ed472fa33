"""Calls: of the project's functions and classes, layers, builtins, and what is imported from outside."""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

import msgspec
from msgspec import field
from msgspec.structs import replace

from convlint.analyzer import checks, guards, keys
from convlint.analyzer.annotations import annotated, written
from convlint.analyzer.attributes import GUARDS, MODULE_METHODS
from convlint.analyzer.decorators import custom_operator, is_compiled, is_scripted
from convlint.analyzer.index import FunctionInfo
from convlint.analyzer.iteration import iterate
from convlint.analyzer.parts import Trace
from convlint.analyzer.run import DYNAMO, Frame, Remembered, Run, qualified
from convlint.analyzer.torch_calls import note_custom, note_untraceable
from convlint.analyzer.training import LOSS
from convlint.analyzer.values import (
    FALSE,
    NONE,
    UNKNOWN,
    Array,
    Class,
    Dict,
    Function,
    Instance,
    Layer,
    List,
    Method,
    Name,
    Number,
    Partial,
    Tensor,
    Tuple,
    Union,
    Unknown,
    Value,
    Wrapped,
    are_outside,
    join,
    join_all,
    members,
    signature,
    taint_of,
    tensors_in,
)
from convlint.analyzer.weights import hides_tensors
from convlint.events import Taint


class Arguments(msgspec.Struct):
    """The arguments of a call: values and where they are written."""

    positional: list[Value] = field(default_factory=list)
    keywords: dict[str, Value] = field(default_factory=dict)
    nodes: list[ast.expr] = field(default_factory=list)
    keyword_nodes: dict[str, ast.expr] = field(default_factory=dict)
    more: bool = False
    """Whether a starred argument hides how many there are."""
    rows: bool = False
    """Whether these are the rows of a tensor."""
    entry: bool = False
    """Whether an exporter calls: ``*args`` and ``**kwargs`` are given by their names, as what they collect."""
    receiver: ast.expr | None = None
    """Where the tensor is written whose method (or function) is called."""

    @classmethod
    def of_layer(cls, layer: Layer) -> Arguments:
        """Those that a layer was made with, as far as they are known."""
        given = dict(layer.arguments)
        last = max((int(key) for key in given if key.isdecimal()), default=-1)
        return cls([given.get(str(at), UNKNOWN) for at in range(last + 1)], given)

    def get(self, position: int, *names: str) -> Value | None:
        """An argument by position or keyword."""
        for name in names:
            if name in self.keywords:
                return self.keywords[name]
        return self.positional[position] if 0 <= position < len(self.positional) else None

    def node(self, position: int, *names: str) -> ast.expr | None:
        """Where that argument is written."""
        for name in names:
            if name in self.keyword_nodes:
                return self.keyword_nodes[name]
        return self.nodes[position] if 0 <= position < len(self.nodes) else None

    def all(self) -> list[Value]:
        """All argument values."""
        return [*self.positional, *self.keywords.values()]

    def without_first(self) -> Arguments:
        """The arguments of the method that a function call ``f(x, ...)`` stands for."""
        return replace(self, positional=self.positional[1:], nodes=self.nodes[1:], receiver=self.nodes[0])


def call(run: Run, frame: Frame, node: ast.Call) -> Value:
    """``function(...)``."""
    function = run.evaluate(frame, node.func)
    checking = frame.checking
    frame.checking |= isinstance(function, Name) and function.qualified in checks.CHECKS
    try:
        arguments = arguments_of(run, frame, node)
    finally:
        frame.checking = checking
    since = run.now
    result = invoke(run, frame, node, function, arguments)
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name in _REPAIRED and not (run.noted(frame, node, since) and _is_one(function, arguments)):
        run.doubt(frame, node)
    return result


_REPAIRED = frozenset(["clamp", "clamp_", "clip", "clip_", "cumsum", "squeeze", "stack", "where"])
"""The functions of tensors whose repair rests on what they are given: on the same in every call."""


def _is_one(function: Value, arguments: Arguments) -> bool:
    """Whether a call is of one function, on values that are each of one kind."""
    return not any(isinstance(value, Union) for value in (function, getattr(function, "owner", None), *arguments.all()))


def arguments_of(run: Run, frame: Frame, node: ast.Call) -> Arguments:
    """The evaluated arguments of a call."""
    found = Arguments()
    for argument in node.args:
        if not isinstance(argument, ast.Starred):
            found.positional.append(run.evaluate(frame, argument))
            found.nodes.append(argument)
            continue
        value = run.evaluate(frame, argument.value)
        elements = iterate(run, frame, argument.value, value, "star")
        if elements.items is not None:
            found.positional += elements.items
            found.nodes += [argument] * len(elements.items)
        else:
            found.more, found.rows = True, isinstance(value, Tensor) and value.sure
            found.positional.append(elements.joined)
            found.nodes.append(argument)
    for keyword in node.keywords:
        value = run.evaluate(frame, keyword.value)
        if keyword.arg is not None:
            found.keywords[keyword.arg] = value
            found.keyword_nodes[keyword.arg] = keyword.value
        elif isinstance(value, Dict):
            found.keywords |= {k: v for k, v in value.items.items() if isinstance(k, str)}
    return found


def call_value(run: Run, frame: Frame, node: ast.expr, function: Value, positional: Sequence[Value] = ()) -> Value:
    """A call that the source does not spell as one: ``__len__``, a property, a hook."""
    return invoke(run, frame, node, function, Arguments(list(positional), nodes=[node] * len(positional)))


def invoke(run: Run, frame: Frame, node: ast.expr, function: Value, arguments: Arguments) -> Value:
    """The result of calling a value."""
    if isinstance(function, Union):
        callables = [_perhaps(m) for m in function.members if m != NONE]
        return join_all(run.memory.each([partial(invoke, run, frame, node, m, arguments) for m in callables]))
    handler = _INVOKE.get(type(function))
    if handler is not None:
        return handler(run, frame, node, function, arguments)
    return opaque(arguments, isinstance(function, Unknown) and function.module)


def opaque(arguments: Arguments, module: bool = False) -> Value:
    """The result of a call of which nothing is known."""
    taint = max((taint_of(v) for v in arguments.all()), default=Taint.none)
    if are_outside(arguments.all()):
        return Array(taint)
    return Unknown(taint, module and taint >= Taint.state)


# --- super -------------------------------------------------------------------------------------------------------


def super_attribute(run: Run, frame: Frame, name: str) -> Value:
    """``super().name``: a method of a base class, bound."""
    owner: Frame | None = frame
    while owner is not None and (owner.function is None or owner.function.cls is None):
        owner = owner.parent
    if owner is None or owner.function is None or owner.function.cls is None:
        return UNKNOWN
    receiver = owner.env.get(_first_parameter(owner.function))
    if not isinstance(receiver, Instance):
        return UNKNOWN
    info = run.method(receiver.cls, name, owner.function.cls)
    if info is None and name == "__call__":  # nn.Module's own: it calls forward
        info = run.method(receiver.cls, "forward")
    if info is not None:
        return Function(info, receiver)
    if name in MODULE_METHODS or (name == "__init__" and _is_sequential(run, receiver)):
        return Method(receiver, name)
    if name == "forward":
        own = next((last for one in run.outside_bases(receiver.cls) if (last := one.rpartition(".")[2]) in _NORMS), "")
        return Layer(own) if own else Unknown(Taint.none, True)
    return UNKNOWN


_NORMS = ("LayerNorm", "GroupNorm", "RMSNorm")
"""Layers of torch that are often made to take another layout: around ``super().forward(x)`` it is changed and back."""


_SEQUENTIAL = frozenset(["torch.nn.Sequential", "torch.nn.modules.container.Sequential"])


def _is_sequential(run: Run, module: Instance) -> bool:
    """Whether a class of the project adds nothing to what ``nn.Sequential`` does when it is called."""
    return not _SEQUENTIAL.isdisjoint(run.outside_bases(module.cls))


def is_super(node: ast.expr) -> bool:
    """Whether an expression is ``super()``."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _first_parameter(info: FunctionInfo) -> str:
    arguments = info.node.args
    first = [*arguments.posonlyargs, *arguments.args][:1]
    return first[0].arg if first else ""


# --- functions of the project ------------------------------------------------------------------------------------

UNINTERESTING = frozenset(
    [
        "post_init",
        "init_weights",
        "_init_weights",
        "initialize_weights",
        "reset_parameters",
        "tie_weights",
        "load_state_dict",
        "from_pretrained",
        "save_pretrained",
        "extra_repr",
        "state_dict",
    ]
)
"""Methods that set up or store weights: nothing in them is traced."""


def _function(run: Run, frame: Frame, node: ast.expr, function: Function, arguments: Arguments) -> Value:
    info = function.info
    if not arguments.entry and (info.name in UNINTERESTING or LOSS.fullmatch(info.name)):
        return UNKNOWN
    if info.is_left_to_subclasses:
        run.rest_on(info)
        return opaque(arguments, True)
    env = _bind(run, frame, function, arguments)
    routes, scripted = _decorated(run, frame, node, info, arguments) if info.decorator_list else (frame.routes, False)
    names: dict[int | str, int] = {}
    key = (
        info.key,
        routes,
        frame.traced,
        tuple((name, signature(value, names)) for name, value in env.items()),
        id(function.scope) if function.scope is not None else 0,
        checks.about(run, env),
        bool(run.autocast and run.autocast[-1]),
    )
    if key in run.active or run.depth >= run.depth_limit:
        return opaque(arguments, True)
    pending = bool(run.memory.missed) and _touches(run, env)
    if key in run.memo and not pending:
        call = run.calls[key]
        run.written |= call.writes
        return _renewed(run, run.recall(key), dict(zip(call.given, names, strict=True)), call.began)
    count = run.contexts[info.key] = run.contexts.get(info.key, 0) + 1
    if count > run.contexts_limit and not pending:
        return opaque(arguments, True)
    run.active.add(key)
    run.depth += 1
    run.scripting += scripted
    written, since, began = run.written, run.now, run.memory.fresh()
    try:
        result, pure = _interpret(run, frame, function, env, routes)
    finally:
        run.scripting -= scripted
        run.depth -= 1
        run.active.discard(key)
    if pure:
        run.remember(key, result, since)
        run.calls[key] = Remembered(names, began, run.written - written)
    return result


def _decorated(
    run: Run, frame: Frame, node: ast.expr, info: FunctionInfo, arguments: Arguments
) -> tuple[frozenset[str], bool]:
    """The routes on which a decorated function is entered, and whether TorchScript compiles it."""
    from convlint.analyzer import hidden_ints

    keys.note_cached(run, frame, node, info, arguments.positional)
    routes, scripted = frame.routes, is_scripted(info)
    if scripted:
        hidden_ints.note_scripted(run, frame, info, arguments)
        routes &= DYNAMO
    operator = custom_operator(info)
    if operator is not None:
        note_custom(run, frame, node, info.name, operator)
        routes = frozenset()  # exporters call it as it is
    compiled = next((d for d in info.decorator_list if is_compiled(d)), None)
    if compiled is not None:
        note_untraceable(run, Frame(info.module, info, None, {}, routes, frame.traced), compiled, "compiled", info.name)
        routes &= DYNAMO
    return routes, scripted


def _touches(run: Run, env: dict[str, Value]) -> bool:
    stale = run.memory.missed
    return any(tensor.ident in stale for value in env.values() for tensor in tensors_in(value, 3))


def _interpret(
    run: Run, frame: Frame, function: Function, env: dict[str, Value], routes: frozenset[str]
) -> tuple[Value, bool]:
    """(result, whether a repeated call may take it instead of being interpreted again)."""
    info = function.info
    run.project.files.pause()
    inner = Frame(info.module, info, function.scope, env, routes, frame.traced)
    if run.scripting:
        run.meet((Trace.script, (info.module.document.path, qualified(inner))))
    before, facts = len(run.memory.written), run.facts
    given = {t.storage for v in env.values() for t in tensors_in(v, 3)}
    if frame.traced:
        run.meet((Trace.visit, info.key))
    run.rest_on(info)
    if isinstance(info.node, ast.Lambda):
        inner.statement = frame.statement if info.module is frame.module else None
        if inner.statement is None:
            inner.statement = ast.Expr(info.node, **_place(info.node))
        return run.evaluate(inner, info.node.body), True
    run.execute(inner, info.node.body)
    after = [*inner.returned_after, *([run.written] if inner.live else [])]
    run.written = frozenset.intersection(*after) if after else run.written
    pure = not given.intersection(run.memory.written[before:]) and run.facts is facts
    if inner.yields:
        return List(join_all(inner.yields)), pure
    results = [*inner.returns, *([NONE] if inner.live and not inner.returns else [])]
    result = guards.by_route(list(zip(inner.returned_on, inner.returns, strict=True)))
    return (result or (join_all(results) if results else UNKNOWN)), pure


def _place(node: ast.expr) -> dict[str, Any]:
    return {
        "lineno": node.lineno,
        "col_offset": node.col_offset,
        "end_lineno": node.end_lineno,
        "end_col_offset": node.end_col_offset,
    }


_Renamed = dict[int | str, int | str]


def _renewed(run: Run, value: Value, renamed: _Renamed, began: int) -> Value:
    """A remembered result for a new call: the tensors that it made are new ones, and what was taken out of them.

    ``renamed`` are what the remembered call was given and what this one is, as in ``signature``; what it made has
    identities from ``began`` on.
    """
    if isinstance(value, Number) and value.symbol.startswith("item"):
        return replace(value, symbol="")
    if isinstance(value, Tensor) and value.ident:
        ident = _again(run, value.ident, value.storage, renamed, began)
        return replace(value, ident=ident, storage=_storage_again(run, value.storage, renamed, began))
    if isinstance(value, Tuple):
        return Tuple(tuple(_renewed(run, item, renamed, began) for item in value.items))
    if isinstance(value, List):
        items = None if value.items is None else [_renewed(run, i, renamed, began) for i in value.items]
        element = None if value.element is None else _renewed(run, value.element, renamed, began)
        return List(element, items, value.taint, value.frozen_on)
    return value


def _again(run: Run, ident: int, storage: int, renamed: _Renamed, began: int) -> int:
    """What a tensor of a remembered call is in a new one; a view is a view of what its parent is there."""
    if ident not in renamed and ident >= began:
        view = run.memory.views.get(ident)
        if view is None:
            renamed[ident] = run.memory.fresh()
        else:
            parent = _again(run, view.parent, storage, renamed, began)
            memory = _storage_again(run, storage, renamed, began)
            renamed[ident] = run.memory.view(parent, memory, dataclasses.replace(view, parent=parent))
    return cast("int", renamed.get(ident, ident))


def _storage_again(run: Run, storage: int, renamed: _Renamed, began: int) -> int:
    """Memory has the identity of the tensor that it was made for; that of arguments stands negative in ``renamed``."""
    if -storage in renamed:
        return -cast("int", renamed[-storage])
    return _again(run, storage, storage, renamed, began)


def _bind(run: Run, frame: Frame, function: Function, arguments: Arguments) -> dict[str, Value]:
    """The parameters' values."""
    info = function.info
    spec = info.node.args
    parameters = [*spec.posonlyargs, *spec.args]
    given = ([function.bound] if function.bound is not None else []) + arguments.positional
    env: dict[str, Value] = {}
    for parameter, value in zip(parameters, given, strict=False):
        env[parameter.arg] = value
    rest = given[len(parameters) :]
    if spec.vararg is not None:
        env[spec.vararg.arg] = List(join_all(rest), list(rest)) if arguments.more else Tuple(tuple(rest))
        if arguments.more:
            env[spec.vararg.arg] = List(join_all(rest) if rest else None)
    known = {p.arg: p.annotation for p in [*parameters, *spec.kwonlyargs]}
    starred = {p.arg for p in (spec.vararg, spec.kwarg) if p is not None} if arguments.entry else set()
    extra = Dict()
    for name, value in arguments.keywords.items():
        if name in known:
            env[name] = value
        elif name in starred:
            continue
        else:
            extra.items[name] = value
    if spec.kwarg is not None:
        env[spec.kwarg.arg] = extra
    env |= {name: arguments.keywords[name] for name in starred if name in arguments.keywords}
    for name, annotation in () if arguments.entry else known.items():  # an input is what `entry_arguments` says
        if annotation is not None and _is_presumed(value := env.get(name, UNKNOWN), annotation):
            env[name] = annotated(run, info.module, annotation, value)
    _defaults(run, function, env, arguments.more)
    return env


def _is_presumed(value: Value, annotation: ast.expr) -> bool:
    """Whether a value is taken for a tensor with nothing that says so, or may be the array that an annotation says."""
    left = [one for one in members(value) if not isinstance(one, Array)]
    return bool(left) and all(
        (isinstance(one, Tensor) and not one.sure)
        or (isinstance(one, Unknown) and (one.module or written(annotation).endswith("ndarray")))
        for one in left
    )


def _defaults(run: Run, function: Function, env: dict[str, Value], more: bool) -> None:
    scope = Frame(function.info.module, parent=function.scope, traced=False)
    for parameter, default in function.info.parameters:
        if parameter.arg not in env:
            value = UNKNOWN if default is None else run.evaluate(scope, default)
            env[parameter.arg] = join(value, UNKNOWN) if more else value


# --- classes -----------------------------------------------------------------------------------------------------


def _class(run: Run, frame: Frame, node: ast.expr, function: Class, arguments: Arguments) -> Value:
    from convlint.analyzer.construction import instantiate

    return instantiate(run, frame, node, function.info, arguments)


def _instance(run: Run, frame: Frame, node: ast.expr, function: Instance, arguments: Arguments) -> Value:
    """An object called: ``__call__``, or a module's ``forward`` with its hooks."""
    for name in ("__call__", "forward"):
        info = run.method(function.cls, name)
        if info is not None:
            arguments = _before(run, frame, node, function, arguments)
            result = invoke(run, frame, node, Function(info, function), arguments)
            return _hooked(run, frame, node, function, arguments, result)
    inside = function.attributes.get(SEQUENCE)
    if isinstance(inside, Layer) and not _is_empty(inside):
        return _hooked(run, frame, node, function, arguments, invoke(run, frame, node, inside, arguments))
    return opaque(arguments, run.is_module(function.cls))


SEQUENCE = "*"
"""The attribute of an object of a class derived from ``nn.Sequential`` that holds its modules."""


def modules_of(sequential: Value | None) -> List | None:
    """The modules of an ``nn.Sequential``, a list that grows with them; None for anything else."""
    items = dict(sequential.arguments).get("items") if isinstance(sequential, Layer) else None
    return items if isinstance(items, List) else None


def _is_empty(sequential: Layer) -> bool:
    """Whether no module is seen to be put into a sequence, as if somebody else did."""
    known = modules_of(sequential)
    return known is not None and known.items == []


def _before(run: Run, frame: Frame, node: ast.expr, owner: Value, arguments: Arguments) -> Arguments:
    """What a module is called with once its hooks have had it."""
    for hook in _of(owner, run.pre_hooks):
        changed = call_value(run, frame, node, hook, [owner, Tuple(tuple(arguments.positional))])
        given = changed.items if isinstance(changed, Tuple) else (changed,)
        if changed != NONE and not isinstance(changed, Unknown) and len(given) == len(arguments.positional):
            arguments = replace(arguments, positional=list(given))
    return arguments


def _of(owner: Value, hooks: Sequence[tuple[Value, Value]]) -> Iterator[Value]:
    """The hooks of a module."""
    return (hook for module, hook in hooks if module is owner or (isinstance(module, Layer) and module == owner))


def _hooked(run: Run, frame: Frame, node: ast.expr, owner: Value, arguments: Arguments, result: Value) -> Value:
    for hook in _of(owner, run.hooks):
        changed = call_value(run, frame, node, hook, [owner, Tuple(tuple(arguments.positional)), result])
        if changed != NONE and not isinstance(changed, Unknown):
            result = changed
    return result


def _layer(run: Run, frame: Frame, node: ast.expr, function: Layer, arguments: Arguments) -> Value:
    from convlint.analyzer import layers

    arguments = _before(run, frame, node, function, arguments)
    return _hooked(run, frame, node, function, arguments, layers.called(run, frame, node, function, arguments))


# --- the rest ----------------------------------------------------------------------------------------------------


def _perhaps(function: Value) -> Value:
    """One of several functions: whether it is compiled is a matter of configuration."""
    return function.function if isinstance(function, Wrapped) and function.compiled else function


def _wrapped(run: Run, frame: Frame, node: ast.expr, function: Wrapped, arguments: Arguments) -> Value:
    if function.compiled:
        note_untraceable(run, frame, node, "compiled", ast.unparse(node.func) if isinstance(node, ast.Call) else "")
    if function.autograd and any(map(hides_tensors, arguments.positional)):
        note_untraceable(run, frame, node, "function", function.autograd)
    run.scripting += function.scripted
    try:
        with run.on_routes(frame, function.routes):
            return invoke(run, frame, node, function.function, arguments)
    finally:
        run.scripting -= function.scripted


def _partial(run: Run, frame: Frame, node: ast.expr, function: Partial, arguments: Arguments) -> Value:
    merged = Arguments(
        [*function.args, *arguments.positional],
        dict(function.keywords) | arguments.keywords,
        [node] * len(function.args) + arguments.nodes,
        arguments.keyword_nodes,
        arguments.more,
    )
    return invoke(run, frame, node, function.function, merged)


def _name(run: Run, frame: Frame, node: ast.expr, function: Name, arguments: Arguments) -> Value:
    from convlint.analyzer import outside

    inside = run.resolve(function)
    if inside is not None and inside != function:
        return invoke(run, frame, node, inside, arguments)
    if function.qualified in GUARDS:
        return GUARDS[function.qualified] if frame.traced else FALSE
    cls, _, name = function.qualified.rpartition(".")
    receiver = arguments.get(0, "self")
    if name == "__init__" and cls in _SEQUENTIAL and isinstance(receiver, Instance):
        return _method(run, frame, node, Method(receiver, name), arguments.without_first())
    return outside.call(run, frame, node, function.qualified, arguments)


def _method(run: Run, frame: Frame, node: ast.expr, function: Method, arguments: Arguments) -> Value:
    from convlint.analyzer import methods

    return methods.call(run, frame, node, function, arguments)


_INVOKE: dict[type[Value], Callable[[Run, Frame, ast.expr, Any, Arguments], Value]] = {
    Function: _function,
    Class: _class,
    Instance: _instance,
    Layer: _layer,
    Partial: _partial,
    Wrapped: _wrapped,
    Name: _name,
    Method: _method,
}
