"""Methods of builtin values: tensors, lists, dicts, strings, arrays, layers."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from convlint.analyzer import (
    accumulation,
    bools,
    distributions,
    formats,
    hidden_ints,
    kept,
    keys,
    layers,
    needed_sizes,
    numpy_calls,
    operators,
    refused_options,
)
from convlint.analyzer.attributes import CONVERSIONS, GIVING_ITSELF
from convlint.analyzer.calls import SEQUENCE, Arguments, modules_of, opaque
from convlint.analyzer.draws import note_draw
from convlint.analyzer.iteration import iterate
from convlint.analyzer.leaving import leave
from convlint.analyzer.run import TORCHSCRIPT, Frame, Run
from convlint.analyzer.torch_calls import note_call
from convlint.analyzer.values import (
    NONE,
    TRUE,
    UNKNOWN,
    Array,
    Const,
    Dict,
    Distribution,
    Instance,
    Layer,
    List,
    Method,
    Number,
    Shape,
    Tensor,
    Tuple,
    Value,
    join,
    join_all,
    members,
    taint_of,
)
from convlint.events import StateWrite, Taint

_WITHOUT_PRODUCT = TORCHSCRIPT | {"torch_export"}
"""The routes on which ``x.shape.numel()`` is a plain number; ``x.numel()`` is none on any."""


def call(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    """``owner.method(...)``."""
    owner = method.owner
    if isinstance(owner, Tensor):
        receiver = _receiver(node)
        if method.name != "copy_" or not _is_assigned(run, owner, receiver):
            note_call(run, frame, node, f"torch.{method.name}", owner, arguments.keywords)
        hidden_ints.note(run, frame, f"Tensor.{method.name}", arguments)
        bools.note(run, frame, node, f"Tensor.{method.name}", owner, arguments)
        accumulation.note(run, frame, node, method.name, owner, arguments, 0)
        refused_options.note(run, frame, node, method.name, owner, arguments, 0)
        needed_sizes.note_method(run, frame, node, method.name, owner, arguments)
        note_draw(run, frame, node, f"Tensor.{method.name}", arguments)
        return operators.operate(run, frame, node, method.name, owner, replace(arguments, receiver=receiver))
    handler = _BY_TYPE.get(type(owner))
    return handler(run, frame, node, method, arguments) if handler is not None else opaque(arguments)


def _list(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    owner = method.owner
    assert isinstance(owner, List)
    name = method.name
    given = arguments.get(0)
    if name == "update" and len(arguments.positional) > 1:
        return opaque(arguments, True)  # a cache that is annotated as a list: no list is updated so
    kept.note_list(run, frame, node, owner, name)
    if name in ("append", "add", "appendleft") and given is not None:
        owner.add(given, frame.certain)
    elif name in ("extend", "update") and given is not None:
        elements = iterate(run, frame, arguments.nodes[0], given, "list")
        if elements.items is not None and frame.certain:
            for item in elements.items:
                owner.add(item, True)
        else:
            owner.add(elements.joined, False)
    elif name == "insert" and len(arguments.positional) > 1:
        owner.add(arguments.positional[1], False)
    elif name in ("pop", "popleft"):
        if owner.items and frame.certain and given is None:
            return owner.items.pop()
        if given == Const(0) and owner.items and frame.certain:
            return owner.items.pop(0)
        owner.items = None
        return owner.any()
    elif name in ("reverse", "sort", "clear", "remove"):
        owner.items = None
    elif name == "copy":
        return List(owner.element, list(owner.items) if owner.items is not None else None)
    elif name in ("index", "count"):
        return Number("int")
    return NONE


def _dict(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    owner = method.owner
    assert isinstance(owner, Dict)
    name = method.name
    certain = owner.rest is None and frame.certain
    if name == "items":
        pairs: list[Value] = [Tuple((Const(k), v)) for k, v in owner.items.items()]
        if owner.rest is not None:
            return List(join_all([*pairs, Tuple((UNKNOWN, owner.rest))]))
        return List(join_all(pairs) if pairs else None, pairs if certain else None)
    if name == "values":
        values = list(owner.items.values())
        return List(owner.any(), values if certain else None)
    if name == "keys":
        names: list[Value] = [Const(k) for k in owner.items]
        return List(join_all(names) if names else None, names if certain else None)
    if name in keys.LOOKUPS:
        key = arguments.get(0)
        if key is not None and arguments.nodes:
            keys.note_key(run, frame, node, owner, key, arguments.nodes[0])
        default = arguments.get(1, "default") or NONE
        if isinstance(key, Const) and key.value in owner.items:
            return owner.items[key.value]
        return join(default, owner.rest) if owner.rest is not None else default if owner.items or certain else UNKNOWN
    if name == "update":
        given = arguments.get(0)
        if isinstance(given, Dict):
            owner.items |= given.items
            owner.rest = given.rest if owner.rest is None else owner.rest
        owner.items |= arguments.keywords
        return NONE
    if name == "copy":
        return Dict(dict(owner.items), owner.rest)
    return UNKNOWN


def _is_assigned(run: Run, owner: Tensor, receiver: ast.expr) -> bool:
    """Whether what is copied into a tensor is an assignment: to a part of another, or to an attribute."""
    return owner.ident in run.memory.views or isinstance(receiver, ast.Attribute)


def _receiver(node: ast.expr) -> ast.expr:
    """What a call's method is of, as it is written."""
    return node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else node


