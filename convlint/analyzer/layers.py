"""Layers of torch and torchvision, made and called."""

from __future__ import annotations

import ast

from msgspec.structs import replace

from convlint.analyzer import (
    draws,
    mistranslations,
    needed_sizes,
    refused_options,
    shapes,
    signs,
    squeezes,
    torchvision_calls,
)
from convlint.analyzer.calls import Arguments, invoke, opaque
from convlint.analyzer.run import ALL_ROUTES, Frame, Run
from convlint.analyzer.torch_calls import note_call
from convlint.analyzer.values import (
    NOWHERE,
    UNKNOWN,
    Const,
    Dict,
    Layer,
    List,
    Number,
    Tensor,
    Tuple,
    Unknown,
    Value,
    Wrapped,
    join,
    join_all,
    taint_of,
    tensor_of,
)
from convlint.events import Taint

_SOME_MODULE = Unknown(Taint.none, module=True)
_PARALLEL = frozenset({"DataParallel", "DistributedDataParallel"})
"""What calls the module that it is given, as it is where an export is made."""
_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})


def called(run: Run, frame: Frame, node: ast.expr, function: Layer, arguments: Arguments) -> Value:
    """What a layer returns, without its hooks."""
    if function.name.startswith(torchvision_calls.PREFIX):
        return torchvision_calls.called(run, frame, node, function, arguments)
    options = dict(function.arguments)
    if function.name == "Sequential":
        return _sequential(run, frame, node, options.get("items", UNKNOWN), arguments)
    given = arguments.get(0, "input", "x", "hidden_states", "query")
    tensor = tensor_of(given)
    squeezes.note_layer(run, frame, node, function.name, given)
    note_call(run, frame, node, function.name, given, options, of_itself=_is_self_attention(arguments))
    needed_sizes.note_layer(run, frame, node, function, given)
    draws.note_layer(run, frame, node, function)
    mistranslations.note_layer(run, frame, node, function)
    refused_options.note_layer(run, frame, node, function, given)
    taint = max([Taint.state, *(taint_of(v) for v in arguments.all())])
    shape = tensor.shape if tensor is not None else None
    if function.name == "Identity":
        return given if given is not None else UNKNOWN
    if function.name == "Dropout" and given is not None:
        return given
    if function.name in _RECURRENT:
        out = run.tensor("float", None, taint)
        state: Value = run.tensor("float", None, taint)
        return Tuple((out, Tuple((state, state)) if function.name == "LSTM" else state))
    if function.name in ("LSTMCell", "MultiheadAttention"):
        return Tuple((run.tensor("float", None, taint), run.tensor("float", None, taint)))
    counted = tensor.counted if tensor is not None else NOWHERE
    made = run.tensor("float", shapes.of_layer(function.name, shape, options), taint, counted=counted)
    keeps = function.name == "Linear" or function.name not in shapes.LAYERS
    squeezed = tensor.squeezed if tensor is not None and keeps else None
    return replace(made, sign=signs.of_layer(function.name), squeezed=squeezed)


def _is_self_attention(arguments: Arguments) -> bool:
    """Whether the first three arguments are one tensor."""
    given = [arguments.get(i, name) for i, name in enumerate(("query", "key", "value"))]
    return (
        isinstance(given[0], Tensor)
        and given[0].ident != 0
        and all(isinstance(one, Tensor) and one.ident == given[0].ident for one in given)
    )


def _sequential(run: Run, frame: Frame, node: ast.expr, items: Value, arguments: Arguments) -> Value:
    value: Value = arguments.positional[0] if arguments.positional else UNKNOWN
    if isinstance(items, List) and items.items is not None:
        for item in items.items:
            value = invoke(run, frame, node, item, Arguments([value], nodes=[node]))
        return value
    if isinstance(items, List) and items.element is not None:  # one at least, and perhaps more
        once = invoke(run, frame, node, items.element, Arguments([value], nodes=[node]))
        return join(once, invoke(run, frame, node, items.element, Arguments([once], nodes=[node])))
    return opaque(arguments, True)


def made(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``nn.Name(...)``."""
    if name in _PARALLEL:
        return Wrapped(arguments.get(0, "module") or UNKNOWN, ALL_ROUTES)
    if name in ("Parameter", "Buffer", "UninitializedParameter"):
        given = arguments.get(0, "data")
        like = given if isinstance(given, Tensor) else run.tensor(None, None, Taint.state)
        what = "buffer" if name == "Buffer" else "parameter"
        return run.tensor(like.dtype, like.shape, Taint.state, state=f"{what}:")
    if name in ("Sequential", "ModuleList", "ParameterList"):
        return module_list(name, arguments)
    if name in ("TransformerEncoder", "TransformerDecoder") and isinstance(layer := arguments.get(0), Layer):
        return layer  # a stack of it is called as the layer is
    if name in ("ModuleDict", "ParameterDict"):
        given = arguments.get(0, "modules", "parameters")
        kept = given if isinstance(given, Dict) else Dict(rest=None if given is None else _SOME_MODULE)
        kept.registered = True
        return kept
    options = {str(i): v for i, v in enumerate(arguments.positional)} | arguments.keywords
    known = tuple((k, v) for k, v in options.items() if isinstance(v, (Const, Number, Tuple)))
    return Layer(name, known, made_in_forward=frame.traced)


def module_list(name: str, arguments: Arguments) -> Value:
    """``nn.Sequential(...)``, or the list that ``nn.ModuleList(...)`` is."""
    given: Value
    if name == "Sequential":
        first = arguments.get(0)
        if isinstance(first, Dict) and len(arguments.positional) == 1:
            given = List(first.any(), list(first.items.values()) if first.rest is None else None)
        elif arguments.more:
            given = List(join_all(arguments.positional))
        else:
            items = list(arguments.positional)
            given = List(join_all(items) if items else None, items)
        return Layer("Sequential", (("items", given),))
    first = arguments.get(0, "modules", "values")
    if isinstance(first, List):
        first.registered = True
        return first
    if isinstance(first, Tuple):
        return List(join_all(first.items), list(first.items), registered=True)
    return List(_SOME_MODULE, registered=True) if first is not None else List(None, [], registered=True)
