"""A tensor that a module keeps as a plain attribute, registered as a buffer where it is made."""

from __future__ import annotations

import ast

from convlint.events import Event
from convlint.findings import Edit
from convlint_rules.rewriting import function_around


def registered(event: Event, name: str) -> Edit | None:
    """``self.register_buffer("scale", value, persistent=False)`` for ``self.scale = value`` in ``__init__``.

    None where the class sets it elsewhere too, or before its base is set up. What is not persistent stays out of the
    ``state_dict``.
    """
    owner, _, attribute = name.partition(".")
    cls = _class_around(event)
    made = _made(cls, owner, attribute) if cls is not None else None
    if made is None:
        return None
    document = event.document
    span, value = document.span(made), document.segment(document.span(made.value))
    flat = f'{owner}.register_buffer("{attribute}", {value}, persistent=False)'
    if span.column - 1 + len(flat.partition("\n")[0]) <= document.line_length:
        return Edit(span, flat)
    margin = document.lines[span.row - 1][: span.column - 1]
    inner = f'{margin}    "{attribute}", {value}, persistent=False'
    return Edit(span, document.newline.join([f"{owner}.register_buffer(", inner, f"{margin})"]))


def _class_around(event: Event) -> ast.ClassDef | None:
    """The class whose method the event stands in."""
    function = function_around(event, event.span)
    classes = [node for node in ast.walk(event.document.tree) if isinstance(node, ast.ClassDef)]
    return next((cls for cls in classes if function in cls.body), None)


def _made(cls: ast.ClassDef, owner: str, attribute: str) -> ast.Assign | None:
    """The statement of ``__init__`` that sets an attribute, where it alone does, behind the call of the base's."""
    init = next((one for one in cls.body if isinstance(one, ast.FunctionDef) and one.name == "__init__"), None)
    targets = [node for node in ast.walk(cls) if _sets(node, owner, attribute)]
    if init is None or len(targets) != 1:
        return None
    ready = False
    for statement in init.body:
        match statement:
            case ast.Expr(ast.Call(func=ast.Attribute(attr="__init__"))):
                ready = True
            case ast.Assign(targets=[target], value=value) if target is targets[0] and ready:
                return None if isinstance(value, ast.Constant) else statement
    return None


def _sets(node: ast.AST, owner: str, attribute: str) -> bool:
    """Whether a node gives the attribute a value, of an object or of the class."""
    match node:
        case ast.Attribute(ast.Name(one), name, ast.Store() | ast.Del()):
            return (one, name) == (owner, attribute)
        case ast.Name(name, ast.Store()):
            return name == attribute
    return False