def _shape(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    if method.name == "numel":
        number = Number("int", taint_of(method.owner), dim=True)
        leave(run, frame, node, "numel", _receiver(node), number)
        return replace(number, frozen_on=_WITHOUT_PRODUCT)
    return Number("int") if method.name in ("index", "count") else UNKNOWN


def _text(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    owner = method.owner
    assert isinstance(owner, Const)
    if method.name == "format" and not arguments.keywords:
        formats.note_format(run, frame, owner, arguments.nodes, arguments.positional)
    if (
        isinstance(owner.value, str)
        and all(isinstance(v, Const) for v in arguments.positional)
        and not arguments.keywords
    ) and method.name in ("startswith", "endswith", "lower", "upper", "strip", "replace", "split"):
        plain: list[Any] = [v.value for v in arguments.positional if isinstance(v, Const)]
        try:
            result = getattr(owner.value, method.name)(*plain)
        except (TypeError, ValueError):
            return UNKNOWN
        if isinstance(result, list):
            items: list[Value] = [Const(part) for part in result]
            return List(join_all(items), items)
        return Const(result)
    return UNKNOWN


def _number(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    owner = method.owner
    assert isinstance(owner, Number)
    if method.name in ("item", "sqrt", "bit_length", "to", "long", "int", "float", "clone", "detach"):
        return owner  # while `torch.jit.trace` records, a size is a tensor
    return Number("bool", owner.taint, owner.frozen_on) if method.name == "is_integer" else UNKNOWN


def _layer(run: Run, frame: Frame, node: ast.expr, method: Method, arguments: Arguments) -> Value:
    if method.name in ("register_forward_hook", "register_forward_pre_hook"):
        return _register(run, method.owner, method.name, arguments)
    _note_conversion(run, frame, node, method.name)
    if method.name == "eval" and isinstance(method.owner, Layer):
        return replace(method.owner, made_in_forward=False)
    if method.name in GIVING_ITSELF:
        return method.owner
    return List(run.tensor("float", None, Taint.state, state="parameter:")) if method.name == "parameters" else UNKNOWN


def _register(run: Run, owner: Value, name: str, arguments: Arguments) -> Value:
    """A hook of a module, which is called after it or before."""
    hook = arguments.get(0, "hook")
    if hook is not None and arguments.keywords.get("with_kwargs") != TRUE:
        (run.hooks if name == "register_forward_hook" else run.pre_hooks).append((owner, hook))
    return UNKNOWN


def _note_conversion(run: Run, frame: Frame, node: ast.expr, name: str) -> None:
    if name in CONVERSIONS and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        run.emit(frame, StateWrite, node, "", (), name=ast.unparse(node.func.value), what="module")


def module(run: Run, frame: Frame, node: ast.expr, owner: Instance, name: str, arguments: Arguments) -> Value:
    """What ``nn.Module`` itself defines, on an object of the project."""
    if name == "__init__":
        owner.attributes[SEQUENCE] = layers.module_list("Sequential", arguments)
        return NONE
    if name in ("register_buffer", "register_parameter"):
        key, given = arguments.get(0, "name"), arguments.get(1, "tensor", "param")
        if isinstance(key, Const) and isinstance(key.value, str):
            what = "buffer" if name == "register_buffer" else "parameter"
            owner.attributes[key.value] = _state(run, given, f"{what}:self.{key.value}")
        return NONE
    if name in ("add_module", "register_module"):
        key, given = arguments.get(0, "name"), arguments.get(1, "module")
        if isinstance(key, Const) and isinstance(key.value, str) and given is not None:
            owner.attributes[key.value] = given
        sequence = modules_of(owner.attributes.get(SEQUENCE))
        if sequence is not None and given is not None:
            sequence.add(given, frame.certain)
        return NONE
    if name in ("register_forward_hook", "register_forward_pre_hook"):
        return _register(run, owner, name, arguments)
    _note_conversion(run, frame, node, name)
    if name in GIVING_ITSELF:
        return owner
    if name == "parameters":
        return List(run.tensor("float", None, Taint.state, state="parameter:"))
    return UNKNOWN


def _state(run: Run, given: Value | None, state: str) -> Value:
    tensors = [m for m in members(given) if isinstance(m, Tensor)] if given is not None else []
    like = tensors[0] if tensors else run.tensor(None, None, Taint.state)
    made: Value = run.tensor(like.dtype, like.shape, Taint.state, state=state)
    return join(NONE, made) if given is not None and NONE in members(given) and not tensors and given != NONE else made


_BY_TYPE: dict[type[Value], Callable[[Run, Frame, ast.expr, Method, Arguments], Value]] = {
    List: _list,
    Dict: _dict,
    Array: numpy_calls.method,
    Shape: _shape,
    Tuple: _shape,
    Const: _text,
    Number: _number,
    Layer: _layer,
    Distribution: distributions.call,
    Instance: lambda run, frame, node, method, arguments: module(
        run, frame, node, _instance(method.owner), method.name, arguments
    ),
}


def _instance(value: Value) -> Instance:
    assert isinstance(value, Instance)
    return value
