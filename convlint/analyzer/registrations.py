"""Operators that a project teaches the ONNX exporters: a registration anywhere in it cures their calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from convlint.analyzer.files import Files
from convlint.analyzer.index import dotted
from convlint.events import Event, UnsupportedOperator
from convlint.source.document import Document, SourceError
from convlint.source.walk import walk

_SYMBOLIC = "register_custom_op_symbolic"
_TABLE = "custom_translation_table"


def cured(files: Files, given: Sequence[Path], events: list[Event]) -> list[Event]:
    """The events of some files without calls of operators that these, or others around, teach an exporter."""
    if not any(isinstance(event, UnsupportedOperator) for event in events):
        return events
    known: set[str] = set()
    translated = False
    for path in files.mentioning([*given, *files.around(set(given))], (_SYMBOLIC.encode(), _TABLE.encode())):
        text = files.content(path).decode(errors="replace")
        translated |= _TABLE in text
        if _SYMBOLIC in text:
            known.update(_registered(text))
    return [kept for event in events if (kept := _left(event, known, translated)) is not None]


def _left(event: Event, known: set[str], translated: bool) -> Event | None:
    if not isinstance(event, UnsupportedOperator):
        return event
    routes = set(event.routes)
    if event.operator in known or (event.custom and not event.operator):
        routes.discard("onnx_torchscript")
    if translated and "torch_export" not in routes:
        routes.discard("onnx_dynamo")  # which translates what `torch.export` has made
    return replace(event, routes=frozenset(routes)) if routes - {"jit_trace"} else None


def _registered(text: str) -> Iterator[str]:
    """``aten::diff`` of each ``torch.onnx.register_custom_op_symbolic("aten::diff", ...)``."""
    try:
        tree = Document("", text).parse()
    except SourceError:
        return
    for node in walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func).endswith(_SYMBOLIC):
            given = [*node.args[:1], *(k.value for k in node.keywords if k.arg == "symbolic_name")]
            for name in given:
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    space, _, operator = name.value.rpartition("::")
                    yield f"{space or 'aten'}::{operator}"
