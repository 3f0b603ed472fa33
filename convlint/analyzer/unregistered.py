"""Modules and parameters in plain lists and dicts: ``nn.Module`` does not know them."""

from __future__ import annotations

import ast

from convlint.analyzer.export_facts import MODAL
from convlint.analyzer.index import ClassInfo, FunctionInfo, ModuleInfo
from convlint.analyzer.run import Frame, Run
from convlint.analyzer.values import Dict, Instance, Layer, List, Tensor, Tuple, Value, members
from convlint.analyzer.weights import contained, has_weights, parts_of
from convlint.events import Unregistered
from convlint.source.walk import walk

_DEEPEST = 4
_BY_NAME = frozenset(["add_module", "register_module", "register_parameter", "setattr"])
"""Calls that register something under a name that may not be seen."""


def note_unregistered(run: Run, frame: Frame, owner: Instance, name: str) -> None:
    """Notes, where ``forward`` reads ``self.name``, that it is a plain container of modules with weights."""
    kept = owner.attributes[name]
    if not frame.traced or not isinstance(kept, (List, Tuple, Dict)) or getattr(kept, "registered", False):
        return
    inside = [one for one in contained(kept) if has_weights(one) and not _is_known(one, owner, name)]
    if not inside or not run.is_module(owner.cls):
        return
    made = _assignment(run, owner.cls, name)
    if made is None:
        return
    method, statement = made
    at = Frame(method.module, method, routes=frame.routes)
    at.statement = statement
    value = statement.value
    written = isinstance(value, (ast.List, ast.ListComp, ast.Dict, ast.DictComp))
    event = run.event(
        at,
        Unregistered,
        statement.targets[0],
        name=ast.unparse(statement.targets[0]),
        kind=type(kept).__name__.lower(),
        what="parameters" if all(isinstance(one, Tensor) for one in inside) else "modules",
        modal="" if _sets_mode(method) else next((found for one in contained(kept) if (found := _modal(one))), ""),
        display=method.module.document.span(value) if written else None,
        nn=_nn(method.module),
    )
    if event is not None:
        run.note(event, "", ())


def _modal(value: Value, depth: int = 0) -> str:
    """A layer of two modes in a module."""
    if isinstance(value, Layer) and value.name in MODAL:
        return value.name
    return "" if depth >= _DEEPEST else next((one for part in parts_of(value) if (one := _modal(part, depth + 1))), "")


def _is_known(value: Value, owner: Instance, name: str) -> bool:
    """Whether a module is an attribute besides, or in a container that registers it."""
    for other, attribute in owner.attributes.items():
        parts = contained(attribute) if getattr(attribute, "registered", False) else members(attribute)
        if other != name and any(part is value or part == value for part in parts):
            return True
    return False


def _assignment(run: Run, cls: ClassInfo, name: str) -> tuple[FunctionInfo, ast.Assign] | None:
    """The one statement that sets an attribute; None where the class may register or freeze what is in it."""
    found: list[tuple[FunctionInfo, ast.Assign]] = []
    for info in run.mro(cls):
        run.rest_on(*info.methods.values())
        for method in info.methods.values():
            for part in walk(method.node):
                if _registers(part, name):
                    return None
                if isinstance(part, ast.Assign) and len(part.targets) == 1 and _is_attribute(part.targets[0], name):
                    found.append((method, part))
    return found[0] if len(found) == 1 else None


def _registers(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Starred):
        return _is_attribute(node.value, name)  # nn.Sequential(*self.layers)
    if isinstance(node, ast.Attribute) and node.attr in ("requires_grad", "requires_grad_"):
        return True  # what needs no gradient may be a constant
    if isinstance(node, ast.Call):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return called in _BY_NAME
    return False


def _sets_mode(method: FunctionInfo) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr in ("eval", "train") for part in walk(method.node))


def _is_attribute(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.value, ast.Name)


def _nn(module: ModuleInfo) -> str:
    """What a module calls ``torch.nn``."""
    bound = (name for name, binding in module.names.items() if binding in (("torch", "nn"), ("torch.nn", "")))
    return next(bound, f"{module.torch}.nn" if module.torch else "")
