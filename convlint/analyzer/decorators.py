"""What decorators make of a function for exporters: compiled by TorchScript, an operator, compiled by Dynamo."""

from __future__ import annotations

import ast

from convlint.analyzer.index import FunctionInfo, dotted

_SCRIPTED = frozenset({"torch.jit.script", "torch.jit.script_if_tracing", "jit.script", "script", "script_if_tracing"})


def is_scripted(info: FunctionInfo) -> bool:
    """Whether TorchScript compiles a function: its control flow survives there."""
    return any(
        d in _SCRIPTED or d.rpartition(".")[2].lstrip("_").startswith("script_if_tracing") for d in info.decorators
    )


def custom_operator(info: FunctionInfo) -> str | None:
    """The name that ``@torch.library.custom_op("space::name")`` gives to a function, '' where none is written."""
    for decorator in info.decorator_list:
        if isinstance(decorator, ast.Call) and dotted(decorator.func).rpartition(".")[2] in ("custom_op", "triton_op"):
            name = decorator.args[0] if decorator.args else None
            return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else ""
    return None


def is_compiled(decorator: ast.expr) -> bool:
    """Whether a decorator (or call) is ``torch.compile``, switched on."""
    call = decorator if isinstance(decorator, ast.Call) else ast.Call(decorator, [], [])
    off = any(
        k.arg == "disable" and not (isinstance(k.value, ast.Constant) and not k.value.value) for k in call.keywords
    )
    return dotted(call.func) == "torch.compile" and not off
