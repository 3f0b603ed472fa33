"""Functions that take functions: control flow that `torch.export` follows, and wrappers around the user's own."""

from __future__ import annotations

import ast

from convlint.analyzer.builtin_calls import Handler
from convlint.analyzer.calls import Arguments, invoke, opaque
from convlint.analyzer.decorators import is_compiled
from convlint.analyzer.run import ALL_ROUTES, DYNAMO, TORCHSCRIPT, Frame, Run
from convlint.analyzer.torch_calls import note_untraceable
from convlint.analyzer.values import (
    UNKNOWN,
    Class,
    Const,
    Function,
    Instance,
    Layer,
    List,
    Number,
    Partial,
    Tensor,
    Tuple,
    Value,
    Wrapped,
    join_all,
)
from convlint.events import Taint
from convlint.source.walk import walk

_PLACES = ("_higher_order_ops.", "ops.higher_order.")
_CALLABLE = (Function, Class, Instance, Layer, Partial, Wrapped)


def handler(name: str) -> Handler | None:
    """What a function of torch (named without ``torch.``) does with the functions that it is given, if it takes any."""
    if name in _BY_NAME:
        return _BY_NAME[name]
    return _CONTROL_FLOW.get(name.rpartition(".")[2]) if name.startswith(_PLACES) else None


def functorch(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``functorch.experimental.control_flow.cond``."""
    known = _CONTROL_FLOW.get(name.rpartition(".")[2])
    return known(run, frame, node, name, arguments) if known is not None else opaque(arguments)


def is_traced_size(value: Value) -> bool:
    """Whether a number is a tensor while `torch.jit.trace` runs: a size, or a comparison of sizes."""
    return (
        isinstance(value, Number)
        and value.taint >= Taint.fixed
        and (value.dim or value.relation is not None)
        and not value.frozen_on & TORCHSCRIPT
    )


def _cond(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.cond(pred, yes, no, operands)``: both arms are traced; a plain number decides in Python."""
    asked, operands = arguments.get(0, "pred"), arguments.get(3, "operands")
    given = list(operands.items or []) if isinstance(operands, (Tuple, List)) else []
    branches = [b for b in (arguments.get(1, "true_fn"), arguments.get(2, "false_fn")) if b is not None]
    traced = isinstance(asked, Tensor) or (asked is not None and is_traced_size(asked))
    plain = isinstance(asked, (Const, Number)) and not traced
    if traced:
        note_untraceable(
            run, frame, node, "control-flow", "torch.cond", next(filter(None, map(_writing, branches)), "")
        )
    with run.on_routes(frame, ALL_ROUTES if plain else DYNAMO):
        return join_all(invoke(run, frame, node, b, Arguments(given, nodes=[node] * len(given))) for b in branches)


def _writing(branch: Value) -> str:
    """The name of a function that writes to an index, or in place into what it is given."""
    if not isinstance(branch, Function):
        return ""
    node = branch.info.node
    given = {part.arg for part in walk(node.args) if isinstance(part, ast.arg)}
    for part in walk(node):
        match part:
            case ast.Assign(targets=[ast.Subscript(), *_]) | ast.AugAssign(target=ast.Subscript()):
                into = given
            case ast.AugAssign(target=ast.Name(id=name)):
                into = {name}
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if method.endswith("_"):
                into = {name}
            case _:
                continue
        if into & given:
            return "the lambda" if isinstance(node, ast.Lambda) else f"`{node.name}`"
    return ""


def _stateless(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.func.functional_call(module, weights, given)``."""
    note_untraceable(run, frame, node, "stateless", name.rpartition(".")[2])
    return opaque(arguments, True)


def _while_loop(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.while_loop(go_on, step, carried)``."""
    note_untraceable(run, frame, node, "control-flow", "torch.while_loop")
    result: Value = UNKNOWN
    carried = arguments.get(2, "carried_inputs")
    given = list(carried.items or []) if isinstance(carried, (Tuple, List)) else []
    with run.on_routes(frame, DYNAMO):
        for function in (arguments.get(0, "cond_fn"), arguments.get(1, "body_fn")):
            if function is not None:
                result = invoke(run, frame, node, function, Arguments(given, nodes=[node] * len(given)))
    return result


def _over_rows(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``map(function, x)`` and ``scan``."""
    note_untraceable(run, frame, node, "control-flow", name.rpartition(".")[2])
    return opaque(arguments, True)


def _scripted(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.jit.script(function)``: its control flow survives on the TorchScript routes."""
    given = arguments.get(0, "obj", "fn")
    return Wrapped(given, DYNAMO, scripted=True) if isinstance(given, _CALLABLE) else UNKNOWN


def _compiled(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """``torch.compile(function)``."""
    given = arguments.get(0, "model")
    if not isinstance(given, _CALLABLE):
        return UNKNOWN
    return Wrapped(given, DYNAMO, compiled=True) if is_compiled(node) else given


def _itself(run: Run, frame: Frame, node: ast.expr, name: str, arguments: Arguments) -> Value:
    """What changes nothing for an exporter: ``torch.compiler.disable(function)``."""
    given = arguments.get(0, "fn")
    return given if isinstance(given, _CALLABLE) else UNKNOWN


_CONTROL_FLOW: dict[str, Handler] = {"cond": _cond, "while_loop": _while_loop, "map": _over_rows, "scan": _over_rows}
_BY_NAME: dict[str, Handler] = {
    "cond": _cond,
    "while_loop": _while_loop,
    "compile": _compiled,
    "func.functional_call": _stateless,
    "nn.utils.stateless.functional_call": _stateless,
    "jit.script": _scripted,
    "jit.script_if_tracing": _scripted,
    **dict.fromkeys(
        (
            "compiler.allow_in_graph",
            "compiler.assume_constant_result",
            "compiler.disable",
            "_dynamo.allow_in_graph",
            "_dynamo.disable",
            "jit.ignore",
            "jit.unused",
        ),
        _itself,
    ),
}
